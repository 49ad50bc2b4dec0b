"""Work that would make the window stutter, in a thread of its own."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PyQt6.QtCore import QObject, pyqtSignal


class Background(QObject):
    """Does one job at a time; newest_only: drops all but the newest waiting job and its result.

    Signals, in the window's thread:
        done: what a job returned.
        failed: what it raised, as text.
    """

    done = pyqtSignal(object)
    failed = pyqtSignal(str)
    _ended = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None, newest_only: bool = False):
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "background")
        self._running, self._waiting, self._newest_only = False, deque(), newest_only
        self._ended.connect(self._go_on)

    def do(self, job: Callable[[], object]) -> None:
        """Queue a job."""
        if self._newest_only:
            self._waiting.clear()
        self._waiting.append(job)
        if not self._running:
            self._start()

    def close(self) -> None:
        """Start no more jobs."""
        self._waiting.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def finish(self) -> None:
        """Start no more jobs but those that wait, which the app does before it ends."""
        for job in self._waiting:
            self._pool.submit(job)
        self._waiting.clear()
        self._pool.shutdown(wait=False)

    def _start(self) -> None:
        self._running = True
        self._pool.submit(self._run, self._waiting.popleft())

    def _run(self, job) -> None:
        try:
            result = job()
        except Exception as error:  # whatever it was, the window goes on
            result = error
        self._ended.emit(result)

    def _go_on(self, result) -> None:
        self._running, outdated = False, self._newest_only and bool(self._waiting)
        if self._waiting:
            self._start()
        if outdated:
            return
        if isinstance(result, Exception):
            self.failed.emit(str(result))
        else:
            self.done.emit(result)
