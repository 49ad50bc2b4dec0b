"""The picture of a take in the window, for the docs: python -m tests.gui.take_picture FILE

The take is composed of recordings in tests/data, and dropped on the window as it is at first.
"""

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.e2e.window_load import x_server
from tests.takes import composed

DRUMS = ("kick_kit.flac", "snare_kit.flac", "tom_high.flac", "tom_low.flac", "rim.flac")
N_HITS, COLORS, SIZE = 60, 256, (1280, 800)


def draw(path: Path, take: Path) -> None:
    """Open a take, fit its drums, put them on the pads and draw the list beside them."""
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QApplication

    from gui import theme
    from gui.preferences import Preferences
    from gui.window import make_window

    app = QApplication(["drum-matcher"])
    app.setStyle("Fusion")
    theme.apply("dark", 100)
    window = make_window(Preferences())
    window.resize(*SIZE)
    window.show()
    window.session.new_kit()
    takes = window.files.takes
    takes.open_take(take)
    while takes.sheet is None or not takes.sheet.editor.ready:
        QTest.qWait(100)
    takes.sheet.put_button.click()
    while window.comparison.comparison is None:
        QTest.qWait(100)
    takes.show()
    takes.sheet.table.choose(2)
    window.notice.clear()
    QTest.qWait(500)
    window.grab().save(str(path))
    window.session.save(take.with_name("kit.drumkit"))  # so that nobody is asked
    window.close()
    Image.open(path).convert("RGB").quantize(COLORS).save(path, optimize=True)


def main() -> None:
    """The command line: a file to write."""
    with tempfile.TemporaryDirectory() as home:
        places = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        os.environ |= dict.fromkeys(places, home)
        take = Path(home) / "rehearsal.wav"
        composed.write(take, n_hits=N_HITS, names=DRUMS)
        screen = x_server()
        try:
            draw(Path(sys.argv[1]), take)
        finally:
            screen.terminate()


if __name__ == "__main__":
    main()
