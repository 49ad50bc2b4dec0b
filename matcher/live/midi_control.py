"""MIDI control: notes play pads, controllers turn parameters, both can be learned."""

import time
from collections.abc import Callable

from matcher.live import callback as native
from matcher.live import jack_notes, midi
from matcher.live.player import RETRY_S, Player
from matcher.live.protocol import (
    NOTE,
    POSITION,
    ControllerMoved,
    DeviceChanged,
    Learned,
    NotePlayed,
    State,
)
from matcher.physics.parameters import PARAMETERS

POSITION_CC = 16  # controller number with which electronic drum pads send the strike position
MOST = 127  # largest MIDI value


class MidiControl:
    """The MIDI inputs and what their messages do.

    Args:
        state: returns the current State.
        say: called with an Event's class, its time or None, and its fields.
        change: called in the same way; also applies the event to the state.
        player: plays the notes.
    """

    def __init__(self, state: Callable[[], State], say: Callable, change: Callable, player: Player):
        self._state, self._say, self._change, self._player = state, say, change, player
        self._inputs: midi.Inputs | None = None
        self._reported, self._missing, self._next_try = None, False, 0.0
        self._learning: str | None = None
        self._tag, self._notes = 0, {}  # of notes that the callback has not reported yet

    @property
    def names(self) -> list[str]:
        """Names of the open ports."""
        return self._inputs.names if self._inputs is not None else []

    @property
    def position_cc(self) -> int:
        """The controller that sets strike positions; negative if it turns something else."""
        mapped = POSITION_CC in self._state().setup.controllers or self._learning in PARAMETERS
        return -1 if mapped else POSITION_CC

    def step(self) -> None:
        """Act on the messages received since the last step."""
        self._do(self._poll())

    def learn(self, what: str | None) -> None:
        """Assign the next controller to a parameter, or for NOTE the next note; None: stop."""
        self._learning = what

    def rescan(self) -> None:
        """Close all ports and open them again."""
        self.close()
        self._next_try, self._reported = 0.0, None

    def close(self) -> None:
        """Close all ports, after what has come in by then was done; `step` opens them again."""
        if self._player.running:
            jack = self._inputs and self._inputs.jack
            jack_notes.detach_midi(self._player.record, jack)
        if self._inputs is not None:
            self._do(self._inputs.poll())
            self._inputs.close()
            self._inputs = None

    def map_notes(self) -> None:
        """Tell the callback which pad each note plays."""
        if self._player.running:
            pads = [self._state().kit.pad_of(note) for note in range(MOST + 1)]
            self._player.record["pad_of"] = [-1 if pad is None else pad for pad in pads]

    def report(self, event: native.Event) -> None:
        """Publish a note that the callback reports as STRUCK or REFUSED."""
        played = native.note_of(event.tag) if event.tag < -1 else self._notes.pop(event.tag, None)
        if played is not None:
            pad = event.pad if event.kind == native.STRUCK else None
            self._say_note(*played, pad, self._player.time_of(event.time))

    def _do(self, messages: list[midi.Message]) -> None:
        """Play notes, set positions, turn parameters."""
        moved = {}
        for message in messages:
            if message.kind == midi.CONTROL and message.number == self.position_cc:
                self._set_position(message)
            elif message.kind == midi.CONTROL:
                moved[message.number] = message.value  # only the newest of each
            elif message.kind == midi.NOTE_ON:
                self._play(message)
        for number, value in moved.items():
            self._turn(number, value)

    def _poll(self) -> list[midi.Message]:
        if self._inputs is None:
            now = time.monotonic()
            if now < self._next_try:
                return []
            self._next_try = now + RETRY_S
            try:
                self._inputs = midi.Inputs(self._state().setup.midi_in)
            except ValueError as error:
                if str(error) != self._reported:
                    self._say(DeviceChanged, None, system="midi", state="missing", name=str(error))
                self._reported, self._missing = str(error), True
                return []
            if self._missing:
                names = ", ".join(self._inputs.names)
                self._say(DeviceChanged, None, system="midi", state="found", name=names)
            self._missing = False
            self._play_natively()
        return self._inputs.poll()

    def _play_natively(self) -> None:
        """Have the audio callback read JACK's notes by itself, where both run on JACK."""
        source = self._inputs.jack
        if source is None or not self._player.plays_on_jack:
            return
        self.map_notes()
        jack_notes.attach_midi(self._player.record, source)

    def _is_native(self, message: midi.Message) -> bool:
        """Whether the callback reads this message by itself."""
        return message.port == midi.JACK and self._player.running and self._player.record["midi"]

    def _set_position(self, message: midi.Message) -> None:
        """Set the position of the next strike, 0 (middle) to MOST (rim)."""
        if not self._is_native(message):
            self._player.set_position(message.value / MOST)
        self._say(
            ControllerMoved, None, revision=self._state().revision, controller=message.number,
            value=message.value, turns=POSITION, to=None, pad=None,
        )  # fmt: skip

    def _turn(self, number: int, value: int) -> None:
        """Turn the parameter that a controller is mapped to."""
        armed = self._state().setup.armed
        if self._learning in PARAMETERS:
            what, self._learning = self._learning, None
            self._change(Learned, what=what, number=number, pad=armed)
        state = self._state()
        name, to = state.setup.controllers.get(number), None
        if name is not None and state.kit.pads[armed].value(name) is not None:
            to = PARAMETERS[name].from_share(value / MOST)
        self._change(
            ControllerMoved, controller=number, value=value, turns=name, to=to,
            pad=None if to is None else armed,
        )  # fmt: skip

    def _play(self, message: midi.Message) -> None:
        """Play the pad of a note; a note being learned is first assigned to the armed pad."""
        note, velocity = message.number, message.value
        if self._learning == NOTE:
            self._learning = None
            self._change(Learned, what=NOTE, number=note, pad=self._state().setup.armed)
        pad = self._state().kit.pad_of(note)
        if self._is_native(message) and pad is not None:
            return  # the callback plays it and reports what became of it
        self._tag += 1
        if pad is not None and self._player.strike(pad, velocity / MOST, self._tag):
            self._notes[self._tag] = note, velocity
        else:
            self._say_note(note, velocity, pad if not self._player.running else None)

    def _say_note(self, note: int, velocity: int, pad: int | None, at: float | None = None) -> None:
        self._say(NotePlayed, at, note=note, velocity=velocity, pad=pad)
