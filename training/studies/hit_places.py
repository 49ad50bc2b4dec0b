"""How well the place of a hit is told from its first milliseconds (matcher/live/hit_place.py).

    python -m training.studies.hit_places FOLDER      FOLDER: recordings with a hits.csv

Two ways, with the same levels: by strokes that were shown in the middle and at the rim, which is
what the instrument does, and by the modes of the pad's drum, from strokes of the model at many
places. Synthetic drums and the drums of a kit have a true place for each stroke; of the recordings,
one snare was struck at its centre and at its edge. The levels and the ridge were chosen on the
split "train" of synthetic drums and on the kits "acoustic" and demo, of which nothing is here.
"""

import sys
from pathlib import Path

import numpy as np
import scipy.stats
import soxr

from matcher.kits.kit import Pad
from matcher.kits.kit_file import load_kit
from matcher.kits.starters import find_kit
from matcher.live import hit_place, place_learning, programs, voices
from matcher.live.detector import Settings
from matcher.matching.match import match
from matcher.physics.drum import Drum
from matcher.recording import Recording
from training import bootstrap, command, hits, markdown
from training.dataset import Recipe, make_stroke

RATE = 48000
HELD_OUT_KIT = "snares"
MIDDLE, RIM = (0.0, 0.15), (0.85, 1.0)  # places of the strokes that are shown
SHOWN = place_learning.FEWEST  # strokes at each of them
STROKES = 100  # on each drum whose places are told
MODEL_STROKES = 96  # of the pad's drum, from which its modes are learned
FORCES = (0.15, 1.0)
GAINS = (0.3, 1.0)
NOISE_DB = (-50.0, -30.0)  # RMS of the room's noise, re the peak of the stroke
BEFORE, SOUND = RATE // 10, 1024  # samples of noise before a stroke, and from its beginning on
MATCHED_S = 1.0  # s of a stroke that is matched
STROKES_AT = {"sc": 0.0, "se": 1.0}  # centre and edge, as hits.csv has them
SNARE = "gogodze_sc"  # the drum that was struck at both
DRAWS = 40  # choices of the recordings that are shown
SOFT_LAYERS = (1, 2)  # velocity layers that are shown in one row of the table
PADS_LAYERS = (2, 3, 4, 5)  # velocity layers whose first recording is matched to be the pad's drum


