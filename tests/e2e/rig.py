"""A JACK server of the tests' own, the app on it, and the cables between: all of it real.

Synchronous mode keeps the signal whole to the sample even where the machine is late, so every delay
here is counted in samples, never in time on the wall.
"""

import contextlib
import itertools
import json
import multiprocessing
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from operator import itemgetter
from pathlib import Path

import jack
import numpy as np

SAMPLE_RATE = 48000
NOTE_ON, NOTE_OFF = 0x90, 0x80
STOP_S = 5.0
_numbers = itertools.count()


class Server:
    """A dummy JACK server under a name of its own, which the environment then names too."""

    def __init__(self, period: int = 128):
        self.name, self.period = f"drum-{os.getpid()}-{next(_numbers)}", period
        os.environ |= {"JACK_DEFAULT_SERVER": self.name, "JACK_NO_START_SERVER": "1"}
        self.start()

    def start(self) -> None:
        # the first -p, of ports: as many as by default take more memory than containers have
        command = ["jackd", "-R", "-S", "-p", "128", "-n", self.name, "-d", "dummy", "-C", "2"]
        command += ["-P", "2", "-r", str(SAMPLE_RATE), "-p", str(self.period)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **quiet)
        subprocess.run(["jack_wait", "-s", self.name, "-w", "-t", "60"], check=True, **quiet)

    def kill(self) -> None:
        """As a crash would: no client is told, nothing is tidied up."""
        self.process.kill()
        self.process.wait()
        for left in Path("/dev/shm").glob("jack*"):
            if self.name in left.name:
                shutil.rmtree(left) if left.is_dir() else left.unlink()

    def stop(self) -> None:
        stop(self.process)


def stop(process) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class App:
    """`drum-matcher live --json` in a process of its own; its events as they come.

    busy: another thread of that process holds the interpreter's lock all the time.
    """

    def __init__(self, *arguments: str, busy: bool = False):
        module = "tests.e2e.busy" if busy else "matcher"  # by -m: this checkout's own
        command = [sys.executable, "-m", module, "live", "--json", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self.seen: list[dict] = []
        self.errors: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def _read_errors(self) -> None:
        self.errors += self.process.stderr

    def wait_for(self, kind: str, seconds: float = 60.0, **values) -> dict:
        """The next event of a kind with these values."""
        end = time.monotonic() + seconds
        while True:
            try:
                event = self.events.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                said = "".join(self.errors) or "nothing on stderr"
                raise AssertionError(f"no {kind} {values}; {said}; {self.seen[-5:]}") from None
            self.seen.append(event)
            if event["event"] == kind and values.items() <= event.items():
                return event

    def forget(self) -> None:
        """Skip the events that have come."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.events.get_nowait()

    def drain(self, seconds: float) -> list[dict]:
        """All events until none has come for so long."""
        got = []
        with contextlib.suppress(queue.Empty):
            while True:
                got.append(self.events.get(timeout=seconds))
        self.seen += got
        return got

    def stop(self) -> None:
        stop(self.process)


class Cables:
    """A microphone cable, two to the headphones and one for MIDI, on one clock."""

    def __init__(self):
        self.client = jack.Client("tester", no_start_server=True)
        self.mic = self.client.outports.register("mic")
        self.phones = [self.client.inports.register(side) for side in ("left", "right")]
        self.midi = self.client.midi_outports.register("midi")
        self.period, self.xruns, self.feedback = self.client.blocksize, 0, 0.0
        self._frames, self._at, self._done = 0, 0, threading.Event()
        self.places: dict[int, int] = {}  # JACK's frame of each period -> frame of the last play
        self._loop = np.zeros(self.period, np.float32)
        self.client.set_process_callback(self._process)
        self.client.set_xrun_callback(self._count)
        self.client.activate()

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()

    def _count(self, _) -> None:
        self.xruns += 1

    def _process(self, n: int) -> None:
        mic, left = self.mic.get_array(), self.phones[0].get_array()
        mic[:] = self.feedback * self._loop
        self._loop = left.copy()
        self.midi.clear_buffer()
        first, last = self._at, self._at + n
        if first >= self._frames:
            self._done.set()
            return
        self.places[self.client.last_frame_time] = first  # its count jumps where a period was late
        heard = self._sound[first:last]
        mic[: len(heard)] += heard
        k = min(n, self._frames - first)
        self._recorded[first : first + k, 0] = left[:k]
        self._recorded[first : first + k, 1] = self.phones[1].get_array()[:k]
        while self._notes and self._notes[0][0] < last:
            frame, message = self._notes.pop(0)
            self.midi.write_midi_event(max(0, frame - first), message)
        self._at = last

    def wire(self, seconds: float = 60.0) -> None:
        """Plug in; MIDI the app finds by itself."""
        end = time.monotonic() + seconds
        while True:
            ports = self.client.get_ports("PortAudio", is_audio=True)
            if len(ports) >= 4 and self.client.get_all_connections(self.midi):
                break
            assert time.monotonic() < end, f"the app's ports did not come: {ports}"
            time.sleep(0.05)
        for port in (p for p in ports if p.is_input):
            self.client.connect(self.mic, port)
        for port, side in zip((p for p in ports if p.is_output), self.phones):
            self.client.connect(port, side)
        time.sleep(0.1)

    def play(self, sound=(), notes=(), tail_s: float = 0.5) -> np.ndarray:
        """Put sound (frames,) into the microphone and notes (frame, message) into MIDI.

        Messages of one frame keep their order.

        What came out meanwhile, (frames, 2).
        """
        sound = np.asarray(sound, np.float32)
        last = max([len(sound), *(frame for frame, _ in notes)])
        frames = last + round(tail_s * SAMPLE_RATE)
        self._sound, self._notes = sound, sorted(notes, key=itemgetter(0))
        self._recorded = np.zeros((frames, 2), np.float32)
        self.places = {}
        self._done.clear()
        self._at, self._frames = 0, frames
        assert self._done.wait(3 * frames / SAMPLE_RATE + 60), "the JACK graph stands still"
        self._frames = 0
        return self._recorded


class FarCables:
    """Cables held by a process of its own, for where this one's interpreter may be late itself."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_hold_cables, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        assert self._pipe.recv() == "wired"

    def play(self, **what) -> tuple[np.ndarray, int]:
        """Cables.play, and the xruns meanwhile."""
        self._pipe.send(what)
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.close()
        self._process.join(STOP_S)


def _hold_cables(pipe) -> None:
    cables = Cables()
    cables.wire()
    pipe.send("wired")
    with contextlib.suppress(EOFError):
        while True:
            what, before = pipe.recv(), cables.xruns
            pipe.send((cables.play(**what), cables.xruns - before))
    cables.close()
