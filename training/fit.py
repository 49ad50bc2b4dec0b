"""Train the encoder.

    python -m training.fit                       five outputs, by P-loss, in the cache folder
    python -m training.fit --smoke               a tiny run of a minute or two
    python -m training.fit --run mine --preset paper --epochs 20
    python -m training.fit --run mine --resume
    python -m training.fit --run better --warm-start mine --loss pnp --power 1 --clip 0.1
    python -m training.fit --run big --precision bf16-mixed --batch-size 1024      on a GPU
    python -m training.fit --run big --resume

Those of the model that ships are in training.ship. On a GPU --sounds auto measures once, as the run
begins, whether batches on the device or the cores make sounds faster.

A run is a folder: config.json, checkpoint.pt (after each epoch, written whole or not at all) and
log.csv. --resume continues a killed run from its last epoch, and it ends with the same numbers.
"""

import argparse
import json
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric

from matcher.physics.theta import PRESETS
from matcher.recording import save_atomically
from training import command
from training.body_trainer import BodyTrainer
from training.config import CHOICES, HASHES, Config, basic_type
from training.memory import keep_freed_memory
from training.objective import Objective
from training.runs import load_checkpoint, run_folder
from training.trainer import Trainer

SMOKE = {"epochs": 2, "shards_per_epoch": 1, "distinct_shards": 2}


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("training.fit", __doc__)
    default = Config()
    parser.add_argument("--run", help="folder, or name in the cache folder (default: the preset)")
    parser.add_argument("--resume", action="store_true", help="continue a run from its last epoch")
    parser.add_argument("--smoke", action="store_true", help=f"a tiny run: {SMOKE}")
    parser.add_argument("--config", type=Path, help="JSON file with any fields of config.json")
    for f in fields(Config):
        if f.name not in ("recipe", *HASHES):
            choices = ", ".join(map(str, CHOICES.get(f.name, ())))
            parser.add_argument(f"--{f.name.replace('_', '-')}", type=basic_type(f), dest=f.name,
                                help=f"{choices and f'one of {choices}; '}default "
                                     f"{getattr(default, f.name)}")  # fmt: skip
    parser.add_argument("--preset", help=f"one of {', '.join(PRESETS)}; default live")
    parser.add_argument("--augmented", type=float, help="share of sounds; default 0.6")
    parser.add_argument("--workers", type=int, help="processes that make sounds one by one; "
                        "default the number of cores")  # fmt: skip
    parser.add_argument("--cache-gb", type=float, default=4.0, help="disk for shards; default 4")
    return parser


def _config(arguments) -> Config:
    try:
        values = json.loads(arguments.config.read_text()) if arguments.config else {}
    except ValueError as error:
        raise ValueError(f"{arguments.config} is not JSON: {error}") from error
    config = Config.from_dict(values)
    given = {k: v for k, v in vars(arguments).items() if v is not None}
    recipe = {k: given[k] for k in ("preset", "augmented") if k in given}
    own = {f.name: given[f.name] for f in fields(Config) if f.name in given}
    smoke = SMOKE if arguments.smoke else {}
    config = replace(config, recipe=replace(config.recipe, **recipe), **{**smoke, **own})
    start = config.warm_start and str(run_folder(config.warm_start).resolve())
    names = ("table", "network", "answers")
    files = {k: str(Path(v).resolve()) for k in names if (v := getattr(config, k))}
    return replace(config, warm_start=start, **files)


def _settings(arguments) -> list[str]:
    """Options given that are settings of the run itself, not of how it is computed."""
    names = {f.name for f in fields(Config)} | {"preset", "augmented", "config", "smoke"}
    values = {n: getattr(arguments, n, None) for n in sorted(names)}
    given = [n for n, v in values.items() if v is not None and v is not False]  # 0 counts
    return [f"--{n.replace('_', '-')}" for n in given]


def main(argv=None) -> int:
    """The command line.

    Returns:
        Exit status: 2 where an option or the machine was at fault, said in one sentence on stderr.
        Errors of the training loop itself are raised, but for a full disk.
    """
    arguments = _parser().parse_args(argv)
    try:
        config = _config(arguments)
        run = run_folder(arguments.run or ("smoke" if arguments.smoke else config.recipe.preset))
        if arguments.resume:
            if given := _settings(arguments):
                raise ValueError(f"--resume keeps the run's settings; leave out {', '.join(given)}")
            config = Config.from_json(load_checkpoint(run)["config"])
        elif (run / "checkpoint.pt").exists() and (arguments.run or not arguments.smoke):
            raise ValueError(f"{run} holds a run already; --resume it or name another with --run")
        if (arguments.workers or 0) < 0:
            raise ValueError(f"workers is {arguments.workers}, allowed is 0 or more")
        fabric = _fabric(config)
        kind = BodyTrainer if config.infers == "body" else Trainer
        trainer = kind(config, run, fabric, arguments.cache_gb)
        if arguments.resume:
            trainer.resume()
        elif config.warm_start:
            trainer.warm_start()
        trainer.decide_sounds()
        run.mkdir(parents=True, exist_ok=True)
        if not fabric.global_rank:
            text = json.dumps(asdict(trainer.config), indent=2)
            save_atomically(run / "config.json", lambda file: file.write(text.encode()))
            way = trainer.config.sounds
            print(f"run {run} on {fabric.device}, sounds by {way}", file=sys.stderr)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    try:
        trainer.fit(arguments.workers)
    except OSError as error:  # a full disk; --resume continues the run
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    return 0


def _fabric(config: Config) -> Fabric:
    """Start the processes on their devices; ValueError where the machine lacks them."""
    keep_freed_memory()
    n = config.devices
    if n > 1 and config.infers == "theta":
        Objective(
            config, torch.device("cpu")
        )  # a missing file is reported once, not by each process
    try:
        fabric = Fabric(accelerator=config.accelerator, devices=n,
                        strategy="ddp" if n > 1 else "auto")  # fmt: skip
        fabric.launch()
    except Exception as error:  # Fabric raises several types for what a machine lacks
        raise ValueError(f"Fabric cannot start: {error}") from error
    return fabric


if __name__ == "__main__":
    sys.exit(main())
