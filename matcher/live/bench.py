"""Benchmark of the live signal path on this machine: `python -m matcher bench`.

All times are for one core. Run it on an idle machine: other programs make the times longer.
"""

import ctypes
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

import matcher
from matcher import library
from matcher.compiled import native as compiled
from matcher.kits.kit import for_pad
from matcher.live import callback as native
from matcher.live import programs, voices
from matcher.live.engine import Engine
from matcher.live.hits import PARTS_S
from matcher.live.protocol import Setup, State
from matcher.matching import refine
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import Clip, hear
from matcher.physics import attack, bank, modal
from matcher.physics.drum import Drum, render
from matcher.physics.partials import Partial
from matcher.physics.theta import Theta

RATE = 48000  # Hz
BLOCK = 64  # frames
VOICES = (0, 16, 64, 256)  # numbers of voices with which the callback is measured
BANK_VOICES = 2000  # voices: about as many as a core can play
BANK_TURNS = 20  # measurements of each kernel
CALLBACKS = 4000  # blocks: 5.3 s of sound for each number of voices
SILENT_BLOCKS = 12000  # blocks: 16 s, until a double that decays by 15 Hz would be denormal
STARTS = 3  # starts of the engine
LONG = Theta(2 * np.pi * 60, 2.5, 1e-4, 1e-3, 0.9)  # a drum whose 100 modes all sound to the end,
ANYWHERE = (0.37, 0.43)  # share of each side: a strike point that silences none of them
ATTACK_POWERS = ((1.0,) * attack.N_DECAYS,) * attack.N_BANDS  # audible to the end
PARTIALS = tuple(  # of the modes from (1, 1) to (4, 4), somewhat beside them
    Partial(m, k, 20.0 * m - 30.0 * k, 1.0, -3.0 * k, 0.5 * k)
    for m in range(1, 5)
    for k in range(1, 5)
)
DRUMS = {
    "body": Drum(LONG, ANYWHERE),
    "body and attack": Drum(LONG, ANYWHERE, attack_powers=ATTACK_POWERS),
    "tension, body and attack": Drum(LONG, ANYWHERE, 2000.0, 2.0, ATTACK_POWERS),
    "drum as recorded": Drum(LONG, ANYWHERE, 2000.0, 2.0, ATTACK_POWERS, PARTIALS, glide_s=1.0),
}


def run() -> dict:
    """Measure everything; times are {median, p99, worst} in the unit at the end of their name."""
    encoder = Encoder()
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, N_SAMPLES).astype(np.float32)
    features = encoder.contract.cqt.features(clip)
    bank, plain = _bank_seconds(modal.add_modes, _plain)
    return {
        "machine": _machine(),
        "voices_100_modes": round(BANK_VOICES * BLOCK / RATE / bank),
        "bank_over_plain": round(plain / bank, 2),
        "callback_us": {
            f"{n} voices, {name}": _callback_us(n, drum)
            for n in VOICES
            for name, drum in DRUMS.items()
            if n > 0 or name == "body"
        },
        "silence_us": _silence_us(),
        "matched_ms": _matched_ms(),
        "features_ms": _times(lambda: encoder.contract.cqt.features(clip), 200, 1e3),
        "encoder_ms": _times(lambda: encoder.answers(features), 200, 1e3),
        "theta_latency_ms": {
            stage: _times(_inference(encoder, seconds), 100, 1e3)
            for stage, seconds in (("first", PARTS_S[0]), ("full", PARTS_S[-1]))
        },
        "start_s": _times(_start, STARTS, 1.0, warm=False),
    }


