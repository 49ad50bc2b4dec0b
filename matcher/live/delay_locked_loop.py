"""When the frames of a stream are due by the monotonic clock, though its callbacks come unevenly.

A delay-locked loop (Adriaensen 2005, "Using a DLL to filter time") follows a stream's own clock:
frames are as even as the crystal that counts them, callbacks as uneven as the scheduler.
"""

import numpy as np

from matcher.compiled import native

BANDWIDTH_HZ = 0.2  # Hz: of the loop once it has settled: crystals drift within minutes
SETTLING = 0.5  # times the age of the loop is the time that it averages over, until then
WIDEST = 0.1  # rad: of the loop's bandwidth per block, below which it is stable
LATE_NS = 500_000.0  # ns: a callback that is later or earlier counts as if it were by so much
JUMP_NS = 50_000_000.0  # ns: by so much only a clock jumps
ASTRAY_NS = 250_000_000.0  # ns: after so long beyond LATE_NS on one side, the stream lost frames
RANGE = 0.005  # share by which a device's rate may differ from what it says

LOOP = np.dtype(
    [
        ("nominal", np.float64),  # ns a frame, as the device says
        ("step", np.float64),  # ns a frame, as measured
        ("at", np.float64),  # ns: estimated time of the last callback
        ("age", np.float64),  # ns since it began
        ("astray", np.float64),  # ns for which callbacks were beyond LATE_NS; below 0: too early
    ],
    align=True,
)


def start(clock, sample_rate: float) -> None:
    """Begin to follow a stream; clock: record of LOOP; sample_rate: Hz."""
    clock["nominal"] = clock["step"] = 1e9 / sample_rate
    clock["at"] = clock["age"] = clock["astray"] = 0.0


@native
def follow(clock, frames, now):
    """Take in a callback.

    Args:
        clock: record of LOOP.
        frames: since the callback before.
        now: ns of the monotonic clock when it was called.

    Returns:
        ns of the monotonic clock when it should have been called.
    """
    passed = frames * clock.step
    error = now - (clock.at + passed)
    late = error > LATE_NS
    early = error < -LATE_NS
    if late or early:
        before = clock.astray if (clock.astray > 0) == late else 0.0
        clock.astray = before + (passed if late else -passed)
    else:
        clock.astray = 0.0
    if clock.age == 0.0 or abs(error) > JUMP_NS or abs(clock.astray) > ASTRAY_NS:
        clock.at, clock.astray = float(now), 0.0
        clock.age = max(clock.age, 1.0)
        return clock.at
    error = min(max(error, -LATE_NS), LATE_NS)
    width = max(BANDWIDTH_HZ, 1e9 * SETTLING / clock.age) * 2e-9 * np.pi * passed  # rad
    width = min(width, WIDEST)
    clock.at += passed + np.sqrt(2.0) * width * error
    if frames > 0:
        step = clock.step + width * width * error / frames
        clock.step = min(max(step, clock.nominal * (1 - RANGE)), clock.nominal * (1 + RANGE))
    clock.age += passed
    return clock.at
