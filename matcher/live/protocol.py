"""The protocol between the engine and its clients: commands, events, and the state they change.

A client sends commands, the engine publishes events; all of them are frozen dataclasses, declared
here only. They change a State, by `apply`: the engine's process, the client's Engine and the
window's editor all follow the same messages with it.

Commands and events may cross on their way. Each edit therefore has a revision, which counts up, and
each event has the newest revision that its sender knew: an event about a field that was edited
since then is late and changes nothing. An answer to a hit is also late if a newer hit, or a
controller, has set the drum of its pad.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from matcher.kits.kit import MOST_MORE_NOTES, N_PADS, Kit, Sound
from matcher.live.detector import Settings
from matcher.live.devices import Device, check_block, check_channel
from matcher.live.place_learning import Shown
from matcher.matching.encoder import SHIPPED
from matcher.matching.hear import Clip
from matcher.physics.drum import DRUM_PARAMETERS, Drum
from matcher.physics.parameters import PARAMETERS

MODES = ("match", "trigger")
NOTE = "note"  # targets of Learn beside the names of PARAMETERS
MORE_NOTES = "more notes"
POSITION = "position"  # target of the controller that sets strike positions


@dataclass(frozen=True)
class Setup:
    """Set-up of the engine.

    Devices are given by their key (devices.Device.key), their number or a part of their name; None
    is the system's default.

    Raises:
        ValueError: if a field is not allowed; names its value and the allowed ones.
    """

    input: str | int | None = None
    output: str | int | None = None
    midi_in: tuple[str, ...] = ()  # names of ports or parts of them; empty: all ports
    midi_channel: int = 0  # the only one that counts, 1 to 16; 0: all
    midi_out: bool = False  # send each hit as a note
    midi_out_port: str = ""  # name of a port, or a part of it, to which as well as from our own
    # strokes by which the place of each hit is told, and sent with its note; None: it is not
    places: Shown | None = field(default=None, repr=False)
    places_folder: Path | None = None  # where they are kept for each input; None: nowhere
    input_channel: int = 0  # the one of the input that is recorded, from 0
    output_channel: int = 0  # the left one of the two that are played to, from 0
    block: int = 0  # frames; 0: chosen by the driver
    exclusive: bool = False  # on WASAPI: leave the devices to no other program
    asio: bool = True  # on Windows: offer devices with ASIO drivers
    model: Path = SHIPPED
    mode: str = "match"  # match: a hit sets the armed pad's drum; trigger: it plays the pad
    armed: int = 0  # pad, 0 to N_PADS - 1
    refine: bool = True  # refine the network's answers by comparing sounds
    settings: Settings = field(default_factory=Settings)  # of the detector
    input_gain_db: float = 0.0
    output_gain_db: float = 0.0
    controllers: dict[int, str] = field(default_factory=dict)  # MIDI controller -> parameter
    solo: frozenset[int] = frozenset()  # the only pads that sound; empty: all sound

    def __post_init__(self):
        for number, name in self.controllers.items():
            if not 0 <= number <= 127:
                raise ValueError(f"controller is {number}, allowed is 0 to 127")
            if name not in PARAMETERS:
                allowed = ", ".join(PARAMETERS)
                raise ValueError(
                    f"controller {number} turns {name!r:.80}, allowed is one of: {allowed}"
                )
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r:.80}, allowed is one of: {', '.join(MODES)}")
        check_block(self.block)
        check_channel("input channel", self.input_channel)
        check_channel("output channel", self.output_channel)
        if not 0 <= self.midi_channel <= 16:
            raise ValueError(
                f"MIDI channel is {self.midi_channel}, allowed is 1 to 16, or 0 for all"
            )
        for name, pads in (("armed", (self.armed,)), ("solo", self.solo)):
            for pad in pads:
                if not 0 <= pad < N_PADS:
                    raise ValueError(f"{name} is {pad}, allowed is 0 to {N_PADS - 1}")

    def is_muted(self, pad: int) -> bool:
        """Whether a pad is silent because only other pads are solo."""
        return bool(self.solo) and pad not in self.solo


@dataclass(frozen=True)
class State:
    """Everything that commands and events can change."""

    setup: Setup
    kit: Kit = field(default_factory=Kit)
    revision: int = 0  # of the newest edit
    # revision of the last edit of each field; keys: a field's name for Setup, (pad, name) for a
    # pad, "kit" for all pads
    edited: dict[Any, int] = field(default_factory=dict)
    last_hit: tuple[int, ...] = (0,) * N_PADS  # per pad: number of the hit that set its drum
    oldest_hit: tuple[int, ...] = (0,) * N_PADS  # per pad: answers to earlier hits are late

    def sound(self, pad: int) -> Sound:
        """What a pad's voices play, as Pad.sound; no drum if the pad is muted."""
        sound = self.kit.pads[pad].sound
        return sound._replace(drum=None) if self.setup.is_muted(pad) else sound

    def is_late(self, revision: int, *keys) -> bool:
        """Whether one of these keys of `edited` was edited after a revision."""
        return any(self.edited.get(key, 0) > revision for key in keys)


