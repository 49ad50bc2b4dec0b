"""What a plugin is made of beside its code: the kit, its names and its knobs, as plain records.

The compiled template holds a record of BAKED, which an export overwrites. `export/plugin/c` reads
it as `struct baked`, and the compiled player reads KIT; whatever changes here needs new templates.
"""

import numpy as np

from matcher.kits.kit import N_PADS
from matcher.physics import bank
from matcher.physics.drum import DRUM_PARAMETERS

# What a host can turn, of each pad. Hosts save a knob by its place: new ones come last.
KNOBS = (*DRUM_PARAMETERS, "attack_mix", "as_recorded", "tune", "gain_db", "pan")
N_KNOBS = len(KNOBS)
STRIDE = 64  # knobs that a pad has room for: knob k of pad i is parameter STRIDE i + k of the host
VERSION = 1  # of this layout
MARK = b"DRUM-MATCHER-KIT"  # stands where BAKED begins in a template
NAME_BYTES = 257  # of a name in UTF-8 and its end: 64 characters of 4 bytes

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
KNOB = np.dtype(  # how a knob is shown
    [
        ("name", "S24"),
        ("unit", "S8"),
        ("low", np.float64),  # natural units
        ("high", np.float64),
        ("scale", np.float64),  # units that are shown per natural unit
        ("is_log", np.int64),
    ],
    align=True,
)
BAKED = np.dtype(
    [
        ("mark", f"S{len(MARK) + 8}"),
        ("version", np.int64),
        ("size", np.int64),  # bytes of this record
        ("uid", np.uint8, 16),  # the identity, of which `uri` is another form
        ("uri", "S64"),
        ("name", f"S{NAME_BYTES}"),
        ("pads", f"S{NAME_BYTES}", N_PADS),
        ("knobs", KNOB, N_KNOBS),
        ("kit", KIT),
    ],
    align=True,
)
