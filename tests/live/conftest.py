from dataclasses import replace

import pytest

from matcher.live import worker
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from tests.conftest import TOM

PARTIALS = (
    Partial(1, 1, 0.0, 1.0, 0.0, 0.3),
    Partial(1, 2, 60.0, 1.3, -3.0, 0.5),
    Partial(2, 2, -80.0, 0.9, -6.0, 1.0),
    Partial(2, 3, 110.0, 1.2, -8.0, 2.0),
    Partial(3, 3, -50.0, 1.0, -12.0, 2.5),
)
ONE = Drum(TOM, (0.3, 0.45), 1500.0, partials=PARTIALS)  # a drum that is known by its partials


@pytest.fixture
def patient(monkeypatch):
    """Refining ends by its units alone, so that a busy machine has the same answers."""
    monkeypatch.setattr(worker, "EFFORT", replace(worker.EFFORT, limit_s=600.0))


@pytest.fixture
def silent(monkeypatch):
    """No sound server that an engine of this test could find."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
