"""Train and measure the network that says whether a whole hit is a drum's.

    python -m training.plausibility train FOLDER --out FILE    FOLDER: recordings with a hits.csv
    python -m training.plausibility evaluate FOLDER [--part apart] [--seconds 0.1]

Recordings of the part "learned" and the synthetic sounds of training/stroke_sounds.py, transposed,
damped, in rooms and through microphones; clean ones of the part "choice" choose the epoch.
"""

import argparse
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import nn

from matcher.matching import plausibility, weights
from matcher.matching.features import SAMPLE_RATE
from matcher.recording import save_atomically
from training import performances
from training.bootstrap import mean_interval
from training.performances import BEFORE, RATE, load
from training.takes import DRUM, Pool, captured

SOUNDS = 4000
CLIP_S = 0.4  # s: of a sound
CUT, CUT_S = 0.5, (0.06, 0.4)  # share of the sounds that end early, as live parts do; s: when
NOISE_DB = (-80.0, -30.0)  # dB below the peak: noise under a sound
EPOCHS = 300
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-2


def clip_of(x: np.ndarray, onset: int) -> np.ndarray:
    """A sound at performances.RATE -> the clip from its onset, as matching has it."""
    x = x[max(0, onset - 8) : onset + round(CLIP_S * RATE)]
    return soxr.resample(np.asarray(x, np.float32), RATE, SAMPLE_RATE)


def make_sounds(pool: Pool, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (count, N_FEATURES) and whether each is a drum's, half of them."""
    rng = np.random.default_rng(seed)
    rows, drums = [], []
    for i in range(count):
        if i % 2:
            strokes = pool.drum(rng)
            (x, onset), kind = strokes[rng.integers(len(strokes))], DRUM
        else:
            x, onset, kind = pool.other(rng)
        x = captured(np.concatenate([x, np.zeros(BEFORE, x.dtype)]), rng)
        noise = 10 ** (rng.uniform(*NOISE_DB) / 20) * np.abs(x).max()
        x = x + noise * rng.standard_normal(len(x))
        clip = clip_of(x, onset + rng.integers(-48, 96))
        if rng.random() < CUT:
            clip = clip[: round(rng.uniform(*CUT_S) * SAMPLE_RATE)]
        rows.append(plausibility.features(clip))
        drums.append(kind == DRUM)
    return np.array(rows), np.array(drums)


def recorded(folder: Path, part: str, seconds: float = CLIP_S):
    """Features of the recordings of a part, so long, whether each is a drum's, and its shell."""
    recordings, cut = load(folder, part), round(seconds * SAMPLE_RATE)
    rows = np.array([plausibility.features(clip_of(r.x, r.onset)[:cut]) for r in recordings])
    return rows, np.array([r.drum for r in recordings]), np.array([r.shell for r in recordings])


def area(values: np.ndarray, drums: np.ndarray) -> float:
    """Area under the receiver operating curve: how often a drum has the higher value of a pair."""
    apart = values[drums][:, None] - values[~drums]
    return float(np.mean(apart > 0) + np.mean(apart == 0) / 2)


def train(arguments) -> None:
    """Train and write the weights of the epoch that does best on the part "choice"."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = make_sounds(Pool(load(arguments.folder, "learned")), arguments.sounds, 0)
    for seconds in CUT_S:
        clean, drums, _ = recorded(arguments.folder, "learned", seconds)
        x, y = np.concatenate([x, clean]), np.concatenate([y, drums])
    choice_pool = Pool(load(arguments.folder, "choice"))
    watched, truth = make_sounds(choice_pool, arguments.sounds // 4, 1)
    own, own_truth, _ = recorded(arguments.folder, "choice")
    net = nn.Sequential(
        nn.Linear(plausibility.N_FEATURES, plausibility.N_HIDDEN), nn.Tanh(),
        nn.Linear(plausibility.N_HIDDEN, 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    entropy = nn.BCEWithLogitsLoss()
    x, y, watched, t = (torch.tensor(a, dtype=torch.float32) for a in (x, y, watched, truth))
    best = np.inf
    for epoch in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(256):
            loss = entropy(net(x[chosen])[:, 0], y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            apart = entropy(net(watched)[:, 0], t).item()
            clean = net(torch.tensor(own, dtype=torch.float32))[:, 0].numpy()
            if apart < best:
                best, state = apart, {k: v.numpy().copy() for k, v in net.state_dict().items()}
                print(f"{epoch + 1}: {loss.item():.4f}, apart {apart:.4f}, "
                      f"area {area(clean, own_truth):.3f}", flush=True)  # fmt: skip
    values = {
        "hidden": state["0.weight"].T, "bias_hidden": state["0.bias"],
        "out": state["2.weight"].T, "bias_out": state["2.bias"],
    }  # fmt: skip
    text = weights.to_text(values, plausibility.WEIGHTS, plausibility.contract())
    save_atomically(arguments.out, lambda file: file.write(text.encode()))


def evaluate(arguments) -> None:
    """Print the area under the curve, how many drums are accused and how many others are not."""
    recordings = load(arguments.folder, arguments.part)
    cut = round(arguments.seconds * SAMPLE_RATE)
    values = np.array(
        [plausibility.drum_probability(clip_of(r.x, r.onset)[:cut]) for r in recordings]
    )
    drums = np.array([r.drum for r in recordings])
    shells = np.array([r.shell for r in recordings])
    accused = values < plausibility.LEAST
    low, high = mean_interval(accused[drums], shells[drums])
    print(f"area under the curve {area(values, drums):.3f}; accused {accused[drums].sum()} of "
          f"{drums.sum()} drums ({accused[drums].mean():.1%}, {low:.1%} to {high:.1%}), "
          f"{accused[~drums].sum()} of {(~drums).sum()} other sounds")  # fmt: skip
    for r, value in sorted(zip(recordings, values), key=lambda row: row[1]):
        if (value < plausibility.LEAST) == r.drum:
            print(f"  {value:.3f} {'drum' if r.drum else 'no drum'} {r.instrument} {r.shell}")


def main(argv=None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train")
    command.add_argument("folder", type=Path)
    command.add_argument("--out", type=Path, default=plausibility.SHIPPED)
    command.add_argument("--sounds", type=int, default=SOUNDS)
    command.set_defaults(run_command=train)
    command = commands.add_parser("evaluate", help="measure")
    command.add_argument("folder", type=Path)
    command.add_argument("--part", choices=performances.PARTS, default="all")
    command.add_argument("--seconds", type=float, default=CLIP_S, help="of each hit")
    command.set_defaults(run_command=evaluate)
    arguments = parser.parse_args(argv)
    arguments.run_command(arguments)


if __name__ == "__main__":
    main()