# Commands


@dataclass(frozen=True)
class ReplaceKit:
    """Play another kit."""

    revision: int
    kit: Kit


@dataclass(frozen=True)
class EditPads:
    """Change fields of pads, usually of one; holds only the edited fields."""

    revision: int
    changes: dict[int, dict[str, Any]]  # pad -> {field of Pad: value}


@dataclass(frozen=True)
class ChangeSetup:
    """Change fields of Setup, except for the model; other devices are opened at once."""

    revision: int
    changes: dict[str, Any]


@dataclass(frozen=True)
class LoadModel:
    """Use another model; ModelLoaded or Failed follows."""

    path: Path


@dataclass(frozen=True)
class Strike:
    """Play a pad."""

    pad: int
    velocity: float  # 0 to 1

    def __post_init__(self):
        if not 0 <= self.pad < N_PADS:  # compiled code does not check it
            raise ValueError(f"pad is {self.pad}, allowed is 0 to {N_PADS - 1}")


@dataclass(frozen=True)
class Audition:
    """Play a recording, in place of the one being played; an empty one only stops that."""

    samples: np.ndarray = field(repr=False)  # (frames,)
    sample_rate: float


@dataclass(frozen=True)
class Silence:
    """Fade out everything."""


@dataclass(frozen=True)
class Learn:
    """Assign the next controller to a parameter, or the next note to the armed pad; see Learned."""

    what: str | None  # a parameter, NOTE, or MORE_NOTES to keep the pad's; None: stop

    def __post_init__(self):
        if self.what is not None and self.what not in (NOTE, MORE_NOTES, *PARAMETERS):
            allowed = ", ".join((NOTE, MORE_NOTES, *PARAMETERS))
            raise ValueError(f"learn is {self.what!r:.80}, allowed is one of: {allowed}")


@dataclass(frozen=True)
class Calibrate:
    """Set gain and detection by the next few hits; Calibrated or Failed follows."""


@dataclass(frozen=True)
class ShowPlaces:
    """Learn the place of hits from the next ones: in the middle, then at the rim; see PlaceShown.

    If they cannot be told apart, Failed follows. An edit of Setup.places ends it.
    """

    anew: bool = True  # also where it was learned before


@dataclass(frozen=True)
class Rescan:
    """Look for devices again; all sound is cut off."""


@dataclass(frozen=True)
class Quit:
    """End the engine's process."""


# Events


def _in_json(key: str = "", convert: Callable | None = None, hidden: bool = False, **more):
    """A field that `to_json` writes under another key, converted, or not at all."""
    return field(metadata={"key": key, "convert": convert, "hidden": hidden}, **more)


def _from_1(pad: int | None) -> int | None:
    return None if pad is None else pad + 1  # people count pads from 1


def _key_of(name: str | None) -> str | None:
    return PARAMETERS[name].key if name in PARAMETERS else name


