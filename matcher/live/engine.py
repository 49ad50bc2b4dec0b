"""The live engine as app and command line use it: a process of its own, spoken to by a pipe.

What shows things may hold its interpreter's lock for as long as it likes: audio runs in a native
callback (live.callback), MIDI is polled in the engine's process (live.live), and where
PortAudio hangs because a sound server died, the process is replaced. Threads here: one that reads
the pipe and one that writes it.
"""

import contextlib
import multiprocessing
import os
import queue
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np

from matcher.kits.kit import Kit
from matcher.live.detector import Settings
from matcher.live.devices import Device
from matcher.live.live import LEARNED, Clip, Live, Setup, Stuck, answered
from matcher.matching.encoder import SHIPPED

N_MESSAGES = 64  # that the monitor keeps
N_SNAPSHOTS = 100
TURN_S = 0.001  # of the engine's main thread
SNAPSHOT_S = 0.05
STOP_S = 3.0  # after which the process is killed
RETRY_S = 5.0  # before another try where even the shipped model is no good
STUCK = 3  # exit status of a process in which PortAudio hangs
AGAIN_S = 0.5  # before a process that ended is replaced


class Engine:
    """The running engine. Events are dicts, as `live --json` prints them; take them from `events`.

    Raises ValueError where the setup or the model is no good; absent devices are no error, they are
    waited for. Use as a context manager, or call close().
    """

    def __init__(self, setup: Setup):
        self.setup, self.kit = setup, setup.kit
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self._snapshot = {"running": False}
        self._devices: list[Device] = []
        self._clips: dict[int, Clip] = {}
        self._snapshots: deque = deque(maxlen=N_SNAPSHOTS)
        self._messages: deque = deque(maxlen=N_MESSAGES)
        self._began, self._closing = time.monotonic(), False
        self._lock = threading.Lock()
        self._asked: queue.SimpleQueue = queue.SimpleQueue()
        self._start()
        try:
            first = self._pipe.recv()  # that it has started, or why not
        except EOFError:
            first = ValueError("the audio engine's process ended as it started; try again")
        if isinstance(first, ValueError):
            self._process.join(STOP_S)
            raise first
        self._reader = threading.Thread(target=self._read, name="engine pipe", daemon=True)
        self._reader.start()
        threading.Thread(target=self._write, name="engine asks", daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def set_kit(self, kit: Kit) -> None:
        """Play another kit, or this one changed."""
        self.kit = kit
        self._ask("set_kit", kit)

    def change(self, **changes) -> None:
        """Change fields of Setup, but for kit and model; other devices are opened at once.

        Raises ValueError, and changes nothing, where a value is not allowed.
        """
        self.setup = replace(self.setup, **changes)
        self._ask("set_setup", changes)

    def rescan(self) -> None:
        """Look for devices that came; what sounds is cut off."""
        self._ask("rescan")

    def audition(self, x: np.ndarray, sample_rate: float) -> None:
        """Play a recording, x (samples,), instead of one that plays; an empty one stops that."""
        self._ask("audition", np.asarray(x, np.float32), sample_rate)

    def strike(self, pad: int, velocity: float) -> None:
        """Play a pad, 0 to 15, with a velocity in [0, 1]."""
        self._ask("strike", pad, velocity)

    def silence(self) -> None:
        """Fade out everything."""
        self._ask("silence")

    def load_model(self, path: str | Path) -> None:
        """Use another model; an `error` event says where it is no good, and the old one stays."""
        self._ask("load_model", path)

    def learn(self, what: str | None) -> None:
        """Give one of kit.TURNED the next controller, or the armed pad ("note") the next note.

        A `learned` event says which it was. None: nothing any more.
        """
        if what is not None and what not in LEARNED:
            raise ValueError(f"learn is {what!r}, allowed is one of: {', '.join(LEARNED)}")
        self._ask("learn", what)

    def listen(self) -> None:
        """Set gain, threshold, sensitivity and mask by the next few hits.

        A `listened` event says to what, or an `error` event why not.
        """
        self._ask("listen")

    def messages(self) -> list[dict]:
        """The last notes and controllers, oldest first, each with what became of it."""
        return list(self._messages)

    def take_snapshots(self) -> list[dict]:
        """Those since the last call, oldest first, each with its part of the trace."""
        snapshots = []
        while self._snapshots:
            snapshots.append(self._snapshots.popleft())
        return snapshots

    def snapshot(self) -> dict:
        """Levels, load and counters, at most SNAPSHOT_S old."""
        return self._snapshot

    def devices(self) -> list[Device]:
        """The audio devices that there were when one was last opened."""
        return self._devices

    def clip(self, pad: int) -> Clip | None:
        """What was heard of the hit that set a pad, 0 to 15, last."""
        return self._clips.get(pad)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closing = True
        self._ask("quit")
        self._process.join(STOP_S)
        if self._process.is_alive():  # PortAudio hangs
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        setup = replace(self.setup, kit=self.kit)
        self._process = context.Process(
            target=_serve, args=(theirs, setup, self._began), name="engine", daemon=True
        )
        self._process.start()
        theirs.close()

    def _ask(self, what: str, *arguments) -> None:
        self._asked.put((what, *arguments))  # who asks never waits for a process that hangs

    def _write(self) -> None:
        while True:
            asked = self._asked.get()
            # a pipe that is broken is being replaced, and told the newest setup and kit
            with contextlib.suppress(OSError):
                self._pipe.send(asked)
            if asked[0] == "quit":
                return

    def _read(self) -> None:
        """Take what the process says; replace it when it ends by itself."""
        while not self._closing:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                if self._closing:
                    return
                self._snapshot = {"running": False}
                self._process.kill()
                self._process.join()
                if self._process.exitcode != STUCK:
                    message = "the audio engine ended by itself and is started again"
                    self.events.put(self._event("error", message=message))
                time.sleep(AGAIN_S)
                with self._lock:
                    if self._closing:
                        return
                    self._start()
                continue
            if isinstance(message, ValueError):  # the process could not start
                self.events.put(self._event("error", message=str(message)))
                if self.setup.model == SHIPPED:
                    time.sleep(RETRY_S)
                else:
                    self.setup = replace(self.setup, model=SHIPPED)
            elif not isinstance(message, dict):
                pass  # it has started
            elif message["event"] == "snapshot":
                self._snapshot = message
                self._snapshots.append(message)
            elif message["event"] == "devices":
                self._devices = message["devices"]
            elif message["event"] == "clip":
                self._clips[message["pad"] - 1] = message["clip"]
            else:
                self._follow(message)
                self.events.put(message)

    def _event(self, kind: str, **more) -> dict:
        return {"event": kind, "time_s": round(time.monotonic() - self._began, 6), **more}

    def _follow(self, event: dict) -> None:
        """Keep here what a process that replaces this one has to know."""
        kind, pad = event["event"], (event.get("pad") or 0) - 1
        if kind in ("note", "control"):
            self._messages.append(event)
        if kind == "theta":
            self.kit = self.kit.with_pad(pad, **answered(event))
        elif kind == "control" and event["to"] is not None:
            self.kit = self.kit.with_value(pad, event["turns"], event["to"])
        elif kind == "learned" and event["what"] == "note":
            self.kit = self.kit.with_note(pad, event["number"])
        elif kind == "learned":
            controllers = {
                cc: name for cc, name in self.setup.controllers.items() if name != event["what"]
            }
            self.setup = replace(
                self.setup, controllers=controllers | {event["number"]: event["what"]}
            )
        elif kind == "model":
            self.setup = replace(self.setup, model=Path(event["path"]))
        elif kind == "listened":
            names = Settings.RANGES
            settings = Settings(**{name: event[name] for name in names})
            self.setup = replace(self.setup, settings=settings, input_gain_db=event["gain_db"])


def _serve(pipe, setup: Setup, began: float) -> None:
    """The engine's process."""
    sys.setswitchinterval(0.0005)  # MIDI shares the interpreter with the worker
    to_send: queue.SimpleQueue = queue.SimpleQueue()
    try:
        live = Live(setup, to_send.put, began)
    except ValueError as error:
        pipe.send(error)
        return
    pipe.send("started")
    threading.Thread(target=_send_all, args=(pipe, to_send), name="pipe", daemon=True).start()
    next_snapshot = 0.0
    while True:
        try:
            while pipe.poll():
                what, *arguments = pipe.recv()
                if what == "quit":
                    live.close()
                    return
                if what == "set_setup":
                    live.set_setup(**arguments[0])
                else:
                    getattr(live, what)(*arguments)
            live.step()
        except ValueError as error:
            live.say("error", message=str(error))
        except (EOFError, OSError):  # the other side is gone
            return
        except Stuck:
            time.sleep(0.05)  # what was said goes out
            os._exit(STUCK)  # PortAudio's own clean-up would hang or abort
        now = time.monotonic()
        if now >= next_snapshot:
            next_snapshot = now + SNAPSHOT_S
            to_send.put({"event": "snapshot", **live.snapshot()})
        time.sleep(TURN_S)


def _send_all(pipe, to_send) -> None:
    while True:
        try:
            pipe.send(to_send.get())
        except OSError:
            return
