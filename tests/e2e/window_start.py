"""How soon the window is usable: python -m tests.e2e.window_start

Starts the app three times with nothing compiled or unpacked (an empty cache) and three times after
that; on a real JACK server and a real X server. Seconds from the start of its process.
"""

import os
import subprocess
import sys
import tempfile
import time

from tests.e2e.rig import Server
from tests.e2e.window_load import x_server

TIMES = 3
CHILD = """
import os, sys, time
began = float(os.environ["BEGAN"])
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from gui import preferences, theme
from gui.window import make_window
app = QApplication(["drum-matcher"])
app.setStyle("Fusion")
remembered = preferences.load()
theme.apply(remembered.theme, remembered.text_scale)
window = make_window(remembered)
window.show()
window.session.start()
QTimer.singleShot(0, lambda: print(f"window {time.time() - began:.2f} s", end=", "))
def look():
    if window.session.link.snapshot()["running"]:
        print(f"input and sound {time.time() - began:.2f} s", flush=True)
        window.session.close()
        os._exit(0)
timer = QTimer()
timer.timeout.connect(look)
timer.start(20)
app.exec()
"""


def main() -> None:
    """Cold and warm."""
    server, screen = Server(64), x_server()
    try:
        with tempfile.TemporaryDirectory() as home:
            for kind in ("cold", "warm"):
                for number in range(TIMES):
                    cache = f"{home}/{number}"  # empty the first time
                    more = {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_CACHE_HOME": cache,
                            "NUMBA_CACHE_DIR": cache, "BEGAN": str(time.time())}  # fmt: skip
                    print(kind, end=": ", flush=True)
                    subprocess.run([sys.executable, "-c", CHILD], env=os.environ | more, check=True)
    finally:
        server.stop()
        screen.terminate()


if __name__ == "__main__":
    main()
