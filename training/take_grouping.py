"""Learn what tells the drums of a take apart: the signatures of matcher/takes/signature.py.

    python -m training.take_grouping train FOLDER --out FILE    FOLDER: recordings with a hits.csv
    python -m training.take_grouping evaluate FOLDER [--part apart]

Takes are composed of recordings of the part "learned" and of synthetic drums, each drum transposed,
damped and filtered in its own way, the toms of a kit as transpositions of each other, in rooms and
noise. The part "choice" chooses the epoch and the distance at which two groups are two drums.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.signal
import soxr
import torch
from torch import nn
from torch.nn import functional

from matcher.matching import weights
from matcher.matching.features import SAMPLE_RATE
from matcher.recording import save_atomically
from matcher.takes import grouping, hits, signature
from training import performances, stroke_sounds, take_scenes
from training.performances import BEFORE, RATE
from training.stroke_sounds import log_uniform
from training.take_scenes import Scene, Sound, compose

TAKES = 800
PLAIN = 0.3  # share of takes of drums as they are recorded
SECONDS = 14.0  # s of a take
DRUMS = (2, 9)  # in a take
SYNTHETIC = 0.25  # share of drums of the physical model
OTHERS = (0, 3)  # sounds in a take that are no drums, beside its hat
TOMS = 0.4  # share of takes with drums that are transpositions of one
TOM_SEMITONES = (2.5, 6.0)  # between them
OCTAVES = 0.6  # up or down: transposition of a drum
EPOCHS = 30
BATCH = 8  # takes
TEMPERATURE = 0.15
SLOPE = 8.0  # of the logit that two hits are on one drum, over their squared distance
DROPPED = 0.1  # share of the features that are left out in training
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 3e-3
DISTANCES = np.arange(0.1, 1.2, 0.05)  # between groups, tried
NEAR_S = performances.NEAR_S  # a hit found that near to a true one is that one


def draw_kit(pool: dict[str, list[Sound]], rng) -> dict[str, list[Sound]]:
    """Drums of a take, and other sounds that are told from them, each in a form of its own."""
    names = sorted(pool)
    drums = [name for name in names if pool[name][0].is_drum and len(pool[name]) > 1]
    others = [name for name in names if not pool[name][0].is_drum]
    kit, shells = {}, set()
    wanted = rng.integers(*DRUMS)
    for name in rng.permutation(drums):
        if len(kit) >= wanted:
            break
        shell = (pool[name][0].shell, name.split("/")[1])
        if shell in shells:
            continue
        shells.add(shell)
        strokes = pool[name]
        if rng.random() < SYNTHETIC:
            strokes = _synthetic(rng)
        kit[name] = varied(strokes, OCTAVES * rng.uniform(-1, 1) * (rng.random() < 0.7), rng)
    if kit and rng.random() < TOMS:
        base, octaves = kit[next(iter(kit))], 0.0
        for i in range(rng.integers(1, 3)):
            octaves += rng.choice([-1, 1]) * rng.uniform(*TOM_SEMITONES) / 12
            toms = varied(base, octaves, rng, shape=False)
            kit[f"tom {i}"] = [replace(s, drum=f"tom {i}") for s in toms]
    for name in rng.permutation(others)[: rng.integers(*OTHERS)]:
        kit[name] = varied(pool[name], OCTAVES * rng.uniform(-1, 1) * (rng.random() < 0.5), rng)
    return {name: [replace(s, drum=name) for s in strokes] for name, strokes in kit.items()}


def _synthetic(rng) -> list[Sound]:
    gains = [10 ** (-db / 20) for db in rng.uniform(0, 20, 6)]
    return [
        Sound((gain * x).astype(np.float32), BEFORE, "", "", True)
        for gain, x in zip(gains, stroke_sounds.struck_drums(rng, len(gains)))
    ]


def varied(strokes: list[Sound], octaves: float, rng, shape: bool = True) -> list[Sound]:
    """Strokes of one drum, all transposed, damped and filtered alike."""
    factor = 2**octaves
    decay = log_uniform(rng, 0.05, 0.6) * RATE if shape and rng.random() < 0.3 else 0.0
    peaks = [
        (scipy.signal.iirpeak(log_uniform(rng, 60, 9000), rng.uniform(0.5, 2), fs=RATE),
         10 ** (rng.uniform(-8, 8) / 20) - 1)
        for _ in range(rng.integers(0, 3) if shape else 0)
    ]  # fmt: skip
    result = []
    for sound in strokes:
        x, onset = sound.x, sound.onset
        if octaves:
            n = int((len(x) - 1) / factor)
            x = np.interp(np.arange(n) * factor, np.arange(len(x)), x)
            onset = round(onset / factor)
        x = np.array(x, np.float32)
        if decay:
            x[onset:] *= np.exp(-np.arange(len(x) - onset, dtype=np.float32) / decay)
        for (b, a), gain in peaks:
            x = (x + gain * scipy.signal.lfilter(b, a, x)).astype(np.float32)
        result.append(replace(sound, x=x, onset=onset))
    return result


def draw_scene(rng) -> Scene:
    """A room and its noise."""
    return Scene(
        seconds=SECONDS,
        noise_db=rng.uniform(-75, -42),
        room_s=log_uniform(rng, 0.1, 0.9) if rng.random() < 0.6 else 0.0,
        hat_db=rng.uniform(-34, -8) if rng.random() < 0.6 else None,
        hum=rng.random() < 0.3,
    )


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


def make_rows(pool, count: int, seed: int, varied_kits: bool = True):
    """Features (hits, N_FEATURES), drum and take (hits,) of the hits of composed takes.

    Numbers of sounds that are no drums are below 0.
    """
    rows, labels, takes = [], [], []
    hat_names = [n for n, s in pool.items() if s[0].instrument == "hihat"]
    for i in range(count):
        rng = np.random.default_rng((seed, i))
        varied_kit = varied_kits and rng.random() > PLAIN
        kit = draw_kit(pool, rng) if varied_kit else plain_kit(pool, rng)
        hats = pool[hat_names[rng.integers(len(hat_names))]] if hat_names else []
        x, events = compose(kit, hats, draw_scene(rng), int(rng.integers(2**31)))
        take, numbers = labelled(x, events)
        low = soxr.resample(x, RATE, SAMPLE_RATE)
        names = {name: k for k, name in enumerate(sorted({e.drum for e in events}))}
        for hit, number in zip(take.hits, numbers):
            if number < 0:
                continue
            at, end = (round(v * SAMPLE_RATE / RATE) for v in (hit.onset, hit.end))
            rows.append(signature.features(signature.cells(low, at, end)))
            name = names[events[number].drum]
            labels.append(name if events[number].is_drum else -1 - name)
            takes.append(i)
        if i % 50 == 49:
            print(f"{i + 1} takes, {len(rows)} hits", flush=True)
    return np.array(rows), np.array(labels), np.array(takes)


def plain_kit(pool, rng, drums: tuple[int, int] = (3, 8)) -> dict[str, list[Sound]]:
    """Drums as they are recorded, of different shells or kinds of stroke, in one microphone."""
    mics = sorted({name.split("/")[-1] for name, s in pool.items() if s[0].is_drum})
    mic = mics[rng.integers(len(mics))]
    kit, shells, wanted = {}, set(), rng.integers(*drums)
    for name in rng.permutation(sorted(pool)):
        sound = pool[name][0]
        place = (sound.shell, _kind(name))
        fits = sound.is_drum and len(pool[name]) > 1 and name.split("/")[-1] == mic
        if fits and place not in shells and len(kit) < wanted:
            shells.add(place)
            kit[name] = pool[name]
    return kit


def _kind(name: str) -> str:
    """Side sticks are told from strokes on the head, centre and edge are not."""
    stroke = (name.split("/") + [""])[1]
    return "side stick" if stroke == "ss" else "head"


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
    logits = (SLOPE * (offset - torch.cdist(z, z) ** 2))[upper]
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


def rand_by_distance(z, labels, takes, distances=DISTANCES) -> np.ndarray:
    """Mean adjusted Rand index of the drums' hits over takes, (distances,).

    Args:
        z: signatures, (hits, numbers).
        labels, takes: as make_rows gives them.
        distances: between groups, at each of which the trees are cut.
    """
    scores = []
    for take in np.unique(takes):
        own = takes == take
        tree, truth = grouping.tree(z[own]), labels[own]
        drums = truth >= 0
        if not drums.any():
            continue
        cuts = [grouping.cut(tree, at, own.sum())[drums] for at in distances]
        scores.append([index_of_rand(truth[drums], found) for found in cuts])
    return np.mean(scores, axis=0)


def train(arguments) -> None:
    """Train and write the weights of the epoch that does best on the part "choice"."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = arguments.rows
    if made is None or not made.exists():
        learned = make_rows(take_scenes.load(arguments.folder, ("learned",)), arguments.takes, 1)
        choice = take_scenes.load(arguments.folder, ("choice",))
        watched = [make_rows(choice, arguments.takes // 8, 2),
                   make_rows(choice, arguments.takes // 16, 3, False)]  # fmt: skip
        watched[1] = (*watched[1][:2], watched[1][2] + 10**6)
        watched = tuple(np.concatenate(parts) for parts in zip(*watched))
        if made is not None:
            np.savez(made, **{f"a{i}": a for i, a in enumerate((*learned, *watched))})
    else:
        with np.load(made) as file:
            arrays = [file[f"a{i}"] for i in range(6)]
        learned, watched = arrays[:3], arrays[3:]
    net = nn.Sequential(
        nn.Dropout(DROPPED), nn.Linear(signature.N_FEATURES, signature.N_HIDDEN), nn.ReLU(),
        nn.Linear(signature.N_HIDDEN, signature.N_SIGNATURE),
    )  # fmt: skip
    offset = nn.Parameter(torch.tensor(0.6))  # distance at which it is as likely as not
    parameters = [*net.parameters(), offset]
    optimiser = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, arguments.epochs)
    x, labels, takes = (torch.tensor(a) for a in learned)
    numbers, best = torch.unique(takes), -1.0
    for epoch in range(arguments.epochs):
        net.train()
        total = []
        for chosen in numbers[torch.randperm(len(numbers))].split(BATCH):
            own = torch.isin(takes, chosen)
            z = functional.normalize(net(x[own]), dim=1)
            truth = labels[own], takes[own]
            loss = contrast(z, *truth) + calibrated(z, *truth, offset)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total.append(loss.item())
        schedule.step()
        if epoch % 10 == 9:
            values = values_of(net)
            scores = rand_by_distance(signature.signatures(watched[0], values), *watched[1:])
            if scores.max() > best:
                best = float(scores.max())
                text = weights.to_text(values, signature.WEIGHTS, signature.contract())
                save_atomically(arguments.out, lambda file, text=text: file.write(text.encode()))
            print(
                f"{epoch + 1}: {np.mean(total):.3f}, as likely as not at {offset.item():.2f}, "
                f"Rand index {scores.max():.3f} at {DISTANCES[scores.argmax()]:.2f}",
                flush=True,
            )


def values_of(net: nn.Module) -> dict[str, np.ndarray]:
    """The weights of a network, as signature.WEIGHTS."""
    state = {k: v.detach().numpy().copy() for k, v in net.state_dict().items()}
    return {
        "hidden": state["1.weight"].T, "bias_hidden": state["1.bias"],
        "out": state["3.weight"].T, "bias_out": state["3.bias"],
    }  # fmt: skip


def evaluate(arguments) -> None:
    """Print the mean adjusted Rand index of takes of a part for each distance between groups."""
    pool = take_scenes.load(arguments.folder, (arguments.part,))
    x, labels, takes = make_rows(pool, arguments.takes, 4, False)
    scores = rand_by_distance(signature.signatures(x), labels, takes)
    for distance, score in zip(DISTANCES, scores):
        print(f"{distance:.2f}: {score:.3f}")


def main(argv=None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train")
    command.add_argument("folder", type=Path)
    command.add_argument("--out", type=Path, default=signature.SHIPPED)
    command.add_argument("--takes", type=int, default=TAKES)
    command.add_argument("--epochs", type=int, default=EPOCHS)
    command.add_argument("--rows", type=Path, help="file that keeps what is composed")
    command.set_defaults(run_command=train)
    command = commands.add_parser("evaluate", help="measure")
    command.add_argument("folder", type=Path)
    command.add_argument("--part", choices=performances.PARTS, default="choice")
    command.add_argument("--takes", type=int, default=40)
    command.set_defaults(run_command=evaluate)
    arguments = parser.parse_args(argv)
    arguments.run_command(arguments)


if __name__ == "__main__":
    main()
