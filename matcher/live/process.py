"""The engine's own process: it holds the state that player, MIDI, hits and worker act on.

Threads: PortAudio's, which runs the native callback and no Python; the process's main thread, which
calls `step` every millisecond (reads MIDI, publishes events, watches devices); those of
live.worker, which turn a hit into a drum; one that writes to the pipe.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from matcher.kits.kit import N_PADS
from matcher.live import (
    calibration,
    detector,
    devices,
    events,
    kept_places,
    place_learning,
    programs,
    voices,
)
from matcher.live import callback as native
from matcher.live.audio import OUTPUT, Stuck
from matcher.live.calibration import Calibration
from matcher.live.hits import PARTS_S, Hits
from matcher.live.midi_control import MidiControl
from matcher.live.place_learning import Shown
from matcher.live.player import Player
from matcher.live.protocol import (
    Answered,
    Audition,
    Calibrate,
    Calibrated,
    ChangeSetup,
    Counted,
    EditPads,
    Failed,
    HitDetected,
    HitIgnored,
    Learn,
    LoadModel,
    ModelLoaded,
    PlaceShown,
    PlacesKept,
    Quit,
    ReplaceKit,
    Rescan,
    ShowPlaces,
    Silence,
    Snapshot,
    State,
    Strike,
    apply,
)
from matcher.live.shown_places import ShownPlaces
from matcher.live.worker import Answer, Worker
from matcher.matching.encoder import Encoder
from matcher.matching.hear import Clip, hear

TURN_S = 0.001  # s: between two steps
SNAPSHOT_S = 0.05  # s: between two snapshots
SAID_S = 0.05  # s: time for the last events to be written to the pipe
SWITCH_S = 0.0005  # s: interpreter's switch interval, short as MIDI shares it with the worker
GONE_S = 1.0  # s: after that a process whose client is gone has not ended by itself
STARTED, PREPARED = "started", "prepared"  # sent to the client; all is compiled when PREPARED
STUCK = 3  # exit status of a process in which PortAudio hangs
COUNTED_S = 10.0  # s between two events of Counted: a limiter at work counts all the time
# fields of Setup for which streams are opened anew
OPENED_ANEW = {"input", "output", "output_channel", "block", "exclusive"}
MIDI_OPENED_ANEW = {"midi_in", "midi_out", "midi_out_port"}  # and MIDI ports


class EngineProcess:
    """The engine inside its process.

    Args:
        state: state to start with.
        publish: called with each Event.
        began: time.monotonic at the engine's start, from which events' times count.

    Raises:
        ValueError: if the model cannot be used.
    """

    def __init__(self, state: State, publish: Callable[[object], None], began: float):
        self.state, self._publish, self._began = state, publish, began
        # the main thread and the worker's change the state, and publish in the same order
        self._order = threading.RLock()
        self.encoder = Encoder(state.setup.model)
        self.player = Player(
            lambda: self.state, self.say, self._publish, lambda: self.midi.leave_stream(),
            lambda: self.midi.position_cc, began,
        )  # fmt: skip
        self.midi = MidiControl(lambda: self.state, self.say, self.change, self.player)
        self._warm_up()
        self.worker = Worker(
            lambda: self.encoder, self.put_answer, lambda text: self.say(Failed, message=text),
            lambda: self.state.setup.refine, lambda: self._publish(PREPARED),
        )  # fmt: skip
        self.hits = Hits(self.worker.submit, first=max(state.oldest_hit) + 1)
        self._calibration: Calibration | None = None
        self._shown_places: ShownPlaces | None = None  # while strokes are shown
        self._later: queue.SimpleQueue = queue.SimpleQueue()  # for the main thread to do
        self._counted: dict | None = None  # what was said of counters; None: nothing of this stream
        self._count_at = 0.0  # s since the start, before which nothing is said of them

    # the main thread

    def step(self) -> None:
        """One turn: devices, MIDI, the callback's events, hits. Raises Stuck if PortAudio hangs."""
        opened = self.player.watch()
        if opened:
            self._begin_stream(opened)
        while not self._later.empty():
            self._later.get()()
        self.midi.step()
        if self.player.running:
            for event in self.player.receive():
                self._report(event)
            self.hits.hand_over(self.player.capture, self.player.input_rate)
            self._follow_calibration()
            self._follow_shown_places()

    def obey(self, command) -> None:
        """Carry out a client's command. Raises ValueError if it is not allowed, Stuck."""
        match command:
            case ReplaceKit() | EditPads() | ChangeSetup():
                self._edit(command)
            case Strike():
                self.player.strike(command.pad, command.velocity)
            case Audition():
                self.player.audition(command.samples, command.sample_rate)
            case Silence():
                self.player.silence()
            case Learn():
                self.midi.learn(command.what)
                self.player.configure()  # a controller being learned does not set positions
            case Calibrate():
                self._calibrate()
            case ShowPlaces():
                self._show_places(command.anew)
            case Rescan():
                self._rescan()
            case LoadModel():
                thread = threading.Thread(
                    target=self._load, args=(command.path,), name="model", daemon=True
                )
                thread.start()

    def close(self) -> bool:
        """Stop; False if PortAudio hangs."""
        self.worker.close()
        self.midi.close()
        return self.player.close()

    def snapshot(self) -> Snapshot:
        """Levels, load, counters and MIDI ports."""
        values = self.player.snapshot()
        if values["running"]:
            values["dropped"] += self.midi.lost
            self._say_counted(values)
        ports = {
            "midi": self.midi.names, "midi_ports": self.midi.there,
            "midi_out_ports": self.midi.out_there,
        }  # fmt: skip
        return Snapshot(values | ports)

    def _say_counted(self, values: dict) -> None:
        """Say what the callbacks counted, where it is more than the last time; not too often."""
        counted = {name: values[name] for name in ("dropped", "bad_samples", "clipped", "limited")}
        counted["drop_outs"] = values["underflows"] + values["overflows"]
        now = self._now()
        if self._counted is None:
            self._counted = dict.fromkeys(counted, 0)
        if counted != self._counted and now >= self._count_at:
            self._counted, self._count_at = counted, now + COUNTED_S
            self.say(Counted, **counted)

    def say(self, event: type, time_s: float | None = None, **more) -> None:
        """Publish an Event with these fields; time_s: s since the start, by default now."""
        self._publish(event(time_s=self._now() if time_s is None else time_s, **more))

    def change(self, event: type, time_s: float | None = None, **more) -> None:
        """Apply an event with the current revision to the state, then publish it."""
        time_s = self._now() if time_s is None else time_s
        with self._order:
            self._take_and_publish(event(time_s=time_s, revision=self.state.revision, **more))

    # the state

    def _edit(self, command) -> None:
        places = self.state.setup.places
        self._take(command)
        changed = command.changes.keys() if isinstance(command, ChangeSetup) else ()
        if "asio" in changed:
            raise Stuck("ASIO drivers are loaded when a process begins")
        if "places" in changed:
            self._shown_places = None
            self._keep_places(places)
        another_channel = "input_channel" in changed and not self.player.records_its_channel
        if OPENED_ANEW & set(changed) or another_channel:
            self._rescan()
        elif MIDI_OPENED_ANEW & set(changed):
            self.midi.rescan()
        if {"input_channel", "midi_out"} & set(changed):
            self._use_kept_places()

    def _take(self, message) -> bool:
        """Apply a command or event to state and sound; False if it changed nothing."""
        with self._order:
            before = self.state
            self.state = after = apply(before, message)
            for i in range(N_PADS) if after is not before else ():
                another_sound = before.sound(i) != after.sound(i)
                if another_sound or before.kit.pads[i] != after.kit.pads[i]:
                    self.player.put_pad(i, program=another_sound)
            if before.kit.notes != after.kit.notes:
                self.midi.map_notes()
            if before.setup is not after.setup or before.kit.notes != after.kit.notes:
                self.player.configure()
        return after is not before

    def _take_and_publish(self, event) -> None:
        with self._order:
            self._take(event)
            self._publish(event)

    def put_answer(self, answer: Answer) -> bool:
        """Put a drum on the pad of its hit; False if it is late. Called in other threads."""
        job = answer.job
        event = Answered(
            time_s=self._now(), hit=job.hit, revision=job.revision,
            observed_part=job.observed_part, stage=answer.stage, pad=job.pad, drum=answer.drum,
            distance=answer.distance, spread=answer.spread,
            no_drum_reason=answer.no_drum_reason, observed_s=round(job.clip.observed_s, 6),
            latency_ms=0.0, clip=job.clip, same_drum=answer.same_drum,
        )  # fmt: skip
        with self._order:
            if not self._take(event):
                return False
            latency_ms = round(1e3 * (time.monotonic() - job.received_at), 3)
            self._publish(replace(event, time_s=self._now(), latency_ms=latency_ms))
        return True

    # streams and models

    def _begin_stream(self, opened: str) -> None:
        """Start anew after a stream was opened."""
        self.hits.clear()
        self._calibration = self._shown_places = None
        if opened == OUTPUT:
            self._counted = None
            self.player.start()
            self.midi.follow_stream()
        self._use_kept_places()

    def _rescan(self) -> None:
        self.player.rescan()
        self._calibration = self._shown_places = None
        self.midi.rescan()

    def _load(self, path: Path) -> None:
        try:
            self.encoder = Encoder(path)
        except ValueError as error:
            self.say(Failed, message=str(error))
        else:
            self._take_and_publish(ModelLoaded(time_s=self._now(), path=path))

    def _warm_up(self) -> None:
        """Compile everything that the first hit needs, and the main thread in each step."""
        rate = 48000
        silence = np.zeros(round(PARTS_S[0] * rate), np.float32)
        heard = hear(Clip(silence, rate, PARTS_S[0], False), self.encoder)
        programs.write_program(np.zeros(1, programs.PROGRAM)[0], heard.drum, 1.0, rate)
        native.make_callback()
        native.make_input_callback()
        record = native.make_state(rate, 1, 2)[0]
        native.send(record, 0, native.SILENCE, 0, 0, 0.0, -1)
        native.receive(record)
        voices.n_sounding(record["pool"])

    # hits

    def _report(self, event: events.Event) -> None:
        """Publish an event of the callback, and follow hits."""
        if event.kind in (events.HIT, events.IGNORED):
            at = self.player.input_time_of(event.time)
        if event.kind == events.HIT:
            setup = self.state.setup
            velocity = int(np.clip(round(127 * event.level), 1, 127))
            self.say(
                HitDetected, at, onset_s=round(at, 6), velocity=velocity, pad=setup.armed,
                drum=event.reason / 100, place=event.tag if event.tag >= 0 else None,
            )  # fmt: skip
            if self._shown_places is not None:
                self._shown_places.hit(event.time)
            if setup.mode == "match":
                on_pad = self.state.kit.pads[setup.armed].drum
                self.hits.begin(setup.armed, event.time, self.state.revision, on_pad)
            else:
                self.hits.end(event.time)
        elif event.kind == events.IGNORED:
            self.say(HitIgnored, at, reason=detector.REASONS[event.reason])
        else:
            self.midi.report(event)

    def _calibrate(self) -> None:
        if not self.player.has_input:
            raise ValueError("there is no input to calibrate; connect a microphone")
        self._calibration = Calibration(int(self.player.capture["time"]))

    def _follow_calibration(self) -> None:
        """Evaluate a running calibration once its input is complete."""
        if self._calibration is None:
            return
        rate = self.player.input_rate
        x = self._calibration.received(self.player.capture, rate)
        if x is not None:
            self._calibration = None
            arguments = (x, rate, self.state.setup.settings, self.state.revision)
            threading.Thread(target=self._consider, args=arguments, daemon=True).start()

    def _consider(self, x, rate: float, settings: detector.Settings, revision: int) -> None:
        try:
            advice = calibration.set_up(x, rate, settings)
        except ValueError as error:
            self.say(Failed, message=str(error))
        else:
            self._later.put(lambda: self._take_advice(advice, revision))

    def _take_advice(self, advice: calibration.Advice, revision: int) -> None:
        event = Calibrated(
            time_s=self._now(), revision=revision, hits=advice.hits, gain_db=advice.gain_db,
            clipped=advice.clipped, settings=advice.settings,
        )  # fmt: skip
        self._take_and_publish(event)

    def _use_kept_places(self) -> None:
        """Tell places by what was learned at the open input, never by what was at another one."""
        setup = self.state.setup
        if setup.places_folder is None or not setup.midi_out or not self.player.has_input:
            return
        name, places = self.player.input_name, None
        if setup.places is not None and setup.places.input == name:
            return
        try:
            places = kept_places.load(setup.places_folder, name)
        except ValueError as error:
            self.say(Failed, message=str(error))
        if places != setup.places:
            self.change(PlacesKept, input=name, places=places)

    def _keep_places(self, before: Shown | None) -> None:
        """Keep the places of the state for the next start, or forget those that were before."""
        folder, places = self.state.setup.places_folder, self.state.setup.places
        if folder is None or places == before:
            return
        if places is None:
            kept_places.forget(folder, before.input)
            return
        try:
            kept_places.save(folder, places)
        except OSError as error:
            why = f"{error.filename or folder}: {error.strerror or error}"
            self.say(Failed, message=f"the place of hits is not kept for the next start: {why}")

    def _show_places(self, anew: bool) -> None:
        if not self.player.has_input:
            raise ValueError("there is no input to show places at; connect a microphone")
        if not anew and self.state.setup.places is not None:
            return
        self._shown_places = ShownPlaces(self.player.input_rate, self.player.input_name)
        self._say_shown()

    def _follow_shown_places(self) -> None:
        """Take strokes that are shown, and learn from them once all have come."""
        shown = self._shown_places
        if shown is None or not shown.receive(self.player.capture):
            return
        if not shown.is_complete:
            self._say_shown()
            return
        try:
            places, told_apart = shown.learn(self.state.setup.settings)
        except ValueError as error:
            self.say(Failed, message=str(error))
        else:
            before = self.state.setup.places
            self._say_shown(places=places, told_apart=round(told_apart, 3))
            self._keep_places(before)
        self._shown_places = None

    def _say_shown(self, **more) -> None:
        middle, rim = self._shown_places.middle, self._shown_places.rim
        self.change(PlaceShown, middle=middle, rim=rim, needed=place_learning.FEWEST, **more)

    def _now(self) -> float:
        return time.monotonic() - self._began