def lines(figures: dict) -> list[str]:
    """The figures as lines of text."""
    block_us = 1e6 * BLOCK / RATE
    rows = [figures["machine"]]
    rows.append(
        f"voices of 100 modes that one core can play at {RATE} Hz: {figures['voices_100_modes']}"
    )
    rows.append(f"  {figures['bank_over_plain']} times as many as with one rotation per sample")
    for name, times in figures["callback_us"].items():
        share = 100 * times["median"] / block_us
        rows.append(f"callback, {name}, {BLOCK} frames: {_line(times, 'us')}; {share:.1f} % load")
    for name, times in figures["silence_us"].items():
        rows.append(f"callback, no voices, input of {name}: {_line(times, 'us')}")
    for name, milliseconds in figures["matched_ms"].items():
        rows.append(f"matching a hit on one core, {name}: {milliseconds:.0f} ms")
    rows.append(f"features of a clip: {_line(figures['features_ms'], 'ms')}")
    rows.append(f"encoder: {_line(figures['encoder_ms'], 'ms')}")
    for stage, times in figures["theta_latency_ms"].items():
        rows.append(f"sound received to drum ready, {stage} theta: {_line(times, 'ms')}")
    rows.append(f"start of the engine: {_line(figures['start_s'], 's')}")
    return rows


def _line(times: dict, unit: str) -> str:
    numbers = ", ".join(f"{name} {value:.3g}" for name, value in times.items())
    return f"{numbers} {unit}"


def _times(function: Callable, repeats: int, unit: float, warm: bool = True) -> dict:
    """Time function() `repeats` times -> percentiles; unit: units per second, 1e3 for ms."""
    if warm:
        function()
    took = np.empty(repeats)
    for i in range(repeats):
        began = time.perf_counter_ns()
        function()
        took[i] = 1e-9 * (time.perf_counter_ns() - began)
    took *= unit
    names = ("median", "p99", "p99.9", "worst") if repeats >= 1000 else ("median", "p99", "worst")
    shares = {"median": 50, "p99": 99, "p99.9": 99.9, "worst": 100}
    return {name: float(f"{np.percentile(took, shares[name]):.4g}") for name in names}


def _machine() -> str:
    processor = platform.processor() or platform.machine()
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    python = platform.python_version()
    system = f"{platform.system()}, Python {python}, Drum matcher {matcher.__version__}"
    return f"{processor}, {os.cpu_count()} cores, {system}, {library.described()}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


@compiled(fastmath=True)
def _plain(state, powers, n_modes, out):
    """Like add_modes, with one rotation per sample."""
    for t in range(out.shape[0]):
        x = np.float32(0)
        for i in range(n_modes):
            re, im = state[0, i], state[1, i]
            x += im
            state[0, i] = re * powers[0, 0, i] - im * powers[0, 1, i]
            state[1, i] = re * powers[0, 1, i] + im * powers[0, 0, i]
        out[t] += x


def _bank_seconds(*kernels: Callable) -> list[float]:
    """Median time in s of each kernel for one block of BANK_VOICES voices with different modes.

    The kernels take turns, so that other load on the machine affects all of them alike.
    """
    rng = np.random.default_rng(0)
    n_modes = bank.N_MODES
    rotation = -1e-5 + 1j * rng.uniform(0.01, 3, (BANK_VOICES, n_modes))
    powers = np.stack([modal.powers(row) for row in rotation])
    state = rng.standard_normal((BANK_VOICES, 2, n_modes)).astype(np.float32)
    out = np.zeros(BLOCK, np.float32)
    blocks = [_bank_block(kernel) for kernel in kernels]
    took = [
        [
            _times(lambda b=block: b(state, powers, n_modes, out), 50, 1.0)["median"]
            for block in blocks
        ]
        for _ in range(BANK_TURNS)
    ]
    return np.median(took, axis=0).tolist()


def _bank_block(kernel: Callable) -> Callable:
    @njit(nogil=True)
    def block(state, powers, n_modes, out):
        for v in range(state.shape[0]):
            kernel(state[v], powers[v], n_modes, out)

    return block


