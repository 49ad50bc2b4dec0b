"""The player's functions as C calls them: each with the address of a record of PLAYER."""

from numba import carray, from_dtype, types

from export.plugin import noise, player
from export.plugin.player import POINTER
from matcher.live import voices

ROOM = types.CPointer(from_dtype(noise.ROOM))
FLOATS, BYTES = types.CPointer(types.float32), types.CPointer(types.uint8)
I64, F64, VOID = types.int64, types.float64, types.void


def _start(record, sample_rate, room):
    player.start(carray(record, 1)[0], sample_rate, carray(room, 1)[0])


def _load(record):
    player.load(carray(record, 1)[0])


def _write(record, pad, anew):
    player.write(carray(record, 1)[0], pad, anew)


def _search(record):
    player.search(carray(record, 1)[0])


def _turn(record, pad, knob, value):
    player.turn(carray(record, 1)[0], pad, knob, value)


def _midi(record, data, length):
    p, given = carray(record, 1)[0], carray(data, 3)
    message = p.message
    for i in range(min(length, 3)):
        message.data[i] = given[i]
    message.length = length
    player.follow(p)


def _strike(record, note, channel, velocity):
    p = carray(record, 1)[0]
    pad = p.kit.pad_of[note & 127]
    if pad >= 0:
        source = channel & 15  # as midi_notes.effect numbers them
        p.midi.last_pad[source] = pad
        player.strike(p, pad, velocity, source)


def _choke(record, note):
    p = carray(record, 1)[0]
    pad = p.kit.pad_of[note & 127]
    if pad >= 0:
        voices.choke(p.pool, pad)


def _silence(record):
    player.silence(carray(record, 1)[0])


def _render(record, left, right, n):
    player.render(carray(record, 1)[0], carray(left, n), carray(right, n))


def _sounding(record):
    return voices.n_sounding(carray(record, 1)[0].pool)


ENTRIES = {  # name in C: function, signature
    "player_start": (_start, VOID(POINTER, F64, ROOM)),
    "player_load": (_load, VOID(POINTER)),
    "player_write": (_write, VOID(POINTER, I64, I64)),
    "player_search": (_search, VOID(POINTER)),
    "player_turn": (_turn, VOID(POINTER, I64, I64, F64)),
    "player_midi": (_midi, VOID(POINTER, BYTES, I64)),
    "player_strike": (_strike, VOID(POINTER, I64, I64, F64)),
    "player_choke": (_choke, VOID(POINTER, I64)),
    "player_silence": (_silence, VOID(POINTER)),
    "player_render": (_render, VOID(POINTER, FLOATS, FLOATS, I64)),
    "player_sounding": (_sounding, I64(POINTER)),
}
C_TYPES = {POINTER: "void *", ROOM: "void *", FLOATS: "float *", BYTES: "const uint8_t *",
           I64: "int64_t", F64: "double", VOID: "void"}  # fmt: skip
