import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from matcher.kits.kit import Kit
from matcher.live import protocol
from matcher.live.engine import Engine
from matcher.live.protocol import (
    Calibrate,
    ControllerMoved,
    DeviceChanged,
    Failed,
    Learn,
    Learned,
    LoadModel,
    ModelLoaded,
    Setup,
    Silence,
    State,
    Strike,
)
from matcher.matching.encoder import SHIPPED
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from tests.conftest import TOM


def wait_for(engine, kind, seconds: float = 60.0):
    """The next event of a class."""
    end = time.monotonic() + seconds
    while True:
        try:
            event = engine.events.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            pytest.fail("the event did not come")
        if isinstance(event, kind):
            return event


NO_DEVICE = Setup(output="no such device")


def test_without_devices_the_engine_waits_and_reports_it(silent):
    with Engine(State(NO_DEVICE, Kit().with_pad(0, drum=Drum(TOM)))) as engine:
        event = wait_for(engine, DeviceChanged)
        assert event.state == "missing"
        assert "audio" in event.name or "no such device" in event.name
        engine.edit_pad(0, gain_db=-3.0)
        engine.send(Strike(0, 1.0))
        engine.send(Silence())
        engine.change(armed=3, mode="trigger", output_gain_db=-6.0)
        assert not engine.snapshot()["running"]
        with pytest.raises(ValueError, match="mode is 'play'"):
            engine.change(mode="play")
        assert engine.state.setup.mode == "trigger"
        assert engine.state.kit.pads[0].gain_db == -3.0


def test_a_broken_model_is_refused_at_the_start_and_later(silent, tmp_path):
    path = tmp_path / "garbage.onnx"
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"garbage.onnx is not an ONNX model, or is broken"):
        Engine(State(Setup(model=path)))
    with Engine(State(Setup())) as engine:
        engine.send(LoadModel(path))
        assert "is not an ONNX model" in wait_for(engine, Failed).message
        engine.send(LoadModel(Path(tmp_path / "none.onnx")))
        assert "cannot be read" in wait_for(engine, Failed).message


def test_a_process_that_dies_is_replaced_and_the_kit_kept(silent):
    with Engine(State(NO_DEVICE)) as engine:
        wait_for(engine, DeviceChanged)
        engine.edit_pad(2, drum=Drum(TOM))
        first = engine._process
        first.kill()
        assert "ended by itself" in wait_for(engine, Failed).message
        wait_for(engine, DeviceChanged)
        assert engine._process is not first
        assert engine._process.is_alive()
        assert engine.state.kit.pads[2].theta == TOM


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_a_process_that_hangs_is_replaced_the_kit_kept_and_the_user_told(silent):
    with Engine(State(NO_DEVICE)) as engine:
        wait_for(engine, DeviceChanged)
        engine.edit_pad(2, drum=Drum(TOM))
        first, end = engine._process, time.monotonic() + 200
        while not engine._prepared:  # until then it may compile, and is given more time
            assert time.monotonic() < end
            time.sleep(0.05)
        os.kill(first.pid, signal.SIGSTOP)
        began = time.monotonic()
        message = wait_for(engine, Failed).message
        print(f"stopped; told after {time.monotonic() - began:.1f} s: {message}")
        assert "did not answer for 3 s" in message
        wait_for(engine, DeviceChanged)
        assert engine._process is not first
        assert engine._process.is_alive()
        assert engine.state.kit.pads[2].theta == TOM
        assert engine._hung_s == 6.0  # what it does may take longer than that


ORPHAN = """
import time
from matcher.live.engine import Engine
from matcher.live.protocol import Setup, State
if __name__ == "__main__":
    print(Engine(State(Setup(output="no such device")))._process.pid, flush=True)
    time.sleep(600)
"""


def test_an_engine_whose_parent_died_ends_itself(silent, tmp_path):
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    process = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    began = time.monotonic()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < began + 60, "the engine lives on"
        time.sleep(0.05)
    print(f"parent killed; the engine ended {time.monotonic() - began:.1f} s later")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"mode": "play"}, "mode is 'play'"), ({"armed": 16}, "armed is 16"), ({"block": 8}, "block"),
     ({"solo": frozenset({16})}, "solo is 16"), ({"input_channel": -1}, "input channel is 0"),
     ({"output_channel": 64}, "output channel is 65, allowed is 1 to 64")],
)  # fmt: skip
def test_a_setup_that_is_not_allowed_is_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Setup(**settings)


