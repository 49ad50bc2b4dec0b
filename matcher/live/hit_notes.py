"""Hits as MIDI notes: the ring that the input's callback fills, and which message is due when.

A hit leaves once its velocity is known, one block after its place in the block in which it was
found, so that no delay varies with that place. Where the drum was hit, if it can be told, leaves
right before it, as the controller that electronic drums send it with. Whoever sends (jack_midi in
JACK's cycles, by its frames; midi_output in a thread, by the monotonic clock) has a record of
SENDER and reads the ring by itself.
"""

import numpy as np

from matcher.compiled import carray, fence, memory_fence, native
from matcher.live import hit_place, midi_ring
from matcher.live.midi_ring import CONTROL, NOTE_OFF, NOTE_ON, POSITION_CC, SIZE, UNKNOWN, Ring
from matcher.midi_file import CHANNEL, LENGTH_S

NO_FRAME = -1  # frame of what was not found on JACK's clock
N_NOTES = 128

SENT = np.dtype(  # in capture.CAPTURE: where hits go, and as what
    [
        ("ring", np.int64),  # address of a midi_ring.MESSAGES that stays; 0: nowhere
        ("status", np.int64),  # of note on, with the channel
        ("note", np.int64),
        ("places", hit_place.READOUT, 2),  # one is used while one is written
        ("places_used", np.int64),  # index of that one
        # when the first sample of this block may leave: one block after it came in
        ("ns", np.int64),  # of live.clock
        ("step", np.float64),  # ns from each sample to the next
        ("frame", np.int64),  # of JACK's clock, or NO_FRAME
    ],
    align=True,
)
SENDER = np.dtype(
    [
        ("ring", np.int64),  # address of a midi_ring.MESSAGES
        ("read", np.int64),  # messages read
        ("lost", np.int64),  # that were overwritten, or for which the port had no room
        ("in_frames", np.int64),  # 1: its clock is JACK's
        ("per_s", np.float64),  # units of its clock in a second: frames, or ns
        ("now", np.int64),  # of its clock
        ("delay", np.int64),  # units by which all is sent later than it may leave
        ("ending", np.int64),  # 1: no hit is sent any more, and every note ends
        # of each note: the status that ends it, 0 while it does not sound; and when
        ("off", np.int64, N_NOTES),
        ("off_at", np.int64, N_NOTES),
        ("n_sounding", np.int64),
        ("at", np.int64),  # of the message that next_message took: when it is due, not before `now`
        ("bytes", np.uint8, 3),  # and what it says
    ],
    align=True,
)


def start(sender, ring: Ring, sample_rate: float | None = None) -> None:
    """Have a sender send the hits that come from now on.

    Args:
        sender: record of SENDER, all 0.
        ring: has to stay.
        sample_rate: of the JACK server whose frames it counts in, Hz; None: it counts in ns.
    """
    sender["in_frames"], sender["per_s"] = sample_rate is not None, sample_rate or 1e9
    sender["ring"], sender["read"] = ring.state.ctypes.data, ring.state["count"][0]


def configure(
    sent, ring: Ring | None, note: int, midi_channel: int, places: np.ndarray | None = None
) -> None:
    """Say where hits go.

    Args:
        sent: record of SENT.
        ring: has to stay; None: hits go nowhere.
        note: of the pad that they are for.
        midi_channel: 1 to 16; 0: that of drums.
        places: record of hit_place.READOUT that has learned; None: no place is sent.
    """
    channel = midi_channel - 1 if midi_channel > 0 else CHANNEL
    sent["status"], sent["note"] = NOTE_ON | channel, note
    sent["ring"] = ring.state.ctypes.data if ring is not None else 0
    used = int(sent["places_used"])
    if not hit_place.is_as_learned(sent["places"][used], places):
        hit_place.write(sent["places"][1 - used], places)
        memory_fence()  # it is whole before it is used
        sent["places_used"] = 1 - used


