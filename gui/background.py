"""Work that would make the window stutter, in a thread of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PyQt6.QtCore import QObject, pyqtSignal


class Latest(QObject):
    """Does one job at a time; of those that wait only the newest.

    done: emitted in the window's thread with what the job gave; failed: with what it raised.
    """

    done = pyqtSignal(object)
    failed = pyqtSignal(str)
    _ended = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "background")
        self._running, self._next = False, None
        self._ended.connect(self._go_on)

    def do(self, job: Callable[[], object]) -> None:
        """Do a job soon, in place of one that still waits."""
        self._next = job
        if not self._running:
            self._start()

    def close(self) -> None:
        """Let nothing more begin."""
        self._next = None
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        job, self._next, self._running = self._next, None, True
        self._pool.submit(self._run, job)

    def _run(self, job) -> None:
        try:
            result = job()
        except Exception as error:  # whatever it was, the window goes on
            result = error
        self._ended.emit(result)

    def _go_on(self, result) -> None:
        self._running = False
        if self._next is not None:
            self._start()
        elif isinstance(result, Exception):
            self.failed.emit(str(result))
        else:
            self.done.emit(result)
