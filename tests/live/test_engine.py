import queue
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from matcher.kits.kit import Kit
from matcher.live.engine import Engine
from matcher.live.live import Live, Setup
from matcher.live.worker import Answer, Job
from matcher.matching.encoder import SHIPPED
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

TOM = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)


@pytest.fixture
def silent(monkeypatch):
    """No sound server that an engine of this test could find."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


def wait_for(engine, wanted, seconds: float = 20.0) -> dict:
    end = time.monotonic() + seconds
    while True:
        try:
            event = engine.events.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            pytest.fail("the event did not come")
        if wanted(event):
            return event


def test_without_devices_it_waits_and_says_so(silent):
    with Engine(Setup(output="no such device")) as engine:
        event = wait_for(engine, lambda e: e["event"] == "device")
        assert event["state"] == "missing"
        assert "audio" in event["name"] or "no such device" in event["name"]
        engine.set_kit(Kit().with_pad(0, theta=TOM))
        engine.strike(0, 1.0)
        engine.silence()
        engine.change(armed=3, mode="trigger", output_gain_db=-6.0)
        assert not engine.snapshot()["running"]
        with pytest.raises(ValueError, match="mode is 'play'"):
            engine.change(mode="play")


def test_a_broken_model_is_refused_at_the_start_and_later(silent, tmp_path):
    path = tmp_path / "garbage.onnx"
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"garbage.onnx is not an ONNX model, or is broken"):
        Engine(Setup(model=path))
    with Engine(Setup()) as engine:
        engine.load_model(path)
        event = wait_for(engine, lambda e: e["event"] == "error")
        assert "is not an ONNX model" in event["message"]
        engine.load_model(Path(tmp_path / "none.onnx"))
        event = wait_for(engine, lambda e: e["event"] == "error")
        assert "cannot be read" in event["message"]


def test_a_process_that_dies_is_replaced(silent):
    with Engine(Setup(output="no such device")) as engine:
        wait_for(engine, lambda e: e["event"] == "device")
        first = engine._process
        first.kill()
        assert "ended by itself" in wait_for(engine, lambda e: e["event"] == "error")["message"]
        wait_for(engine, lambda e: engine._process is not first and e["event"] == "device")
        assert engine._process.is_alive()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"mode": "play"}, "mode is 'play'"), ({"armed": 16}, "armed is 16"), ({"block": 8}, "block")],
)
def test_a_setup_that_is_not_allowed(settings, said):
    with pytest.raises(ValueError, match=said):
        Setup(**settings)


@pytest.mark.parametrize("controllers", [{200: "tau"}, {3: "loudness"}])
def test_controllers_that_are_not_allowed(controllers):
    with pytest.raises(ValueError, match="controller"):
        Setup(controllers=controllers)


def test_a_model_that_turned_to_garbage_is_replaced_by_the_shipped_one(silent, tmp_path):
    path = tmp_path / "mine.onnx"
    shutil.copy(SHIPPED, path)
    with Engine(Setup(output="no such device", model=path)) as engine:
        wait_for(engine, lambda e: e["event"] == "device")
        path.write_bytes(b"garbage")
        engine._process.kill()
        said = [wait_for(engine, lambda e: e["event"] == "error")["message"] for _ in range(2)]
        assert "ended by itself" in said[0]
        assert "mine.onnx is not an ONNX model" in said[1]
        wait_for(engine, lambda e: e["event"] == "device")
        assert engine._process.is_alive()


def test_a_model_that_was_loaded_stays_when_the_process_is_replaced(silent, tmp_path):
    path = tmp_path / "mine.onnx"
    shutil.copy(SHIPPED, path)
    with Engine(Setup(output="no such device")) as engine:
        engine.load_model(path)
        wait_for(engine, lambda e: e["event"] == "model" and e["path"] == str(path))
        assert engine.setup.model == path


def test_what_cannot_be_learned_or_heard(silent):
    with Engine(Setup(output="no such device")) as engine:
        with pytest.raises(ValueError, match="learn is 'loudness'"):
            engine.learn("loudness")
        engine.listen()
        assert "no input" in wait_for(engine, lambda e: e["event"] == "error")["message"]


@pytest.fixture
def live(silent):
    """The engine's inside without a stream."""
    live = Live(Setup(output="none of this name"), lambda event: None, time.monotonic())
    yield live
    live._worker.close()


def answer(hit: int, tau: float) -> Answer:
    job = Job(hit, 3, "full", True, False, np.ones(4800, np.float32), 48000, 0.1, time.monotonic())
    return Answer(job, Drum(TOM._replace(tau=tau)), "network")


def test_a_late_answer_to_an_older_hit_does_not_overwrite_a_newer_one(live):
    assert live._take_answer(answer(1, 0.1))
    assert live._take_answer(answer(2, 0.2))
    assert not live._take_answer(answer(1, 0.3))
    assert live.kit.pads[3].theta.tau == 0.2
    assert live._take_answer(answer(2, 0.4))
    assert live.kit.pads[3].theta.tau == 0.4


def test_a_muted_pad_gets_its_answers_and_a_turned_one_does_not(live):
    assert live._take_answer(answer(1, 0.1))
    live.kit = live.kit.with_pad(3, theta=None)  # as the window mutes it
    assert live._take_answer(answer(1, 0.2))
    live.kit = live.kit.with_value(3, "tau", 0.7)
    assert not live._take_answer(answer(1, 0.3))
    assert live.kit.pads[3].theta.tau == 0.7
