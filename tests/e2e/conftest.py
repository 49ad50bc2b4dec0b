import contextlib
import shutil
import tempfile

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


@pytest.fixture(scope="session")
def kit(tmp_path_factory):
    """A kit file: four short drums on the first pads."""
    kit = Kit()
    for i in range(4):
        kit = kit.with_pad(i, drum=Drum(DRUM._replace(omega=DRUM.omega * 1.4**i)))
    path = tmp_path_factory.mktemp("kit") / "test.drumkit"
    save_kit(kit, path)
    return path


@contextlib.contextmanager
def on_jack():
    """For what tests start on JACK; all of it is stopped in the end."""
    if shutil.which("jackd") is None:
        pytest.skip("no JACK server here: jackd2 is not installed")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("JACK_DEFAULT_SERVER", "")  # given back after the test
        patch.setenv("JACK_NO_START_SERVER", "")
        yield stack


@pytest.fixture
def stack():
    with on_jack() as stack:
        yield stack


class Stages:
    """Servers, the app on each with a kit, and the cables between them; one at a time."""

    def __init__(self, kit):
        self.kit, self.key, self.open = kit, None, contextlib.ExitStack()

    def start(self, *arguments, period: int = 128, busy: bool = False, shared: bool = False):
        """Server, app and cables.

        shared: by the tests that come next and ask for the same, none of which is disturbed by what
        the one before has played.
        """
        key = (arguments, period, busy) if shared else None
        if key is None or key != self.key:
            self.open.close()
            self.key, self.parts = key, self._start(arguments, period, busy)
        _, app, cables = self.parts
        app.forget()
        cables.feedback = 0.0
        return self.parts

    def _start(self, arguments, period, busy):
        from tests.e2e.rig import App, Cables, Server

        stack = self.open.enter_context(on_jack())
        data = stack.enter_context(tempfile.TemporaryDirectory())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("XDG_DATA_HOME", data)  # places of hits that others learned here are not used
        server = Server(period)
        stack.callback(server.stop)
        app = App("--kit", self.kit, *arguments, busy=busy)
        stack.callback(app.stop)
        app.wait_for("ready", 180)  # it compiles at its first start
        cables = Cables()
        stack.callback(cables.close)
        cables.wire()
        return server, app, cables


@pytest.fixture(scope="module")
def stages(kit):
    stages = Stages(kit)
    yield stages
    stages.open.close()


@pytest.fixture
def stage(stages):
    """Stages.start; what is not shared is stopped after the test."""
    yield stages.start
    if stages.key is None:
        stages.open.close()
