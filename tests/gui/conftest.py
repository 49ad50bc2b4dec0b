import ctypes
import os
import shutil
import signal
import subprocess

import pytest
from threadpoolctl import threadpool_limits

PR_SET_PDEATHSIG = 1  # of Linux


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As the app has it: small products take longer with threads that wait for each other."""
    with threadpool_limits(1):
        yield


def _end_with_parent() -> None:
    """Called in a child process: it ends when this one does, which uses the display to its end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@pytest.fixture(scope="session")
def display():
    """A real X server where there is one, else Qt's own drawing into memory."""
    if shutil.which("Xvfb") is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield
        return
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1080x24"]
    subprocess.Popen(
        command, pass_fds=[write], stderr=subprocess.DEVNULL, preexec_fn=_end_with_parent
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ |= {"DISPLAY": f":{pipe.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
    yield


@pytest.fixture(scope="session")
def qapp_args(display):
    return ["drum-matcher"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, qapp):
    """Settings and recovery files of this test alone; nobody is asked whether to save."""
    from PyQt6.QtWidgets import QMessageBox

    from gui import theme

    discard = QMessageBox.StandardButton.Discard
    monkeypatch.setattr(QMessageBox, "question", lambda *_: discard)
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    qapp.setStyle("Fusion")
    qapp.setApplicationName("Drum matcher")
    theme.apply("dark", 100)
    return tmp_path


@pytest.fixture
def window(qtbot, home):
    """The window of a first start, its engine not started."""
    from gui.preferences import Preferences
    from gui.window import make_window

    window = make_window(Preferences())
    qtbot.addWidget(window)
    with qtbot.waitActive(window, timeout=60000):
        window.show()
        window.activateWindow()
    window.session.choose(0)
    return window
