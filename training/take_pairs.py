"""Learn whether two hits of a take are on one drum: the weights of matcher/takes/pairs.py.

    python -m training.take_pairs FOLDER --rows ROWS [--out FILE]

FOLDER and ROWS are those of training/take_grouping.py, whose signatures come first.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from matcher.matching import weights
from matcher.recording import save_atomically
from matcher.takes import grouping, pairs, signature
from matcher.takes.signature import CQT
from training import take_grouping
from training.take_grouping import index_of_rand

PAIRS = 400  # of a take
COPIES = 2  # of a take: as it is, and captured anew
DOUBT = 0.5  # standard deviation added to distances of signatures, which are better on drums that
# they were learned on than on others
EPOCHS = 3
BATCH = 512  # pairs
LEARNING_RATE = 3e-3
DISTANCES = np.arange(0.2, 0.56, 0.05)  # between groups, tried


def takes_of(rows, labels, takes, clear, copies: int = 1, seed: int = 0):
    """Of each take (levels, observed, signatures, clear, labels), as pairs.features.

    Args:
        rows, labels, takes, clear: as take_grouping.make_rows gives them.
        copies: of each take; those after the first are captured anew.
        seed: of how.
    """
    rng = np.random.default_rng(seed)
    for take in np.unique(takes):
        own = takes == take
        for copy in range(copies):
            x = torch.tensor(rows[own]).float()
            x = take_grouping.captured_anew(x, rng) if copy else x
            z = signature.signatures(take_grouping.features(x).numpy())
            levels, observed = x[:, : -CQT.n_frames].numpy(), x[:, -CQT.n_frames :].numpy()
            levels = levels.reshape(len(x), CQT.n_bins, CQT.n_frames)
            yield levels, observed, z, clear[own], labels[own]


def drawn_pairs(made):
    """Features, truth and weights of pairs of each take; both cases weigh the same in a take."""
    x, truth, weight = [], [], []
    rng = np.random.default_rng(0)
    for *take, labels in made:
        i, j = np.triu_indices(len(labels), 1)
        chosen = rng.permutation(len(i))[:PAIRS]
        i, j = i[chosen], j[chosen]
        same = labels[i] == labels[j]
        x.append(pairs.features(*take)[i, j])
        x[-1][:, 0] = np.maximum(0, x[-1][:, 0] + DOUBT * rng.standard_normal(len(i)))
        truth.append(same)
        weight.append(np.where(same, 0.5 / max(1, same.sum()), 0.5 / max(1, (~same).sum())))
    return np.concatenate(x), np.concatenate(truth), np.concatenate(weight)


def rand_by_distance(made, values: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """Mean adjusted Rand index of the drums' hits over takes, (DISTANCES,), as drums are grouped.

    Args:
        made: takes, as takes_of.
        values: of pairs.WEIGHTS; None: the shipped ones.
    """
    scores = []
    for *take, labels in made:
        is_drum = labels >= 0
        if is_drum.sum() < 2:
            continue
        d = pairs.distances(*take, values)
        groups = [grouping.group(d, take[3], apart)[is_drum] for apart in DISTANCES]
        scores.append([index_of_rand(labels[is_drum], found) for found in groups])
    return np.mean(scores, axis=0)


def train(x: np.ndarray, truth: np.ndarray, weight: np.ndarray, epochs: int):
    """The weights, as pairs.WEIGHTS; arguments as drawn_pairs gives them."""
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    inputs = torch.tensor((x - mean) / deviation).float()
    same = torch.tensor(truth, dtype=torch.float32)
    weight = torch.tensor(weight * len(weight) / weight.sum(), dtype=torch.float32)
    net = nn.Sequential(
        nn.Linear(pairs.N_FEATURES, pairs.N_HIDDEN), nn.ReLU(), nn.Linear(pairs.N_HIDDEN, 1)
    )
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        total = []
        for batch in torch.randperm(len(inputs)).split(BATCH):
            loss = functional.binary_cross_entropy_with_logits(
                net(inputs[batch])[:, 0], same[batch], weight[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total.append(loss.item())
        schedule.step()
        print(f"{epoch + 1}: {np.mean(total):.3f}", flush=True)
    state = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    return {
        "mean": mean, "deviation": deviation,
        "hidden": state["0.weight"].T, "bias_hidden": state["0.bias"],
        "out": state["2.weight"].T, "bias_out": state["2.bias"],
    }  # fmt: skip


def main(argv=None) -> None:
    """Train, write the weights and print what they do on takes of the part "choice"."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="folder of what is composed")
    parser.add_argument("--out", type=Path, default=pairs.SHIPPED)
    parser.add_argument("--takes", type=int, default=take_grouping.TAKES)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    place = arguments.folder, arguments.rows
    learned = take_grouping.rows_of(*place, "learned", arguments.takes)
    values = train(*drawn_pairs(takes_of(*learned, COPIES)), arguments.epochs)
    text = weights.to_text(values, pairs.WEIGHTS, pairs.contract())
    save_atomically(arguments.out, lambda file: file.write(text.encode()))
    for kind in ("choice", "plain"):
        made = takes_of(*take_grouping.rows_of(*place, kind, take_grouping.WATCHED))
        scores = rand_by_distance(made, values)
        print(kind, ", ".join(f"{at:.2f}: {s:.3f}" for at, s in zip(DISTANCES, scores)), flush=True)


if __name__ == "__main__":
    main()
