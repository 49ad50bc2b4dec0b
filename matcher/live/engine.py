"""The live engine as its clients use it: a process of its own, spoken to by a pipe.

A client may hold its interpreter's lock for as long as it likes: audio runs in a native callback
(live.callback), MIDI is polled in the engine's process (live.process), and where PortAudio hangs
because a sound server died, the process is replaced. Threads here: one that reads the pipe and one
that writes it.
"""

import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from multiprocessing import resource_tracker

from matcher.kits.kit import Kit
from matcher.live.devices import Device
from matcher.live.process import STUCK, serve
from matcher.live.protocol import (
    ChangeSetup,
    ControllerMoved,
    DeviceList,
    EditPads,
    Event,
    Failed,
    NotePlayed,
    Quit,
    ReplaceKit,
    Snapshot,
    State,
    apply,
)
from matcher.matching.encoder import SHIPPED

N_MESSAGES = 64  # MIDI messages that the monitor keeps
N_SNAPSHOTS = 100  # snapshots that wait for a client, 5 s of them
STOP_S = 3.0  # s after which the process is killed
RETRY_S = 5.0  # s before another try where even the shipped model is no good
AGAIN_S = 0.5  # s before a process that ended is replaced


class Engine:
    """The running engine. Its Events wait in `events`; its state follows commands and events.

    Use as a context manager, or call close().

    Args:
        state: set-up and kit. Absent devices are no error, they are waited for.

    Raises:
        ValueError: where the set-up or the model is no good.
    """

    def __init__(self, state: State):
        self._state = state
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._snapshot: dict = {"running": False}
        self._devices: list[Device] = []
        self._snapshots: deque[dict] = deque(maxlen=N_SNAPSHOTS)
        self._messages: deque[Event] = deque(maxlen=N_MESSAGES)
        self._began, self._closing = time.monotonic(), False
        self._lock = threading.Lock()  # of the state, and of the process being replaced
        self._commands: queue.SimpleQueue = queue.SimpleQueue()
        self._start()
        try:
            first = self._pipe.recv()  # that it has started, or why not
        except EOFError:
            first = ValueError("the audio engine's process ended as it started; try again")
        if isinstance(first, ValueError):
            self._process.join(STOP_S)
            raise first
        threading.Thread(target=self._read, name="engine reader", daemon=True).start()
        threading.Thread(target=self._write, name="engine writer", daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @property
    def state(self) -> State:
        """Set-up and kit as commands and events have made them."""
        return self._state

    def send(self, command) -> None:
        """Send one of protocol's commands; who sends never waits for a process that hangs.

        Raises:
            ValueError: where the state would not be allowed; nothing is sent.
        """
        self._send(lambda revision: command)

    def change(self, **changes) -> None:
        """Change fields of Setup, as ChangeSetup."""
        self._send(lambda revision: ChangeSetup(revision, changes))

    def replace_kit(self, kit: Kit) -> None:
        """Play another kit, as ReplaceKit."""
        self._send(lambda revision: ReplaceKit(revision, kit))

    def edit_pad(self, pad: int, **changes) -> None:
        """Change fields of a pad, as EditPads."""
        self._send(lambda revision: EditPads(revision, {pad: changes}))

    def _send(self, make) -> None:
        """Send make(the next revision) once the state has taken it over."""
        with self._lock:
            command = make(self._state.revision + 1)
            self._state = apply(self._state, command)
            self._commands.put(command)

    def messages(self) -> list[Event]:
        """The last notes and controllers, oldest first, each with what became of it."""
        return list(self._messages)

    def take_snapshots(self) -> list[dict]:
        """Those since the last call, oldest first, each with its part of the trace."""
        snapshots = []
        while self._snapshots:
            snapshots.append(self._snapshots.popleft())
        return snapshots

    def snapshot(self) -> dict:
        """Levels, load and counters, some 50 ms old at most."""
        return self._snapshot

    def devices(self) -> list[Device]:
        """The audio devices that there were when one was last opened."""
        return self._devices

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closing = True
            self._commands.put(Quit())
        self._process.join(STOP_S)
        if self._process.is_alive():  # PortAudio hangs
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, self._state, self._began), name="engine", daemon=True
        )
        with _without_interrupts():
            self._process.start()
        theirs.close()

    def _write(self) -> None:
        while True:
            command = self._commands.get()
            # where the pipe is broken, the process that takes over begins with the newest state
            with contextlib.suppress(OSError):
                self._pipe.send(command)
            if isinstance(command, Quit):
                return

    def _read(self) -> None:
        """Take what the process says; replace it where it ended by itself."""
        while not self._closing:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                if self._closing or not self._replace_process():
                    return
                continue
            if isinstance(message, ValueError):  # the process could not start
                self._fail(str(message))
                if self._state.setup.model == SHIPPED:
                    time.sleep(RETRY_S)
                else:
                    with self._lock:
                        setup = replace(self._state.setup, model=SHIPPED)
                        self._state = replace(self._state, setup=setup)
            elif isinstance(message, Snapshot):
                self._snapshot = message.values
                self._snapshots.append(message.values)
            elif isinstance(message, DeviceList):
                self._devices = message.devices
            elif isinstance(message, Event):
                self._follow(message)

    def _follow(self, event: Event) -> None:
        with self._lock:
            self._state = apply(self._state, event)
        if isinstance(event, (NotePlayed, ControllerMoved)):
            self._messages.append(event)
        self.events.put(event)

    def _replace_process(self) -> bool:
        """Start another process with the state as it is; False where the engine is closing."""
        self._snapshot = {"running": False}
        self._process.kill()
        self._process.join()
        if self._process.exitcode != STUCK:
            self._fail("the audio engine ended by itself and is started again")
        time.sleep(AGAIN_S)
        with self._lock:
            if not self._closing:
                self._start()
        return not self._closing

    def _fail(self, message: str) -> None:
        self.events.put(Failed(time_s=time.monotonic() - self._began, message=message))


@contextlib.contextmanager
def _without_interrupts():
    """A process that is started here does not receive Ctrl-C, not even while it starts."""
    if sys.platform == "win32":  # there the process ignores it once it has started
        yield
        return
    resource_tracker.ensure_running()  # it unblocks the signal while it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
