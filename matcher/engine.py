"""The live engine as app and command line use it: a process of its own, spoken to by a pipe.

What shows things may hold its interpreter's lock for as long as it likes: audio runs in a native
callback (matcher.callback), MIDI is polled in the engine's process (matcher.live), and where
PortAudio hangs because a sound server died, the process is replaced. Threads here: one that reads
the pipe.
"""

import contextlib
import multiprocessing
import os
import queue
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from matcher import detector
from matcher.kit import Kit
from matcher.live import Live, Setup, Stuck
from matcher.theta import Theta

TURN_S = 0.001  # of the engine's main thread
SNAPSHOT_S = 0.05
STOP_S = 3.0  # after which the process is killed
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
        self._began, self._closing = time.monotonic(), False
        self._lock = threading.Lock()
        self._start()
        first = self._pipe.recv()  # that it has started, or why not
        if isinstance(first, ValueError):
            self._process.join(STOP_S)
            raise first
        self._reader = threading.Thread(target=self._read, name="engine pipe", daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def set_kit(self, kit: Kit) -> None:
        """Play another kit, or this one changed."""
        self.kit = kit
        self._ask("set_kit", kit)

    def arm(self, pad: int) -> None:
        """Choose the pad, 0 to 15, that a hit sets or plays."""
        self._change(armed=pad)

    def set_mode(self, mode: str) -> None:
        """match: a hit sets the armed pad's drum; trigger: it plays it."""
        self._change(mode=mode)

    def set_detection(self, settings: detector.Settings) -> None:
        """How hits are looked for."""
        self._change(settings=settings)

    def set_input_gain(self, gain_db: float) -> None:
        """Gain of the microphone, dB."""
        self._change(input_gain_db=gain_db)

    def strike(self, pad: int, velocity: float) -> None:
        """Play a pad, 0 to 15, with a velocity in [0, 1]."""
        self._ask("strike", pad, velocity)

    def silence(self) -> None:
        """Fade out everything."""
        self._ask("silence")

    def load_model(self, path: str | Path) -> None:
        """Use another model; an `error` event says where it is no good, and the old one stays."""
        self._ask("load_model", path)

    def snapshot(self) -> dict:
        """Levels, load and counters, at most SNAPSHOT_S old."""
        return self._snapshot

    def close(self) -> None:
        """End the process."""
        self._closing = True
        self._ask("quit")
        self._process.join(STOP_S)
        if self._process.is_alive():  # PortAudio hangs
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _change(self, **changes) -> None:
        self.setup = replace(self.setup, **changes)
        self._ask("set_setup", changes)

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
        # a pipe that is broken is being replaced, and told the newest setup and kit
        with self._lock, contextlib.suppress(OSError):
            self._pipe.send((what, *arguments))

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
                time.sleep(AGAIN_S)
                with self._lock:
                    self._start()
                continue
            if not isinstance(message, dict):
                continue
            if message["event"] == "snapshot":
                self._snapshot = message
            else:
                self._follow(message)
                self.events.put(message)

    def _follow(self, event: dict) -> None:
        """Keep the kit here as it is there."""
        if event["event"] == "theta":
            self.kit = self.kit.with_pad(event["pad"] - 1, theta=Theta(**event["theta"]))


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
            os._exit(1)  # PortAudio's own clean-up would hang or abort
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
