"""Drawing the picture of a match in a process of its own, which loads matplotlib meanwhile."""

import pickle
import subprocess
import sys

from matcher.matching.shown import Shown

COMMAND = ("-P", "-m", "matcher.matching.picture")  # -P: no modules of the folder that it runs in


class Painter:
    """A process that draws one picture; a context manager, which ends it.

    It is told nothing but what to draw, and where it cannot be started or fails, this process draws
    instead: whatever is wrong is then reported from here.
    """

    def __init__(self):
        try:
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def draw(self, shown: Shown) -> bytes:
        """Draw a match: a PNG file."""
        png = self._drawn(shown)
        if not png:
            from matcher.matching.picture import to_png

            png = to_png(shown)
        return png

    def _drawn(self, shown: Shown) -> bytes:
        """The picture as the process draws it; empty where it does not."""
        if self._process is None:
            return b""
        png, _ = self._process.communicate(pickle.dumps(shown))
        return png if self._process.returncode == 0 else b""
