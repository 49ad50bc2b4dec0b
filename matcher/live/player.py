"""The audio stream: opened, watched and closed; the pads' programs, strikes and recordings on it.

The worker's threads put drums on pads while the main thread does everything else, so programs and
the ring of commands have a lock each.
"""

import threading
import time
from collections.abc import Callable

import numpy as np
import soxr

from matcher.kits.kit import N_PADS
from matcher.live import callback as native
from matcher.live import detector, devices, programs, voices
from matcher.live.load_meter import LoadMeter
from matcher.live.protocol import DeviceChanged, Ready, State

RETRY_S = 1.0  # s between two tries to open a device that is gone
CLOCK_S = 0.25  # s that the frames may be ahead of or behind the time of day
TRACE_S = 0.002  # s that one peak of the trace stands for
PROGRAM_S = 1.0  # s that a program waits at most until the callback took the one before


class Stuck(Exception):
    """PortAudio hangs and takes no other stream in this process."""


class Player:
    """The stream and what sounds on it.

    Args:
        state: called for the State to play.
        say: called with an Event's class, its time or None, and its fields.
        closing: called before a stream is closed.
        position_cc: called for the controller that sets strike positions, below 0 for none.
        began: time.monotonic from which events' times count.
    """

    def __init__(
        self, state: Callable[[], State], say: Callable, closing: Callable[[], None],
        position_cc: Callable[[], int], began: float,
    ):  # fmt: skip
        self._state, self._say, self._closing = state, say, closing
        self._position_cc, self._began = position_cc, began
        self._stream, self._next_try, self._reported = None, 0.0, None
        self._load_meter: LoadMeter | None = None
        self._slots = [0] * N_PADS
        self._sent = [-1] * N_PADS  # the command that put a pad's last program
        self._programs_lock = threading.Lock()
        self._commands_lock = threading.Lock()  # the ring takes one writer
        self._audition = 0  # which of two places was played last
        self._traced = 0  # frames whose trace was given

    @property
    def running(self) -> bool:
        """Whether a stream is open."""
        return self._stream is not None

    @property
    def has_input(self) -> bool:
        """Whether a stream with an input is open."""
        return self.running and self._stream.input is not None

    @property
    def plays_on_jack(self) -> bool:
        """Whether a stream is open on JACK."""
        return self.running and "JACK" in self._stream.output.api

    @property
    def record(self):
        """The callback's STATE, while a stream is open."""
        return self._stream.state[0]

    @property
    def sample_rate(self) -> float:
        """Of the open stream, Hz."""
        return self._stream.sample_rate

    # devices

    def watch(self) -> bool:
        """Open a stream where none is, close one that was lost; True where one was opened."""
        now = time.monotonic()
        if self.running:
            if self._stream.alive():
                return False
            name = self._stream.output.name
            self._say(DeviceChanged, None, system="audio", state="lost", name=name)
            self._close_stream()
        if now < self._next_try:
            return False
        self._next_try = now + RETRY_S
        try:
            if self._reported is not None:
                devices.rescan()
            self._open()
        except ValueError as error:
            if str(error) != self._reported:
                self._say(DeviceChanged, None, system="audio", state="missing", name=str(error))
            self._reported = str(error)
            return False
        return True

    def rescan(self) -> None:
        """Look for devices anew; what sounds is cut off. Raises Stuck."""
        if self.running:
            self._close_stream()
        self._next_try, self._reported = 0.0, ""

    def close(self) -> bool:
        """Stop; False where PortAudio hangs."""
        return not self.running or self._stream.close()

    def _close_stream(self) -> None:
        self._closing()
        if not self._stream.close():
            raise Stuck(self._stream.output.name)
        self._stream = None

    def _open(self) -> None:
        setup = self._state().setup
        source, output = devices.find_pair(setup.input, setup.output)
        if output is None:
            raise ValueError("no audio output device; connect one, or start a sound server")
        self._stream = devices.Stream(source, output, setup.block)
        self._reported = ""
        self._stream_began = self._frame_zero()
        self._load_meter = LoadMeter(self.sample_rate)
        with self._programs_lock:
            self._slots, self._sent = [0] * N_PADS, [-1] * N_PADS
        self._traced = 0
        self.configure()

    def start(self) -> None:
        """Give a stream that was just opened its pads, and tell that it is ready."""
        for i in range(N_PADS):
            self.put_pad(i)
        stream = self._stream
        input_latency_s, output_latency_s = stream.latency_s
        self._say(
            Ready, None, sample_rate=stream.sample_rate, block=self._state().setup.block,
            input=stream.input.name if stream.input else None, output=stream.output.name,
            input_latency_s=input_latency_s, output_latency_s=output_latency_s,
        )  # fmt: skip

    def configure(self) -> None:
        """Take over detection, gains and mode from the set-up."""
        if not self.running:
            return
        r, state = self.record, self._state()
        setup, armed = state.setup, state.kit.pads[state.setup.armed]
        # a drum that rings longer is cancelled longer
        decay = armed.theta.tau if armed.theta is not None else 0.0
        detector.configure(r["detector"], setup.settings, self.sample_rate, decay)
        r["input_gain"] = 10 ** (setup.input_gain_db / 20)
        r["output_gain"] = 10 ** (setup.output_gain_db / 20)
        r["armed"] = setup.armed if setup.mode == "trigger" else -1
        r["detecting"] = 1
        r["position_cc"] = self._position_cc()

    # pads

    def put_pad(self, i: int, program: bool = True) -> None:
        """Let pad i sound as the state says; waits while an earlier program is on its way.

        program: False where its drum is the same, and only level, pan, curve or choke changed.
        """
        with self._programs_lock:
            if not self.running:
                return
            r, rate, state = self.record, self.sample_rate, self._state()
            programs.write_pad(r["pool"]["pads"][i], state.kit.pads[i], rate)
            if not program:
                return
            slot, (drum, attack_mix) = -1, state.sound(i)
            if drum is not None:
                end = time.monotonic() + PROGRAM_S
                while self._sent[i] >= r["commands_out"] and time.monotonic() < end:
                    time.sleep(0.001)
                self._slots[i] = (self._slots[i] + 1) % programs.SLOTS
                slot = i * programs.SLOTS + self._slots[i]
                programs.write_program(r["pool"]["programs"][slot], drum, attack_mix, rate)
            number = self._send(native.PROGRAM, i, slot)
            if number is not None:
                self._sent[i] = number
        if i == state.setup.armed:
            self.configure()

    def strike(self, pad: int, velocity: float, tag: int = -1) -> bool:
        """Play a pad now, velocity in [0, 1]; False where nothing can be played.

        tag: with which the callback reports what became of it; -1: it does not.
        """
        if not self.running:
            return False
        return self._send(native.STRIKE, pad, amount=velocity, tag=tag) is not None

    def set_position(self, share: float) -> None:
        """Let the next strike hit there, 0 the middle to 1 the rim."""
        if self.running:
            self._send(native.POSITION, amount=share)

    def silence(self) -> None:
        """Fade out everything."""
        if self.running:
            self._send(native.SILENCE)

    def audition(self, x: np.ndarray, sample_rate: float) -> None:
        """Play x (frames,) instead of the recording that plays; without samples, stop that one."""
        if not self.running:
            return
        x = soxr.resample(x, sample_rate, self.sample_rate)[: native.AUDITIONED]
        self._audition = 1 - self._audition
        self.record["auditions"][self._audition, : len(x)] = x
        self._send(native.AUDITION, slot=self._audition, amount=float(len(x)))

    def _send(self, kind, pad=0, slot=0, amount=0.0, tag=-1) -> int | None:
        """Have the callback do something at once; the command's number, None where none fits."""
        record = self.record
        with self._commands_lock:
            number = int(record["commands_in"])
            return number if native.send(record, 0, kind, pad, slot, amount, tag) else None

    # what happened

    def receive(self) -> list[native.Event]:
        """What happened in the callback since the last call."""
        return native.receive(self.record)

    def time_of(self, frame: int) -> float:
        """Seconds from the engine's start to a frame of the stream."""
        return self._stream_began - self._began + frame / self.sample_rate

    def snapshot(self) -> dict:
        """Load and counters; levels and trace since the last call."""
        if not self.running:
            return {"running": False}
        r = self.record
        names = ("blocks", "underflows", "overflows", "dropped", "bad_samples", "limited")
        numbers = {name: int(r[name]) for name in names}
        frames, rate = int(r["time"]), self.sample_rate
        load, worst_us = self._load_meter.update(frames, int(r["busy_ns"]), int(r["worst_ns"]))
        r["worst_ns"] = 0
        if abs(self._frame_zero() - self._stream_began) > CLOCK_S:  # drop-outs, or another clock
            self._stream_began = self._frame_zero()
        numbers |= {
            "running": True,
            "sample_rate": rate,
            "seconds": frames / rate,
            "time_s": self.time_of(frames),
            "trace": self._trace(frames),
            "load": load,
            "worst_us": worst_us,
            "voices": int(voices.n_sounding(r["pool"])),
            "input_peak": float(r["input_peak"]),
            "output_peak": float(r["output_peak"]),
        }
        r["input_peak"] = r["output_peak"] = 0
        return numbers

    def _trace(self, frames: int) -> dict:
        """Peaks of the input since the last call, one each step_s; time_s: of the first."""
        step = max(1, round(TRACE_S * self.sample_rate))
        first = max(self._traced, frames - native.INPUT_RING // 2)
        n = (frames - first) // step
        x = native.received(self.record, first, first + n * step)
        self._traced = first + n * step
        return {
            "time_s": self.time_of(first),
            "step_s": step / self.sample_rate,
            "peaks": np.abs(x).reshape(n, step).max(axis=1, initial=0.0),
        }

    def _frame_zero(self) -> float:
        """When, in time.monotonic, the stream's first frame was, going by the newest one."""
        return time.monotonic() - int(self.record["time"]) / self.sample_rate
