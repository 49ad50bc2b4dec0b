"""Train and measure the network that says whether a whole hit is a drum's.

    python -m training.plausibility train FOLDER --out FILE    FOLDER: recordings with a hits.csv
    python -m training.plausibility evaluate FOLDER [--part apart] [--seconds 0.1]
    python -m training.plausibility kinds FOLDER               on kinds of sounds that it never met

Recordings of the part "learned" and the synthetic sounds of training/stroke_sounds.py, transposed,
damped, in rooms and through microphones; sounds made likewise of the part "choice" say below which
probability a sound is named.
"""

import argparse
from functools import partial
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
from training.markdown import table
from training.performances import BEFORE, RATE, load
from training.stroke_sounds import DRUMS, STRUCK, SUSTAINED
from training.takes import DRUM, Pool, captured, synthetic_drum, synthetic_other

SOUNDS = 4000
CLIP_S = 0.4  # s: of a sound
CUT, CUT_S = 0.5, (0.06, 0.4)  # share of the sounds that end early, as live parts do; s: when
NOISE_DB = (-80.0, -30.0)  # dB below the peak: noise under a sound
EPOCHS = 300
BATCH = 256  # sounds
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1.0  # much: what tells the kinds that it has met does not tell others (`kinds`)
ACCUSED = (
    0.005  # share of drums of the part "choice" that may be named; of unknown kinds some 2 % are
)
OF_A_KIND = 350  # sounds, for `kinds`
DECAYS = (0.01, 0.1, 0.3, 1.0, 2.0)  # weight decays that `kinds` compares


def clip_of(x: np.ndarray, onset: int) -> np.ndarray:
    """A sound at performances.RATE -> the clip from its onset, as matching has it."""
    x = x[max(0, onset - 8) : onset + round(CLIP_S * RATE)]
    return soxr.resample(np.asarray(x, np.float32), RATE, SAMPLE_RATE)


def features_of(x: np.ndarray, onset: int, rng) -> np.ndarray:
    """Features of a sound at performances.RATE through a microphone, noisy, perhaps cut short."""
    x = captured(np.concatenate([x, np.zeros(BEFORE, x.dtype)]), rng)
    noise = 10 ** (rng.uniform(*NOISE_DB) / 20) * np.abs(x).max()
    x = x + noise * rng.standard_normal(len(x))
    clip = clip_of(x, onset + rng.integers(-48, 96))
    if rng.random() < CUT:
        clip = clip[: round(rng.uniform(*CUT_S) * SAMPLE_RATE)]
    return plausibility.features(clip)


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
        rows.append(features_of(x, onset, rng))
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


def fit(x: np.ndarray, drums: np.ndarray, decay: float = WEIGHT_DECAY) -> nn.Module:
    """A network of features (sounds, N_FEATURES), whose output is the logit that it is a drum."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(plausibility.N_FEATURES, plausibility.N_HIDDEN), nn.Tanh(),
        nn.Linear(plausibility.N_HIDDEN, 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=decay)
    entropy = nn.BCEWithLogitsLoss()
    x, y = (torch.tensor(a, dtype=torch.float32) for a in (x, drums))
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(BATCH):
            loss = entropy(net(x[chosen])[:, 0], y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return net


@torch.no_grad()
def probabilities(net: nn.Module, x: np.ndarray) -> np.ndarray:
    """That sounds are a drum's, (sounds,), by their features (sounds, N_FEATURES)."""
    return torch.sigmoid(net(torch.tensor(x, dtype=torch.float32))[:, 0]).numpy()


def train(arguments) -> None:
    """Train and write the weights."""
    x, y = make_sounds(Pool(load(arguments.folder, "learned")), arguments.sounds, 0)
    for seconds in CUT_S:
        clean, drums, _ = recorded(arguments.folder, "learned", seconds)
        x, y = np.concatenate([x, clean]), np.concatenate([y, drums])
    net = fit(x, y)
    watched, truth = make_sounds(Pool(load(arguments.folder, "choice")), arguments.sounds, 1)
    found = probabilities(net, watched)
    least = np.quantile(found[truth], ACCUSED)
    print(f"area {area(found, truth):.3f}, named below {least:.3f}: "
          f"{np.mean(found[~truth] < least):.0%} of other sounds")  # fmt: skip
    state = {name: values.numpy() for name, values in net.state_dict().items()}
    values = {
        "hidden": state["0.weight"].T, "bias_hidden": state["0.bias"],
        "out": state["2.weight"].T, "bias_out": state["2.bias"], "least": np.array([least]),
    }  # fmt: skip
    text = weights.to_text(values, plausibility.WEIGHTS, plausibility.contract())
    save_atomically(arguments.out, lambda file: file.write(text.encode()))


