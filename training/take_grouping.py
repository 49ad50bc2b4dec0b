"""Learn what tells the drums of a take apart: the signatures of matcher/takes/signature.py.

    python -m training.take_grouping train FOLDER --rows ROWS [--out FILE]
    python -m training.take_grouping evaluate FOLDER [--part apart]

FOLDER holds recordings with a hits.csv, ROWS keeps what is measured of composed takes. Takes are
composed (training/take_draws.py) of recordings of the part "learned"; takes of the part "choice"
choose the epoch. Then comes training/take_pairs.py.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import nn
from torch.nn import functional

from matcher.matching import weights
from matcher.matching.features import SAMPLE_RATE
from matcher.recording import save_atomically
from matcher.takes import drums, grouping, hits, signature
from matcher.takes.signature import CQT, FLOOR, N_SINGLE, POOLED
from training import performances, take_draws, take_scenes
from training.performances import RATE

TAKES = 900
CHUNK = 50  # takes in a file of rows
WATCHED = 100  # takes of each kind that choose the epoch
EPOCHS = 120
WATCH = 10  # epochs between two looks at them
BATCH = 8  # takes
TEMPERATURE = 0.15
SLOPE = 8.0  # of the logit that two hits are on one drum, over their squared distance
DROPPED = 0.1  # share of the features, and of the hidden units, that are left out in training
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
SEMITONES = 4.0  # semitones, standard deviation: by which a whole take is transposed, each time
MOST_SEMITONES = 9
CURVE = 0.08  # of the features' range: a microphone's own curve, at most, through ...
CURVE_POINTS = 6  # ... so many points over the bins
DISTANCES = np.arange(0.2, 0.95, 0.1)  # between groups, tried
NEAR_S = performances.NEAR_S  # a hit found that near to a true one is that one
KINDS = {  # takes, the part and seed they are drawn of, shares of lines and of plain takes
    "learned": (("learned",), 1, take_draws.LINES, take_draws.PLAIN),
    "choice": (("choice",), 2, take_draws.LINES, 0.0),
    "plain": (("learned", "choice"), 3, 0.0, 1.0),
}


def labelled(x: np.ndarray, events) -> tuple[hits.Take, np.ndarray]:
    """The take and the number of the event that each of its hits is, -1 for none."""
    take = hits.of_samples(x, RATE)
    at = np.array([event.at for event in events])
    numbers, free = np.full(len(take.hits), -1), set(range(len(events)))
    for i, hit in enumerate(take.hits):
        near = np.flatnonzero(np.abs(at - hit.onset) <= NEAR_S * RATE)
        near = [k for k in near if k in free]
        if near:  # of several at once it is the loudest
            numbers[i] = max(near, key=lambda k: events[k].peak)
            free.discard(numbers[i])
    return take, numbers


def row_of(cells: signature.Cells) -> np.ndarray:
    """What is kept of a hit: as signature.features, but all bins, (bins * frames + frames,)."""
    bins = signature.log_levels(cells)
    return np.concatenate([bins.ravel(), cells.observed]).astype(np.float16)


def make_rows(pool, numbers: range, seed: int, lines: float, plain: float):
    """Rows, drum and take (hits,) of the hits of composed takes, and whether they are clear.

    Numbers of sounds that are no drums are below 0.

    Args:
        pool: recordings by drum.
        numbers: of the takes.
        seed: of what is drawn.
        lines, plain: shares of takes, as take_draws.draw.
    """
    rows, labels, takes, clear = [], [], [], []
    for i in numbers:
        x, events = take_draws.draw(pool, np.random.default_rng((seed, i)), lines, plain)
        take, found = labelled(x, events)
        low = soxr.resample(x, RATE, SAMPLE_RATE)
        names = {name: k for k, name in enumerate(sorted({e.drum for e in events}))}
        for hit, number in zip(take.hits, found):
            if number < 0:
                continue
            at, end = (round(v * SAMPLE_RATE / RATE) for v in (hit.onset, hit.end))
            cells = signature.cells(low, at, end)
            rows.append(row_of(cells))
            name = names[events[number].drum]
            labels.append(name if events[number].is_drum else -1 - name)
            takes.append(i)
            clear.append(drums.is_clear(drums.clearness(low, at, cells.level), cells))
    return np.array(rows), np.array(labels), np.array(takes), np.array(clear)


def rows_of(folder: Path, kept: Path, kind: str, count: int):
    """The rows of so many takes of a kind, as make_rows, made where they are not kept yet.

    Args:
        folder: of recordings.
        kept: where rows are kept.
        kind: one of KINDS.
        count: takes, a multiple of CHUNK.
    """
    parts, seed, lines, plain = KINDS[kind]
    kept.mkdir(parents=True, exist_ok=True)
    pool, chunks = None, []
    for first in range(0, count, CHUNK):
        path = kept / f"{kind}-{first:05d}.npz"
        if not path.exists():
            pool = pool or take_scenes.load(folder, parts)
            made = make_rows(pool, range(first, first + CHUNK), seed, lines, plain)
            save_atomically(path, lambda file, made=made: np.savez(file, *made))
            print(f"{path.name}: {len(made[0])} hits", flush=True)
        with np.load(path) as file:
            chunks.append([file[f"arr_{i}"] for i in range(4)])
    return tuple(np.concatenate(arrays) for arrays in zip(*chunks))


def features(rows: torch.Tensor) -> torch.Tensor:
    """signature.features of rows, (hits, signature.N_FEATURES)."""
    bins = rows[:, : -CQT.n_frames].reshape(len(rows), CQT.n_bins, CQT.n_frames)
    scale = float(np.log1p(1 / FLOOR))
    amplitude = FLOOR * torch.expm1(bins[:, N_SINGLE:] * scale)
    power = (amplitude**2).reshape(len(rows), -1, POOLED, CQT.n_frames).mean(dim=2)
    high = torch.log1p(power.sqrt() / FLOOR) / scale
    bands = torch.cat([bins[:, :N_SINGLE], high], dim=1)
    return torch.cat([bands.flatten(1), rows[:, -CQT.n_frames :]], dim=1)


def captured_anew(rows: torch.Tensor, rng) -> torch.Tensor:
    """The rows of a take, all transposed by the same interval and by another microphone."""
    bins = rows[:, : -CQT.n_frames].reshape(len(rows), CQT.n_bins, CQT.n_frames)
    up = int(np.clip(np.round(rng.normal(0, SEMITONES)), -MOST_SEMITONES, MOST_SEMITONES))
    bins = functional.pad(bins, (0, 0, max(up, 0), max(-up, 0)))
    bins = bins[:, max(-up, 0) :][:, : CQT.n_bins]
    points = rng.normal(0, 1, CURVE_POINTS) * rng.uniform(0, CURVE)
    curve = np.interp(np.linspace(0, 1, CQT.n_bins), np.linspace(0, 1, CURVE_POINTS), points)
    curve = torch.tensor(curve, dtype=torch.float32)[:, None]
    bins = (bins + curve * (bins > FLOOR)).clamp(min=0)
    return torch.cat([bins.flatten(1), rows[:, -CQT.n_frames :]], dim=1)


class SignatureNet(nn.Module):
    """signature.signatures in PyTorch, for hits of several takes at once."""

    def __init__(self):
        super().__init__()
        s = signature
        self.dropped = nn.Dropout(DROPPED)
        self.hidden = nn.Linear(s.N_FEATURES, s.N_HIDDEN)
        self.own = nn.Linear(s.N_HIDDEN, s.N_SIGNATURE)
        self.query = nn.Linear(s.N_SIGNATURE, s.N_SIGNATURE, bias=False)
        self.log_sharpness = nn.Parameter(torch.tensor(2.0))
        self.compared = nn.Linear(3 * s.N_SIGNATURE, s.N_COMPARED)
        self.change = nn.Linear(s.N_COMPARED, s.N_SIGNATURE)
        nn.init.zeros_(self.change.weight)  # at first each hit is by itself
        nn.init.zeros_(self.change.bias)

    def forward(self, x: torch.Tensor, takes: torch.Tensor) -> torch.Tensor:
        """Signatures (hits, N_SIGNATURE) of features (hits, N_FEATURES) and takes (hits,)."""
        hidden = functional.relu(self.hidden(self.dropped(x)))
        own = functional.normalize(self.own(self.dropped(hidden)), dim=1)
        same = takes[:, None] == takes
        mean = same / same.sum(dim=1, keepdim=True) @ own
        query = functional.normalize(self.query(own), dim=1)
        logits = self.log_sharpness.exp() * (query @ query.T)
        alike = torch.softmax(logits.masked_fill(~same, -torch.inf), dim=1) @ own
        compared = functional.relu(self.compared(torch.cat([own, alike, mean], dim=1)))
        return functional.normalize(own + self.change(compared), dim=1)

    def values(self) -> dict[str, np.ndarray]:
        """The weights, as signature.WEIGHTS."""
        found = {"sharpness": self.log_sharpness.exp()[None]}
        for name in ("hidden", "own", "query", "compared", "change"):
            layer = getattr(self, name)
            found[name] = layer.weight.T
            if layer.bias is not None:
                found[f"bias_{name}"] = layer.bias
        return {name: value.detach().numpy().copy() for name, value in found.items()}


def contrast(z: torch.Tensor, labels: torch.Tensor, takes: torch.Tensor) -> torch.Tensor:
    """Supervised contrastive loss within takes (Khosla et al. 2020, eq. 2)."""
    same_take = takes[:, None] == takes
    others = same_take & ~torch.eye(len(z), dtype=torch.bool)
    same = others & (labels[:, None] == labels)
    logits = (z @ z.T / TEMPERATURE).masked_fill(~others, -1e9)
    log_p = logits - torch.logsumexp(logits, 1, keepdim=True)
    counts = same.sum(1)
    told = counts > 0
    return -((log_p * same).sum(1)[told] / counts[told]).mean()


def calibrated(
    z: torch.Tensor, labels: torch.Tensor, takes: torch.Tensor, offset: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of whether two hits of a take are on one drum, both cases weighing the same."""
    upper = torch.triu(takes[:, None] == takes, 1)
    logits = (SLOPE * (offset - (2 - 2 * z @ z.T)))[upper]
    same = (labels[:, None] == labels)[upper]
    weight = torch.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    return functional.binary_cross_entropy_with_logits(
        logits, same.float(), weight, reduction="sum"
    )


