"""The one place where the window meets the engine.

Threads: the engine is started in one of its own, since it compiles and loads for some seconds;
everything else happens in the window's, which asks every POLL_MS what is new. Until the engine
runs, what it is told is kept in its Setup.
"""

import contextlib
import os
import queue
import sys
import threading
from dataclasses import replace

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from matcher.kits.kit import Kit
from matcher.live.devices import Device
from matcher.live.engine import Engine
from matcher.live.live import Clip, Setup
from matcher.matching.encoder import SHIPPED

POLL_MS = 33
NICENESS = 5  # of the window's thread on Linux, where nobody may give audio threads a priority


class Link(QObject):
    """The engine, as signals: started once; said with each of its events; heard with snapshots."""

    started = pyqtSignal()
    failed = pyqtSignal(str)  # it did not start: a sentence
    said = pyqtSignal(dict)
    heard = pyqtSignal(list)  # snapshots since the last time, with their parts of the trace
    _ready = pyqtSignal(object)

    def __init__(self, setup: Setup, parent: QObject | None = None):
        super().__init__(parent)
        self._setup, self._engine = setup, None
        self._closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._ready.connect(self._begin)

    @property
    def setup(self) -> Setup:
        """What the engine is to do."""
        return self._engine.setup if self._engine else self._setup

    @property
    def running(self) -> bool:
        """Whether it has started."""
        return self._engine is not None

    def start(self) -> None:
        """Start it, in a thread of its own."""
        threading.Thread(target=self._start, args=(self._setup,), daemon=True).start()

    def set_kit(self, kit: Kit) -> None:
        """Play another kit, or this one changed."""
        if self._engine is not None:
            self._engine.set_kit(kit)
        else:
            self._setup = replace(self._setup, kit=kit)

    def change(self, **changes) -> None:
        """Change fields of Setup, but for kit and model. Raises ValueError as Engine.change."""
        if self._engine is not None:
            self._engine.change(**changes)
        else:
            self._setup = replace(self._setup, **changes)

    def use_shipped_model(self) -> None:
        """Where it did not start for its model."""
        self._setup = replace(self._setup, model=SHIPPED)
        self.start()

    def ask(self, what: str, *arguments) -> None:
        """Call a method of the engine, if it runs: strike, silence, audition, learn, listen..."""
        if self._engine is not None:
            getattr(self._engine, what)(*arguments)

    def audition(self, x: np.ndarray, sample_rate: float) -> None:
        """Play a recording."""
        self.ask("audition", x, sample_rate)

    def clip(self, pad: int) -> Clip | None:
        """What was heard of the hit that set a pad last."""
        return self._engine.clip(pad) if self._engine else None

    def devices(self) -> list[Device]:
        """Audio devices that are there."""
        return self._engine.devices() if self._engine else []

    def snapshot(self) -> dict:
        """Levels, load and counters."""
        return self._engine.snapshot() if self._engine else {"running": False}

    def messages(self) -> list[dict]:
        """The last notes and controllers."""
        return self._engine.messages() if self._engine else []

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._timer.stop()
        if self._engine is not None:
            self._engine.close()

    def _start(self, setup: Setup) -> None:
        try:
            result = Engine(setup)
        except Exception as error:  # whatever it was, the window says it
            result = str(error)
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._ready.emit(result)

    def _begin(self, result) -> None:
        if isinstance(result, str):
            self.failed.emit(result)
        elif self._closed:
            result.close()
        else:
            late = self._setup  # what was changed while it started
            self._engine = result
            result.set_kit(late.kit)
            names = ("input", "output", "block", "midi_in")
            before = result.setup
            changes = {n: getattr(late, n) for n in names if getattr(late, n) != getattr(before, n)}
            names = ("mode", "armed", "settings", "input_gain_db", "output_gain_db", "controllers")
            result.change(**changes, **{name: getattr(late, name) for name in names})
            self._timer.start()
            _give_way()
            self.started.emit()

    def _poll(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self.said.emit(self._engine.events.get_nowait())
        if snapshots := self._engine.take_snapshots():
            self.heard.emit(snapshots)


def _give_way() -> None:
    """Let audio go before this thread; a process that replaces the engine's comes from another."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
