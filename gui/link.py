"""The one place where the window meets the engine.

Threads: the engine is started in one of its own, since it compiles and loads for some seconds;
everything else happens in the window's, which polls the engine every POLL_MS. Commands that are
sent while the engine starts wait here.
"""

import contextlib
import os
import queue
import sys
import threading

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from matcher.live.devices import Device
from matcher.live.engine import Engine
from matcher.live.protocol import ChangeSetup, EditPads, Event, Learn, ReplaceKit, State

WAITING = (ReplaceKit, EditPads, ChangeSetup, Learn)  # commands sent while the engine starts
POLL_MS = 33  # ms between two polls: about every second frame of the screen
NICENESS = 5  # of the window's thread on Linux, where audio threads rarely get a priority


class Link(QObject):
    """The engine, as signals.

    Signals:
        started: the engine runs.
        failed: it did not start; a sentence why.
        happened: each protocol.Event. The name `event` is taken by QObject.
        snapshots: the list of snapshots since the last time, with their parts of the trace.
    """

    started = pyqtSignal()
    failed = pyqtSignal(str)
    happened = pyqtSignal(object)
    snapshots = pyqtSignal(list)
    _ready = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._engine: Engine | None = None
        self._starting = self._closed = False
        self._waiting: list = []  # commands
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._ready.connect(self._begin)

    @property
    def running(self) -> bool:
        """Whether the engine has started."""
        return self._engine is not None

    def start(self, state: State) -> None:
        """Start the engine with a state, in a thread of its own."""
        self._starting, self._waiting = True, []
        threading.Thread(target=self._start, args=(state,), daemon=True).start()

    def send(self, command) -> None:
        """Send a command.

        Dropped before `start`, whose state has what it would change; while the engine starts, those
        wait that change something, so that nothing is played late.
        """
        if self._engine is not None:
            self._engine.send(command)
        elif self._starting and isinstance(command, WAITING):
            self._waiting.append(command)

    def devices(self) -> list[Device]:
        """The audio devices found last."""
        return self._engine.devices() if self._engine else []

    def snapshot(self) -> dict:
        """Peaks, load and counters."""
        return self._engine.snapshot() if self._engine else {"running": False}

    def messages(self) -> list[Event]:
        """The last notes and controllers."""
        return self._engine.messages() if self._engine else []

    def close(self) -> None:
        """End the engine."""
        self._closed = True
        self._timer.stop()
        if self._engine is not None:
            self._engine.close()

    def _start(self, state: State) -> None:
        try:
            result = Engine(state)
        except Exception as error:  # whatever it was, the window says it
            result = str(error)
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._ready.emit(result)

    def _begin(self, result) -> None:
        self._starting = False
        if isinstance(result, str):
            self.failed.emit(result)
        elif self._closed:
            result.close()
        else:
            self._engine = result
            for command in self._waiting:
                result.send(command)
            self._timer.start()
            _lower_priority()
            self.started.emit()

    def _poll(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self.happened.emit(self._engine.events.get_nowait())
        if snapshots := self._engine.take_snapshots():
            self.snapshots.emit(snapshots)


def _lower_priority() -> None:
    """Let audio go before this thread; a process that replaces the engine's comes from another."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
