import platform
import sys
import uuid

import numpy as np
import pytest

from matcher.kits.kit import Kit, Pad, for_pad
from matcher.physics import attack
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from matcher.plugin.export import export_plugin
from tests.physics.recorded import recorded

# Strikes on a tense drum that still rings make its pitch depend on its energy at every moment, so
# that differences of rounding grow: by some 10 dB a strike with 0.8, and hardly with this.
TENSION = 0.05
IDENTITY = uuid.UUID("6f1c5a0e-93a5-4c55-8b2a-0d8f5c1e7a42")
runs_here = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="hosts a Linux plugin"
)


def noisy(drum: Drum, seed: int, level: float = 0.05) -> Drum:
    """A drum with an attack."""
    rng = np.random.default_rng(seed)
    powers = np.where(rng.random(attack.SHAPE) < 0.2, level * rng.random(attack.SHAPE), 0)
    return for_pad(drum._replace(attack_powers=tuple(map(tuple, powers.tolist()))))


def make_kit() -> Kit:
    """Pads of all kinds: membranes, recorded drums, tense ones, attacks, chokes, curves."""
    low = Drum(Theta(2 * np.pi * 80, 0.5, 0.02, 0.01, 0.8))
    soft = low._replace(mallet_hz=900.0, tension=TENSION, strike=(0.3, 0.45))
    pads = {
        0: Pad(36, name="Kick", drum=noisy(low, 1), gain_db=-6.0),
        1: Pad(
            37, more_notes=(60, 61), name='Großes "Tom"', drum=noisy(soft, 2), pan=-0.5, tune=3.0
        ),
        2: Pad(38, name="Snare", drum=noisy(for_pad(recorded(3)), 3, 0.5), curve="exponential 1"),
        3: Pad(39, drum=for_pad(recorded(4, tension=TENSION)), as_recorded=0.6, attack_mix=0.5),
        4: Pad(40, name="Open", drum=noisy(for_pad(recorded(5)), 5), choke=1, pan=0.7),
        5: Pad(41, name="Closed", drum=noisy(low, 6)._replace(wires_s=0.2), choke=1),
        15: Pad(51, name="Fixed", drum=low, curve="fixed", gain_db=-20.0),
    }
    return Kit("Tëst kit").with_pads(pads)


@pytest.fixture(scope="session")
def kit():
    return make_kit()


@pytest.fixture(scope="session")
def clap(kit, tmp_path_factory):
    """The kit as a CLAP file for this computer."""
    folder = tmp_path_factory.mktemp("clap")
    return export_plugin(kit, folder, ["clap"], identity=IDENTITY)[0]
