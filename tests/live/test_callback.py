import ctypes
import re
import sys
import threading
from time import monotonic_ns

import numpy as np
import pytest

from matcher.compiled import compile_c
from matcher.kits.kit import Pad
from matcher.live import callback as native
from matcher.live import denormals, events, programs, voices
from matcher.live.detector import Settings
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

RATE = 48000
TOM = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)
PARAMETERS = (
    ctypes.c_void_p,  # input
    ctypes.c_void_p,  # output
    ctypes.c_ulong,  # frames
    ctypes.c_void_p,  # time
    ctypes.c_ulong,  # flags
    ctypes.c_void_p,  # user data
)


@pytest.fixture(scope="module")
def compiled():
    return native.make_callback()


@pytest.fixture
def call(compiled):
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *PARAMETERS)(compiled.address)

    def run(state, x, block=64, flags=0):
        """x (frames, channels_in) in blocks -> what is played (frames, channels_out)."""
        played = []
        for start in range(0, len(x), block):
            heard = np.ascontiguousarray(x[start : start + block], np.float32)
            out = np.full((len(heard), int(state["channels_out"][0])), np.nan, np.float32)
            assert function(heard.ctypes.data, out.ctypes.data, len(heard), None, flags,
                            state.ctypes.data) == 0  # fmt: skip
            played.append(out)
        return np.concatenate(played)

    return run


PAD = Pad(36, drum=Drum(TOM))


def make(channels_in=1, channels_out=2, pads=(PAD,), **settings):
    state = native.make_state(RATE, channels_in, channels_out, Settings(**settings))
    record = state[0]
    for i, pad in enumerate(pads):
        programs.write_pad(record["pool"]["pads"][i], pad, RATE)
        program = record["pool"]["programs"][i * programs.SLOTS]
        programs.write_program(program, pad.tuned, pad.attack_mix, RATE)
        native.send(record, 0, native.PROGRAM, i, i * programs.SLOTS, 0.0, 0)
    return state


def quiet(n, channels=1):
    return np.zeros((n, channels), np.float32)


def hit(n, at, level=0.5):
    x = quiet(n)
    x[at:, 0] = drum.render(TOM._replace(omega=2 * np.pi * 200), RATE, (n - at) / RATE, peak=level)
    return x


@pytest.mark.parametrize("block", [16, 64, 100, 2048, 5000])
def test_strikes_sound_at_their_frame_at_any_block_size(call, block):
    state = make()
    for time, amount in ((100, 1.0), (2500, 0.5)):
        assert native.send(state[0], time, native.STRIKE, 0, 0, amount, time)
    out = call(state, quiet(10000), block)
    expected = np.zeros(10000)
    for time, amount in ((100, 1.0), (2500, 0.5)):
        expected[time:] += amount * np.sqrt(0.5) * drum.render(TOM, RATE, (10000 - time) / RATE)
    assert np.abs(out[:, 0] - expected).max() < 1e-4
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
    told = native.receive(state[0])
    assert [(e.time, e.kind, e.tag) for e in told] == [(t, native.STRUCK, t) for t in (100, 2500)]
    assert native.receive(state[0]) == []


def test_the_input_is_kept_and_counted(call):
    state = make(channels_in=2)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2)).astype(np.float32)
    call(state, x)
    np.testing.assert_array_equal(state["capture"]["input"][0, :1000], x[:, 0])
    np.testing.assert_array_equal(state["capture"]["channel_peaks"][0, :3], [*np.abs(x).max(0), 0])
    assert state["time"][0] == state["capture"]["time"][0] == 1000
    assert state["blocks"][0] == 16
    assert 0 < state["busy_ns"][0] < 1e9
    assert state["worst_ns"][0] <= state["busy_ns"][0]
    state["capture"]["channel"] = 1
    call(state, x)
    np.testing.assert_array_equal(state["capture"]["input"][0, 1000:2000], x[:, 1])


@pytest.mark.skipif(sys.platform == "win32", reason="reads the memory of a POSIX clock")
def test_time_is_taken_by_a_clock_that_cannot_jump(call):
    state = make()
    before = monotonic_ns()
    call(state, quiet(64))
    seconds, nanoseconds = state["clock"][0]  # what the clock wrote at the end of the block
    assert before <= seconds * 10**9 + nanoseconds <= monotonic_ns()