def serve(pipe, state: State, began: float) -> None:
    """Run the engine's process: commands from the pipe, events and snapshots into it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the client, which ends this
    threading.Thread(target=_end_with_client, name="client", daemon=True).start()
    sys.setswitchinterval(SWITCH_S)
    devices.use_asio(state.setup.asio)
    to_send: queue.SimpleQueue = queue.SimpleQueue()
    try:
        process = EngineProcess(state, to_send.put, began)
    except ValueError as error:
        with contextlib.suppress(OSError):  # the client is gone
            pipe.send(error)
        return
    with contextlib.suppress(OSError):  # the client is gone: `poll` will find that out
        pipe.send(STARTED)
    threading.Thread(target=_send_all, args=(pipe, to_send), name="pipe", daemon=True).start()
    next_snapshot = 0.0
    while True:
        try:
            while pipe.poll():
                command = pipe.recv()
                if isinstance(command, Quit):
                    process.close()
                    os._exit(0)  # a thread in native code would abort where the interpreter ends
                process.obey(command)
            process.step()
        except ValueError as error:
            process.say(Failed, message=str(error))
        except (EOFError, OSError):  # the client is gone
            return
        except Stuck:
            time.sleep(SAID_S)
            os._exit(STUCK)  # PortAudio's own clean-up would hang or abort
        now = time.monotonic()
        if now >= next_snapshot:
            next_snapshot = now + SNAPSHOT_S
            to_send.put(process.snapshot())
        time.sleep(TURN_S)


def _end_with_client() -> None:
    """End this process soon after its client ended, even while it still compiles."""
    multiprocessing.parent_process().join()
    time.sleep(GONE_S)
    os._exit(1)


def _send_all(pipe, to_send) -> None:
    while True:
        try:
            pipe.send(to_send.get())
        except OSError:
            return
