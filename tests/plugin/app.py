"""The instrument itself, playing what a plugin plays: the audio callback's own functions."""

import numpy as np

from matcher.kits.kit import N_PADS, Kit
from matcher.live import callback, midi_notes, programs, voices
from matcher.live.midi_ring import MESSAGE

HIT = -1  # stands where a message has its first byte: then come a pad, and a hit's velocity


class App:
    """The voices of the instrument with a kit on them, and its MIDI, in blocks as a host's."""

    def __init__(self, kit: Kit, sample_rate: float = 48000):
        self.state = callback.make_state(sample_rate, 0, 2)[0]
        self.pool, self.midi = self.state["pool"], self.state["midi"]
        self.sample_rate = sample_rate
        self.midi["position_cc"] = 16
        for i in range(N_PADS):
            self.midi["pad_of"][list(kit.pads[i].notes)] = i
            self.put(i, kit.pads[i])

    def put(self, i: int, pad) -> None:
        """Put a pad there, as the engine does."""
        programs.write_pad(self.pool["pads"][i], pad, self.sample_rate)
        if pad.drum is not None:
            drum, attack_mix, as_recorded = pad.sound
            slot = i * programs.SLOTS + int(self.pool["pads"][i]["serial"]) % programs.SLOTS
            record = self.pool["programs"][slot]
            programs.write_program(record, drum, attack_mix, self.sample_rate, as_recorded)
            voices.set_program(self.pool, i, slot)

    def send(self, *data) -> None:
        """Do at once what a MIDI message says, or a hit of the input."""
        if data[0] == HIT:
            voices.strike_at(self.pool, *data[1:], -1.0)
            return
        message = np.zeros(1, MESSAGE)[0]
        message["data"][: len(data)], message["length"] = data, len(data)
        what, pad, _, velocity, source = midi_notes.follow(self.midi, message, 0)
        if what == midi_notes.NOTE:
            position = midi_notes.aim(self.midi, pad, self.pool["pads"][pad]["position"], source)
            voices.strike_at(self.pool, pad, velocity / 127, position)
        elif what == midi_notes.CHOKE:
            voices.choke(self.pool, pad)
        elif what == midi_notes.SILENCE:
            voices.silence(self.pool, max(1, int(voices.STEAL_S * self.sample_rate)))

    def solo(self, *heard: int) -> None:
        """Let only these pads be heard; all else goes on, unheard."""
        for i, pad in enumerate(self.pool["pads"]):
            if i not in heard:
                for side in ("left", "right", "left_now", "right_now"):
                    pad[side] = 0

    def play(self, n: int, block: int, messages=()) -> np.ndarray:
        """Play n frames in blocks -> (2, n). messages: (frame, bytes or HIT, ...)."""
        out, messages, k = np.zeros((2, n), np.float32), sorted(messages), 0
        for start in range(0, n, block):
            for at in range(start, min(start + block, n), voices.BLOCK):
                end = min(at + voices.BLOCK, start + block, n)
                while k < len(messages) and messages[k][0] < end:
                    frame, data = messages[k]
                    self._render(out, at, frame)
                    self.send(*data)
                    at, k = max(at, frame), k + 1
                self._render(out, at, end)
        return out

    def _render(self, out, at: int, end: int) -> None:
        if end > at:
            voices.render(self.pool, out[0, at:end], out[1, at:end])


def residual_db(x, of) -> float:
    """Energy of x - of relative to that of `of`, dB."""
    return 20 * np.log10(max(np.linalg.norm(x - of) / np.linalg.norm(of), 1e-15))
