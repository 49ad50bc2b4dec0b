"""The picture of the list of a take for the docs: python -m tests.gui.take_picture FILE

The take is composed of recordings in tests/data.
"""

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

from matcher.matching.encoder import SHIPPED
from matcher.takes import drums, hits
from matcher.takes.drum_list import DrumList
from tests.e2e.window_load import x_server
from tests.takes import composed

DRUMS = ("kick_kit.flac", "snare_kit.flac", "tom_high.flac", "tom_low.flac", "rim.flac")
N_HITS, COLORS = 60, 256


def draw(path: Path, kept: Path) -> None:
    """Fit the drums and draw the list; kept: folder of fits."""
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QApplication

    from gui import theme
    from gui.panels.take_dialog import TakeDialog
    from gui.take_editor import TakeEditor
    from gui.take_fits import TakeFits
    from matcher.kits.kit import Kit

    app = QApplication(["drum-matcher"])
    app.setStyle("Fusion")
    theme.apply("dark", 100)
    take = hits.of_samples(composed.take(N_HITS, names=DRUMS)[0], composed.RATE)
    measured = drums.measure(take)
    list_ = DrumList.of(take, measured, drums.find(take, measured))
    fits = TakeFits(kept, SHIPPED)
    dialog = TakeDialog(TakeEditor(list_, fits, "rehearsal", Kit()))
    dialog.show()
    while not dialog.editor.ready:
        QTest.qWait(100)
    dialog.table.choose(min(2, len(list_.rows) - 1))
    dialog.resize(dialog.width(), round(0.8 * dialog.height()))
    QTest.qWait(300)
    dialog.grab().save(str(path))
    dialog.done(0)
    Image.open(path).convert("RGB").quantize(COLORS).save(path, optimize=True)


def main() -> None:
    """The command line: a file to write."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
        screen = x_server()
        try:
            draw(Path(sys.argv[1]), Path(home))
        finally:
            screen.terminate()


if __name__ == "__main__":
    main()
