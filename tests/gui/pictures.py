"""The window's pictures for the docs: python -m tests.gui.pictures FOLDER

Taken on a real JACK server: first start, after a hit from the microphone, pads played over MIDI, no
devices at all, an error; in two sizes, dark and light, text at 100 and 150 %. window.gif: a hit,
then the pads.
"""

import os
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from PyQt6.QtGui import QImage

from tests.conftest import DATA
from tests.e2e.rig import NOTE_ON, FarCables, Server
from tests.e2e.window_load import x_server

FRAME_MS = 125  # of the film
SMALL, COLORS = (960, 600), 255
LOOKS = (
    ("dark", 100, (1280, 800)), ("light", 100, (1280, 800)), ("dark", 150, (1280, 800)),
    ("dark", 100, (1920, 1080)), ("light", 150, (1920, 1080)),
)  # fmt: skip


def take(folder: Path) -> None:
    """All of them."""
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QApplication

    from gui import theme
    from gui.preferences import Preferences
    from gui.window import make_window

    app = QApplication(["drum-matcher"])
    app.setStyle("Fusion")
    theme.apply("dark", 100)
    window = make_window(Preferences())
    session, link = window.session, window.session.link

    def shots(scene: str) -> None:
        for name, scale, size in LOOKS:
            theme.apply(name, scale)
            window.comparison.restyle()
            window.resize(*size)
            window._arrange()
            QTest.qWait(200)
            window.grab().save(str(folder / f"{scene}-{name}-{scale}-{size[0]}.png"))

    film = []

    def play(what: str) -> None:
        theme.apply("dark", 100)
        window.comparison.restyle()
        window.resize(1280, 800)
        thread = threading.Thread(target=lambda: cables.play(**SOUNDS[what]()))
        thread.start()
        while thread.is_alive():
            QTest.qWait(FRAME_MS)
            film.append(_frame(window.grab()))

    server = Server(128)
    server.kill()
    window.show()
    session.start()
    while window.notice.kind != "missing":
        QTest.qWait(100)
    shots("no-devices")
    server.start()
    while not link.snapshot()["running"]:
        QTest.qWait(100)
    cables = FarCables()
    QTest.qWait(500)
    shots("first-start")
    window.notice.clear()  # between its sounds this microphone is silent to the last bit
    play("hit")
    while (
        len(window.comparison.stages.text().split("→")) < 4 or window.comparison.comparison is None
    ):
        QTest.qWait(50)
    QTest.qWait(1000)
    window.notice.clear()
    shots("after-a-hit")
    play("notes")
    shots("pads-played")
    some = np.concatenate([np.asarray(film[i]) for i in range(0, len(film), 4)])
    palette = Image.fromarray(some).quantize(COLORS)
    film = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in film]
    film[0].save(folder / "window.gif", save_all=True, append_images=film[1:], duration=FRAME_MS,
                 loop=0, optimize=True)  # fmt: skip
    session.tell("error", "/home/me/mine.onnx is not an ONNX model, or is broken")
    shots("an-error")
    cables.close()
    session.document.discard()
    link.close()
    server.stop()


def _frame(pixmap) -> Image.Image:
    """A picture of the window, smaller."""
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGB888)
    size, row = (image.width(), image.height()), image.bytesPerLine()
    data = image.bits().asstring(image.sizeInBytes())
    return Image.frombytes("RGB", size, data, "raw", "RGB", row).resize(SMALL, Image.LANCZOS)


def hit() -> dict:
    """A low tom at the microphone."""
    x, _ = soundfile.read(DATA / "tom_low.flac", dtype="float32", always_2d=True)
    return {"sound": np.concatenate([np.zeros(9600), 0.5 * x.mean(axis=1)]), "tail_s": 2.5}


def notes() -> dict:
    """One on each pad."""
    rows = [(2400 * i, (NOTE_ON, 36 + i, 60 + 4 * i)) for i in range(16)]
    return {"notes": rows, "tail_s": 0.05}


SOUNDS = {"hit": hit, "notes": notes}


def main() -> None:
    """The command line: a folder that is made."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
        screen = x_server()
        try:
            take(folder)
        finally:
            screen.terminate()


if __name__ == "__main__":
    main()