def index_of_rand(truth: np.ndarray, found: np.ndarray) -> float:
    """Adjusted Rand index of two groupings (Hubert and Arabie 1985, eq. 5)."""
    _, a = np.unique(truth, return_inverse=True)
    _, b = np.unique(found, return_inverse=True)
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)

    def pairs(n):
        return float(np.sum(n * (n - 1)) / 2)

    both, rows, columns = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = rows * columns / max(1.0, pairs(np.array(float(len(a)))))
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def rand_by_distance(
    rows, labels, takes, clear, values: dict[str, np.ndarray] | None = None
) -> np.ndarray:
    """Mean adjusted Rand index of the drums' clear hits over takes, (DISTANCES,).

    Args:
        rows, labels, takes, clear: as make_rows gives them.
        values: of signature.WEIGHTS; None: the shipped ones.
    """
    x = features(torch.tensor(rows).float()).numpy()
    scores = []
    for take in np.unique(takes):
        own = takes == take
        z = signature.signatures(x[own], values)[clear[own]]
        truth = labels[own][clear[own]]
        is_drum = truth >= 0
        if is_drum.sum() < 2:
            continue
        tree = grouping.tree(np.maximum(2 - 2 * z @ z.T, 0))
        cuts = [grouping.cut(tree, apart, len(z))[is_drum] for apart in DISTANCES]
        scores.append([index_of_rand(truth[is_drum], found) for found in cuts])
    return np.mean(scores, axis=0)


