"""The configuration of a training run: its fields, what each allows, and how it is read."""

from dataclasses import asdict, dataclass, field, fields

from matcher.matching.features import LogCqt
from matcher.physics.theta import PRESETS
from training.dataset import SHARD, Recipe
from training.losses import Damping

LOSSES = ("p", "pnp", "mss", "jtfs", "proxy")
DAMPED = ("pnp", "proxy")
CHOICES = {
    "loss": LOSSES,
    "pitch": ("known", "unknown"),
    "metric": ("table", "network"),
    "damping": Damping.KINDS,
    "damping_matrix": ("identity", "diagonal"),
    "power": (1, 2),
}


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
    batch_size: int = 64
    learning_rate: float = 5e-4  # its maximum: a linear warm-up, then half a cosine
    weight_decay: float = 1e-2
    seed: int = 0
    loss: str = "p"  # p, pnp, mss, jtfs or proxy
    pitch: str = "unknown"  # known: an input, and the encoder infers the other four
    metric: str = "table"  # of pnp: from the table, for its sounds; or from a network, for any
    table: str = ""  # file of training.metric; "": the one that ships with the preset
    network: str = ""  # file of training.surrogate: for metric network, and for loss proxy
    power: int = 2  # of the distance that is minimised: 1, or 2, its square; not used by mss
    clip: float = 1.0  # eigenvalues of M are clipped at this quantile of the sounds' largest
    damping: str = "scheduled"  # of pnp and proxy: constant, scheduled or adaptive
    damping_start: float = 0.0  # lambda; 0: the largest clipped eigenvalue; for proxy no damping
    damping_matrix: str = "identity"  # or diagonal
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
        for name in ("epochs", "shards_per_epoch", "distinct_shards", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed is above 0")
        if not 2 <= self.batch_size <= SHARD or SHARD % self.batch_size:
            raise ValueError(f"batch_size is {self.batch_size}, allowed is a divisor of {SHARD}")
        for name in ("seed", "first_shard", "damping_start"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed is 0 or more")
        if not 0 < self.clip <= 1:
            raise ValueError(f"clip is {self.clip}, allowed is above 0, up to 1")
        self._check_files()

    def _check_files(self):
        learned = self.loss == "proxy" or (self.loss == "pnp" and self.metric == "network")
        if learned != bool(self.network):
            raise ValueError(
                f"network is {self.network!r}; a file of training.surrogate is for loss proxy, and "
                "for loss pnp where metric is network, and these need one"
            )
        if self.table and self.loss != "pnp":
            raise ValueError(f"table is {self.table!r}, but only loss pnp has one")

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole run."""
        return self.epochs * self.shards_per_epoch * SHARD // self.batch_size

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


def _build(kind, values: dict):
    types = {f.name: f.type for f in fields(kind)}
    for key, value in values.items():
        if key not in types:
            raise ValueError(f"unknown key {key!r} in {kind.__name__}, allowed: {', '.join(types)}")
        allowed = (int, float) if types[key] is float else types[key]
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise ValueError(f"{key} is {value!r}, allowed is of type {types[key].__name__}")
    return kind(**values)
