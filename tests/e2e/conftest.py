import contextlib
import shutil

import numpy as np
import pytest

from matcher.kits.kit import Kit
from matcher.kits.kit_file import save_kit
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

DRUM = Theta(2 * np.pi * 140, 0.1, 0.05, 0.01, 0.8)


@pytest.fixture
def long(request) -> bool:
    return request.config.getoption("--long")


@pytest.fixture
def kit(tmp_path):
    """A kit file: four short drums on the first pads."""
    kit = Kit()
    for i in range(4):
        kit = kit.with_pad(i, drum=Drum(DRUM._replace(omega=DRUM.omega * 1.4**i)))
    path = tmp_path / "test.drumkit"
    save_kit(kit, path)
    return path


@pytest.fixture
def stack(monkeypatch):
    """For what a test starts on JACK; all of it is stopped in the end."""
    if shutil.which("jackd") is None:
        pytest.skip("no JACK server here: jackd2 is not installed")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "")  # given back after the test
    monkeypatch.setenv("JACK_NO_START_SERVER", "")
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def stage(stack, kit):
    """Call it for a server, the app on it with that kit, and the cables between them."""
    from tests.e2e.rig import App, Cables, Server

    def start(*arguments, period: int = 128, busy: bool = False):
        server = Server(period)
        stack.callback(server.stop)
        app = App("--kit", kit, *arguments, busy=busy)
        stack.callback(app.stop)
        app.wait_for("ready", 60)
        cables = Cables()
        stack.callback(cables.close)
        cables.wire()
        return server, app, cables

    return start
