"""How long it takes from a take to its kit on the pads: python -m tests.gui.take_time FOLDER

FOLDER: recordings with a hits.csv, as of training/take_kits.py. A take of a minute is composed of
its kit for development and dropped on the window, as by someone who changes nothing in the list.
Prints clicks, seconds, and the longest time in which the window did not answer.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from matcher.recording import write_wav
from tests.e2e.window_load import x_server
from training import take_kits, take_scenes
from training.performances import RATE

SCENE = take_kits.SCENES["close, hats -26 dB"]
SHOWN_MS = 1500  # ms after the click in which the window shows what has changed
BEAT_MS = 10  # ms between two looks at whether the window answers


def compose(folder: Path, path: Path) -> None:
    """Write a take of a minute."""
    pool = take_scenes.load(folder, ("learned", "choice"))
    hats = [s for name, own in pool.items() if name == "gogodze_hl/hl/close" for s in own]
    x, _ = take_scenes.compose(take_kits.gogodze(pool, "close"), hats, SCENE, 0)
    write_wav(path, x, RATE)


def measure(path: Path) -> None:
    """Drop a take, take the list over, and print what it took; then once more, fits kept."""
    from PyQt6.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
    from PyQt6.QtGui import QDropEvent
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QApplication

    from gui import theme
    from gui.preferences import Preferences
    from gui.window import make_window

    app = QApplication(["drum-matcher"])
    app.setStyle("Fusion")
    theme.apply("dark", 100)
    window = make_window(Preferences())
    window.show()
    QTest.qWait(1000)
    takes, left = window.files.takes, Qt.MouseButton.LeftButton
    beats = [(time.perf_counter(), time.thread_time())]
    timer = QTimer(interval=BEAT_MS)
    timer.timeout.connect(lambda: beats.append((time.perf_counter(), time.thread_time())))
    timer.start()
    for what in ("the first time", "opened again"):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        began, n = time.perf_counter(), len(beats)
        window.dropEvent(QDropEvent(QPointF(200, 300), Qt.DropAction.CopyAction, data, left,
                                    Qt.KeyboardModifier.NoModifier))  # fmt: skip
        while takes.sheet is None:
            QTest.qWait(BEAT_MS)
        listed = time.perf_counter()
        while not takes.sheet.editor.ready:
            QTest.qWait(BEAT_MS)
        fitted, words = time.perf_counter(), takes.sheet.words.text()
        QTest.mouseClick(takes.sheet.put_button, left)
        done = time.perf_counter()
        QTest.qWait(SHOWN_MS)
        takes.discard()
        (wall, own), *_ = sorted(
            ((b[0] - a[0], b[1] - a[1]) for a, b in zip(beats[n - 1 :], beats[n:])), reverse=True
        )
        print(f"{what}: {words}; dropped, then one click")
        print(f"  {listed - began:.1f} s to the list, {fitted - listed:.1f} s to the last twin, "
              f"{done - fitted:.2f} s to the pads; longest without an answer {wall:.2f} s, "
              f"in which the window's thread computed {own:.2f} s",
              flush=True)  # fmt: skip
    window.files.may_leave = lambda: True  # without asking
    window.close()


def main() -> None:
    """The command line: a folder of recordings."""
    with tempfile.TemporaryDirectory() as home:
        places = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        os.environ |= dict.fromkeys(places, home)
        path = Path(home) / "take.wav"
        compose(Path(sys.argv[1]), path)
        screen = x_server()
        try:
            measure(path)
        finally:
            screen.terminate()


if __name__ == "__main__":
    main()
