"""A take of known truth for the replacer, and what it is to become by the instrument's detector."""

import numpy as np
import soxr

from matcher.kits.kit import Kit, Pad
from matcher.live.detector import Settings, detect, known_within, make_detector
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from tests.conftest import DATA
from tests.plugin.app import HIT
from training.performances import RATE, SCENES, compose, load

CLICK = Drum(Theta(2 * np.pi * 1000, 0.01, 0.02, 0.01, 0.8))  # over 0.12 s after its strike
CLICK_PAD = 2


def make_take(scene: str, hits: int, rate: int = RATE, seed: int = 0, folder=DATA):
    """A performance of recorded hits at a sample rate -> (samples,) float32, and its onsets.

    Of a folder that has drums kept apart from training, these are taken.
    """
    x, onsets, _ = compose(load(folder, "apart") or load(folder), SCENES[scene], hits, seed)
    if rate != RATE:
        x = soxr.resample(x, RATE, rate)
    return x.astype(np.float32), np.round(np.asarray(onsets) * rate / RATE).astype(int)


def click_kit() -> Kit:
    """A kit whose strikes are so short that each can be told from the sound."""
    return Kit("Clicks").with_pads({CLICK_PAD: Pad(38, name="Click", drum=CLICK)})


def hits_of(x: np.ndarray, rate: int, settings: Settings | None = None) -> list[tuple[int, float]]:
    """Onsets and peaks of hits, as the detector of the instrument finds them."""
    found = detect(make_detector(settings or Settings(), rate)[0], x)
    return [(f.onset, f.peak) for f in found if not f.reason]


def strikes(found, pad: int, rate: int) -> list[tuple]:
    """When the replacer is to play hits, and how, as messages of App."""
    latency = known_within(Settings.scan_ms, 0.0, float(rate))
    return [(onset + latency, (HIT, pad, peak)) for onset, peak in found]


def onsets_in(out: np.ndarray) -> np.ndarray:
    """Frames at which a sound begins after silence; a strike's first frame is zero itself."""
    sounding = np.flatnonzero(np.any(out, axis=0))
    return sounding[np.diff(sounding, prepend=-1000) > 100] - 1
