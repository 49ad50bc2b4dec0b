"""The settings of every run of the study, by the name that its tables give it.

"Clipped PNP" is ours: eigenvalues of M are clipped, M of any sound comes from a network, and the
distance is minimised, not its square. The authors' own PNP is in studies/paper.py.
"""

from training.dataset import SHARD, Recipe

PRESET = "paper"
PITCH = ("unknown", "known")

# sounds; those of the shipped metric table
METRIC_SOUNDS = 4096
# sounds; the network of Phi is exact to less than a tenth of the distance of two random sounds
PHI_SOUNDS = 8192
# sounds; makes the standard error of a mean distance some 2 % of it
TEST_SOUNDS = 1024
# shards; more than ten minutes of P-loss take, so that those after them are fresh
WARM_SHARDS = 80
# minutes; what the table and its network take on two cores
EXTRA_MINUTES = {"P, and the metric's time": 16.0}
# nu; about the error of a trained encoder
SECANT_STEP = 0.1

# Every run, unless its own settings differ: clean sounds, those of the table.
BASE = {
    "recipe": Recipe(PRESET, augmented=0.0),
    "distinct_shards": METRIC_SOUNDS // SHARD,
    "shards_per_epoch": 2,
    "learning_rate": 3e-4,
}
FRESH = {"first_shard": WARM_SHARDS, "distinct_shards": 200}
PNP = {"loss": "pnp", "power": 1, "clip": 0.1, "damping": "scheduled"}
ANY_SOUND = {"metric": "network"} | FRESH
SQUARES = {"power": 2, "clip": 0.5}

# Runs that continue from the warm start, at both pitch settings.
LOSSES = {
    "P": FRESH,
    "clipped PNP": PNP | ANY_SOUND,
    "Phi network": {"loss": "proxy", "power": 1, "damping": "scheduled", "damping_start": 1e3}
    | FRESH,
    "multi-scale STFT": {"loss": "mss"} | FRESH,
    "JTFS": {"loss": "jtfs", "shards_per_epoch": 1} | FRESH,
    "P, sounds of the table": {},
    "clipped PNP, table": PNP,
    "P, and the metric's time": FRESH,
}
# Runs at unknown pitch alone: clipped PNP and the network of Phi with one setting changed.
VARIANTS = {
    "clipped PNP, constant lambda": PNP
    | ANY_SOUND
    | {"damping": "constant", "damping_start": 10.0},
    "clipped PNP, adaptive lambda": PNP
    | ANY_SOUND
    | {"damping": "adaptive", "learning_rate": 3e-5},
    "multi-scale STFT, a tenth of the rate": {"loss": "mss", "learning_rate": 3e-5} | FRESH,
    "JTFS, a tenth of the rate": {"loss": "jtfs", "shards_per_epoch": 1, "learning_rate": 3e-5}
    | FRESH,
    "P, distance": {"power": 1} | FRESH,
    "squares of PNP, clipped at the median": PNP | ANY_SOUND | SQUARES,
    "squares of PNP, table, clipped at the median": PNP | SQUARES,
    "distance of PNP, not clipped": PNP | ANY_SOUND | {"clip": 1.0},
    "clipped PNP, diagonal": PNP | ANY_SOUND | {"damping_matrix": "diagonal"},
    "clipped PNP, table of secants": PNP | {"table": "secants"},
    "Phi network, squares, undamped": {"loss": "proxy"} | FRESH,
}
# Runs whose damping is drawn over their epochs.
LAMBDA_SHOWN = (
    "clipped PNP", "clipped PNP, constant lambda", "clipped PNP, adaptive lambda",
)  # fmt: skip