class Model:
    """A drum as the live voices play it, struck anywhere.

    Args:
        drum: The drum.
        rng: What noise and gain are drawn from.
    """

    def __init__(self, drum: Drum, rng):
        self._drum, self._rng = drum, rng
        self._pool = voices.make_pool(RATE)[0]
        programs.write_program(self._pool["programs"][0], drum, 1.0, RATE)
        programs.write_pad(self._pool["pads"][0], Pad(36, drum=drum), RATE)
        voices.set_program(self._pool, 0, 0)

    def stroke(self, place: float, force: float, n_samples: int = SOUND) -> np.ndarray:
        """A stroke after BEFORE samples of noise, in which its own noise begins anywhere."""
        pool, rng = self._pool, self._rng
        pool["voices"]["pad"] = -1  # what sounded is gone
        pool["programs"][0]["starts"][0] = rng.integers(RATE)
        pool["pads"][0]["position"] = place
        voices.strike(pool, 0, force)
        left, right = np.zeros((2, n_samples), np.float32)
        for at in range(0, n_samples, voices.BLOCK):
            voices.render(pool, left[at : at + voices.BLOCK], right[at : at + voices.BLOCK])
        x = np.concatenate([np.zeros(BEFORE), rng.uniform(*GAINS) * left])
        return in_noise(x, rng)

    def levels(self, readout, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Levels of strokes at places, with any force, and the places of those that were found."""
        rows, found = [], []
        for place, force in zip(places, self._rng.uniform(*FORCES, len(places))):
            x = self.stroke(place, force)
            onset = onset_of(x)
            if onset is not None:
                rows += list(hit_place.levels(readout, x, [onset]))
                found.append(place)
        return np.array(rows), np.array(found)


def in_noise(x: np.ndarray, rng) -> np.ndarray:
    """A stroke in a room that is not silent."""
    noise = np.abs(x).max() * 10 ** (rng.uniform(*NOISE_DB) / 20)
    return np.float32(x + noise * rng.standard_normal(len(x)))


def onset_of(x: np.ndarray) -> int | None:
    """Where the detector finds the stroke that x (samples,) holds; None where it does not."""
    found = [at for at in place_learning.onsets(x, RATE, Settings()) if at <= np.argmax(np.abs(x))]
    return found[-1] if found else None


def by_modes(readout, drum: Drum, rng) -> tuple[np.ndarray, float]:
    """Weights and bias that tell the place on a drum, from strokes of its model."""
    places = (np.arange(MODEL_STROKES) + rng.random(MODEL_STROKES)) / MODEL_STROKES
    return place_learning.fit(*Model(drum, rng).levels(readout, places))[:2]


def matched(x: np.ndarray) -> Drum:
    """The drum that matches a stroke, x (samples,) at RATE."""
    return match(x, RATE).drum


def synthetic_row(drum: Drum, seed: int, scan_ms: float = 3.0) -> dict:
    """Rank correlations of the told with the true place on one drum; NaN where none is told."""
    rng = np.random.default_rng(seed)
    model, readout = Model(drum, rng), hit_place.prepare(RATE, Settings(scan_ms=scan_ms))
    middle, rim = (model.levels(readout, rng.uniform(*at, SHOWN + 2))[0][:SHOWN]
                   for at in (MIDDLE, RIM))  # fmt: skip
    rows, places = model.levels(readout, rng.random(STROKES))

    def correlation(weights) -> float:
        return float(scipy.stats.spearmanr(rows @ weights, places).statistic)

    try:
        place_learning.learn(readout, middle, rim)
        shown = correlation(readout["weights"].ravel())
    except ValueError:
        shown = np.nan
    one = model.stroke(rng.random(), 0.8, round(MATCHED_S * RATE))
    return {
        "shown": shown,
        "modes, the drum itself": correlation(by_modes(readout, drum, rng)[0]),
        "modes, matched to one stroke": correlation(by_modes(readout, matched(one), rng)[0]),
    }


def synthetic_drums(count: int) -> list[Drum]:
    """Drums of the split "test" that have an attack."""
    drums, index = [], 0
    while len(drums) < count:
        drum, _ = make_stroke(Recipe(augmented=1.0), 0, "test", index)
        drums += [drum] if drum.attack_powers is not None else []
        index += 1
    return drums


def kit_drums() -> list[Drum]:
    """Drums of the held-out kit, matched to recordings."""
    kit, _ = load_kit(find_kit(HELD_OUT_KIT))
    return [pad.drum for pad in kit.pads if pad.drum is not None]


def summary(name: str, rows: list[dict], key: str) -> dict:
    """A row of the table of synthetic strokes."""
    values = np.array([row[key] for row in rows])
    told = ~np.isnan(values)
    interval = bootstrap.mean_interval(values, np.arange(len(values)))
    mean = float(np.nanmean(values)) if told.any() else np.nan
    return {
        "drums": name, "by": key, "told on": f"{told.sum()} of {len(rows)}",
        "rank correlation, mean": markdown.with_interval(mean, interval, ".2f"),
        "least": f"{np.nanmin(values):.2f}",
    }  # fmt: skip


def recorded(hit: hits.Hit) -> np.ndarray:
    """A recording, (samples,) float32 at RATE, after silence."""
    with Recording(hit.path) as recording:
        x = np.concatenate(list(recording.blocks()))
        x = soxr.resample(x, recording.sample_rate, RATE)
    return np.concatenate([np.zeros(BEFORE, np.float32), np.float32(x)])


def real_rows(folder: Path, scan_ms: float = 3.0) -> list[dict]:
    """How well edge and centre of the recorded snare are told apart, for each microphone.

    Raises:
        ValueError: The folder has no recordings, or none of that snare.
    """
    strokes = [hit for hit in hits.read(folder) if hit.shell == SNARE]
    if not strokes:
        raise ValueError(f"{folder} holds no strokes on {SNARE}, whose places are known")
    readout, rows = hit_place.prepare(RATE, Settings(scan_ms=scan_ms)), []
    for mic in sorted({hit.mic for hit in strokes}):
        here = [hit for hit in strokes if hit.mic == mic]
        sounds = [recorded(hit) for hit in here]
        noisy = [in_noise(x, np.random.default_rng(i)) for i, x in enumerate(sounds)]
        levels = np.concatenate([hit_place.levels(readout, x, [onset_of(x)]) for x in noisy])
        places = np.array([STROKES_AT[hit.stroke] for hit in here])
        pads = [i for i, hit in enumerate(here)
                if hit.round_robin == 1 and hit.velocity_layer in PADS_LAYERS]  # fmt: skip
        rows += [
            {"microphone": mic} | _shown(readout, levels, places),
            {"microphone": mic} | _shown_softly(readout, levels, places, here),
            {"microphone": mic} | _control(readout, levels[places == 0]),
            {"microphone": mic} | _by_modes(readout, levels, places, sounds, pads),
        ]
    return rows


def _shown(readout, levels, places) -> dict:
    """Shown strokes drawn at random, and how the others are told apart."""
    rng = np.random.default_rng(0)
    draws = [
        [rng.permutation(np.flatnonzero(places == place))[:SHOWN] for place in (0, 1)]
        for _ in range(DRAWS)
    ]
    told = [_of_the_rest(readout, levels, places, *shown) for shown in draws]
    return _real_row("shown", told)


def _shown_softly(readout, levels, places, strokes) -> dict:
    """The softest strokes shown, and how the others are told apart."""
    soft = np.array([hit.velocity_layer in SOFT_LAYERS for hit in strokes])
    middle, rim = (np.flatnonzero(soft & (places == place)) for place in (0, 1))
    return _real_row("shown by soft strokes", [_of_the_rest(readout, levels, places, middle, rim)])


def _of_the_rest(readout, levels, places, middle, rim) -> float:
    """Area under the curve of the strokes that were not shown; NaN where no place is told."""
    rest = np.setdiff1d(np.arange(len(places)), [*middle, *rim])
    try:
        place_learning.learn(readout, levels[middle], levels[rim])
    except ValueError:
        return np.nan
    return _told_apart(readout["weights"].ravel(), levels[rest], places[rest])


def _control(readout, levels) -> dict:
    """The same place shown twice: how often a place would be told."""
    rng = np.random.default_rng(0)
    draws = [rng.permutation(len(levels)) for _ in range(DRAWS)]
    anywhere = rng.integers(0, 2, len(levels))  # nothing to be told
    told = [
        _of_the_rest(readout, levels, anywhere, order[:SHOWN], order[SHOWN : 2 * SHOWN])
        for order in draws
    ]
    return _real_row("the centre, shown as both", told)


def _by_modes(readout, levels, places, sounds, pads) -> dict:
    told = []
    for i in pads:
        weights, _ = by_modes(readout, matched(sounds[i]), np.random.default_rng(i))
        rest = np.arange(len(places)) != i
        told.append(_told_apart(weights, levels[rest], places[rest]))
    return _real_row("modes, matched to one stroke", told)


def _told_apart(weights, levels, places) -> float:
    told = levels @ weights
    return place_learning.told_apart(told[places == 0], told[places == 1])


def _real_row(by: str, areas: list[float]) -> dict:
    told = [area for area in areas if not np.isnan(area)]
    mean = f"{np.mean(told):.2f}" if told else ""
    least, most = (f"{end(told):.2f}" if told else "" for end in (min, max))
    return {
        "by": by, "told in": f"{len(told)} of {len(areas)}",
        "AUC, mean": mean, "least": least, "most": most,
    }  # fmt: skip


@command.entry_point("training.studies.hit_places")
def main(argv: list[str] | None = None) -> None:
    """Print the tables of docs/live.md."""
    parser = command.parser("training.studies.hit_places", __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--drums", type=int, default=40, help="synthetic drums; default 40")
    parser.add_argument("--scan-ms", type=float, default=3.0, help="scan time; default 3")
    arguments = parser.parse_args(argv)
    command.check_at_least(arguments, drums=2)
    print(markdown.table(real_rows(arguments.folder, arguments.scan_ms)), "\n", flush=True)
    for name, drums in (("synthetic", synthetic_drums(arguments.drums)), ("kit", kit_drums())):
        rows = [synthetic_row(drum, i, arguments.scan_ms) for i, drum in enumerate(drums)]
        print(markdown.table([summary(name, rows, key) for key in rows[0]]), "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
