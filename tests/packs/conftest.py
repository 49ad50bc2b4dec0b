from pathlib import Path

import pytest

from matcher.kits.kit import Kit
from matcher.kits.kit_file import load_kit

DEMO = Path(__file__).parents[2] / "gui/demo.drumkit"


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Three pads: a kick whose curve is no line, and two tablas that choke each other."""
    pads, kit = load_kit(DEMO)[0].pads, Kit("Small kit")
    kit = kit.with_pad(0, name="Kick, deep", drum=pads[0].drum, curve="exponential 1")
    kit = kit.with_pad(3, name="Tabla = <open>", drum=pads[13].drum, gain_db=-6.0, pan=0.5, choke=2)
    return kit.with_pad(4, name="", drum=pads[12].drum, choke=2, more_notes=(70,))
