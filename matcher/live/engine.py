"""The live engine as its clients see it: a process of its own, reached by a pipe.

A client may hold its interpreter's lock as long as it likes: audio runs in a native callback
(live.callback), and MIDI is polled in the engine's process (live.process). If PortAudio hangs
because a sound server died, that process is replaced. Threads here: one reads the pipe, one writes
to it; callers of Engine never wait for the process.
"""

import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections import deque
from multiprocessing import resource_tracker

from matcher.kits.kit import Kit
from matcher.live.devices import Device
from matcher.live.process import PREPARED, STUCK, serve
from matcher.live.protocol import (
    Activity,
    ChangeSetup,
    ControllerMoved,
    DeviceList,
    EditPads,
    Event,
    Failed,
    ModelLoaded,
    NotePlayed,
    Quit,
    ReplaceKit,
    Snapshot,
    State,
    apply,
)
from matcher.matching.encoder import SHIPPED

N_MESSAGES = 64  # messages: kept for the MIDI monitor
N_SNAPSHOTS = 100  # snapshots: 5 s, kept for a client that is slow to take them
STOP_S = 3.0  # s: time for the process to end before it is killed
HUNG_S = 3.0  # s: a process that sends no snapshot for so long hangs, and is replaced
# s: the same while it may still compile, and after it hung several times: it may need that long
MOST_HUNG_S = 60.0
GRACE_S = 0.3  # s: for snapshots to come after the whole machine slept
STEADY_S = 120.0  # s: without hanging, after which HUNG_S holds again
RETRY_S = 5.0  # s: before another start if even the shipped model cannot be used
AGAIN_S = 0.5  # s: before a process that ended is replaced


