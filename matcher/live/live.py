"""The live signal path as it runs in the engine's own process: audio, MIDI, hits to theta.

Threads: PortAudio's, which runs the native callback and nothing of Python; this process's main
thread, which calls `step` every millisecond (MIDI in, events out, devices watched); and those of
live.worker, which turn a hit into a drum. live.engine starts the process and talks to it.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from matcher.kits.kit import DRUM, N_PADS, TURNED, Kit, drum_values, value_at, values_of
from matcher.live import calibration as listening
from matcher.live import callback as native
from matcher.live import detector, devices, jack_notes, midi, programs, voices
from matcher.live.load_meter import LoadMeter
from matcher.live.worker import Answer, Job, Worker, infer
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.match import SHORTEST
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

STAGES_S = (0.1, 0.35, 1.0, N_SAMPLES / SAMPLE_RATE)  # heard of a hit when theta is inferred anew
SPARE_S = 0.002  # heard behind a stage, for the resampler
RETRY_S = 1.0  # between two tries to open a device that is gone
CLOCK_S = 0.25  # that the frames may be ahead of or behind the time of day
TRACE_S = 0.002  # of a peak of the trace
LISTEN_HITS, LISTEN_S = 4, 15.0  # set-up by listening ends after so many hits, or so long
LISTEN_LOOK_S, LISTEN_REST_S = 0.25, 0.6  # between two looks; after the last hit
LEARNED = ("note", *TURNED)  # what the next message can be given to
MODES = ("match", "trigger")
POSITION_CC = 16  # says where a drum is struck, as pads of electronic drums send it


@dataclass(frozen=True)
class Setup:
    """What the engine is to do. Devices by number or part of a name, None for the system's own."""

    input: str | int | None = None
    output: str | int | None = None
    midi_in: tuple[str, ...] = ()
    block: int = 0
    model: Path = SHIPPED
    kit: Kit = field(default_factory=Kit)
    mode: str = "match"  # a hit sets the armed pad's drum; trigger: it plays it
    armed: int = 0  # pad, 0 to N_PADS - 1
    refine: bool = True  # go on from what the network hears, on the sound itself
    settings: detector.Settings = field(default_factory=detector.Settings)
    input_gain_db: float = 0.0
    output_gain_db: float = 0.0
    controllers: dict[int, str] = field(default_factory=dict)  # MIDI controller: one of TURNED

    def __post_init__(self):
        for number, name in self.controllers.items():
            if not 0 <= number <= 127:
                raise ValueError(f"controller is {number}, allowed is 0 to 127")
            if name not in TURNED:
                raise ValueError(
                    f"controller {number} turns {name!r}, allowed is one of: {', '.join(TURNED)}"
                )
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}, allowed is one of: {', '.join(MODES)}")
        devices.check_block(self.block)
        if not 0 <= self.armed < N_PADS:
            raise ValueError(f"armed is {self.armed}, allowed is 0 to {N_PADS - 1}")


class Clip(NamedTuple):
    """What was heard of a hit."""

    samples: np.ndarray  # (frames,) from the onset
    sample_rate: float
    observed_s: float
    stage: str


@dataclass
class _Hit:
    """A hit on its way to theta."""

    pad: int
    onset: int  # frame
    number: int
    stage: int = 0
    end: int | None = None  # frame of the next onset, which ends it


