"""The audio stream and what it plays: the pads' programs, strikes and recordings.

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
from matcher.live.protocol import DeviceChanged, DeviceList, Ready, State

RETRY_S = 1.0  # s: between two attempts to open a missing device
CLOCK_S = 0.25  # s: tolerated drift between frames and time.monotonic
TRACE_S = 0.002  # s: length of one peak of the trace
PROGRAM_S = 1.0  # s: longest wait until the callback has taken a pad's last program


class Stuck(Exception):
    """PortAudio hangs; this process can open no other stream."""


class Player:
    """The stream and what it plays.

    Args:
        state: returns the current State.
        say: called with an Event's class, its time or None, and its fields.
        publish: called with what is for clients but no Event.
        closing: called before a stream is closed.
        position_cc: returns the controller that sets strike positions, negative for none.
        began: time.monotonic at the engine's start, from which events' times count.
    """

    def __init__(
        self, state: Callable[[], State], say: Callable, publish: Callable,
        closing: Callable[[], None], position_cc: Callable[[], int], began: float,
    ):  # fmt: skip
        self._state, self._say, self._publish, self._closing = state, say, publish, closing
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
        """Sample rate of the open stream, Hz."""
        return self._stream.sample_rate

    # devices

    def watch(self) -> bool:
        """Open a stream if there is none, close one that was lost; True if one was opened."""
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
        """Look for devices again; all sound is cut off. Raises Stuck if PortAudio hangs."""
        if self.running:
            self._close_stream()
        self._next_try, self._reported = 0.0, ""

    def close(self) -> bool:
        """Stop; False if PortAudio hangs."""
        return not self.running or self._stream.close()

    def _close_stream(self) -> None:
        self._closing()
        if not self._stream.close():
            raise Stuck(self._stream.output.name)
        self._stream = None

    def _open(self) -> None:
        setup = self._state().setup
        self._publish(DeviceList(devices.list_devices()))
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
        """Put all pads on a stream that was just opened, and publish that it is ready."""
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
        """Apply detection, gains and mode of the set-up to the stream."""
        stream = self._stream  # once: the main thread may close it
        if stream is None:
            return
        r, state = stream.state[0], self._state()
        setup, armed = state.setup, state.kit.pads[state.setup.armed]
        # a drum that rings longer is cancelled longer
        decay = armed.theta.tau if armed.theta is not None else 0.0
        detector.configure(r["detector"], setup.settings, stream.sample_rate, decay)
        r["input_gain"] = 10 ** (setup.input_gain_db / 20)
        r["output_gain"] = 10 ** (setup.output_gain_db / 20)
        r["armed"] = setup.armed if setup.mode == "trigger" else -1
        r["detecting"] = 1
        r["midi"]["position_cc"] = self._position_cc()
        r["midi"]["channel"] = setup.midi_channel - 1  # from 0; below: all

    # pads

    def put_pad(self, i: int, program: bool = True) -> None:
        """Play pad i with its current settings; waits until the pad's last program was taken.

        Args:
            i: pad, 0 to N_PADS - 1.
            program: False if its drum is unchanged, and only level, pan, curve or choke changed.
        """
        with self._programs_lock:
            stream = self._stream  # once: the main thread may close it
            if stream is None:
                return
            r, rate, state = stream.state[0], stream.sample_rate, self._state()
            programs.write_pad(r["pool"]["pads"][i], state.kit.pads[i], rate)
            if not program:
                return
            slot, (drum, attack_mix, as_recorded) = -1, state.sound(i)
            if drum is not None:
                end = time.monotonic() + PROGRAM_S
                while self._sent[i] >= r["commands_out"] and time.monotonic() < end:
                    time.sleep(0.001)
                self._slots[i] = (self._slots[i] + 1) % programs.SLOTS
                slot = i * programs.SLOTS + self._slots[i]
                program = r["pool"]["programs"][slot]
                programs.write_program(program, drum, attack_mix, rate, as_recorded)
            number = self._send(r, native.PROGRAM, i, slot)
            if number is not None:
                self._sent[i] = number
        if i == state.setup.armed:
            self.configure()

    def strike(self, pad: int, velocity: float, tag: int = -1) -> bool:
        """Play a pad now.

        Args:
            pad: 0 to N_PADS - 1.
            velocity: 0 to 1.
            tag: number with which the callback reports the strike; -1: it does not report it.

        Returns:
            False if there is no stream, or too many commands are waiting.
        """
        if not self.running:
            return False
        return self._send(self.record, native.STRIKE, pad, amount=velocity, tag=tag) is not None

    def silence(self) -> None:
        """Fade out everything."""
        if self.running:
            self._send(self.record, native.SILENCE)

    def audition(self, x: np.ndarray, sample_rate: float) -> None:
        """Play x (frames,) in place of the recording being played; an empty x only stops that."""
        if not self.running:
            return
        x = soxr.resample(x, sample_rate, self.sample_rate)[: native.AUDITIONED]
        self._audition = 1 - self._audition
        self.record["auditions"][self._audition, : len(x)] = x
        self._send(self.record, native.AUDITION, slot=self._audition, amount=float(len(x)))

    def _send(self, record, kind, pad=0, slot=0, amount=0.0, tag=-1) -> int | None:
        """Send the callback a command -> its number; None if too many commands are waiting."""
        with self._commands_lock:
            number = int(record["commands_in"])
            return number if native.send(record, 0, kind, pad, slot, amount, tag) else None

    # what happened

    def receive(self) -> list[native.Event]:
        """The callback's events since the last call."""
        return native.receive(self.record)

    def time_of(self, frame: int) -> float:
        """Time of a frame of the stream, s since the engine's start."""
        return self._stream_began - self._began + frame / self.sample_rate

    def snapshot(self) -> dict:
        """Load and counters; input and output peaks and the trace since the last call."""
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
        """Peaks of the input since the last call, one per step_s; the first is at time_s."""
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
        """time.monotonic at the stream's first frame, estimated from the newest one."""
        return time.monotonic() - int(self.record["time"]) / self.sample_rate