class Engine:
    """The running engine: a context manager, or call close().

    Events of the engine are in the queue `events`; `state` follows commands and events.

    Args:
        state: set-up and kit to start with. The engine waits for devices that are missing.

    Raises:
        ValueError: if the model cannot be used.
    """

    def __init__(self, state: State):
        self._state = state
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._snapshot: dict = {"running": False}
        self._devices: list[Device] = []
        self._snapshots: deque[dict] = deque(maxlen=N_SNAPSHOTS)
        self._messages: deque[Event] = deque(maxlen=N_MESSAGES)
        self._began, self._closing = time.monotonic(), False
        self._runs = self._prepared = False  # the process said that it started, and is prepared
        self._told = False  # why it is being replaced was said
        self._activity = ""  # what it said it is about to do
        self._hung_s, self._hung_at = HUNG_S, -STEADY_S
        self._lock = threading.Lock()  # guards the state and the replacement of the process
        self._commands: queue.SimpleQueue = queue.SimpleQueue()
        self._start()
        try:
            first = self._pipe.recv()  # STARTED, or a ValueError
            self._runs = True
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
        """Set-up and kit after all commands and events so far."""
        return self._state

    def send(self, command) -> None:
        """Send a command of live.protocol, without waiting for the process.

        Raises:
            ValueError: if the new state is not allowed; the command is not sent.
        """
        if isinstance(command, (ReplaceKit, EditPads, ChangeSetup)):
            self._send(lambda revision: command)
        else:  # it changes no state, so it need not wait while a process is replaced
            self._commands.put(command)

    def change(self, **changes) -> None:
        """Change fields of the set-up: sends ChangeSetup; raises as `send`."""
        self._send(lambda revision: ChangeSetup(revision, changes))

    def replace_kit(self, kit: Kit) -> None:
        """Play another kit: sends ReplaceKit."""
        self._send(lambda revision: ReplaceKit(revision, kit))

    def edit_pad(self, pad: int, **changes) -> None:
        """Change fields of a pad: sends EditPads; raises as `send`."""
        self._send(lambda revision: EditPads(revision, {pad: changes}))

    def _send(self, make) -> None:
        """Apply the command make(next revision) to the state, then send it."""
        with self._lock:
            command = make(self._state.revision + 1)
            self._state = apply(self._state, command)
            self._commands.put(command)

    def messages(self) -> list[Event]:
        """The last NotePlayed and ControllerMoved events, oldest first."""
        return list(self._messages)

    def take_snapshots(self) -> list[dict]:
        """The snapshots since the last call, oldest first, each with its part of the trace."""
        snapshots = []
        while self._snapshots:
            snapshots.append(self._snapshots.popleft())
        return snapshots

    def snapshot(self) -> dict:
        """The newest snapshot (levels, load, counters), about 50 ms old at most."""
        return self._snapshot

    def devices(self) -> list[Device]:
        """The audio devices that were present when a stream was last opened."""
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
            # if the pipe is broken, the next process starts with the newest state anyway
            with contextlib.suppress(OSError):
                self._pipe.send(command)
            if isinstance(command, Quit):
                return

    def _read(self) -> None:
        """Receive events and snapshots; replace the process if it ends by itself."""
        while not self._closing:
            try:
                if self._hangs():
                    raise OSError
                message = self._pipe.recv()
            except (EOFError, OSError):
                if self._closing or not self._replace_process():
                    return
                continue
            if isinstance(message, str):
                self._runs, self._prepared = True, message == PREPARED
            elif isinstance(message, ValueError):  # the process could not start
                self._fail(str(message))
                if self._state.setup.model == SHIPPED:
                    time.sleep(RETRY_S)
                else:
                    self._follow(ModelLoaded(time_s=self._now(), path=SHIPPED))
            elif isinstance(message, Snapshot):
                self._snapshot = message.values
                self._snapshots.append(message.values)
            elif isinstance(message, Activity):
                self._activity = message.text
            elif isinstance(message, DeviceList):
                self._devices = message.devices
            elif isinstance(message, Event):
                self._follow(message)

    def _hangs(self) -> bool:
        """Wait for a message; whether none came for too long from a process that runs, and say so.

        Until it has started, it may compile for as long as that takes.
        """
        if not self._runs:
            return False
        if self._now() - self._hung_at > STEADY_S:
            self._hung_s = HUNG_S
        limit_s = self._hung_s if self._prepared else MOST_HUNG_S
        if self._pipe.poll(limit_s) or self._pipe.poll(GRACE_S) or self._closing:
            return False
        doing = f" while {self._activity}" if self._activity else ""
        self._fail(
            f"the audio engine did not answer for {limit_s:g} s{doing} and is being restarted"
        )
        self._told, self._hung_at = True, self._now()
        self._hung_s = min(2 * self._hung_s, MOST_HUNG_S)
        return True

    def _follow(self, event: Event) -> None:
        with self._lock:
            self._state = apply(self._state, event)
        if isinstance(event, (NotePlayed, ControllerMoved)):
            self._messages.append(event)
        self.events.put(event)

    def _replace_process(self) -> bool:
        """Start another process with the current state; False if the engine is closing."""
        self._snapshot, self._runs, self._prepared = {"running": False}, False, False
        self._process.kill()
        self._process.join()
        if self._process.exitcode != STUCK and not self._told:
            self._fail("the audio engine ended by itself and is being restarted")
        self._told, self._activity = False, ""
        time.sleep(AGAIN_S)
        with self._lock:
            if not self._closing:
                try:
                    self._start()
                except OSError as error:  # the system has no room for it now
                    self._fail(f"the audio engine cannot be started: {error.strerror or error}")
                    time.sleep(RETRY_S)
        return not self._closing

    def _fail(self, message: str) -> None:
        self.events.put(Failed(time_s=self._now(), message=message))

    def _now(self) -> float:
        return time.monotonic() - self._began


@contextlib.contextmanager
def _without_interrupts():
    """Keep Ctrl-C from a process that is started in this context, even while it starts."""
    if sys.platform == "win32":  # no signal masks; the process ignores it once it runs
        yield
        return
    resource_tracker.ensure_running()  # it unblocks the signal while it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