def test_a_hit_plays_the_armed_pad_and_is_reported(call):
    state = make()
    state["capture"]["detecting"], state["armed"] = 1, 0
    out = call(state, hit(RATE, 10000))
    told = native.receive(state[0])
    (struck,) = (e for e in told if e.kind == native.STRUCK)
    (found,) = (e for e in told if e.kind == events.HIT)
    assert abs(found.time - 10000) < 24
    assert struck.time - found.time < 0.002 * RATE
    assert not out[: struck.time].any()
    first = np.flatnonzero(out[:, 0])[0]
    assert first - struck.time <= 1  # the first sample of a drum is 0
    assert found.level == pytest.approx(0.5, rel=0.2)
    late = slice(struck.time + 480, RATE)
    expected = found.level * np.sqrt(0.5) * drum.render(TOM, RATE, (RATE - struck.time) / RATE)
    assert np.abs(out[late, 0] - expected[480:]).max() < 1e-3


def test_a_hit_has_its_frame_when_listening_began_late(call):
    state = make()
    call(state, quiet(960))
    state["capture"]["detecting"] = 1
    call(state, hit(RATE, 10000))
    (found,) = (e for e in native.receive(state[0]) if e.kind == events.HIT)
    assert abs(found.time - 10960) < 24


@pytest.mark.parametrize("block", [16, 100, 2048])
def test_hits_are_the_same_at_any_block_size(call, block):
    told = []
    for size in (block, 64):
        state = make()
        state["capture"]["detecting"] = 1
        call(state, np.concatenate([hit(20000, 5000), hit(20000, 100, 0.2)]), size)
        told.append(native.receive(state[0]))
    assert told[0] == told[1]
    assert len([e for e in told[0] if e.kind == events.HIT]) == 2


@pytest.mark.parametrize("block", [1, 17, 511, 2048])
def test_the_strokes_of_a_flam_have_their_own_levels_at_any_block_size(call, block):
    told = []
    for size in (block, 64):
        state = make()
        state["capture"]["detecting"], state["armed"] = 1, 0
        call(state, hit(12000, 5000, 0.05) + hit(12000, 6300, 0.8), size)  # 27 ms apart
        told.append(sorted(native.receive(state[0])))
    # a strike begins as loud as its block says
    same = [[e._replace(level=0) if e.kind == native.STRUCK else e for e in all] for all in told]
    assert same[0] == same[1]
    soft, loud = (e.level for e in told[0] if e.kind == events.HIT)
    assert loud > 4 * soft
    first, second = (e.level for e in told[0] if e.kind == native.STRUCK)
    assert first <= soft  # what had come when it began
    assert soft < second <= loud


