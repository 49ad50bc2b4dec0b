"""The replacer: the instrument's own detector plays a pad on each hit in a plugin's input.

A hit is known some milliseconds after it began, not always as many. Each sounds the same time after
its onset, the one within which every hit is known; the host is told of this latency. All else waits
as long: notes and controllers in a queue, the input itself in a line, so that a host which allows
for the latency has everything in its place.
"""

import math

import numpy as np
from numba import types

from export.plugin.player import POINTER, floats_at, pointer_to
from matcher.compiled import native
from matcher.kits.kit import N_PADS
from matcher.live import detector, voices
from matcher.live.capture import LOUDEST
from matcher.live.detector import Settings
from matcher.plugin.layout import N_SETTINGS, SETTINGS

SCAN_MS, CANCEL, LEAK_DB = Settings.scan_ms, Settings.cancel, Settings.leak_db
LINE = 8192  # samples that are kept: more than the latency at 192 kHz and a block together
QUEUE = 1024  # messages that wait: a hundred times as many as MIDI carries in that time
MIDI, STRIKE, CHOKE = range(3)  # kinds of them
ON, PAD, GAIN_DB, THRESHOLD_DB, SENSITIVITY, MASK_MS, THROUGH, SEPARATE = range(N_SETTINGS)
assert tuple(setting.name for setting in SETTINGS) == (
    "on", "pad", "gain_db", "threshold_db", "sensitivity", "mask_ms", "through",
    "separate",
)  # fmt: skip


@native
def latency(sample_rate):
    """Samples between a hit in the input and its sound."""
    return detector.known_within(SCAN_MS, 0.0, sample_rate)


WAITING = np.dtype(  # what of it counts depends on the kind, as player's entries take it
    [
        ("time", np.int64),  # at which it is due
        ("kind", np.int64),
        ("data", np.uint8, 3),
        ("length", np.int64),
        ("note", np.int64),
        ("channel", np.int64),
        ("velocity", np.float64),
    ],
    align=True,
)
REPLACER = np.dtype(
    [
        ("detector", detector.DETECTOR),
        ("sample_rate", np.float64),
        ("latency", np.int64),
        ("settings", np.float64, N_SETTINGS),  # natural units
        ("through", np.float64),  # as it sounds: it follows its setting
        ("time", np.int64),  # samples since it was started
        ("left", np.float32, LINE),  # the input, sample t at t modulo LINE; likewise
        ("right", np.float32, LINE),
        ("hits", np.float64, LINE),  # the velocities of hits, where they sound
        ("queue", WAITING, QUEUE),
        ("put", np.int64),  # messages so far
        ("taken", np.int64),
    ],
    align=True,
)
FLOATS, BYTES = types.CPointer(types.float32), types.CPointer(types.uint8)
_I64, _F64, _VOID = types.int64, types.float64, types.void
# compiled once, as entries of their own
_render = types.ExternalFunction("player_render", _VOID(POINTER, FLOATS, FLOATS, _I64))
_hit = types.ExternalFunction("player_hit", _VOID(POINTER, _I64, _F64))
_strike = types.ExternalFunction("player_strike", _VOID(POINTER, _I64, _I64, _F64))
_choke = types.ExternalFunction("player_choke", _VOID(POINTER, _I64))
_midi = types.ExternalFunction("player_midi", _VOID(POINTER, BYTES, _I64))
bytes_at = pointer_to(types.uint8)


@native
def start(r, sample_rate, weights):
    """Make a record of REPLACER, all zeros, ready for its settings.

    weights: (N_WEIGHTS,) float32, as layout.BAKED has them.
    """
    network = r.detector.strokes
    at = _copy_rows(weights, 0, network.of_input)
    at = _copy_rows(weights, at, network.of_state)
    at = _copy(weights, at, network.bias_input)
    at = _copy(weights, at, network.bias_state)
    at = _copy_rows(weights, at, network.of_output)
    _copy(weights, at, network.bias_output)
    r.sample_rate, r.latency = sample_rate, latency(sample_rate)


