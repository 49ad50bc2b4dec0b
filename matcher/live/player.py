"""The audio streams and what they play: the pads' programs, strikes and recordings.

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
from matcher.live import capture, detector, hit_notes, place_learning, programs, voices
from matcher.live.audio import Audio
from matcher.live.frame_times import FrameTimes
from matcher.live.load_meter import LoadMeter
from matcher.live.midi_ring import Ring
from matcher.live.protocol import Failed, Ready, State
from matcher.live.stream import Streams

TRACE_S = 0.002  # s: length of one peak of the trace
PROGRAM_S = 1.0  # s: longest wait until the callback has taken a pad's last program
# counted by both callbacks
COUNTED = ("underflows", "overflows", "dropped", "bad_samples")


class Player:
    """The streams and what they play.

    Args:
        state: returns the current State.
        say: called with an Event's class, its time or None, and its fields.
        publish: called with what is for clients but no Event.
        closing: called before a stream is closed.
        position_cc: returns the controller that sets strike positions, negative for none.
        began: time.monotonic at the engine's start, from which events' times count.

    Attributes:
        hits: what is detected, as notes; written while they are to be sent.
    """

    def __init__(
        self, state: Callable[[], State], say: Callable, publish: Callable,
        closing: Callable[[], None], position_cc: Callable[[], int], began: float,
    ):  # fmt: skip
        self._state, self._say = state, say
        self._position_cc, self._began = position_cc, began
        self._audio = Audio(state, say, publish, closing, self._begin_output, self._begin_input)
        self._slots = [0] * N_PADS
        self._sent = [-1] * N_PADS  # the command that put a pad's last program
        self._programs_lock = threading.Lock()
        self._commands_lock = threading.Lock()  # the ring takes one writer
        self.hits = Ring()  # as long as the process: a callback may always write to it
        self._told = ""  # why no place is told
        self._settings_lock = threading.Lock()
        self._audition = 0  # which of two places was played last
        self._traced = 0  # frames whose trace was given

    @property
    def _streams(self) -> Streams | None:
        return self._audio.streams

    @property
    def running(self) -> bool:
        """Whether there is an output."""
        return self._streams is not None

    @property
    def has_input(self) -> bool:
        """Whether an input is recorded."""
        return self.running and self._streams.input is not None

    @property
    def records_its_channel(self) -> bool:
        """Whether the channel of the set-up is among those of the open input."""
        return self.has_input and self._state().setup.input_channel < self.capture["channels"]

    @property
    def input_name(self) -> str:
        """Name and channel of the open input."""
        return f"{self._streams.input.key}, channel {int(self.capture['channel']) + 1}"

    @property
    def plays_on_jack(self) -> bool:
        """Whether the output is on JACK."""
        return self.running and "JACK" in self._streams.output.api

    @property
    def record(self):
        """The callbacks' STATE, while there is an output."""
        return self._streams.state[0]

    @property
    def capture(self):
        """The input's CAPTURE in it."""
        return self.record["capture"]

    @property
    def sample_rate(self) -> float:
        """Sample rate of the output, Hz."""
        return self._streams.sample_rate

    @property
    def input_rate(self) -> float:
        """Sample rate of the input, Hz."""
        return self._streams.input_rate

    # devices

    def watch(self) -> str:
        """Open what is missing, close what was lost, as Audio.watch."""
        return self._audio.watch()

    def rescan(self) -> None:
        """Look for devices again; all sound is cut off. Raises Stuck if PortAudio hangs."""
        self._audio.rescan()

    def close(self) -> bool:
        """Stop; False if PortAudio hangs."""
        return self._audio.close()

    def _begin_output(self) -> None:
        """After the output was opened: nothing is on its pads."""
        self._times = FrameTimes(self.sample_rate, int(self.record["time"]))
        self._load_meter = LoadMeter(self.sample_rate)
        with self._programs_lock:
            self._slots, self._sent = [0] * N_PADS, [-1] * N_PADS

    def _begin_input(self) -> None:
        """After an input was opened, or is known to be missing: what follows it begins anew."""
        self._input_times = FrameTimes(self.input_rate, int(self.capture["time"]))
        self._traced = 0
        self.configure()

    def start(self) -> None:
        """Put all pads on a stream that was just opened, and publish that it is ready."""
        for i in range(N_PADS):
            self.put_pad(i)
        streams = self._streams
        input_latency_s, output_latency_s = streams.latency_s
        self._say(
            Ready, None, sample_rate=streams.sample_rate, block=self._state().setup.block,
            input=streams.input.key if streams.input else None, output=streams.output.key,
            input_latency_s=input_latency_s, output_latency_s=output_latency_s,
        )  # fmt: skip

    def configure(self) -> None:
        """Apply detection, gains, mode and the note of hits to the streams."""
        streams = self._streams  # once: the main thread may close it
        if streams is not None:
            with self._settings_lock:
                self._apply_settings(streams)

    def _apply_settings(self, streams: Streams) -> None:
        r, state = streams.state[0], self._state()
        c, setup, armed = r["capture"], state.setup, state.kit.pads[state.setup.armed]
        # a drum that rings longer is cancelled longer
        decay = armed.theta.tau if armed.theta is not None else 0.0
        detector.configure(c["detector"], setup.settings, streams.input_rate, decay)
        c["input_gain"] = 10 ** (setup.input_gain_db / 20)
        c["detecting"] = 1
        if self.records_its_channel:
            c["channel"] = setup.input_channel
        sent_to = self.hits if setup.midi_out else None
        places = self._learned_places(streams.input_rate)
        hit_notes.configure(c["sent"], sent_to, armed.note, setup.midi_channel, places)
        r["output_gain"] = 10 ** (setup.output_gain_db / 20)
        r["armed"] = setup.armed if setup.mode == "trigger" else -1
        r["midi"]["position_cc"] = self._position_cc()
        r["midi"]["channel"] = setup.midi_channel - 1  # from 0; below: all

    def _learned_places(self, sample_rate: float) -> np.ndarray | None:
        """What tells the place of hits, a record of hit_place.READOUT; None where it is not told.

        sample_rate: of the input, Hz.
        """
        setup, problem, learned = self._state().setup, "", None
        if setup.midi_out and setup.places is not None:
            known_by = setup.settings.scan_ms, setup.settings.drums_only
            try:
                learned = place_learning.learned(setup.places, sample_rate, *known_by)
            except ValueError as error:  # they could be told apart with another scan time
                problem = str(error)
        if problem and problem != self._told:
            self._say(Failed, None, message=problem)
        self._told = problem
        return learned

    # pads

    def put_pad(self, i: int, program: bool = True) -> None:
        """Play pad i with its current settings; waits until the pad's last program was taken.

        Args:
            i: pad, 0 to N_PADS - 1.
            program: False if its drum is unchanged, and only level, pan, curve or choke changed.
        """
        with self._programs_lock:
            streams = self._streams  # once: the main thread may close it
            if streams is None:
                return
            r, rate, state = streams.state[0], streams.sample_rate, self._state()
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
        """The callbacks' events since the last call."""
        return native.receive(self.record)

    def time_of(self, frame: int) -> float:
        """Time of a frame of the output, s since the engine's start."""
        return self._times.at(frame) - self._began

    def input_time_of(self, frame: int) -> float:
        """Time of a frame of the input, s since the engine's start."""
        return self._input_times.at(frame) - self._began

    def snapshot(self) -> dict:
        """Load and counters; input and output peaks and the trace since the last call."""
        if not self.running:
            return {"running": False}
        r, c = self.record, self.capture
        counted = {name: int(r[name] + c[name]) for name in COUNTED}
        frames, rate = int(r["time"]), self.sample_rate
        received = int(c["time"])
        load, worst_us = self._load_meter.update(
            frames, int(r["busy_ns"] + c["busy_ns"]), int(max(r["worst_ns"], c["worst_ns"]))
        )
        self._times.follow(frames)
        self._input_times.follow(received)
        values = counted | {
            "running": True,
            "blocks": int(r["blocks"]),
            "limited": int(r["limited"]),
            "clipped": int(c["clipped"]),
            "sample_rate": rate,
            "seconds": frames / rate,
            "time_s": self.time_of(frames),
            "trace": self._trace(received),
            "load": load,
            "worst_us": worst_us,
            "voices": int(voices.n_sounding(r["pool"])),
            "input_peak": float(c["input_peak"]),
            "channel_peaks": c["channel_peaks"][: int(c["channels"])].tolist(),
            "output_peak": float(r["output_peak"]),
            "output_channels": int(self._streams.output.channels_out),
        }
        r["worst_ns"] = c["worst_ns"] = r["output_peak"] = c["input_peak"] = 0
        c["channel_peaks"] = 0
        return values

    def _trace(self, frames: int) -> dict:
        """Peaks of the input since the last call, one per step_s; the first is at time_s."""
        step = max(1, round(TRACE_S * self.input_rate))
        first = max(self._traced, frames - capture.INPUT_RING // 2)
        n = (frames - first) // step
        x = capture.received(self.capture, first, first + n * step)
        self._traced = first + n * step
        return {
            "time_s": self.input_time_of(first),
            "step_s": step / self.input_rate,
            "peaks": np.abs(x).reshape(n, step).max(axis=1, initial=0.0),
        }
