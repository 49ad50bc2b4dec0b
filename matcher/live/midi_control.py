"""MIDI control: notes play pads, controllers turn parameters, both can be learned; hits go out.

The audio callback acts on notes, pressure, positions and silence by itself (live.midi_notes). Here
is the rest, which may be late: what was played is reported, parameters are turned.
"""

from collections.abc import Callable

from matcher.live import callback as native
from matcher.live import clock, midi, midi_notes, midi_ports
from matcher.live.midi_learning import Movements
from matcher.live.midi_output import Outputs
from matcher.live.midi_ring import CONTROL, NOTE_ON, POSITION_CC, PROGRAM, Ring
from matcher.live.player import Player
from matcher.live.protocol import (
    MORE_NOTES,
    NOTE,
    POSITION,
    ControllerMoved,
    DeviceChanged,
    Failed,
    Learned,
    NotePlayed,
    ProgramChanged,
    State,
)
from matcher.physics.parameters import PARAMETERS

CHANNEL_MODE = 120  # first number of messages that are no controllers: silence, reset and so on
MOST = 127  # largest MIDI value
CHOOSE = (
    "no MIDI input is chosen: tick yours in the settings, or name it with --midi-in; while it is "
    "open here, no other program can use it"
)


class MidiControl:
    """The MIDI ports, what messages of the inputs do, and where hits go.

    Args:
        state: returns the current State.
        say: called with an Event's class, its time or None, and its fields.
        change: called in the same way; also applies the event to the state.
        player: whose callback plays the notes, and hands over the hits.
    """

    def __init__(self, state: Callable[[], State], say: Callable, change: Callable, player: Player):
        self._state, self._say, self._change, self._player = state, say, change, player
        self._inputs: midi.Inputs | None = None
        self._outputs: Outputs | None = None
        self._lost = 0  # hits that outputs which are closed now could not send
        self._ring = Ring(midi_ports.SLACK_NS)
        self._jack = None  # the jack_midi.Source that is read
        self._missing = ""  # what was reported as missing
        self._learning: str | None = None
        self._movements = Movements()

    @property
    def names(self) -> list[str]:
        """Names of the open ports."""
        return self._inputs.names if self._inputs is not None else []

    @property
    def there(self) -> list[str]:
        """Names of the ports that could be opened."""
        return self._inputs.there if self._inputs is not None else []

    @property
    def out_there(self) -> list[str]:
        """Names of the ports that hits could be sent to."""
        return self._outputs.there if self._outputs is not None else []

    @property
    def lost(self) -> int:
        """Hits that could not be sent."""
        return self._lost + (self._outputs.lost if self._outputs is not None else 0)

    @property
    def position_cc(self) -> int:
        """The controller that sets strike positions; negative if it turns something else."""
        mapped = POSITION_CC in self._state().setup.controllers or self._learning in PARAMETERS
        return -1 if mapped else POSITION_CC

    def step(self) -> None:
        """Act on the messages received since the last step."""
        if self._inputs is None:
            setup = self._state().setup
            hits = self._player.hits if setup.midi_out else None
            self._outputs = Outputs(setup.midi_out_port, hits, self._tell)
            self._inputs = midi.Inputs(setup.midi_in, self._ring, self._tell, self._outputs)
            self._follow(midi_notes.PORTS, self._ring)  # of a stream that was open before
        self._report_missing()
        if self._inputs.jack is not self._jack:
            self._leave(midi_notes.JACK)
            self._jack = self._inputs.jack
            self._follow(midi_notes.JACK, self._jack)
        self._do(self._poll())

    def learn(self, what: str | None) -> None:
        """Assign the next controller to a parameter, or the next note to the pad; None: stop."""
        self._learning = what
        self._movements.begin(clock.now_ns())

    def rescan(self) -> None:
        """Close all ports; `step` opens them again."""
        self.close()
        self._missing = ""

    def close(self) -> None:
        """Close all ports, after what has come in by then was done."""
        self.leave_stream()
        if self._inputs is not None:
            self._do(self._poll())
            self._lost = self.lost
            self._inputs.close()
        self._inputs = self._outputs = self._jack = None

    def follow_stream(self) -> None:
        """Have a stream that was opened play what comes in from now on."""
        self._do(self._poll())
        self.map_notes()
        self._follow(midi_notes.PORTS, self._ring)
        if self._inputs is not None:
            self._inputs.look_again()  # JACK may have come with the stream
            self._jack = self._inputs.jack
        self._follow(midi_notes.JACK, self._jack)

    def leave_stream(self) -> None:
        """Have a stream that is about to be closed leave the messages alone."""
        for index in (midi_notes.PORTS, midi_notes.JACK):
            self._leave(index)

    def map_notes(self) -> None:
        """Tell the callback which pad each note plays."""
        if self._player.running:
            pads = [self._state().kit.pad_of(note) for note in range(MOST + 1)]
            self._player.record["midi"]["pad_of"] = [-1 if pad is None else pad for pad in pads]

    def report(self, event: native.Event) -> None:
        """Publish a note that the callback reports as STRUCK or REFUSED."""
        if event.tag < -1:
            pad = event.pad if event.kind == native.STRUCK else None
            self._say_note(*native.note_of(event.tag), pad, self._player.time_of(event.time))

    def _follow(self, index: int, ring: Ring | None) -> None:
        if self._player.running and ring is not None:
            in_frames = index == midi_notes.JACK and self._player.plays_on_jack
            midi_notes.attach(self._player.record, index, ring, in_frames)

    def _leave(self, index: int) -> None:
        if self._player.running:
            midi_notes.detach(self._player.record, index)

    def _tell(self, sentence: str) -> None:
        self._say(Failed, None, message=sentence)

    def _report_missing(self) -> None:
        """Say what is missing, once, and when it is there."""
        missing = self._inputs.missing or (CHOOSE if self._inputs.needs_choice else "")
        if missing == self._missing:
            return
        before, self._missing = self._missing, missing
        if missing:
            self._say(DeviceChanged, None, system="midi", state="missing", name=missing)
        elif before:
            names = ", ".join(self._inputs.names)
            self._say(DeviceChanged, None, system="midi", state="found", name=names)

    def _poll(self) -> list[midi.Message]:
        """Messages of the chosen channel since the last call."""
        wanted, messages = self._state().setup.midi_channel, []
        rings = ((midi_notes.PORTS, self._ring), (midi_notes.JACK, self._jack))
        for index, ring in rings:
            for row in ring.poll() if ring is not None else ():
                message = midi.parse(index, *row)
                if message is not None and wanted in (0, message.channel + 1):
                    messages.append(message)
        return messages

    def _do(self, messages: list[midi.Message]) -> None:
        """Report notes and positions, turn parameters, learn."""
        turned = {}
        for message in messages:
            if message.kind == NOTE_ON:
                self._take_note(message)
            elif message.kind == PROGRAM:
                self._say(ProgramChanged, None, number=message.number)
            elif message.kind == CONTROL and message.number == self.position_cc:
                self._say_position(message.value)
            elif message.kind == CONTROL and message.number < CHANNEL_MODE:
                moved = self._movements.is_moved(message)
                if moved and self._learning in PARAMETERS:
                    self._learn_controller(message.number)
                turned[message.number] = message.value  # only the newest of each
        for number, value in turned.items():
            self._turn(number, value)

    def _say_position(self, value: int) -> None:
        self._say(
            ControllerMoved, None, revision=self._state().revision, controller=POSITION_CC,
            value=value, turns=POSITION, to=None, pad=None,
        )  # fmt: skip

    def _learn_controller(self, number: int) -> None:
        what, self._learning = self._learning, None
        self._change(Learned, what=what, number=number, pad=self._state().setup.armed)

    def _turn(self, number: int, value: int) -> None:
        """Turn the parameter that a controller is mapped to."""
        state = self._state()
        armed, name, to = state.setup.armed, state.setup.controllers.get(number), None
        if name is not None and state.kit.pads[armed].value(name) is not None:
            to = PARAMETERS[name].from_share(value / MOST)
        self._change(
            ControllerMoved, controller=number, value=value, turns=name, to=to,
            pad=None if to is None else armed,
        )  # fmt: skip

    def _take_note(self, message: midi.Message) -> None:
        """Learn a note for the armed pad; report it, unless the callback does."""
        note = message.number
        if self._learning in (NOTE, MORE_NOTES):
            what, self._learning = self._learning, None
            self._change(Learned, what=what, number=note, pad=self._state().setup.armed)
        pad = self._state().kit.pad_of(note)
        if pad is None or not self._plays(message.ring):
            self._say_note(note, message.value, None if self._player.running else pad)

    def _plays(self, ring: int) -> bool:
        """Whether the callback plays a ring, and reports the notes that have a pad."""
        return self._player.running and self._player.record["midi"]["rings"][ring] != 0

    def _say_note(self, note: int, velocity: int, pad: int | None, at: float | None = None) -> None:
        self._say(NotePlayed, at, note=note, velocity=velocity, pad=pad)
