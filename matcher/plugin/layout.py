"""What a plugin is made of beside its code: the kit, its knobs, its replacer, as plain records.

The compiled template holds a record of BAKED, which an export overwrites. `export/plugin/c` reads
it as `struct baked`, and the compiled player reads KIT; whatever changes here needs new templates.
"""

from typing import NamedTuple

import numpy as np

from matcher.kits.kit import N_PADS
from matcher.live.detector import Settings
from matcher.matching import strokes
from matcher.physics import bank
from matcher.physics.drum import DRUM_PARAMETERS

# What a host can turn, of each pad. Hosts save a knob by its place: new ones come last.
KNOBS = (*DRUM_PARAMETERS, "attack_mix", "as_recorded", "tune", "gain_db", "pan")
N_KNOBS = len(KNOBS)
STRIDE = 64  # knobs that a pad has room for: knob k of pad i is parameter STRIDE i + k of the host
VERSION = 3  # of this layout
MARK = b"DRUM-MATCHER-KIT"  # stands where BAKED begins in a template
NAME_BYTES = 257  # of a name in UTF-8 and its end: 64 characters of 4 bytes


class Setting(NamedTuple):
    """A setting of the plugin as a whole: of the replacer, which plays a pad on each hit in the
    plugin's input, or of the outputs."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    default: float
    scale: float = 1.0  # units that are shown per natural unit
    steps: int = 0  # between low and high; 0: continuous
    of_replacer: bool = True
    of_effect: bool = True  # whether the effect has it as well

    @property
    def name_in_host(self) -> str:
        """As hosts show it."""
        return f"Replacer {self.label}" if self.of_replacer else self.label


# Hosts save a setting by its place, as parameter STRIDE N_PADS + place: new ones come last.
SETTINGS = (
    Setting("on", "On", "", 0.0, 1.0, 0.0, steps=1, of_effect=False),  # an effect always is
    Setting("pad", "Pad", "", 1.0, N_PADS, 1.0, steps=N_PADS - 1),  # from 1, as people count
    Setting("gain_db", "Input gain", "dB", -24.0, 24.0, 0.0),  # of what is searched for hits
    Setting("threshold_db", "Threshold", "dB", *Settings.RANGES["threshold_db"],
            Settings.threshold_db),
    Setting("sensitivity", "Sensitivity", "%", *Settings.RANGES["sensitivity"],
            Settings.sensitivity, 100.0),
    Setting("mask_ms", "Mask time", "ms", *Settings.RANGES["mask_ms"], Settings.mask_ms),
    Setting("through", "Input through", "%", 0.0, 1.0, 0.0, 100.0),  # input in the output
    # pads whose own outputs are in use leave the mix
    Setting("separate", "Separate outputs", "", 0.0, 1.0, 0.0, steps=1, of_replacer=False,
            of_effect=False),
)  # fmt: skip
N_SETTINGS = len(SETTINGS)
N_WEIGHTS = sum(int(np.prod(shape)) for shape in strokes.WEIGHTS.values())

KIT = np.dtype(
    [
        ("knobs", np.float64, (N_PADS, N_KNOBS)),  # natural units
        ("drums", bank.DRUM, N_PADS),  # what KNOBS has of them counts as it is there
        ("curve", np.float64, N_PADS),  # velocity curve, a value of kit.CURVES
        ("choke", np.int64, N_PADS),
        ("filled", np.int64, N_PADS),  # 1: a drum is on the pad
        ("pad_of", np.int64, 128),  # pad of each MIDI note, below 0 none
    ],
    align=True,
)
KNOB = np.dtype(  # how a knob or a setting is shown
    [
        ("name", "S24"),
        ("unit", "S8"),
        ("low", np.float64),  # natural units
        ("high", np.float64),
        ("scale", np.float64),  # units that are shown per natural unit
        ("is_log", np.int64),
        ("steps", np.int64),  # between low and high; 0: continuous
        ("of_replacer", np.int64),  # as Setting has them
        ("of_effect", np.int64),
    ],
    align=True,
)
_IDENTITY = [  # how BAKED begins in every version
    ("mark", f"S{len(MARK) + 8}"),
    ("version", np.int64),
    ("size", np.int64),  # bytes of this record
    ("uid", np.uint8, 16),  # the identity, of which `uri` is another form
]
IDENTIFIED = np.dtype(_IDENTITY, align=True)
BAKED = np.dtype(
    [
        *_IDENTITY,
        ("uri", "S64"),
        ("effect_uid", np.uint8, 16),  # of the effect that is in the same file
        ("effect_uri", "S64"),
        ("name", f"S{NAME_BYTES}"),
        ("pads", f"S{NAME_BYTES}", N_PADS),
        ("knobs", KNOB, N_KNOBS),
        ("kit", KIT),
        ("settings", KNOB, N_SETTINGS),
        ("initial", np.float64, N_SETTINGS),  # their values in natural units
        ("strokes", np.float32, N_WEIGHTS),  # of the network that finds hits, as WEIGHTS lists them
    ],
    align=True,
)