def test_with_drums_only_a_sound_that_is_none_is_faded_out(call):
    rng = np.random.default_rng(0)
    hiss = np.diff(rng.standard_normal(RATE // 4 + 1)) * np.exp(-np.arange(RATE // 4) / 8000)
    x = quiet(RATE)
    x[10000:][: len(hiss), 0] = 0.1 * hiss
    for drums_only in (False, True):
        state = make(drums_only=drums_only)
        state["capture"]["detecting"], state["armed"] = 1, 0
        out = call(state, x)
        kinds = [e.kind for e in native.receive(state[0])]
        assert (events.HIT in kinds) != drums_only
        assert (events.IGNORED in kinds) == drums_only
        assert out[12000:].any() != drums_only


def test_our_own_loudspeaker_does_not_run_away(call):
    state = make()
    state["capture"]["detecting"], state["armed"] = 1, 0
    block, n = 64, 3 * RATE
    x, back, played = hit(n, 10000), np.zeros(int(0.01 * RATE)), []
    for start in range(0, n, block):
        heard = x[start : start + block, 0] + back[:block]
        out = call(state, heard[:, None])
        back = np.concatenate([back[block:], out.mean(axis=1) * 10 ** (-12 / 20)])
        played.append(out)
    told = native.receive(state[0])
    assert len([e for e in told if e.kind == native.STRUCK]) == 1
    assert np.abs(np.concatenate(played)[-RATE // 10 :]).max() < 1e-2


def test_full_scale_nan_and_infinity_do_no_harm(call):
    state = make()
    state["capture"]["detecting"], state["armed"] = 1, 0
    x = quiet(8000)
    x[:2000, 0] = np.nan
    x[2000:3000, 0] = np.inf
    x[3000:5000, 0] = np.where(np.arange(2000) // 50 % 2, 1, -1)
    x[5000:6000, 0] = 1e30
    for i in range(20):
        native.send(state[0], 100 * i, native.STRIKE, 0, 0, 1.0, i)
    out = call(state, x)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1
    assert state["capture"]["bad_samples"][0] == 3000
    assert state["capture"]["clipped"][0] == 1000  # finite, however large
    assert np.isfinite(state["capture"]["input"][0, :8000]).all()


def test_the_limiter_leaves_what_is_below_its_knee_alone(call):
    state = make()
    state["output_gain"] = 10.0
    native.send(state[0], 0, native.STRIKE, 0, 0, 0.05, 0)
    native.send(state[0], 4800, native.STRIKE, 0, 0, 1.0, 0)
    out = call(state, quiet(9600))[:, 0]
    alone = 0.5 * np.sqrt(0.5) * drum.render(TOM, RATE, 4800 / RATE)
    assert np.abs(out[:4800] - alone).max() < 1e-5
    assert 0.9 < np.abs(out).max() <= 1
    assert state["limited"][0] > 0


def test_a_loud_hit_with_much_gain_is_clipped_and_not_lost(call):
    state = make()
    state["capture"]["detecting"] = 1
    state["capture"]["input_gain"] = 100.0
    call(state, hit(20000, 5000))
    found, *_ = (e for e in native.receive(state[0]) if e.kind == events.HIT)
    assert 8.0 <= found.level < 9.0  # without its DC, which is a little more
    assert state["capture"]["clipped"][0] > 0
    assert state["capture"]["bad_samples"][0] == 0


def test_the_two_output_channels_are_chosen(call):
    outs = []
    for first in (0, 2, 5):
        state = make(channels_out=6)
        state["output_channel"] = first
        native.send(state[0], 0, native.STRIKE, 0, 0, 0.5, 0)
        outs.append(call(state, quiet(1000)))
        assert set(np.flatnonzero(outs[-1].any(axis=0))) == {first, min(5, first + 1)}
    np.testing.assert_array_equal(outs[0][:, :2], outs[1][:, 2:4])
    np.testing.assert_allclose(outs[2][:, 5], outs[0][:, 0] * np.sqrt(2), rtol=1e-5, atol=1e-7)


def test_two_hits_in_one_block_have_their_own_velocities(call):
    """A flam: each begins and ends with its own peak, whatever else is in the block."""
    state = make(mask_ms=4.0, scan_ms=2.0)
    state["capture"]["detecting"], state["armed"] = 1, 0
    x = hit(8192, 2100, 0.1) + hit(8192, 3000, 0.6)
    call(state, x, block=2048)
    told = native.receive(state[0])
    soft, loud = (e.level for e in told if e.kind == events.HIT)
    begun = [e.level for e in told if e.kind == events.STRUCK]
    assert soft < 0.2 and loud > 0.5
    np.testing.assert_allclose(begun, (soft, loud), rtol=1e-6)  # at once, all is in this block


@pytest.mark.skipif(denormals.X86 + denormals.ARM64 == 0, reason="no such register is known")
def test_denormals_are_zero_in_the_callback_and_only_there(call):
    state = make()
    play(state, 0, np.full(640, 1e-40, np.float32))
    assert not call(state, quiet(640)).any()
    assert (np.full(8, 1e-40, np.float32) * np.float32(0.5)).all()


def test_mono_output_has_the_level_of_a_pad_in_the_middle(call):
    outs = []
    for channels in (1, 2, 6):
        state = make(channels_out=channels)
        native.send(state[0], 0, native.STRIKE, 0, 0, 0.5, 0)
        outs.append(call(state, quiet(1000)))
    np.testing.assert_allclose(outs[0][:, 0], outs[1][:, 0] * np.sqrt(2), rtol=1e-5, atol=1e-7)
    assert not outs[2][:, 2:].any()


def play(state, slot, x):
    state["auditions"][0, slot, : len(x)] = x
    native.send(state[0], 0, native.AUDITION, 0, slot, float(len(x)), -1)


def test_a_recording_is_played_as_it_is_and_the_next_one_takes_its_place(call):
    state = make()
    first, second = (np.full(n, level, np.float32) for n, level in ((20000, 0.2), (3000, -0.4)))
    play(state, 0, first)
    out = call(state, quiet(6400))
    np.testing.assert_allclose(out, 0.2 * np.sqrt(0.5), rtol=1e-6)
    play(state, 1, second)
    out = np.concatenate([out[-1:], call(state, quiet(6400))])
    fade = round(voices.STEAL_S * RATE)
    np.testing.assert_allclose(out[1 + fade : 2900 - fade], -0.4 * np.sqrt(0.5), rtol=1e-6)
    assert not out[3001:].any()
    assert np.abs(np.diff(out[2:, 0])).max() < 0.6 / fade  # no step where one ends


def test_silence_ends_a_recording(call):
    state = make()
    play(state, 0, np.full(20000, 0.5, np.float32))
    call(state, quiet(640))
    native.send(state[0], 0, native.SILENCE, 0, 0, 0.0, -1)
    out = call(state, quiet(640))
    assert np.abs(np.diff(out[:, 0])).max() < 0.5 / (voices.STEAL_S * RATE)
    assert not out[-64:].any()


def test_a_full_queue_drops_nothing_that_it_took(call):
    state = make()
    taken = sum(native.send(state[0], 0, native.STRIKE, 0, 0, 0.01, i) for i in range(3000))
    assert taken == events.QUEUE - 1  # the pad's drum takes one
    call(state, quiet(64))
    assert [e.tag for e in native.receive(state[0])] == list(range(taken))
    assert state["dropped"][0] == 0


def test_a_pad_with_nothing_on_it_refuses(call):
    state = make()
    native.send(state[0], 0, native.STRIKE, 5, 0, 1.0, 3)
    call(state, quiet(64))
    assert [(e.kind, e.pad, e.tag) for e in native.receive(state[0])] == [(native.REFUSED, 5, 3)]


def test_flags_of_portaudio_are_counted(call):
    state = make()
    call(state, quiet(640), flags=native.OUTPUT_UNDERFLOW)
    call(state, quiet(64), flags=native.INPUT_OVERFLOW)
    assert (state["underflows"][0], state["overflows"][0]) == (10, 1)


def test_it_runs_in_a_native_thread_while_python_holds_the_gil(compiled):
    """A C thread calls it; the interpreter is never let go until the blocks are done."""
    from numba import carray, cfunc, types

    address, state, n = compiled.address, make(), 200
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *PARAMETERS)(address)
    x, out = quiet(64), quiet(64, 2)
    pointers = np.array([x.ctypes.data, out.ctypes.data, state.ctypes.data], np.int64)

    @cfunc(types.voidptr(types.CPointer(types.int64)))
    def thread(data):
        p = carray(data, 3)
        for _ in range(200):
            function(p[0], p[1], 64, 0, 0, p[2])
        return 0

    libc, handle = ctypes.PyDLL(None), ctypes.c_void_p()  # PyDLL keeps the GIL
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)
    other = threading.Thread(target=lambda: None)
    try:
        blocks = state["blocks"]
        libc.pthread_create(ctypes.byref(handle), None, ctypes.c_void_p(thread.address),
                            ctypes.c_void_p(pointers.ctypes.data))  # fmt: skip
        turns = 0
        while blocks[0] < n and turns < 10**8:
            turns += 1
    finally:
        sys.setswitchinterval(interval)
    assert blocks[0] == n
    other.start()
    other.join()


def test_nothing_of_python_is_called_outside_the_error_branch():
    """The wrapper's own code calls Python only where the compiled function has raised."""
    made = compile_c(native._make_output, native._signature)
    functions = re.findall(r"^define .*?^}", made.inspect_llvm(), re.S | re.M)
    python = re.compile(r"call [^\n]*@\"?(Py\w+|NRT_\w*[Aa]llocate\w*|malloc)")
    with_errors = [f for f in functions if "@numba_gil_ensure" in f]
    assert len(functions) > len(with_errors) == 1
    for function in functions:
        before_errors = function.partition("@numba_gil_ensure")[0]
        assert not python.search(before_errors)
    before_errors = with_errors[0].partition("@numba_gil_ensure")[0]
    label = re.findall(r"^(\S+):", before_errors, re.M)[-1]
    jumps = re.findall(rf"br [^\n]*label %{re.escape(label)}\b", before_errors)
    assert jumps
    assert all(jump.startswith("br i1") for jump in jumps)  # only where the status says so
