"""The app as a process of its own."""

import contextlib
import subprocess
import sys
import time

import psutil
import pytest

STARTS_S = 180.0


@pytest.fixture
def app(home, monkeypatch):
    """Call it for the app, in a group of its own as in a terminal, with no sound server."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "gui", *map(str, arguments)]
        started.append(
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def engine_of(app) -> psutil.Process | None:
    """The process of its engine, once there is one."""
    for child in psutil.Process(app.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            if "spawn_main" in " ".join(child.cmdline()):
                return child
    return None


def maps(app) -> str:
    """Paths of the libraries it has loaded so far."""
    return " ".join(row.path for row in psutil.Process(app.pid).memory_maps())


def wait_until_running(app) -> psutil.Process:
    """Its engine has started, and is at rest."""
    end = time.monotonic() + STARTS_S
    while (engine := engine_of(app)) is None:
        assert time.monotonic() < end and app.poll() is None, "the engine did not start"
        time.sleep(0.1)
    before = -1.0
    while (now := sum(engine.cpu_times()[:2])) - before > 0.1 and time.monotonic() < end:
        before = now
        time.sleep(0.7)
    return engine


def interrupt(app) -> str:
    """Ctrl-C in its terminal; what it says on stderr."""
    subprocess.run(["kill", "-INT", "--", f"-{app.pid}"], check=True)
    return app.communicate(timeout=60)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_ends_window_and_engine_without_a_traceback(app):
    window = app()
    engine = wait_until_running(window)
    assert "Traceback" not in interrupt(window)
    assert window.returncode != 0
    psutil.wait_procs([engine], timeout=60)
    assert not engine.is_running()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_while_the_engine_starts(app):
    window = app()
    end = time.monotonic() + STARTS_S
    while engine_of(window) is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)  # it imports
    assert window.poll() is None and engine_of(window) is not None
    assert "Traceback" not in interrupt(window)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_while_the_window_starts(app):
    window, end = app(), time.monotonic() + STARTS_S
    while "QtWidgets" not in maps(window):  # it imports
        assert time.monotonic() < end and window.poll() is None
        time.sleep(0.01)
    assert "Traceback" not in interrupt(window)


@pytest.mark.parametrize("given", ["none.drumkit", "none.wav"])
def test_a_file_that_is_not_there_is_a_sentence(app, given):
    window = app(given)
    _, errors = window.communicate(timeout=60)
    assert errors == f"drum-matcher-gui: {given} is not a file; give one that is there\n"
    assert window.returncode == 2