@native
def _copy_rows(weights, at, to):
    for i in range(to.shape[0]):
        at = _copy(weights, at, to[i])
    return at


@native
def _copy(weights, at, to):
    """Copy weights from `at` on to an array (numbers,) -> the end of what was copied."""
    for i in range(to.shape[0]):
        to[i] = weights[at + i]
    return at + to.shape[0]


@native
def set_value(r, setting, value):
    """Set one of SETTINGS, by its place, in natural units."""
    r.settings[setting] = value
    detector.set_up(
        r.detector, r.settings[THRESHOLD_DB], r.settings[SENSITIVITY], SCAN_MS,
        r.settings[MASK_MS], CANCEL, LEAK_DB, 0.0, r.sample_rate, 0.0,
    )  # fmt: skip


@native
def delay(r, kind):
    """The place for a message that is due after the latency; where QUEUE wait, the last is lost."""
    if r.put - r.taken == QUEUE:
        r.put -= 1
    row = r.queue[r.put % QUEUE]
    row.time, row.kind = r.time + r.latency, kind
    r.put += 1
    return row


@native
def end(r, player):
    """Do at once what waits."""
    while r.taken < r.put:
        _do_next(r, player)


@native
def render(r, player, in_left, in_right, left, right):
    """Set left and right to what sounds, given the input, all (samples,), at most BLOCK of them.

    The input may be in the same place as the output.
    """
    n, at = left.shape[0], 0
    _find_hits(r, in_left, in_right)
    for t in range(n):
        place = (r.time + t) % LINE
        if r.hits[place] == 0 and not _is_due(r, t):
            continue
        _render_part(player, left, right, at, t)
        at = t
        if r.hits[place] > 0:
            _hit(player, min(max(0, round(r.settings[PAD]) - 1), N_PADS - 1), r.hits[place])
            r.hits[place] = 0
        while _is_due(r, t):
            _do_next(r, player)
    _render_part(player, left, right, at, n)
    _add_input(r, left, right)
    r.time += n


@native
def _find_hits(r, in_left, in_right):
    """Feed the input to the detector, and note each hit where it is to sound."""
    d, gain = r.detector, 10 ** (r.settings[GAIN_DB] / 20)
    for t in range(in_left.shape[0]):
        now = r.time + t
        x, y = _finite(in_left[t]), _finite(in_right[t])
        r.left[now % LINE], r.right[now % LINE] = x, y
        value = gain * 0.5 * (float(x) + float(y))
        if detector.feed(d, min(max(value, -LOUDEST), LOUDEST), 0.0) == detector.ENDED:
            place = max(now, d.onset + r.latency) % LINE
            r.hits[place] = max(r.hits[place], d.peak)


@native
def _finite(x):
    return x if abs(x) < np.inf else np.float32(0)


@native
def _is_due(r, t):
    """Whether the next message is due at sample t of this block."""
    return r.taken < r.put and r.queue[r.taken % QUEUE].time <= r.time + t


@native
def _do_next(r, player):
    row = r.queue[r.taken % QUEUE]
    r.taken += 1
    if row.kind == MIDI:
        _midi(player, bytes_at(row.data.ctypes.data), row.length)
    elif row.kind == STRIKE:
        _strike(player, row.note, row.channel, row.velocity)
    else:
        _choke(player, row.note)


@native
def _render_part(player, left, right, begin, end):
    if end > begin:
        l, r = left[begin:end], right[begin:end]
        _render(player, floats_at(l.ctypes.data), floats_at(r.ctypes.data), end - begin)


@native
def _add_input(r, left, right):
    """Add the input of the latency ago, as far as it is to be heard."""
    share = 1 - math.exp(-1 / (voices.SMOOTH_S * r.sample_rate))
    wanted = r.settings[THROUGH]
    if wanted == 0 and r.through < voices.OVER:
        return
    for t in range(left.shape[0]):
        place = (r.time + t - r.latency) % LINE
        r.through += share * (wanted - r.through)
        left[t] += np.float32(r.through) * r.left[place]
        right[t] += np.float32(r.through) * r.right[place]