def train(arguments) -> None:
    """Train and write the weights of the epoch that does best on takes of the part "choice"."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    learned = rows_of(arguments.folder, arguments.rows, "learned", arguments.takes)
    watched = {
        kind: rows_of(arguments.folder, arguments.rows, kind, WATCHED)
        for kind in ("choice", "plain")
    }
    net, offset = SignatureNet(), nn.Parameter(torch.tensor(0.6))  # distance: as likely as not
    optimiser = torch.optim.AdamW(
        [*net.parameters(), offset], LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, arguments.epochs)
    takes = [np.flatnonzero(learned[2] == number) for number in np.unique(learned[2])]
    rows, labels = torch.tensor(learned[0]), torch.tensor(learned[1])
    best, began = -1.0, time.monotonic()
    for epoch in range(1, arguments.epochs + 1):
        net.train()
        total = []
        order = rng.permutation(len(takes))
        for chosen in np.array_split(order, max(1, len(order) // BATCH)):
            x = torch.cat([features(captured_anew(rows[takes[i]].float(), rng)) for i in chosen])
            own = np.concatenate([takes[i] for i in chosen])
            truth = labels[own], torch.tensor(learned[2][own])
            z = net(x, truth[1])
            loss = contrast(z, *truth) + calibrated(z, *truth, offset)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total.append(loss.item())
        schedule.step()
        if epoch % WATCH == 0 or epoch == arguments.epochs:
            net.eval()
            values = net.values()
            scores = {kind: rand_by_distance(*w, values) for kind, w in watched.items()}
            score = np.mean(list(scores.values()), axis=0)
            if score.max() > best:
                best = float(score.max())
                text = weights.to_text(values, signature.WEIGHTS, signature.contract())
                save_atomically(arguments.out, lambda file, text=text: file.write(text.encode()))
            print(
                f"{epoch}, {time.monotonic() - began:.0f} s: {np.mean(total):.3f}, as likely as "
                f"not at {offset.item():.2f}, Rand index at {DISTANCES[score.argmax()]:.2f}: "
                + ", ".join(f"{k} {s[score.argmax()]:.3f}" for k, s in scores.items()),
                flush=True,
            )


def evaluate(arguments) -> None:
    """Print the mean adjusted Rand index of takes of a part for each distance between groups."""
    torch.set_num_threads(1)
    pool = take_scenes.load(arguments.folder, (arguments.part,))
    made = make_rows(pool, range(arguments.takes), 4, 0.0, 1.0)
    for distance, score in zip(DISTANCES, rand_by_distance(*made)):
        print(f"{distance:.2f}: {score:.3f}")


def main(argv=None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train")
    command.add_argument("folder", type=Path)
    command.add_argument("--out", type=Path, default=signature.SHIPPED)
    command.add_argument("--takes", type=int, default=TAKES, help=f"a multiple of {CHUNK}")
    command.add_argument("--epochs", type=int, default=EPOCHS)
    command.add_argument("--rows", type=Path, required=True, help="folder of what is composed")
    command.set_defaults(run_command=train)
    command = commands.add_parser("evaluate", help="measure")
    command.add_argument("folder", type=Path)
    command.add_argument("--part", choices=performances.PARTS, default="choice")
    command.add_argument("--takes", type=int, default=100)
    command.set_defaults(run_command=evaluate)
    arguments = parser.parse_args(argv)
    arguments.run_command(arguments)


if __name__ == "__main__":
    main()