def kinds(arguments) -> None:
    """Print how networks do on a kind of drums and one of other sounds that they never met."""
    drums, others = sounds_by_kind(Pool(load(arguments.folder, "learned")), OF_A_KIND)
    pairs = [(list(drums)[i % len(drums)], other) for i, other in enumerate(others)]
    rows = []
    for decay in DECAYS:
        found = [unmet(drums, others, *pair, decay) for pair in pairs]
        both, accused, named = np.mean(found, 0)
        rows.append({
            "weight decay": f"{decay:g}", "area": f"{both:.3f}",
            "new drums named": f"{accused:.1%}", "new sounds named": f"{named:.0%}",
        })  # fmt: skip
    print(table(rows))


def sounds_by_kind(pool: Pool, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features (count, N_FEATURES) of each kind of drums, and of each kind of other sounds."""
    rng = np.random.default_rng(0)
    drums = {f.__name__: partial(synthetic_drum, f) for f in DRUMS}
    others = {f.__name__: partial(synthetic_other, {f: 1.0}) for f in (STRUCK | SUSTAINED)}
    drums["recorded"] = pool.recorded_drum
    others["recorded"] = pool.recorded_other
    made = {
        name: [features_of(*draw(rng)[0], rng) for _ in range(count)]
        for name, draw in drums.items()
    }
    other = {
        name: [features_of(*draw(rng), rng) for _ in range(count)] for name, draw in others.items()
    }
    return {k: np.array(v) for k, v in made.items()}, {k: np.array(v) for k, v in other.items()}


def unmet(drums: dict, others: dict, drum: str, other: str, decay: float):
    """A network that met all kinds but two: its area for these, and how much of them it names."""
    met = [x for name, x in drums.items() if name != drum]
    x = np.concatenate(met * 2 + [x for name, x in others.items() if name != other])
    y = np.arange(len(x)) < 2 * sum(map(len, met))  # drums twice: they have fewer kinds
    net = fit(x, y, decay)
    least = np.quantile(probabilities(net, np.concatenate(met)), ACCUSED)
    new_drum, new_other = probabilities(net, drums[drum]), probabilities(net, others[other])
    values = np.concatenate([new_drum, new_other])
    area_of_both = area(values, np.arange(len(values)) < len(new_drum))
    return area_of_both, np.mean(new_drum < least), np.mean(new_other < least)


def evaluate(arguments) -> None:
    """Print the area under the curve, how many drums are accused and how many others are not."""
    recordings = load(arguments.folder, arguments.part)
    cut = round(arguments.seconds * SAMPLE_RATE)
    values = np.array(
        [plausibility.drum_probability(clip_of(r.x, r.onset)[:cut]) for r in recordings]
    )
    drums = np.array([r.drum for r in recordings])
    shells = np.array([r.shell for r in recordings])
    accused = values < plausibility.least()
    low, high = mean_interval(accused[drums], shells[drums])
    print(f"area under the curve {area(values, drums):.3f}; accused {accused[drums].sum()} of "
          f"{drums.sum()} drums ({accused[drums].mean():.1%}, {low:.1%} to {high:.1%}), "
          f"{accused[~drums].sum()} of {(~drums).sum()} other sounds")  # fmt: skip
    for r, value in sorted(zip(recordings, values), key=lambda row: row[1]):
        if (value < plausibility.least()) == r.drum:
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
    command = commands.add_parser("kinds", help="measure on kinds that were left out of training")
    command.add_argument("folder", type=Path)
    command.set_defaults(run_command=kinds)
    command = commands.add_parser("evaluate", help="measure")
    command.add_argument("folder", type=Path)
    command.add_argument("--part", choices=performances.PARTS, default="all")
    command.add_argument("--seconds", type=float, default=CLIP_S, help="of each hit")
    command.set_defaults(run_command=evaluate)
    arguments = parser.parse_args(argv)
    arguments.run_command(arguments)


if __name__ == "__main__":
    main()