def _callback_us(n_voices: int, drum: Drum) -> dict:
    """Time of the callback, called as PortAudio does, while n_voices of a drum sound."""
    state = native.make_state(RATE, 2, 2)
    record = state[0]
    pool = record["pool"]
    record["capture"]["detecting"] = 1
    for i in range(n_voices):
        pad = i % len(pool["pads"])
        slot = pad * programs.SLOTS
        if i == pad:
            tuned = LONG._replace(omega=LONG.omega * 1.02**pad)
            programs.write_program(pool["programs"][slot], drum._replace(theta=tuned), 1.0, RATE)
            pool["pads"][pad]["left"] = pool["pads"][pad]["right"] = 1e-3
        native.send(record, 0, native.PROGRAM, pad, slot, 0.0, -1)  # as another theta: a new voice
        native.send(record, 0, native.STRIKE, pad, 0, 1.0, -1)
    function = _callback()
    x = np.random.default_rng(0).normal(0, 1e-3, (BLOCK, 2)).astype(np.float32)
    out = np.zeros((BLOCK, 2), np.float32)
    arguments = (x.ctypes.data, out.ctypes.data, BLOCK, None, 0, state.ctypes.data)
    times = _times(lambda: function(*arguments), CALLBACKS, 1e6)
    sounding = int(voices.n_sounding(pool))
    if sounding != n_voices:
        raise AssertionError(f"{sounding} voices sounded to the end, not {n_voices}")
    if (
        drum.attack_powers is not None
        and not pool["voices"]["attack"]["level"][pool["voices"]["pad"] >= 0].all()
    ):
        raise AssertionError("not every attack sounded to the end")
    return times


def _callback() -> Callable:
    """The callback as a function of addresses and counts, as PortAudio calls it."""
    parameters = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p]
    parameters += [ctypes.c_ulong, ctypes.c_void_p]
    return ctypes.CFUNCTYPE(ctypes.c_int32, *parameters)(native.make_callback().address)


def _silence_us() -> dict:
    """Time of the callback on noise, and on exact zeros long enough for every filter to decay."""
    state = native.make_state(RATE, 1, 2)
    state[0]["capture"]["detecting"] = 1
    function, out = _callback(), np.zeros((BLOCK, 2), np.float32)
    noise = np.random.default_rng(0).normal(0, 1e-3, (BLOCK, 1)).astype(np.float32)
    zeros, took = np.zeros_like(noise), {}
    for name, x in (("noise", noise), ("exact zeros", zeros)):
        arguments = (x.ctypes.data, out.ctypes.data, BLOCK, None, 0, state.ctypes.data)
        for _ in range(SILENT_BLOCKS):
            function(*arguments)
        took[name] = _times(lambda a=arguments: function(*a), CALLBACKS, 1e6)
    return took


def _matched_ms() -> dict:
    """Time of each stage of refining without a time limit, from an answer as the network's."""
    tom = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)
    attack_powers = tuple(
        tuple(0.01 * (4 <= band < 8 and decay == 1) for decay in range(attack.N_DECAYS))
        for band in range(attack.N_BANDS)
    )
    x = render(
        Drum(tom, mallet_hz=900.0, tension=0.2, attack_powers=attack_powers), SAMPLE_RATE, 1.5
    )
    with threadpool_limits(1):
        near = tom._replace(omega=1.03 * tom.omega, tau=0.5)
        stages = refine.refine(x, Drum(near), effort=EFFORTS["patient"])
    return {stage.name: stage.elapsed_ms for stage in stages[1:]}


def _inference(encoder: Encoder, seconds: float) -> Callable:
    """A function that matches a clip of this length, s, and writes the drum's program."""
    rng = np.random.default_rng(0)
    clip = rng.uniform(-0.5, 0.5, round((seconds + 0.002) * RATE)).astype(np.float32)
    program = np.zeros(1, programs.PROGRAM)[0]

    def infer_and_write():
        drum = for_pad(hear(Clip(clip, RATE, seconds, True), encoder).drum)
        programs.write_program(program, drum, 1.0, RATE)

    return infer_and_write


def _start() -> None:
    Engine(State(Setup(output="none of this name"))).close()