def _drum_to_json(drum: Drum) -> dict:
    theta = {name: float(value) for name, value in drum.theta._asdict().items()}
    x1, x2 = drum.strike
    stroke = {"x1": x1, "x2": x2, "mallet_hz": drum.mallet_hz, "tension": drum.tension}
    own = {"partials": drum.partials, "glide_s": drum.glide_s, "wires_s": drum.wires_s}
    return {"theta": theta, "levels": drum.attack_powers, **stroke, **own}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in the engine."""

    kind: ClassVar[str]  # value of "event" in JSON
    time_s: float  # s since the engine's start

    def to_json(self) -> dict:
        """The event as `live --json` prints it; a dict in a field is merged into the row."""
        row = {"event": self.kind, "time_s": round(self.time_s, 6)}
        for part in fields(self):
            meta = part.metadata
            if part.name == "time_s" or meta.get("hidden"):
                continue
            value = getattr(self, part.name)
            value = meta["convert"](value) if meta.get("convert") else value
            row |= value if isinstance(value, dict) else {meta.get("key") or part.name: value}
        return row


@dataclass(frozen=True, kw_only=True)
class Ready(Event):
    """A stream was opened."""

    kind = "ready"
    sample_rate: float
    block: int
    input: str | None
    output: str
    input_latency_s: float | None
    output_latency_s: float | None


@dataclass(frozen=True, kw_only=True)
class DeviceChanged(Event):
    """A device was lost, is missing, gives nothing but zeros, or was found."""

    kind = "device"
    system: str = _in_json("of")  # "audio" (the output), "input" or "midi"
    state: str  # "lost", "missing", "silent" or "found"
    name: str  # name of the device, or a sentence on what is missing


@dataclass(frozen=True, kw_only=True)
class HitDetected(Event):
    """A hit began."""

    kind = "hit"
    onset_s: float
    velocity: int  # 1 to 127
    pad: int = _in_json(convert=_from_1)
    drum: float = 1.0  # probability that it is a drum's
    place: int | None = None  # 0 in the middle to 127 at the rim; None where it is not told


@dataclass(frozen=True, kw_only=True)
class HitIgnored(Event):
    """The input rose, but this was no hit."""

    kind = "ignored"
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answered(Event):
    """A drum that matches a hit: the network's, or a refined one."""

    kind = "theta"
    hit: int = _in_json(hidden=True)  # number of the hit, from 1
    revision: int = _in_json(hidden=True)  # of the state when the hit began
    observed_part: str = _in_json("stage")  # part of the hit that was matched: "100 ms", "full"
    stage: str = _in_json("by")  # one of task.STAGES
    pad: int = _in_json(convert=_from_1)
    drum: Drum = _in_json(convert=_drum_to_json)
    distance: float | None  # log-CQT distance; None if it was not measured
    spread: tuple[float, ...] | None  # of theta, as matching.confidence defines it
    no_drum_reason: str = _in_json("doubt")  # why the sound may not be a drum
    # whether it is another stroke on the drum that was on the pad; None where that is not known
    same_drum: bool | None = None
    observed_s: float
    latency_ms: float  # ms from the last observed sample until the pad was ready
    clip: Clip = _in_json(hidden=True, repr=False)


@dataclass(frozen=True, kw_only=True)
class NotePlayed(Event):
    """A MIDI note was received."""

    kind = "note"
    note: int
    velocity: int
    pad: int | None = _in_json(convert=_from_1)  # the pad that it played


@dataclass(frozen=True, kw_only=True)
class ControllerMoved(Event):
    """A MIDI controller moved."""

    kind = "control"
    revision: int = _in_json(hidden=True)
    controller: int
    value: int
    turns: str | None = _in_json(convert=_key_of)  # a parameter, POSITION, or None
    to: float | None  # the parameter's new value
    pad: int | None = _in_json(convert=_from_1)  # the pad whose parameter was turned


@dataclass(frozen=True, kw_only=True)
class ProgramChanged(Event):
    """A MIDI program was chosen: a kit of the folder of kits, in the order of their names."""

    kind = "program"
    number: int  # from 0


@dataclass(frozen=True, kw_only=True)
class Learned(Event):
    """A controller or a note was learned."""

    kind = "learned"
    revision: int = _in_json(hidden=True)
    what: str = _in_json(convert=_key_of)  # a parameter, NOTE or MORE_NOTES
    number: int  # MIDI number of the controller or the note
    pad: int = _in_json(convert=_from_1)


@dataclass(frozen=True, kw_only=True)
class Calibrated(Event):
    """Gain and detection were set by a few hits."""

    kind = "listened"
    revision: int = _in_json(hidden=True)
    hits: int
    gain_db: float
    clipped: bool  # the input clips before the gain
    settings: Settings = _in_json(convert=asdict)


@dataclass(frozen=True, kw_only=True)
class PlaceShown(Event):
    """Strokes in the middle and at the rim are wanted, or some of them have come."""

    kind = "place"
    revision: int = _in_json(hidden=True)
    middle: int  # strokes that have come
    rim: int
    needed: int  # of each
    # share of their pairs that are told apart, once all have come, and the strokes
    told_apart: float | None = None
    places: Shown | None = _in_json(default=None, hidden=True, repr=False)


@dataclass(frozen=True, kw_only=True)
class PlacesKept(Event):
    """The place of hits is told by what was once learned at the input that is open."""

    kind = "kept place"
    revision: int = _in_json(hidden=True)
    input: str  # its name and channel
    # None: nothing was learned there, so what was learned at another input is not used
    places: Shown | None = _in_json("date", lambda places: places and places.date, repr=False)


@dataclass(frozen=True, kw_only=True)
class ModelLoaded(Event):
    """Another model is in use."""

    kind = "model"
    path: Path = _in_json(convert=str)


@dataclass(frozen=True, kw_only=True)
class Counted(Event):
    """Something went wrong in the audio callbacks: how often, since the stream was opened."""

    kind = "counted"
    drop_outs: int  # blocks that came too late
    dropped: int  # reports of hits and strikes, and hits to be sent as notes, that were lost
    bad_samples: int  # of the input or the voices that were no number, and taken as silence
    clipped: int  # samples of the input above what is recorded, after its gain
    limited: int  # samples of the output that the limiter turned down


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """Something could not be done."""

    kind = "error"
    message: str