@pytest.mark.parametrize("controllers", [{200: "tau"}, {3: "loudness"}])
def test_controllers_that_are_not_allowed_are_refused(controllers):
    with pytest.raises(ValueError, match="controller"):
        Setup(controllers=controllers)


def test_a_model_that_became_broken_is_replaced_by_the_shipped_one(silent, tmp_path):
    path = tmp_path / "mine.onnx"
    shutil.copy(SHIPPED, path)
    with Engine(State(Setup(output="no such device", model=path))) as engine:
        wait_for(engine, DeviceChanged)
        path.write_bytes(b"garbage")
        engine._process.kill()
        messages = [wait_for(engine, Failed).message for _ in range(2)]
        assert "ended by itself" in messages[0]
        assert "mine.onnx is not an ONNX model" in messages[1]
        wait_for(engine, DeviceChanged)
        assert engine._process.is_alive()


def test_a_model_that_was_loaded_stays_when_the_process_is_replaced(silent, tmp_path):
    path = tmp_path / "mine.onnx"
    shutil.copy(SHIPPED, path)
    with Engine(State(NO_DEVICE)) as engine:
        engine.send(LoadModel(path))
        assert wait_for(engine, ModelLoaded).path == path
        assert engine.state.setup.model == path
        path.unlink()  # so that the next process says which one it looks for
        engine._process.kill()
        assert "ended by itself" in wait_for(engine, Failed).message
        assert f"model {path} cannot be read" in wait_for(engine, Failed).message
        assert wait_for(engine, ModelLoaded).path == SHIPPED
        assert engine.state.setup.model == SHIPPED


def test_an_unknown_parameter_is_not_learned_and_no_input_not_calibrated(silent):
    with pytest.raises(ValueError, match="learn is 'loudness'"):
        Learn("loudness")
    with Engine(State(NO_DEVICE)) as engine:
        engine.send(Calibrate())
        assert "no input" in wait_for(engine, Failed).message


def test_no_update_is_lost_between_caller_and_reader(silent):
    with Engine(State(NO_DEVICE)) as engine:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        names = list(PARAMETERS)

        def follow():  # as the reader thread does
            for i in range(2000):
                engine._follow(Learned(time_s=0.0, revision=engine.state.revision, pad=0,
                                       what=names[i % len(names)], number=i % 128))  # fmt: skip
                moved = {"controller": 1, "value": 1, "turns": "pan", "pad": 1}
                revision = engine.state.revision
                engine._follow(ControllerMoved(time_s=0.0, revision=revision, to=i / 2000, **moved))

        thread = threading.Thread(target=follow)
        try:
            thread.start()
            for i in range(2000):
                engine.change(input_gain_db=i / 100)
                engine.edit_pad(2, gain_db=-i / 100)
                assert engine.state.setup.input_gain_db == i / 100
                assert engine.state.kit.pads[2].gain_db == -i / 100
            thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert engine.state.revision == 4000
        assert sorted(engine.state.setup.controllers.values()) == sorted(names)
        assert engine.state.kit.pads[1].pan == 1999 / 2000


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_ends_live_without_a_traceback(silent):
    command = [sys.executable, "-m", "matcher", "live", "--json", "--output", "no such device"]
    # groups of their own, so that Ctrl-C reaches the engine's process as in a terminal
    app = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    app.stdout.readline()  # the engine runs
    subprocess.run(["kill", "-INT", "--", f"-{app.pid}"], check=True)
    _, errors = app.communicate(timeout=60)
    assert (app.returncode, errors) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
@pytest.mark.parametrize("after_s", [0.6, 1.2])
def test_ctrl_c_while_live_starts(silent, after_s):
    command = [sys.executable, "-m", "matcher", "live", "--output", "no such device"]
    app = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(after_s)
    subprocess.run(["kill", "-INT", "--", f"-{app.pid}"], check=True)
    _, errors = app.communicate(timeout=60)
    assert "Traceback" not in errors
    assert app.returncode in (0, 130, -signal.SIGINT)


def test_events_are_immutable():
    for kind in vars(protocol).values():
        if isinstance(kind, type) and issubclass(kind, protocol.Event):
            assert kind.__dataclass_params__.frozen