@native
def place_of(sent, x, onset):
    """The place of a hit, as hit_place.estimate gives it.

    Args:
        sent: record of SENT.
        x: (samples,) float32, the ring of the input.
        onset: of the hit, in it.
    """
    return hit_place.estimate(sent.places[sent.places_used], x, onset)


@native
def put(sent, offset, peak, place):
    """Hand a hit to whoever sends; called in the input's callback.

    Args:
        sent: record of SENT.
        offset: in the block, of the sample at which it was known.
        peak: of full scale.
        place: as hit_place.estimate gives it.
    """
    if sent.ring == 0:
        return
    messages = carray(midi_ring.messages_at(sent.ring), 1)[0]
    ns = sent.ns + np.int64(offset * sent.step)
    frame = sent.frame + offset if sent.frame != NO_FRAME else NO_FRAME
    if place >= 0:
        data = (CONTROL | (sent.status & 0x0F), np.int64(POSITION_CC), place)
        midi_ring.put(messages, ns, frame, UNKNOWN, data, 3)
    data = (sent.status, sent.note, min(max(np.int64(round(127 * peak)), 1), 127))
    midi_ring.put(messages, ns, frame, UNKNOWN, data, 3)


@native
def follow_frames(sender, frame):
    """Set the clock of a sender to a frame of JACK's, which counts in 32 bits."""
    sender.now += _between(sender.now, frame)


@native
def next_message(sender, now_ns, end):
    """Take the next message that is due before a time; a note ends before it begins again.

    Args:
        sender: record of SENDER, whose `now` is set.
        now_ns: `now` by live.clock.
        end: of the sender's clock.

    Returns:
        Whether there was one; `at` and `bytes` of the sender are its own then.
    """
    ends, at_end = _first_end(sender, end)
    messages = carray(midi_ring.messages_at(sender.ring), 1)[0]
    overwritten = max(0, messages.count - SIZE - sender.read)
    sender.lost += overwritten
    sender.read += overwritten
    if sender.ending == 0 and sender.read != messages.count:
        fence()
        row = messages.rows[sender.read % SIZE]
        at, status = _due(sender, row, now_ns), np.int64(row.data[0])
        number, value = np.int64(row.data[1] & 0x7F), np.int64(row.data[2] & 0x7F)
        if at < at_end:
            if status & 0xF0 == NOTE_ON:
                if sender.off[number] != 0:
                    _end_note(sender, number, at)
                    return True
                sender.off[number] = NOTE_OFF | (status & 0x0F)
                sender.off_at[number] = at + np.int64(LENGTH_S * sender.per_s)
                sender.n_sounding += 1
            sender.read += 1
            _set_message(sender, at, status, number, value)
            return True
    if ends >= 0:
        _end_note(sender, ends, at_end)
        return True
    return False


@native
def _due(sender, row, now_ns):
    """When a hit leaves, by the sender's clock."""
    if row.frame != NO_FRAME and sender.in_frames != 0:
        at = sender.now + _between(sender.now, row.frame)
    else:
        at = sender.now + np.int64(np.round((row.ns - now_ns) * 1e-9 * sender.per_s))
    return max(sender.now, at + sender.delay)


@native
def _between(before, frame):
    """Frames from one of JACK's to another, of which only 32 bits count."""
    since = (frame - before) & 0xFFFFFFFF
    return since - ((since >> 31) << 32)


@native
def _first_end(sender, end):
    """The note that ends first before a time, and when; below 0 and `end` where there is none."""
    note, first = -1, end
    if sender.n_sounding > 0:
        for i in range(N_NOTES):
            at = sender.now if sender.ending else max(sender.now, sender.off_at[i])
            if sender.off[i] != 0 and at < first:
                note, first = i, at
    return note, first


@native
def _end_note(sender, note, at):
    """Take the message that ends a note."""
    _set_message(sender, at, sender.off[note], note, 0)
    sender.off[note] = 0
    sender.n_sounding -= 1


@native
def _set_message(sender, at, status, number, value):
    sender.at = at
    sender.bytes[0], sender.bytes[1], sender.bytes[2] = status, number, value