# Messages to clients that are no events


class DeviceList(NamedTuple):
    """The audio devices that are present."""

    devices: list[Device]


class Activity(NamedTuple):
    """What the engine's main thread is about to do that may take long; empty: nothing."""

    text: str


class Snapshot(NamedTuple):
    """Levels, load and counters from player.snapshot, and the names of the MIDI ports."""

    values: dict


# How messages change the state


def apply(state: State, message) -> State:
    """The state after a command or an event; the same object if the message changes nothing."""
    effect = _EFFECTS.get(type(message))
    return state if effect is None else effect(state, message)


def _replace_kit(state: State, command: ReplaceKit) -> State:
    edited = state.edited | {"kit": command.revision}
    return replace(state, kit=command.kit, revision=command.revision, edited=edited)


def _edit_pads(state: State, command: EditPads) -> State:
    pads = {i: replace(state.kit.pads[i], **change) for i, change in command.changes.items()}
    edited = {(i, name): command.revision for i, change in command.changes.items()
              for name in change}  # fmt: skip
    return replace(
        state, kit=state.kit.with_pads(pads), revision=command.revision,
        edited=state.edited | edited,
    )  # fmt: skip


def _change_setup(state: State, command: ChangeSetup) -> State:
    edited = dict.fromkeys(command.changes, command.revision)
    return replace(
        state, setup=replace(state.setup, **command.changes), revision=command.revision,
        edited=state.edited | edited,
    )  # fmt: skip


def _answered(state: State, event: Answered) -> State:
    late = state.is_late(event.revision, "kit", (event.pad, "drum"))
    if late or event.hit < state.oldest_hit[event.pad]:
        return state
    kit = state.kit.with_pad(event.pad, drum=event.drum)
    last, oldest = (
        _with(hits, event.pad, event.hit) for hits in (state.last_hit, state.oldest_hit)
    )
    return replace(state, kit=kit, last_hit=last, oldest_hit=oldest)


def _controller_moved(state: State, event: ControllerMoved) -> State:
    if event.to is None:
        return state
    changed = "drum" if event.turns in DRUM_PARAMETERS else event.turns
    if state.is_late(event.revision, "kit", (event.pad, changed)):
        return state
    oldest = state.oldest_hit
    if changed == "drum":  # later answers to the hit that set it are late
        oldest = _with(oldest, event.pad, state.last_hit[event.pad] + 1)
    kit = state.kit.with_value(event.pad, event.turns, event.to)
    return replace(state, kit=kit, oldest_hit=oldest)


def _learned(state: State, event: Learned) -> State:
    if event.what in (NOTE, MORE_NOTES):
        fields_ = ((i, name) for i in range(N_PADS) for name in ("note", "more_notes"))
        if state.is_late(event.revision, "kit", *fields_):
            return state
        pad = state.kit.pads[event.pad]
        if event.what == NOTE:
            return replace(state, kit=state.kit.with_note(event.pad, event.number))
        if event.number in pad.notes or len(pad.more_notes) == MOST_MORE_NOTES:
            return state
        notes = (*pad.more_notes, event.number)
        return replace(state, kit=state.kit.with_more_notes(event.pad, notes))
    if state.is_late(event.revision, "controllers"):
        return state
    kept = {cc: name for cc, name in state.setup.controllers.items() if name != event.what}
    controllers = kept | {event.number: event.what}
    return replace(state, setup=replace(state.setup, controllers=controllers))


def _calibrated(state: State, event: Calibrated) -> State:
    calibrated = {"settings": event.settings, "input_gain_db": event.gain_db}
    changes = {name: v for name, v in calibrated.items() if not state.is_late(event.revision, name)}
    return replace(state, setup=replace(state.setup, **changes)) if changes else state


def _place_shown(state: State, event: PlaceShown) -> State:
    if event.places is None or state.is_late(event.revision, "places"):
        return state
    return replace(state, setup=replace(state.setup, places=event.places))


def _places_kept(state: State, event: PlacesKept) -> State:
    if state.is_late(event.revision, "places"):
        return state
    return replace(state, setup=replace(state.setup, places=event.places))


def _model_loaded(state: State, event: ModelLoaded) -> State:
    return replace(state, setup=replace(state.setup, model=event.path))


def _with(values: tuple, index: int, value) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


_EFFECTS = {
    ReplaceKit: _replace_kit,
    EditPads: _edit_pads,
    ChangeSetup: _change_setup,
    Answered: _answered,
    ControllerMoved: _controller_moved,
    Learned: _learned,
    Calibrated: _calibrated,
    PlaceShown: _place_shown,
    PlacesKept: _places_kept,
    ModelLoaded: _model_loaded,
}
