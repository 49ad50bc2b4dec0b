"""Learn which candidates are hits: the weights of matcher/takes/onsets.py.

    python -m training.take_hits train FOLDER --rows ROWS [--out FILE]
    python -m training.take_hits evaluate FOLDER [--seeds 12]

FOLDER holds recordings with a hits.csv, ROWS keeps what is measured of composed takes. Takes are
composed of the part "learned": hard ones (training/hard_takes.py), those that grouping is learned
on (training/take_draws.py), and recordings of one or two strokes. `evaluate` makes drums of hard
takes of the parts "learned" and "choice", composed with other seeds.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from matcher.matching import onset, weights
from matcher.recording import save_atomically
from matcher.takes import drums, hits, onsets
from training import command, hard_takes, performances, take_draws, take_kits, take_scenes
from training.markdown import table
from training.performances import RATE
from training.take_scenes import Sound

SEEDS = 24  # takes of each kind
DRAWS = 100  # takes that grouping is learned on
FEW = 100  # recordings of one or two strokes
EVALUATED = 1000  # first seed of the takes that `evaluate` composes
HAT_WEIGHT = 0.3  # of a hat's stroke: whether it is found matters little
EPOCHS = 8
BATCH = 256
DROPPED = 0.2  # share of the hidden units that are left out in training
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-2
FALSE, OTHER, DRUM = -1, 0, 1  # what a candidate is


def rows_of(x: np.ndarray, events) -> tuple[np.ndarray, np.ndarray]:
    """Features of the candidates of a take, and what each is, (candidates,)."""
    measured = onset.measure([x], RATE)
    logits = onset.logits(measured, RATE)
    at = onsets.candidates(measured, logits)
    if not len(at):
        return np.zeros((0, onsets.N_FEATURES), np.float32), np.zeros(0, int)
    near = [hits.refined(x, int(i) * RATE // onset.FRAMES_PER_S, RATE) for i in at]
    truth = take_kits.truth_of(near, events)
    kinds = [FALSE if k is None else DRUM if events[k].is_drum else OTHER for k in truth]
    return onsets.features(measured, logits, at), np.array(kinds)


def few_strokes(pool: dict[str, list[Sound]], rng):
    """A recording of one or two strokes on a drum, and its events."""
    names = [name for name in sorted(pool) if pool[name][0].is_drum]
    strokes = pool[names[rng.integers(len(names))]]
    strokes = take_draws.varied(strokes, rng.uniform(-0.5, 0.5), rng)
    x, at, events = np.zeros(round(rng.uniform(2.5, 5) * RATE), np.float32), 0.05, []
    for _ in range(rng.integers(1, 3)):
        sound = strokes[rng.integers(len(strokes))]
        events.append(take_scenes.add(x, sound, round(at * RATE), 1 / take_scenes.peak_of([sound])))
        at += rng.uniform(0.4, 1.0)
    if rng.random() < 0.5:
        x = performances.in_room(x, rng.uniform(0.2, 1.0), rng, rng.uniform(0, 9))
    x = x * np.float32(rng.uniform(0.02, 0.9) / np.abs(x).max())
    noise = performances.noise(len(x), rng.random() < 0.3, rng)
    return (x + 10 ** (rng.uniform(-100, -50) / 20) * noise).astype(np.float32), events


def composed(folder: Path):
    """(name, function that makes samples and events) of all takes that are learned from."""
    pool = take_scenes.load(folder, ("learned",))
    for seed in range(SEEDS):
        for kind in hard_takes.KINDS:
            yield (
                f"{kind}-{seed}",
                lambda kind=kind, seed=seed: hard_takes.compose(pool, kind, seed),
            )
    for seed in range(DRAWS):
        yield (
            f"draw-{seed}",
            lambda seed=seed: take_draws.draw(pool, np.random.default_rng((5, seed))),
        )
    for seed in range(FEW):
        yield f"few-{seed}", lambda seed=seed: few_strokes(pool, np.random.default_rng((6, seed)))


def kept_rows(folder: Path, kept: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows of all takes, made where they are not kept yet; as rows_of."""
    kept.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, make in composed(folder):
        path = kept / f"hits-{name}.npz"
        if not path.exists():
            made = rows_of(*make())
            save_atomically(path, lambda file, made=made: np.savez(file, *made))
        with np.load(path) as file:
            rows.append((file["arr_0"], file["arr_1"]))
    return tuple(np.concatenate(arrays) for arrays in zip(*rows))


def learn(x: np.ndarray, kinds: np.ndarray) -> dict[str, np.ndarray]:
    """The weights, as onsets.WEIGHTS; arguments as rows_of gives them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    most = onsets.MOST_DEVIATIONS
    inputs = torch.tensor(np.clip((x - mean) / deviation, -most, most)).float()
    is_hit = torch.tensor(kinds != FALSE).float()
    weight = torch.tensor(np.where(kinds == OTHER, HAT_WEIGHT, 1.0)).float()
    hidden, out = nn.Linear(onsets.N_FEATURES, onsets.N_HIDDEN), nn.Linear(onsets.N_HIDDEN, 1)
    net = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(DROPPED), out)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(EPOCHS):
        total = []
        for batch in torch.randperm(len(inputs)).split(BATCH):
            loss = functional.binary_cross_entropy_with_logits(
                net(inputs[batch])[:, 0], is_hit[batch], weight[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total.append(loss.item())
        print(f"{epoch + 1}: {np.mean(total):.3f}", flush=True)
    return {
        "mean": mean, "deviation": deviation,
        "hidden": hidden.weight.T.detach().numpy(), "bias_hidden": hidden.bias.detach().numpy(),
        "out": out.weight.T.detach().numpy(), "bias_out": out.bias.detach().numpy(),
    }  # fmt: skip


def train(arguments) -> None:
    """Train and write the weights."""
    values = learn(*kept_rows(arguments.folder, arguments.rows))
    text = weights.to_text(values, onsets.WEIGHTS, onsets.contract())
    save_atomically(arguments.out, lambda file: file.write(text.encode()))


def evaluate(arguments) -> None:
    """Print what is found of hard takes, a row for each kind."""
    pool = take_scenes.load(arguments.folder, ("learned", "choice"))
    rows = []
    for kind in hard_takes.KINDS:
        scores = []
        for seed in range(EVALUATED, EVALUATED + arguments.seeds):
            x, events = hard_takes.compose(pool, kind, seed)
            take = hits.of_samples(x, RATE)
            measured = drums.measure(take)
            scores.append(take_kits.compare(take, measured, drums.find(measured), events))
        rows.append({"takes": kind} | take_kits.means(scores))
        print(rows[-1], flush=True)
    print(table(rows))


def main(argv=None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", help="train")
    one.add_argument("folder", type=Path)
    one.add_argument("--rows", type=Path, required=True, help="folder of what is measured")
    one.add_argument("--out", type=Path, default=onsets.SHIPPED)
    one.set_defaults(run_command=train)
    one = commands.add_parser("evaluate", help="measure")
    one.add_argument("folder", type=Path)
    one.add_argument("--seeds", type=int, default=12, help="takes of each kind; default 12")
    one.set_defaults(run_command=evaluate)
    arguments = parser.parse_args(argv)
    if arguments.run_command is evaluate:
        command.check_at_least(arguments, seeds=1)
    arguments.run_command(arguments)


if __name__ == "__main__":
    main()
