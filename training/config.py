"""The configuration of a training run: its fields, what each allows, and how it is read."""

import json
import math
from dataclasses import Field, asdict, dataclass, field, fields
from types import NoneType
from typing import get_args

from matcher.matching.features import LogCqt
from matcher.physics.theta import PRESETS
from training.dataset import SHARD, Recipe
from training.encoder import HEAD_SCALE, PITCH_JOINS, TRUNKS
from training.losses import Damping

LOSSES = ("p", "pnp", "mss", "jtfs", "proxy")
DAMPED = ("pnp", "proxy")
CHOICES = {
    "optimiser": ("adamw", "adam"),
    "schedule": ("cosine", "constant"),
    "loss": LOSSES,
    "pitch": ("known", "unknown"),
    "infers": ("theta", "body"),
    "trunk": tuple(TRUNKS),
    "pitch_joins": PITCH_JOINS,
    "norm_averages": ("running", "estimated"),
    "metric": ("table", "network"),
    "damping": Damping.KINDS,
    "damping_matrix": ("identity", "diagonal"),
    "pnp_unit": ("largest", "damped", "none"),
    "keeps": ("last", "best"),
    "power": (1, 2),
    "sounds": ("auto", "cpu", "device"),
    "precision": ("32-true", "bf16-mixed"),
    "execution": ("eager", "compiled"),
}
RATE = 5e-4  # learning rate at batches of RATE_BATCH
RATE_BATCH = 64  # sounds
HASHES = (
    "table_sha256",
    "network_sha256",
    "answers_sha256",
)  # fields that a run fills in by itself


