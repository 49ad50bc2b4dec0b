"""The fits of a take's drums, made by processes of their own while the list is on the screen.

Threads: one looks up what is kept and begins the fits that are missing, since the first of them
starts processes; these give way to everything else, and all results come to the window's thread as
signals. The processes belong to that one thread and to the window's, under a lock.
"""

import contextlib
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from gui.background import Background
from matcher.takes import fits, kept
from matcher.takes.drum_list import DrumList
from matcher.takes.fits import Fitters, Progress
from matcher.takes.fitting import Fitted

EFFORT = "normal"  # as the command line: the same take gives the same drums
NICENESS = 10  # of the processes that fit: those that play come first
MOST_KEPT = 500  # fits in the folder, some 10 kB each


class TakeFits(QObject):
    """Fits what a list wants on pads; what was fitted once is never fitted again.

    Signals:
        changed: something was fitted, or cannot be.
        failed: no more can be fitted; a sentence why.

    Args:
        folder: where fits are kept and looked for.
        model: file of the network.
        processes: how many fit at once; None: all but one of the processors.
    """

    changed = pyqtSignal()
    failed = pyqtSignal(str)
    _ended = pyqtSignal(object, object)  # hits, and what came of them; from another thread

    def __init__(self, folder: Path, model: Path, processes: int | None = None, parent=None):
        super().__init__(parent)
        self._folder, self._model = folder, model
        self._processes = processes or max(1, fits.processors() - 1)
        self._fitters: Fitters | None = None  # from the first fit on
        self._lock, self._closed = threading.Lock(), False
        self._running: dict[tuple[int, ...], Future | None] = {}  # None: being looked up
        self._fitted: dict[tuple[int, ...], Fitted] = {}
        self._wrong: dict[tuple[int, ...], str] = {}
        self._keys: dict[tuple[int, ...], str] = {}
        self._wanted: set[tuple[int, ...]] = set()
        self._began, self._n_made, self._last = 0.0, 0, 0.0
        self._look_up, self._keeping = Background(self), Background(self)
        self._look_up.done.connect(self._take_begun)
        self._look_up.failed.connect(self._fail)
        self._ended.connect(self._take)

    def want(self, list_: DrumList) -> None:
        """Fit what this list wants on pads and has no fit; begin nothing else."""
        rows = {list_.rows[i].hits: i for i in list_.on_pads}
        self._wanted = set(rows)
        for hits in [h for h, future in self._running.items() if h not in rows and future]:
            if self._running[hits].cancel():
                del self._running[hits]
        done = self._fitted.keys() | self._wrong.keys() | self._running.keys()
        new = {hits: list_.struck(i) for hits, i in rows.items() if hits not in done}
        if new:
            if not self._running:
                self._began, self._n_made, self._last = time.monotonic(), 0, time.monotonic()
            self._running |= dict.fromkeys(new)
            self._look_up.do(lambda: self._begin(new))
        self.changed.emit()

    def fit_of(self, hits: tuple[int, ...]) -> Fitted | None:
        """The drum fitted to these hits; None as long as there is none."""
        return self._fitted.get(hits)

    def problem_of(self, hits: tuple[int, ...]) -> str:
        """Why no drum can be fitted to these hits; empty where nothing is known against it."""
        return self._wrong.get(hits, "")

    @property
    def progress(self) -> Progress:
        """How far the wanted drums are."""
        left = len(self._wanted & self._running.keys())
        total = len(self._wanted)
        if not left or not self._n_made:
            return Progress(total - left, total, None if left else 0.0)
        each_s = (self._last - self._began) / self._n_made
        left_s = max(1.0, each_s * left - (time.monotonic() - self._last))
        return Progress(total - left, total, left_s)

    def close(self) -> None:
        """End all that is being fitted; what was fitted is kept for the next time."""
        self._closed = True
        self._look_up.close()
        self._keeping.finish()
        self._running.clear()
        self._wanted.clear()
        self._end()

    def rest(self) -> None:
        """End the processes unless they are fitting; the next fit starts others."""
        if not self._running:
            self._end()

    def _begin(self, jobs: dict) -> list:
        """Of each job: its hits, key, and its fit if it is kept, else a Future; in a thread."""
        kept.thin_out(self._folder, MOST_KEPT)
        sha256, rows = fits.sha256_of(self._model), []
        for hits, job in jobs.items():
            key = kept.key_of(job, EFFORT, sha256)
            fitted = kept.load(self._folder, key)
            rows.append((hits, key, self._submit(job) if fitted is None else fitted))
        return rows

    def _submit(self, job) -> Future:
        """Begin a fit; in a thread. Its result is an error where it cannot be begun."""
        with self._lock:
            try:
                if self._closed:
                    raise BrokenProcessPool
                if self._fitters is None:
                    self._fitters = Fitters(self._processes, NICENESS)
                return self._fitters.submit(0, job, EFFORT, self._model)
            except BrokenProcessPool as error:
                failed = Future()
                failed.set_exception(error)
                return failed

    def _take_begun(self, rows: list) -> None:
        for hits, key, found in rows:
            self._keys[hits] = key
            if isinstance(found, Fitted):
                self._fitted[hits] = found
                self._running.pop(hits, None)
            elif hits in self._wanted or not found.cancel():
                self._running[hits] = found
                found.add_done_callback(lambda done, hits=hits: self._tell(hits, done))
            else:
                self._running.pop(hits, None)
        self.changed.emit()

    def _fail(self, reason: str) -> None:
        """Fit none of those that were being looked up."""
        self._wrong |= {hits: reason for hits, future in self._running.items() if future is None}
        self._running = {hits: future for hits, future in self._running.items() if future}
        self.failed.emit(reason)
        self.changed.emit()

    def _tell(self, hits, future: Future) -> None:
        """Called in a thread of the pool."""
        if future.cancelled():
            return
        error = future.exception()
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._ended.emit(hits, error or future.result()[1])

    def _take(self, hits, result) -> None:
        if self._running.pop(hits, None) is None:
            return  # closed meanwhile
        self._n_made, self._last = self._n_made + 1, time.monotonic()
        if isinstance(result, BrokenProcessPool):
            self._wrong[hits] = fits.ENDED
            self._stop()
        elif isinstance(result, Exception):
            self._wrong[hits] = str(result)
        else:
            self._fitted[hits] = result
            key = self._keys[hits]  # what cannot be kept is only fitted again the next time
            self._keeping.do(lambda: kept.save(self._folder, key, result))
        self.changed.emit()

    def _stop(self) -> None:
        """Fit no more: processes ended by themselves."""
        self._end()
        waiting, self._running = self._running, {}
        self._wrong |= dict.fromkeys(waiting, fits.ENDED)
        self.failed.emit(fits.ENDED)

    def _end(self) -> None:
        with self._lock:
            if self._fitters is not None:
                self._fitters.end()
                self._fitters = None
