"""Bodies of recordings, found by refining: what a network learns of real drums.

    python -m training.answers --folder recordings --part development -o answers.npz

The body of a drum is what matcher's refining finds with about four times the work of a normal
match. An answer weighs as much as its distance and its spread let it be trusted. The file holds the
analysed clips as well: it is for training on this machine, and stays out of the project.
"""

import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from matcher.matching.blas import one_blas_thread
from matcher.matching.effort import Effort
from matcher.matching.encoder import Encoder
from matcher.matching.hear import analysed
from matcher.matching.inferred import nu_of_drum
from matcher.matching.match import MatchOptions, match_file
from matcher.matching.refine import refine
from matcher.recording import save_atomically
from training import command, hits, jobs
from training.cached_rows import cached_row, file_digest

EFFORT = Effort("answers", 1500.0, 0.0, 0.0, 120.0)  # four times a normal match's for the body


@dataclass(frozen=True)
class Answers:
    """Recordings and their bodies."""

    clips: list[np.ndarray]  # (samples,) float32 each, at SAMPLE_RATE from the onset, peak 1
    nu: np.ndarray  # (recordings, N_INFERRED)
    distance: np.ndarray  # log-CQT of the body, (recordings,)
    weight: np.ndarray  # (recordings,)
    names: list[str]

    @classmethod
    def load(cls, path: Path) -> "Answers":
        """Read a file of this module.

        Raises:
            ValueError: It is none, or is broken.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                clips = np.split(kept["samples"].astype(np.float32), kept["ends"][:-1])
                arrays = [kept[name] for name in ("nu", "distance", "weight")]
                return cls(clips, *arrays, kept["names"].tolist())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a file of training.answers, or is broken") from error

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        arrays = {
            "samples": np.concatenate(self.clips).astype(np.float16),
            "ends": np.cumsum([len(clip) for clip in self.clips]),
            "nu": self.nu,
            "distance": self.distance,
            "weight": self.weight,
            "names": np.array(self.names),
        }
        save_atomically(path, lambda file: np.savez(file, **arrays))


def weight_of(distance: float, spread) -> float:
    """How far an answer is trusted, 0 to 1.

    Args:
        distance: Log-CQT distance of its body from the recording.
        spread: Of theta in nu, as confidence.spread; None where refining found nothing nearer.
    """
    known = np.ones(5) if spread is None else np.minimum(spread, 1)
    return max(1 - distance, 0) * float(np.mean(1 - known / 2))


@one_blas_thread
def answer(model: Path, path: Path) -> dict:
    """The body of a recording: nu, its distance, its weight; from the cache or refined."""
    return cached_row(
        "answers", [file_digest(path), file_digest(model)], partial(_find, model, path)
    )


def _find(model: Path, path: Path) -> dict:
    found = match_file(path, MatchOptions(encoder=Encoder(model)))
    stages = refine(analysed(found.hit), found.stages[0].drum, found.hit.ended, EFFORT)
    body = next(stage for stage in stages if stage.name == "body")
    return {
        "nu": nu_of_drum(body.drum).tolist(),
        "distance": body.distance,
        "weight": weight_of(body.distance, body.spread),
    }


def find_answers(paths: list[Path], model: Path, workers: int) -> Answers:
    """Refine recordings and read their clips.

    Args:
        paths: The recordings.
        model: The network that refining starts from.
        workers: Processes.
    """
    rows = jobs.each(partial(answer, model), paths, workers, "recordings")
    options, clips = MatchOptions(encoder=Encoder(model)), []
    for path in paths:
        clip = analysed(match_file(path, options).hit)
        clips.append(clip / np.abs(clip).max())
    columns = (np.array([row[name] for row in rows]) for name in ("nu", "distance", "weight"))
    return Answers(clips, *columns, [path.name for path in paths])


@command.entry_point("training.answers")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.answers", __doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of recordings")
    parser.add_argument("--part", choices=hits.PARTS, default="all", help="of them; default all")
    parser.add_argument("-o", dest="out", type=Path, required=True, help="the file to write")
    command.add_model(parser)
    command.add_workers(parser)
    arguments = parser.parse_args(argv)
    command.check_at_least(arguments, workers=1)
    paths = [hit.path for hit in hits.read(arguments.folder, arguments.part)]
    answers = find_answers(paths, arguments.model, arguments.workers)
    answers.save(arguments.out)
    print(
        f"{len(paths)} recordings, median distance {np.median(answers.distance):.3f}, "
        f"weight {np.mean(answers.weight):.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