@dataclass(frozen=True)
class Config:
    """Everything that the result of a training run depends on.

    Raises:
        ValueError: A field has a value that is not allowed.
    """

    recipe: Recipe = field(default_factory=Recipe)
    epochs: int = 40
    shards_per_epoch: int = 10  # of SHARD sounds each
    distinct_shards: int = 160  # after these the training sounds are repeated
    first_shard: int = 0  # where the distinct shards begin
    sounds_per_epoch: int | None = None  # drawn from all of them; None: shards_per_epoch in order
    batch_size: int = 64  # of all devices together
    optimiser: str = "adamw"  # or adam: no weight decay, the same rate for the head
    schedule: str = "cosine"  # of the learning rate: a linear warm-up, half a cosine; or constant
    learning_rate: float | None = None  # its maximum; None: as `peak_rate` says
    weight_decay: float = 1e-2  # of adamw
    seed: int = 0  # of the sounds
    model_seed: int | None = None  # of weights, order and dropout; None: that of the sounds
    dropout: float = 0.0  # probability, before the last layer and of whole blocks
    head_scale: float = HEAD_SCALE  # standard deviation of an untrained encoder before tanh
    norm_averages: str = "running"  # BatchNorm's for evaluation; or estimated, after each epoch
    # made one by one by the cpu, or in batches by the device; auto: whichever is faster
    sounds: str = "auto"
    accelerator: str = "auto"  # cpu, cuda, ...
    devices: int = 1  # processes, each with its device
    precision: str = "32-true"  # bf16-mixed: the encoder's convolutions compute in bfloat16
    execution: str = "eager"  # compiled: the encoder's convolutions by torch.compile
    infers: str = "theta"  # or body: the network for real drums, by loss p or pnp
    trunk: str = "efficientnet_b0"  # of body; or mobilenet_v3_large
    answers: str = ""  # of body: file of training.answers, for sounds that are recordings
    answers_sha256: str = ""  # of that file, as the run began
    answers_share: float = 0.5  # of the sounds, where there are answers
    loss: str = "p"  # p, pnp, mss, jtfs or proxy
    F: int = 24  # bands, width of Phi's low-pass: of loss jtfs, and of the table
    pitch: str = "unknown"  # known: the encoder infers the other four
    pitch_joins: str = "input"  # where a known pitch joins: input, or output alone
    metric: str = "table"  # of pnp: from the table, for its sounds; or from a network, for any
    table: str = ""  # file of training.metric; "": the one that ships with the preset
    table_sha256: str = ""  # of the table's file, as the run began
    network: str = ""  # file of training.surrogate: for metric network, and for loss proxy
    network_sha256: str = ""  # of that file
    power: int = 2  # of the distance that is minimised: 1, or 2, its square; not used by mss
    clip: float = 1.0  # eigenvalues of M are clipped at this quantile of the sounds' largest
    damping: str = "scheduled"  # of pnp and proxy: constant, scheduled, adaptive or falling
    damping_start: float | None = None  # lambda; None: the largest clipped eigenvalue; for proxy 0
    damping_fall: float = Damping.FALL  # factor of lambda after each scheduled epoch
    damping_matrix: str = "identity"  # or diagonal
    # of pnp, what it is divided by: the largest eigenvalue; lambda plus the median of the sounds'
    # largest, so that gradients do not shrink with lambda; or nothing
    pnp_unit: str = "largest"
    keeps: str = "last"  # epoch whose weights a complete run has: or best, of the validation loss
    warm_start: str = ""  # the run whose weights this one begins with

    def __post_init__(self):
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, "
                    f"allowed is one of: {', '.join(map(str, allowed))}"
                )
        if self.recipe.preset not in PRESETS:
            allowed = ", ".join(PRESETS)
            raise ValueError(f"preset is {self.recipe.preset!r}, allowed is one of: {allowed}")
        if not 0 <= self.recipe.augmented <= 1:
            raise ValueError(f"augmented is {self.recipe.augmented}, allowed is 0 to 1")
        for name in (
            "epochs", "shards_per_epoch", "distinct_shards", "learning_rate", "head_scale", "F",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}, allowed is above 0")
        if not 2 <= self.batch_size <= SHARD or SHARD % self.batch_size:
            raise ValueError(f"batch_size is {self.batch_size}, allowed is a divisor of {SHARD}")
        for name in ("seed", "model_seed", "first_shard", "damping_start"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} is {value}, allowed is 0 or more")
        for name in ("clip", "damping_fall"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed is above 0, up to 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, allowed is 0 to below 1")
        if not 0 < self.answers_share <= 1:
            raise ValueError(f"answers_share is {self.answers_share}, allowed is above 0, up to 1")
        self._check_epoch()
        self._check_devices()
        if self.infers == "body":
            self._check_body()
        else:
            self._check_files()

    def _check_epoch(self):
        sounds, most = self.sounds_per_epoch, self.distinct_shards * SHARD
        if sounds is not None and not (0 < sounds <= most and sounds % self.batch_size == 0):
            raise ValueError(
                f"sounds_per_epoch is {sounds}, allowed is a multiple of batch_size "
                f"({self.batch_size}) up to the {most} distinct sounds"
            )

    def _check_devices(self):
        n, shards, batch = self.devices, self.shards_per_epoch, self.batch_size
        if n < 1 or shards % n or batch % n or batch < 2 * n:
            raise ValueError(
                f"devices is {n}, allowed is a divisor of shards_per_epoch ({shards}) "
                f"and of half the batch_size ({batch})"
            )

    def _check_body(self):
        for name, value, allowed in (
            ("preset", self.recipe.preset, ("live",)),
            ("loss", self.loss, ("p", "pnp")),
            ("pitch", self.pitch, ("unknown",)),
            ("sounds", self.sounds, ("auto", "cpu")),
            ("sounds_per_epoch", self.sounds_per_epoch, (None,)),
        ):
            if value not in allowed:
                raise ValueError(
                    f"{name} is {value!r}, where the body is inferred allowed is "
                    f"{' or '.join(map(str, allowed))}"
                )

    def _check_files(self):
        if self.answers:
            raise ValueError(f"answers is {self.answers!r}, but only runs that infer the body "
                             "learn from them")  # fmt: skip
        learned = self.loss == "proxy" or (self.loss == "pnp" and self.metric == "network")
        if learned != bool(self.network):
            raise ValueError(
                f"network is {self.network!r}; a file of training.surrogate is for loss proxy, and "
                "for loss pnp where metric is network, and these need one"
            )
        if self.table and self.loss != "pnp":
            raise ValueError(f"table is {self.table!r}, but only loss pnp has one")

    @property
    def epoch_sounds(self) -> int:
        """Sounds in an epoch."""
        return self.sounds_per_epoch or self.shards_per_epoch * SHARD

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole run."""
        return self.epochs * self.epoch_sounds // self.batch_size

    @property
    def peak_rate(self) -> float:
        """The highest learning rate: as set, or that of RATE_BATCH times the root of the ratio.

        Source: Malladi, Lyu, Panigrahi and Arora, "On the SDEs and scaling rules for adaptive
        gradient algorithms" (NeurIPS 2022), the square root scaling rule; betas stay.
        """
        if self.learning_rate is not None:
            return self.learning_rate
        return RATE * math.sqrt(self.batch_size / RATE_BATCH)

    @property
    def training_seed(self) -> int:
        """Seed of all that is random but the sounds."""
        return self.seed if self.model_seed is None else self.model_seed

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """Read the configuration that a run keeps, of this version or an earlier one.

        Args:
            text: JSON of what asdict gave.

        Raises:
            ValueError: A key is unknown, or a value is not allowed.
        """
        values = _mapping("config", json.loads(text))
        if "optimiser" not in values and values.get("damping_start") == 0:
            values["damping_start"] = None  # as the earlier version wrote it
        values.setdefault("sounds", "cpu")  # it had no other way
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict) -> "Config":
        """Read a configuration from what asdict gave, or from part of it.

        Args:
            values: Fields; those that are missing have their defaults.

        Raises:
            ValueError: A key is unknown, or a value is not allowed.
        """
        values = _mapping("config", values)
        recipe = _mapping("recipe", values.pop("recipe", {}))
        cqt = _mapping("features", recipe.pop("features", {}))
        cqt = _build(LogCqt, {**asdict(Recipe().features), **cqt})
        return _build(cls, {**values, "recipe": _build(Recipe, {**recipe, "features": cqt})})


def _mapping(name: str, values) -> dict:
    if not isinstance(values, dict):
        raise ValueError(f"{name} is {values!r}, allowed is an object of keys and values")
    return dict(values)


def basic_type(f: Field) -> type:
    """What a field holds where it is not None: int, float, str, or a dataclass."""
    return next(t for t in get_args(f.type) or (f.type,) if t is not NoneType)


def _build(kind, values: dict):
    known = {f.name: f for f in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"unknown key {key!r} in {kind.__name__}, allowed: {', '.join(known)}")
        if value is None and NoneType in get_args(known[key].type):
            continue
        expected = basic_type(known[key])
        allowed = (int, float) if expected is float else expected
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise ValueError(f"{key} is {value!r}, allowed is of type {expected.__name__}")
    return kind(**values)
