"""Make the shipped model from nothing: stages of training, one after the other, then the export.

    python -m training.ship --recordings FOLDER                   writes matcher/models/live.onnx
    python -m training.ship --recordings FOLDER -o mine.onnx
    python -m training.ship --recordings tests/data --part all --smoke -o tiny.onnx    tiny stages

First the network learns the bodies of synthetic sounds: by P-loss, then by PNP with the metric of
the log-CQT. Then it finds the bodies of recordings together with refining (training.answers), and
goes on with these among the sounds. A stage is a run of training.fit in a folder of the cache. A
killed command, given again, continues where it was; finished stages are not repeated. What each was
trained on and by which code is kept beside its checkpoint, and goes into the model's metadata.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from export.to_onnx import export
from matcher.matching.encoder import SHIPPED
from matcher.recording import save_atomically
from training import command, fit, hits
from training.answers import find_answers
from training.config import Config
from training.dataset import VERSION
from training.runs import load_checkpoint, run_folder, summary

FOUND = "found"  # as the answers of a stage: those that the stage before it finds
PART = "development"  # of the recordings; models are measured on the drums that are apart
BODY = {
    "infers": "body",
    "trunk": "mobilenet_v3_large",
    "shards_per_epoch": 8,
    "distinct_shards": 64,
}


@dataclass(frozen=True)
class Stage:
    """A run of training.fit."""

    name: str  # of its folder
    settings: dict = field(default_factory=dict)  # of Config; the others have their defaults
    after: str = ""  # the stage whose weights it begins with; "": from nothing


STAGES = (
    Stage("p", BODY | {"epochs": 30}),
    Stage("pnp", BODY | {"loss": "pnp", "learning_rate": 3e-4, "epochs": 12}, after="p"),
    Stage(
        "recordings",
        BODY | {"loss": "pnp", "learning_rate": 3e-4, "epochs": 8, "answers": FOUND},
        after="pnp",
    ),
)
SMOKE = {  # in every stage
    "recipe": {
        "augmented": 0.1,
        "features": {"f_min": 40.0, "n_bins": 24, "n_frames": 8, "growth": 1.3},
    },
    "epochs": 2,
    "shards_per_epoch": 1,
    "distinct_shards": 1,
    "batch_size": 256,
}
LOSSES = ("train_loss", "validation_mse", "validation_loss")  # columns of log.csv


@dataclass(frozen=True)
class Task:
    """Where the stages are, and what they are made with."""

    folder: Path  # of the runs
    recordings: list[Path]
    smoke: bool  # tiny stages
    workers: int  # processes


def ship(output: Path, task: Task) -> float:
    """Train what is not yet trained, and write the model.

    Args:
        output: The ONNX file to write.
        task: How.

    Returns:
        The largest difference in nu between torch and ONNX Runtime.

    Raises:
        OSError: A stage stopped.
        ValueError: The folder holds stages of other settings.
    """
    for stage in STAGES:
        _train(stage, task)
    stages = [_account(stage, task.folder) for stage in STAGES]
    about = {"stages": stages, "recordings": len(task.recordings)}
    return export(task.folder / STAGES[-1].name, output, about=about)


def _train(stage: Stage, task: Task) -> None:
    """Begin a stage, continue it, or leave it as it is if it is finished."""
    run, config = task.folder / stage.name, _config(stage, task)
    begun = (run / "checkpoint.pt").exists()
    finished = begun and len(load_checkpoint(run)["history"]) >= config.epochs
    _note(stage, config, run, None if finished else _code())
    if finished:
        return
    if begun:
        how = ["--resume"]
    else:
        _write(run / "config.json", asdict(config))
        how = ["--config", f"{run / 'config.json'}"]
    if fit.main(["--run", f"{run}", "--workers", f"{task.workers}", *how]):
        raise OSError(f"stage {stage.name} stopped; the same command continues it")


def _config(stage: Stage, task: Task) -> Config:
    """The configuration of a stage, whose answers are found if need be."""
    settings = stage.settings | (SMOKE if task.smoke else {})
    if stage.after:
        settings["warm_start"] = str((task.folder / stage.after).resolve())
    if settings.get("answers") == FOUND:
        answers = task.folder / f"{stage.name}-answers.npz"
        settings["answers"] = str(answers.resolve())
        if not answers.exists():
            model = task.folder / f"{stage.after}.onnx"
            export(task.folder / stage.after, model)
            find_answers(task.recordings, model, max(task.workers, 1)).save(answers)
    return Config.from_dict(settings)


def _note(stage: Stage, config: Config, run: Path, code: dict | None) -> None:
    """Keep in ship.json what a stage is trained on, and by which code.

    Args:
        stage: The stage.
        config: Its configuration.
        run: Its folder.
        code: As `_code` gives it; None if the stage is finished.

    Raises:
        ValueError: The stage was begun with something else.
    """
    path = run / "ship.json"
    note = {
        "name": stage.name,
        "after": stage.after,
        "config": _portable(config, stage),
        "sounds_version": VERSION,
        "sha256_of_answers": _sha256(Path(config.answers)) if config.answers else None,
    }
    kept = json.loads(path.read_text()) if path.exists() else note | {"code": []}
    kept["config"] = asdict(Config()) | kept["config"]  # settings that came later had these values
    before, now = (_flat({k: of[k] for k in note}) for of in (kept, json.loads(json.dumps(note))))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            raise ValueError(
                f"stage {stage.name} in {run.parent} was begun with {key} {before.get(key)}, now "
                f"it is {now.get(key)}; remove the folder, or name another with --run"
            )
    if code and code not in kept["code"]:
        kept["code"].append(code)
    _write(path, kept)


def _flat(values: dict) -> dict:
    """Values of nested dicts, by keys such as "config recipe preset"."""
    flat = {}
    for key, value in values.items():
        inner = _flat(value) if isinstance(value, dict) else {"": value}
        flat |= {f"{key} {name}".strip(): v for name, v in inner.items()}
    return flat


def _write(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomically(path, lambda file: file.write(json.dumps(values, indent=2).encode()))


def _account(stage: Stage, folder: Path) -> dict:
    """What the metadata say of a finished stage."""
    state = load_checkpoint(folder / stage.name)
    config, history = Config.from_json(state["config"]), state["history"]
    return {
        **json.loads((folder / stage.name / "ship.json").read_text()),
        **summary(state),
        "config": _portable(config, stage),
        "model_seed": config.training_seed,
        "losses": {
            when: {name: row[name] for name in LOSSES}
            for when, row in (("first", history[0]), ("last", history[-1]))
        },
    }


def _portable(config: Config, stage: Stage) -> dict:
    """All settings, without paths of this machine."""
    names = {"answers": Path(config.answers).name, "warm_start": stage.after}
    return asdict(config) | names


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _code() -> dict:
    """Versions of the code and the libraries; without a git checkout, no commit is known."""
    commit = _git("rev-parse", "HEAD") if _git("ls-files", Path(__file__).name) else None
    dirty = bool(_git("status", "--porcelain")) if commit else None
    return {
        "commit": commit,
        "dirty": dirty,
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _git(*arguments: str) -> str:
    """What git prints in the folder of this file; nothing where it fails or is missing."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@command.entry_point("training.ship")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.ship", __doc__)
    parser.add_argument("-o", dest="out", type=Path, help="default: the model that ships")
    parser.add_argument("--run", help="folder, or name in the cache folder; default ship")
    parser.add_argument("--smoke", action="store_true", help="tiny stages; needs -o")
    command.add_workers(parser, "render sounds")
    parser.add_argument("--recordings", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--part", choices=hits.PARTS, default=PART, help=f"of it; default {PART}")
    arguments = parser.parse_args(argv)
    command.check_at_least(arguments, workers=0)
    if arguments.smoke and not arguments.out:
        raise ValueError("--smoke needs -o FILE: its model must not replace the one that ships")
    output = arguments.out or SHIPPED
    if not output.parent.is_dir():
        raise ValueError(f"there is no folder {output.parent} to write {output} to")
    folder = run_folder(arguments.run or ("ship-smoke" if arguments.smoke else "ship"))
    paths = [hit.path for hit in hits.read(arguments.recordings, arguments.part)]
    difference = ship(output, Task(folder, paths, arguments.smoke, arguments.workers))
    print(f"{output}: checked, nu within {difference:.1e} of torch")


if __name__ == "__main__":
    sys.exit(main())
