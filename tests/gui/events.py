"""Events as the engine sends them."""

import numpy as np

from matcher.live.protocol import Answered, ControllerMoved, Learned
from matcher.matching.hear import Clip
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from tests.conftest import TOM

CLIP = Clip(np.zeros(480, np.float32), 48000, 0.01, False)


def answered(pad: int, theta: Theta = TOM, hit: int = 1, revision: int = 0, **more) -> Answered:
    row = {"stage": "network", "observed_part": "full", "distance": None, "spread": None,
           "no_drum_reason": "", "observed_s": 0.1, "latency_ms": 1.0, "clip": CLIP}  # fmt: skip
    return Answered(time_s=1.0, hit=hit, revision=revision, pad=pad, drum=Drum(theta), **row | more)


def moved(pad: int, turns: str, to: float, controller: int = 20, revision: int = 0):
    return ControllerMoved(time_s=1.0, revision=revision, controller=controller, value=64,
                           turns=turns, to=to, pad=pad)  # fmt: skip


def learned(pad: int, what: str, number: int, revision: int = 0) -> Learned:
    return Learned(time_s=1.0, revision=revision, what=what, number=number, pad=pad)