class Live:
    """The engine's inside.

    publish: called with each event, a dict as in `live --json`. began: time.monotonic from which
    their times count.
    """

    def __init__(self, setup: Setup, publish: Callable[[dict], None], began: float):
        self.setup, self._publish, self._began = setup, publish, began
        self.encoder = Encoder(setup.model)
        self.kit = setup.kit
        self._stream, self._next_try, self._said = None, 0.0, None
        self._slots = [0] * N_PADS
        self._sent = [-1] * N_PADS  # the command that put a pad's last program
        self._lock = threading.Lock()  # of programs: the worker and the main thread write them
        self._send_lock = threading.Lock()  # of the ring of commands: it takes one writer
        self._tag, self._notes = 0, {}
        self._audition = 0  # which of two places was played last
        self._traced = 0  # frames of which the trace was given
        self._hits, self._n_hits = [], 0
        self._answered: dict[int, tuple[int, list]] = {}  # of each pad: a hit, what was put there
        self._warm_up()
        self._worker = Worker(
            lambda: self.encoder, self._take_answer, lambda text: self.say("error", message=text),
            lambda: self.setup.refine,
        )  # fmt: skip
        self._midi, self._midi_said, self._midi_missing = None, None, False
        self._learning = None
        self._later: queue.SimpleQueue = queue.SimpleQueue()  # for the main thread to do
        self._listening, self._next_look = None, 0.0  # frame where it began
        self._next_midi_try = 0.0

    def step(self) -> None:
        """One turn of the main thread."""
        self._watch_devices()
        while not self._later.empty():
            self._later.get()()
        turns = {}
        for message in self._poll_midi():
            if message.kind == midi.CONTROL and message.number == self._position_cc:
                self._take_position(message)
            elif message.kind == midi.CONTROL:
                turns[message.number] = message.value  # of many since the last turn the newest
            else:
                self._take(message)
        for number, value in turns.items():
            self._turn(number, value)
        if self._stream is not None:
            for event in native.receive(self._record):
                self._tell(event)
            self._hand_over()
            self._follow_listening()

    def close(self) -> bool:
        """Stop; False where PortAudio hangs."""
        self._worker.close()
        self._drop_midi()
        return self._stream is None or self._stream.close()

    # what the other process asks for

    def set_kit(self, kit: Kit) -> None:
        """Take over a kit; pads whose theta is the same go on sounding."""
        with self._lock:
            before, self.kit = self.kit, kit
        for i, (old, new) in enumerate(zip(before.pads, kit.pads)):
            if old != new:
                self._put_pad(i, program=old.sound != new.sound)
        if self._stream is not None:
            self._map_notes()

    def set_setup(self, **changes) -> None:
        """Change anything but model and kit; other devices are opened at once."""
        self.setup = replace(self.setup, **changes)
        if changes.keys() & {"input", "output", "block"}:
            self.rescan()
        elif "midi_in" in changes:
            self._drop_midi()
            self._next_midi_try = 0.0
        self._apply_setup()

    def rescan(self) -> None:
        """Look for devices anew; what sounds is cut off."""
        if self._stream is not None:
            self._close_stream()
        self._drop_midi()
        self._next_try = self._next_midi_try = 0.0
        self._said, self._midi_said = "", None

    def strike(self, pad: int, velocity: float) -> None:
        """Play a pad now, velocity in [0, 1]."""
        if self._stream is not None:
            self._send(self._record, native.STRIKE, pad, amount=velocity)

    def silence(self) -> None:
        """Fade out everything."""
        if self._stream is not None:
            self._send(self._record, native.SILENCE)

    def audition(self, x: np.ndarray, rate: float) -> None:
        """Play x (samples,), in place of what was played so before; without samples, stop that."""
        if self._stream is None:
            return
        r = self._record
        x = soxr.resample(x, rate, self._stream.sample_rate)[: native.AUDITIONED]
        self._audition = 1 - self._audition
        r["auditions"][self._audition, : len(x)] = x
        self._send(r, native.AUDITION, slot=self._audition, amount=float(len(x)))

    def load_model(self, path: str | Path) -> None:
        """Use another model once it is loaded; where it is no good the old one stays."""
        threading.Thread(target=self._load, args=(Path(path),), name="model", daemon=True).start()

    def learn(self, what: str | None) -> None:
        """Give the next controller, or for "note" the next note, to the armed pad; None: do not."""
        self._learning = what
        self._apply_setup()

    def listen(self) -> None:
        """Set gain, threshold, sensitivity and mask by the next few hits."""
        if self._stream is None or self._stream.input is None:
            raise ValueError("there is no input to listen to; connect a microphone")
        self._listening = int(self._record["time"])

    def snapshot(self) -> dict:
        """Levels, load, counters, ports; levels and the trace since the last call."""
        ports = self._midi.names if self._midi is not None else []
        if self._stream is None:
            return {"running": False, "midi": ports}
        r = self._record
        names = ("blocks", "underflows", "overflows", "dropped", "bad_samples", "limited")
        numbers = {name: int(r[name]) for name in names}
        frames, rate = int(r["time"]), self._stream.sample_rate
        load, worst_us = self._load_meter.update(frames, int(r["busy_ns"]), int(r["worst_ns"]))
        r["worst_ns"] = 0
        if abs(self._frame_zero() - self._stream_began) > CLOCK_S:  # drop-outs, or another clock
            self._stream_began = self._frame_zero()
        numbers |= {
            "running": True,
            "sample_rate": rate,
            "midi": ports,
            "seconds": frames / rate,
            "time_s": self._time_of(frames),
            "trace": self._trace(frames),
            "load": load,
            "worst_us": worst_us,
            "voices": int(voices.n_sounding(r["pool"])),
            "input_peak": float(r["input_peak"]),
            "output_peak": float(r["output_peak"]),
        }
        r["input_peak"] = r["output_peak"] = 0
        return numbers

    # devices

    @property
    def _record(self):
        return self._stream.state[0]

    def _watch_devices(self) -> None:
        now = time.monotonic()
        if self._stream is not None:
            if self._stream.alive():
                return
            self.say("device", of="audio", state="lost", name=self._stream.output.name)
            self._close_stream()
        if now < self._next_try:
            return
        self._next_try = now + RETRY_S
        try:
            if self._said is not None:
                devices.rescan()
            self._open()
        except ValueError as error:
            if str(error) != self._said:
                self.say("device", of="audio", state="missing", name=str(error))
            self._said = str(error)

    def _close_stream(self) -> None:
        self._drop_midi()
        if not self._stream.close():
            raise Stuck(self._stream.output.name)
        self._stream = self._listening = None

    def _open(self) -> None:
        setup = self.setup
        self.say("devices", devices=devices.list_devices())
        source, output = devices.find_pair(setup.input, setup.output)
        if output is None:
            raise ValueError("no audio output device; connect one, or start a sound server")
        self._stream = devices.Stream(source, output, setup.block)
        self._said = ""
        self._stream_began = self._frame_zero()
        self._load_meter = LoadMeter(self._stream.sample_rate)
        with self._lock:
            self._slots, self._sent = [0] * N_PADS, [-1] * N_PADS
        self._hits, self._traced = [], 0
        self._apply_setup()
        self._drop_midi()  # what runs on JACK now may not have before
        for i in range(N_PADS):
            self._put_pad(i)
        heard, played = self._stream.latency_s
        self.say(
            "ready", sample_rate=self._stream.sample_rate, block=setup.block,
            input=source.name if source else None, output=output.name,
            input_latency_s=heard, output_latency_s=played,
        )  # fmt: skip

    def _apply_setup(self) -> None:
        stream, setup = self._stream, self.setup
        if stream is None:
            return
        r = stream.state[0]
        armed = self.kit.pads[setup.armed]
        decay = armed.theta.tau if armed.theta is not None else 0.0
        detector.configure(r["detector"], setup.settings, stream.sample_rate, decay)
        r["input_gain"] = 10 ** (setup.input_gain_db / 20)
        r["output_gain"] = 10 ** (setup.output_gain_db / 20)
        r["armed"] = setup.armed if setup.mode == "trigger" else -1
        r["detecting"] = 1
        r["position_cc"] = self._position_cc

    def _send(self, record, kind, pad=0, slot=0, amount=0.0, tag=-1) -> int | None:
        """Have the callback do something at once; the command's number, None where none fits."""
        with self._send_lock:
            number = int(record["commands_in"])
            return number if native.send(record, 0, kind, pad, slot, amount, tag) else None

    # pads

    def _put_pad(self, i: int, program: bool = True) -> None:
        """Let pad i of the kit sound as it says; waits while an earlier program is on its way."""
        with self._lock:
            stream, pad = self._stream, self.kit.pads[i]
            if stream is None:
                return
            r, rate = stream.state[0], stream.sample_rate
            programs.write_pad(r["pool"]["pads"][i], pad, rate)
            if not program:
                return
            slot = -1
            if pad.theta is not None:
                end = time.monotonic() + 1.0
                while self._sent[i] >= r["commands_out"] and time.monotonic() < end:
                    time.sleep(0.001)
                self._slots[i] = (self._slots[i] + 1) % programs.SLOTS
                slot = i * programs.SLOTS + self._slots[i]
                programs.write_program(r["pool"]["programs"][slot], *pad.sound, rate)
            number = self._send(r, native.PROGRAM, i, slot)
            if number is not None:
                self._sent[i] = number
        if i == self.setup.armed:
            self._apply_setup()  # a drum that rings longer is cancelled longer

    # MIDI

    def _poll_midi(self) -> list[midi.Message]:
        if self._midi is None:
            now = time.monotonic()
            if now < self._next_midi_try:
                return []
            self._next_midi_try = now + RETRY_S
            try:
                self._midi = midi.Inputs(self.setup.midi_in)
                if self._midi_missing:
                    self.say("device", of="midi", state="found", name=", ".join(self._midi.names))
                self._midi_missing = False
                self._play_natively()
            except ValueError as error:
                if str(error) != self._midi_said:
                    self.say("device", of="midi", state="missing", name=str(error))
                self._midi_said, self._midi_missing = str(error), True
                return []
        return self._midi.poll()

    def _play_natively(self) -> None:
        """Have the audio callback read JACK's notes by itself, where both run on JACK."""
        source = self._midi.jack
        if source is None or self._stream is None or "JACK" not in self._stream.output.api:
            return
        self._map_notes()
        jack_notes.attach_midi(self._record, source)

    def _map_notes(self) -> None:
        pads = [self.kit.pad_of(note) for note in range(128)]
        self._record["pad_of"] = [-1 if pad is None else pad for pad in pads]

    def _drop_midi(self) -> None:
        if self._stream is not None:
            jack_notes.detach_midi(self._record)
        if self._midi is not None:
            self._midi.close()
            self._midi = None

    @property
    def _position_cc(self) -> int:
        """The controller that says where a drum is struck; below 0 where it turns something."""
        mapped = POSITION_CC in self.setup.controllers or self._learning in TURNED
        return -1 if mapped else POSITION_CC

    def _take_position(self, message: midi.Message) -> None:
        """Let the next strike hit there, 0 the middle to 127 the rim."""
        share = message.value / 127
        if self._stream is not None and not (message.port == midi.JACK and self._record["midi"]):
            self._send(self._record, native.POSITION, amount=share)
        self.say("control", controller=message.number, value=message.value, turns="position",
                 to=None, pad=None)  # fmt: skip

    def _turn(self, number: int, value: int) -> None:
        """Turn what a controller is mapped to."""
        armed = self.setup.armed
        if self._learning in TURNED:
            controllers = {
                cc: name for cc, name in self.setup.controllers.items() if name != self._learning
            }
            self.setup = replace(self.setup, controllers=controllers | {number: self._learning})
            self.say("learned", what=self._learning, number=number, pad=armed + 1)
            self._learning = None
            self._apply_setup()
        name, to = self.setup.controllers.get(number), None
        if name is not None and (name not in Theta._fields or self.kit.pads[armed].theta):
            to = value_at(name, value / 127)
            with self._lock:
                before = self.kit.pads[armed].sound
                self.kit = self.kit.with_value(armed, name, to)
            self._put_pad(armed, program=self.kit.pads[armed].sound != before)
        self.say(
            "control", controller=number, value=value, turns=name, to=to,
            pad=None if to is None else armed + 1,
        )  # fmt: skip

    def _learn_note(self, note: int) -> None:
        """Give a note to the armed pad; a pad that had it gets the armed one's."""
        armed = self.setup.armed
        with self._lock:
            self.kit = self.kit.with_note(armed, note)
        if self._stream is not None:
            self._map_notes()
        self._learning = None
        self.say("learned", what="note", number=note, pad=armed + 1)

    def _take(self, message: midi.Message) -> None:
        if message.kind != midi.NOTE_ON:
            return
        if self._learning == "note":
            self._learn_note(message.number)
        pad = self.kit.pad_of(message.number)
        played = self._stream is not None and self._record["midi"] != 0
        if message.port == midi.JACK and played and pad is not None:
            return  # the callback tells what became of it
        if pad is None or self._stream is None:
            self._say_note(message.number, message.value, pad)
            return
        self._tag += 1
        self._notes[self._tag] = (message.number, message.value)
        velocity = message.value / 127
        if self._send(self._record, native.STRIKE, pad, amount=velocity, tag=self._tag) is None:
            self._notes.pop(self._tag)
            self._say_note(message.number, message.value, None)

    def _say_note(self, note: int, velocity: int, pad: int | None, at: float | None = None) -> None:
        number = None if pad is None else pad + 1  # pads count from 1 for people
        self.say("note", at, note=note, velocity=velocity, pad=number)

    # hits

    def _tell(self, event: native.Event) -> None:
        """Pass on what happened in the callback."""
        at = self._time_of(event.time)
        if event.kind == native.HIT:
            pad = self.setup.armed
            self.say(
                "hit", at, onset_s=round(at, 6), velocity=_midi_velocity(event.level), pad=pad + 1
            )
            for hit in self._hits:
                hit.end = hit.end or event.time
            if self.setup.mode == "match":
                self._n_hits += 1
                self._hits.append(_Hit(pad, event.time, self._n_hits))
        elif event.kind == native.IGNORED:
            self.say("ignored", at, reason=detector.REASONS[event.reason])
        elif event.tag < -1:
            pad = event.pad if event.kind == native.STRUCK else None
            self._say_note(*native.note_of(event.tag), pad, at)
        elif event.tag in self._notes:
            pad = event.pad if event.kind == native.STRUCK else None
            self._say_note(*self._notes.pop(event.tag), pad, at)

    def _time_of(self, frame: int) -> float:
        """Seconds from the engine's start to a frame of the stream."""
        return self._stream_began - self._began + frame / self._stream.sample_rate

    def _trace(self, frames: int) -> dict:
        """Peaks of what was heard since the last call, one each step_s; time_s: of the first."""
        rate = self._stream.sample_rate
        step = max(1, round(TRACE_S * rate))
        first = max(self._traced, frames - native.INPUT_RING // 2)
        n = (frames - first) // step
        heard = self._record["input"][np.arange(first, first + n * step) % native.INPUT_RING]
        self._traced = first + n * step
        return {
            "time_s": self._time_of(first),
            "step_s": step / rate,
            "peaks": np.abs(heard).reshape(n, step).max(axis=1, initial=0.0),
        }

    def _frame_zero(self) -> float:
        """When, in time.monotonic, the stream's first frame was, going by the newest one."""
        return time.monotonic() - int(self._record["time"]) / self._stream.sample_rate

    def _follow_listening(self) -> None:
        """Where set-up by listening is under way: enough heard?"""
        now, clock = int(self._record["time"]), time.monotonic()
        if self._listening is None or clock < self._next_look:
            return
        self._next_look = clock + LISTEN_LOOK_S
        rate = self._stream.sample_rate
        limit = round(min(LISTEN_S, 0.9 * native.INPUT_RING / rate) * rate)
        began = self._listening
        gain = float(self._record["input_gain"])
        x = self._record["input"][np.arange(began, now) % native.INPUT_RING] / gain
        onsets = listening.hits_in(x, rate)
        rested = bool(onsets) and len(x) - onsets[-1] > LISTEN_REST_S * rate
        if now - began < limit and not (len(onsets) >= LISTEN_HITS and rested):
            return
        self._listening = None
        settings = self.setup.settings
        thread = threading.Thread(target=self._consider, args=(x, rate, settings), daemon=True)
        thread.start()

    def _consider(self, x: np.ndarray, rate: float, settings: detector.Settings) -> None:
        try:
            advice = listening.set_up(x, rate, settings)
        except ValueError as error:
            self.say("error", message=str(error))
        else:
            self._later.put(lambda: self._take_advice(advice))

    def _take_advice(self, advice: listening.Advice) -> None:
        self.set_setup(settings=advice.settings, input_gain_db=advice.gain_db)
        self.say(
            "listened", hits=advice.hits, gain_db=advice.gain_db, clipped=advice.clipped,
            **asdict(advice.settings),
        )  # fmt: skip

    def _hand_over(self) -> None:
        """Give the worker every hit of which enough has been heard for its next stage."""
        r, rate = self._record, self._stream.sample_rate
        now = int(r["time"])
        for hit in list(self._hits):
            last = hit.onset + round(STAGES_S[hit.stage] * rate)
            ended = hit.end is not None and hit.end <= last
            spare = last + round(SPARE_S * rate)
            stop = spare if hit.end is None else min(spare, hit.end)
            if now < stop:
                continue
            final = ended or hit.stage == len(STAGES_S) - 1
            if stop - hit.onset >= SHORTEST * rate:
                clip = r["input"][np.arange(hit.onset, stop) % native.INPUT_RING]
                observed = (min(stop, last) - hit.onset) / rate
                heard_at = time.monotonic() - (now - min(stop, last)) / rate
                stage = "full" if final else f"{round(1e3 * STAGES_S[hit.stage])} ms"
                self._worker.submit(
                    Job(hit.number, hit.pad, stage, final, ended, clip, rate, observed, heard_at)
                )
            hit.stage += 1
            if final:
                self._hits.remove(hit)

    def _load(self, path: Path) -> None:
        try:
            self.encoder = Encoder(path)
        except ValueError as error:
            self.say("error", message=str(error))
        else:
            self.say("model", path=str(path))

    def _warm_up(self) -> None:
        """Have everything compiled that the first hit needs."""
        silence = np.zeros(round(STAGES_S[0] * 48000), np.float32)
        theta = infer(self.encoder, silence, 48000, STAGES_S[0])
        programs.write_program(np.zeros(1, programs.PROGRAM)[0], Drum(theta), 1.0, 48000)
        native.make_callback()

    def _take_answer(self, answer: Answer) -> bool:
        """Put a drum on the pad of its hit; False where pad or hit have changed since.

        The worker's threads call it.
        """
        job, values = answer.job, drum_values(answer.drum)
        with self._lock:
            pad = self.kit.pads[job.pad]
            hit, given = self._answered.get(job.pad, (-1, []))
            if job.hit < hit:
                return False
            given = given if hit == job.hit else []
            # who shows the kit may be an answer behind; a pad that is muted has no theta
            if given and pad.theta is not None and values_of(pad) not in given:
                return False
            self.kit = self.kit.with_pad(job.pad, **values)
            self._answered[job.pad] = job.hit, [*given, values]
        self._put_pad(job.pad)
        clip = Clip(job.clip, job.sample_rate, job.observed_s, job.stage)
        self.say("clip", pad=job.pad + 1, clip=clip)
        now = time.monotonic()
        self.say(
            "theta", now - self._began, stage=job.stage, by=answer.by, pad=job.pad + 1,
            **(values | {"theta": values["theta"]._asdict()}), distance=answer.distance,
            spread=answer.spread, doubt=answer.no_drum_reason,
            observed_s=round(job.observed_s, 6), latency_ms=round(1e3 * (now - job.heard_at), 3),
        )  # fmt: skip
        return True

    def say(self, event: str, time_s: float | None = None, **more) -> None:
        """Publish an event, of now or of a time since the start."""
        at = time.monotonic() - self._began if time_s is None else time_s
        self._publish({"event": event, "time_s": round(at, 6), **more})


def answered(event: dict) -> dict:
    """A `theta` event -> the fields of a pad that it sets, as kit.drum_values."""
    values = {name: event[name] for name in DRUM}
    attack_powers = values["attack_powers"] and tuple(map(tuple, values["attack_powers"]))
    return values | {"theta": Theta(**event["theta"]), "attack_powers": attack_powers}


class Stuck(Exception):
    """PortAudio hangs and takes no other stream in this process."""


def _midi_velocity(level: float) -> int:
    return int(np.clip(round(127 * level), 1, 127))
