"""The functions of player and replacer as C calls them, with the addresses of their records."""

from numba import carray, from_dtype, types

from export.plugin import noise, player, replacer
from export.plugin.player import POINTER
from export.plugin.replacer import BYTES, FLOATS
from matcher.live import voices
from matcher.plugin.layout import N_WEIGHTS

ROOM = types.CPointer(from_dtype(noise.ROOM))
REPLACER = types.CPointer(from_dtype(replacer.REPLACER))
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


def _hit(record, pad, velocity):
    player.strike(carray(record, 1)[0], pad, velocity, -1)


def _latency(sample_rate):
    return replacer.latency(sample_rate)


def _start_replacer(record, sample_rate, weights):
    replacer.start(carray(record, 1)[0], sample_rate, carray(weights, N_WEIGHTS))


def _set(record, setting, value):
    replacer.set_value(carray(record, 1)[0], setting, value)


def _delay_midi(record, data, length):
    r, given = carray(record, 1)[0], carray(data, 3)
    row = replacer.delay(r, replacer.MIDI)
    for i in range(min(length, 3)):
        row.data[i] = given[i]
    row.length = length


def _delay_strike(record, note, channel, velocity):
    row = replacer.delay(carray(record, 1)[0], replacer.STRIKE)
    row.note, row.channel, row.velocity = note, channel, velocity


def _delay_choke(record, note):
    replacer.delay(carray(record, 1)[0], replacer.CHOKE).note = note


def _end_replacer(record, player_record):
    replacer.end(carray(record, 1)[0], player_record)


def _replace(record, player_record, in_left, in_right, left, right, n):
    replacer.render(
        carray(record, 1)[0], player_record, carray(in_left, n), carray(in_right, n),
        carray(left, n), carray(right, n),
    )  # fmt: skip


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
    "player_hit": (_hit, VOID(POINTER, I64, F64)),
    "replacer_latency": (_latency, I64(F64)),
    "replacer_start": (_start_replacer, VOID(REPLACER, F64, FLOATS)),
    "replacer_set": (_set, VOID(REPLACER, I64, F64)),
    "replacer_midi": (_delay_midi, VOID(REPLACER, BYTES, I64)),
    "replacer_strike": (_delay_strike, VOID(REPLACER, I64, I64, F64)),
    "replacer_choke": (_delay_choke, VOID(REPLACER, I64)),
    "replacer_end": (_end_replacer, VOID(REPLACER, POINTER)),
    "replacer_render": (
        _replace,
        VOID(REPLACER, POINTER, FLOATS, FLOATS, FLOATS, FLOATS, I64),
    ),
}
C_TYPES = {POINTER: "void *", ROOM: "void *", REPLACER: "void *", FLOATS: "float *",
           BYTES: "const uint8_t *", I64: "int64_t", F64: "double", VOID: "void"}  # fmt: skip
