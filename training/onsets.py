"""Train and measure the network that finds strokes.

    python -m training.onsets train FOLDER --out RUN     FOLDER: recordings with a hits.csv of kits
    python -m training.onsets ship RUN                   its weights into the package
    python -m training.onsets evaluate FOLDER [--part apart]

Training resumes where it was interrupted: takes and the state of the optimiser are kept in RUN.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from matcher.matching import strokes, weights
from matcher.recording import save_atomically
from training import performances
from training.onset_evaluation import BLOCK, DETECTORS, HEADER, block_us, evaluate, f_table, line
from training.takes import Pool, labels, make_take

TAKES = 500
SHARD = 100  # takes: kept in one file
SEQUENCE = 500  # frames, through which gradients go back
WARM_UP = 20  # frames at the beginning of a take that do not count
BATCH = 80  # takes
EPOCHS = 13
LEARNING_RATE = 6e-3  # at the highest, after which it falls as a cosine
WEIGHT_DECAY = 1e-3
PASSES = (1, 4)  # times that a take is played: the noise of a long performance is followed up
LOSS_SHARES = (1.0, 0.5, 0.7)  # of the outputs
PERFORMANCES = 12  # of a scene, to compare detectors
THRESHOLD_DB = 6.0  # dB: by which the threshold of a take varies from epoch to epoch


class StrokeNet(nn.Module):
    """The network of matcher.matching.strokes, for training."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(strokes.N_INPUTS, strokes.N_HIDDEN, batch_first=True)
        self.out = nn.Linear(strokes.N_HIDDEN, len(strokes.OUTPUTS))

    def forward(self, x: torch.Tensor, state=None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (takes, frames, N_INPUTS), state before -> logits (takes, frames, outputs), state
        after."""
        hidden, state = self.gru(x, state)
        return self.out(hidden), state

    def weights(self) -> dict[str, np.ndarray]:
        """The weights as matcher.matching.strokes.WEIGHTS has them."""
        tensors = {
            "of_input": self.gru.weight_ih_l0.T, "of_state": self.gru.weight_hh_l0.T,
            "bias_input": self.gru.bias_ih_l0, "bias_state": self.gru.bias_hh_l0,
            "of_output": self.out.weight.T, "bias_output": self.out.bias,
        }  # fmt: skip
        return {name: t.detach().numpy().astype(np.float32) for name, t in tensors.items()}


def powers_of(x: np.ndarray) -> np.ndarray:
    """Powers of the frames of a sound at performances.RATE, (frames, N_BANDS) float32."""
    record = strokes.make_strokes(performances.RATE, 1.0, _no_weights())[0]
    out = np.zeros((len(x) * strokes.FRAMES_PER_S // performances.RATE + 1, strokes.N_BANDS), "f4")
    return out[: strokes.powers(record, x, out, np.zeros(len(out), "f4"))]


def inputs_of(power: np.ndarray, threshold_db: float) -> np.ndarray:
    """Inputs of the network (frames, N_INPUTS) float32, for a detector's threshold."""
    threshold = 10 ** (threshold_db / 10) / 2
    record = strokes.make_strokes(performances.RATE, threshold, _no_weights())[0]
    out = np.empty((len(power), strokes.N_INPUTS), np.float32)
    strokes.inputs(record, power, out)
    return out


def _no_weights():
    return {name: np.zeros(shape, np.float32) for name, shape in strokes.WEIGHTS.items()}


def make_shard(pool: Pool, folder: Path, index: int, count: int = SHARD) -> dict:
    """The takes of a shard: powers (takes, FRAMES, N_BANDS), targets, weights and thresholds; kept
    in the folder."""
    path = folder / f"takes-{index}.npz"
    if path.is_file():
        return dict(np.load(path))
    rows = [make_take(pool, index * 10_000 + i) for i in range(count)]
    both = [labels(take) for take in rows]
    shard = {
        "power": np.stack([powers_of(take.x) for take in rows]),
        "target": np.stack([t for t, _ in both]).astype(np.float16),
        "weight": np.stack([w for _, w in both]).astype(np.float16),
        "threshold_db": np.array([take.threshold_db for take in rows]),
    }
    save_atomically(path, lambda file: np.savez(file, **shard))
    return shard


def batches(shards: dict, epoch: int):
    """Inputs, targets and weights of an epoch: BATCH takes at a time, SEQUENCE after SEQUENCE.

    Yields:
        Whether the takes are new ones, and three tensors (takes, SEQUENCE, ...).
    """
    rng = np.random.default_rng(epoch)
    jitter = rng.uniform(-THRESHOLD_DB, THRESHOLD_DB, len(shards["power"]))
    order = rng.permutation(len(jitter))
    for start in range(0, len(order) - BATCH // 2, BATCH):
        chosen = order[start : start + BATCH]
        thresholds = shards["threshold_db"][chosen] + jitter[chosen]
        times = rng.choice(PASSES, len(chosen))
        x = np.stack(
            [
                inputs_of(np.tile(power, (n, 1)), threshold)[-len(power) :]
                for power, threshold, n in zip(shards["power"][chosen], thresholds, times)
            ]
        )
        rows = [x, *(shards[name][chosen].astype(np.float32) for name in ("target", "weight"))]
        rows[2][:, :WARM_UP] = 0
        for at in range(0, x.shape[1], SEQUENCE):
            yield at == 0, *(torch.from_numpy(a[:, at : at + SEQUENCE]) for a in rows)


def loss_of(net: StrokeNet, x, target, weight, state=None):
    """Weighted cross-entropy of the outputs, each a mean over its frames.

    Returns:
        The loss, its parts, and the state of the network after the sequence: a long performance has
        states that no single sequence comes to, so the next one begins with it.
    """
    logits, state = net(x, state)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    means = (entropy * weight).sum(dim=(0, 1)) / weight.sum(dim=(0, 1)).clamp(min=1)
    return (means * torch.tensor(LOSS_SHARES)).sum(), means.detach(), state.detach()


def train(arguments) -> None:
    """Train on the part "learned" of a folder's recordings, watch the part "choice"."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    pools = {
        part: Pool(performances.load(arguments.folder, part)) for part in ("learned", "choice")
    }
    parts = []
    for i in range(arguments.takes // SHARD):
        parts.append(make_shard(pools["learned"], arguments.out, i))
        print(f"takes {(i + 1) * SHARD}, {time.monotonic() - began:.0f} s", flush=True)
        if time.monotonic() - began > arguments.seconds:
            return
    shards = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    watched = make_shard(pools["choice"], arguments.out, 900_000 // SHARD)
    _fit(shards, watched, arguments, began)


def _fit(shards, watched, arguments, began) -> None:
    torch.manual_seed(0)
    net = StrokeNet()
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, arguments.epochs)
    path, first, best = arguments.out / "state.pt", 0, np.inf
    if path.is_file():
        kept = torch.load(path, weights_only=False)
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        schedule.load_state_dict(kept["schedule"])
        first, best = kept["epoch"], kept["best"]
    for epoch in range(first, arguments.epochs):
        total, before = [], None
        for new, *rows in batches(shards, epoch):
            loss, _, before = loss_of(net, *rows, None if new else before)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            total.append(loss.item())
        schedule.step()
        loss, each = _watch(net, watched)
        print(f"{epoch + 1}: {np.mean(total):.4f}, apart {loss:.4f} {each}, "
              f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        if loss < best:
            best = loss
            text = weights.to_text(net.weights(), strokes.WEIGHTS, strokes.contract())
            save_atomically(arguments.out / "strokes.json", lambda f, t=text: f.write(t.encode()))
        state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(),
                 "schedule": schedule.state_dict(), "epoch": epoch + 1, "best": best}  # fmt: skip
        save_atomically(path, lambda file, s=state: torch.save(s, file))
        if time.monotonic() - began > arguments.seconds:
            return


@torch.no_grad()
def _watch(net: StrokeNet, watched: dict) -> tuple[float, np.ndarray]:
    """The mean loss of takes that are not trained on, and its parts."""
    rows, before = [], None
    for new, *batch in batches(watched, 0):
        *row, before = loss_of(net, *batch, None if new else before)
        rows.append(row)
    losses, parts = zip(*rows)
    return float(np.mean([float(x) for x in losses])), torch.stack(parts).mean(0).numpy().round(4)


def ship(arguments) -> None:
    """Copy the weights of a run into the package."""
    text = (arguments.run / "strokes.json").read_text()
    weights.read(arguments.run / "strokes.json", strokes.WEIGHTS, strokes.contract())
    save_atomically(strokes.SHIPPED, lambda file: file.write(text.encode()))


def compare(arguments) -> None:
    """Print how well detectors find the hits of performances, as a table."""
    recordings = performances.load(arguments.folder, arguments.part)
    rows = []
    print(HEADER)
    for row in evaluate(recordings, arguments.performances, arguments.detectors):
        print(line(row), flush=True)
        rows.append(row)
    print(f_table(rows))
    print(f"the live detector takes {block_us():.1f} us a block of {BLOCK} frames")


def main(argv=None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train")
    command.add_argument("folder", type=Path)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--takes", type=int, default=TAKES)
    command.add_argument("--epochs", type=int, default=EPOCHS)
    command.add_argument("--seconds", type=float, default=1e9, help="stop after so many; resume "
                         "by the same command")  # fmt: skip
    command.set_defaults(run_command=train)
    command = commands.add_parser("evaluate", help="compare detectors")
    command.add_argument("folder", type=Path)
    command.add_argument("--part", choices=performances.PARTS, default="all")
    command.add_argument("--performances", type=int, default=PERFORMANCES)
    command.add_argument("--detectors", nargs="+", choices=tuple(DETECTORS),
                         default=tuple(DETECTORS), metavar="NAME")  # fmt: skip
    command.set_defaults(run_command=compare)
    command = commands.add_parser("ship", help="copy the weights of a run into the package")
    command.add_argument("run", type=Path)
    command.set_defaults(run_command=ship)
    arguments = parser.parse_args(argv)
    arguments.run_command(arguments)


if __name__ == "__main__":
    main()
