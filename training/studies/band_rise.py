"""The detector by rule that the learned one is compared with; it was live before it.

In each of a few frequency bands the current level is compared with a slow envelope of the level
before. Where the bands together rise far enough, a drum was struck, even while another one still
rings. Settings are those that the instrument begins with.
"""

import numpy as np

from matcher.compiled import native

# The constants up to HOLD_S were found by a search on performances composed of recorded hits.
EDGES_HZ = (335.0, 1340.0, 5360.0, 15640.0)  # Hz: edges between the bands
FAST_S = (0.00425, 0.00166, 0.00065, 0.00025, 0.0001)  # s: time constant of each band's level
ATTACK_S = (0.0375, 0.0175, 0.0081, 0.0038, 0.0018)  # s: attack of each band's slow envelope
RELEASE_S = (0.126, 0.075, 0.0445, 0.0265, 0.0157)  # s: release of each band's slow envelope
WEIGHTS = (0.172, 0.185, 0.199, 0.214, 0.23)  # weight of each band's rise
MOST_DB = 22.3  # dB: largest rise of a band that counts
NOVELTY_DB = (5.8, 2.2)  # dB: weighted rise that is a hit, at sensitivity 0 and 1
SHARE = 0.055  # share of the ringing power that must be new: beating partials stay below it
SHARES = (1.0, 11.0, 121.5, 1340.0, 14765.0)  # weight of each band's power in it: hits are bright
FLOOR = 0.00285  # share of the threshold's power: lowest value of a band's envelope
LEVEL_S = 0.001  # s: time constant of the level that is compared with the threshold
HOLD_S = 0.3  # s: assumed decay of an unknown drum, for retrigger cancel
DC_HZ = 15.0  # Hz: cutoff of the filter that removes DC
LOOK_BACK_S = 0.003  # s: longest time from an onset to its detection
QUIET_S = 0.0003  # s: time below GROUND before which the hit has not begun
GROUND = 0.1  # share of the level at detection: the hit begins where the signal exceeds it
HISTORY = 2048  # samples: more than LOOK_BACK_S at 384 kHz
SENSITIVITY = 0.6  # 0: only large rises are hits; 1: small ones as well
SCAN_S, MASK_S = 0.003, 0.020  # s after an onset: its velocity is measured, no other hit is found
CANCEL = 0.1  # dB of rise that are required more per dB below the ringing drum
N_BANDS = len(EDGES_HZ) + 1
DETECTOR = np.dtype(
    [
        # settings; thresholds and levels are powers
        *((name, np.float64) for name in ("threshold", "novelty", "floor")),
        *((name, np.int64) for name in ("scan", "mask", "look_back", "quiet")),
        *((name, np.float64) for name in ("dc", "a_level", "hold")),
        ("a_edge", np.float64, N_BANDS - 1),
        *((name, np.float64, N_BANDS) for name in ("a_fast", "a_slow", "release")),
        # state
        ("time", np.int64),  # samples processed
        *((name, np.float64) for name in ("x", "y", "level", "held_level")),
        ("low_pass", np.float64, (N_BANDS - 1, 2)),
        *((name, np.float64, N_BANDS) for name in ("fast", "slow")),
        *((name, np.int64) for name in ("scanning", "masked")),  # samples left
        ("history", np.float32, HISTORY),
        ("onset", np.int64),  # of the last hit
    ],
    align=True,
)


def find(x: np.ndarray, sample_rate: float, threshold_db: float) -> tuple[list[int], list[int]]:
    """The hits of a sound.

    Args:
        x: (samples,), finite.
        sample_rate: Hz.
        threshold_db: dB: peak level of the quietest hit.

    Returns:
        Onsets, and when each was decided, in samples.
    """
    record = np.zeros(1, DETECTOR)[0]
    _configure(record, sample_rate, threshold_db)
    onsets, decided = np.empty((2, len(x)), np.int64)
    n = _run(record, np.asarray(x, np.float64), onsets, decided)
    return onsets[:n].tolist(), decided[:n].tolist()


def _configure(detector, sample_rate: float, threshold_db: float) -> None:
    peak = 10 ** (threshold_db / 20)
    detector["threshold"] = peak**2 / 2  # power of a sine of that peak
    detector["floor"] = FLOOR * detector["threshold"]
    detector["novelty"] = NOVELTY_DB[0] + SENSITIVITY * (NOVELTY_DB[1] - NOVELTY_DB[0])
    detector["scan"] = max(1, round(SCAN_S * sample_rate))
    detector["mask"] = round(MASK_S * sample_rate)
    detector["look_back"] = min(HISTORY - 1, round(LOOK_BACK_S * sample_rate))
    detector["quiet"] = max(1, round(QUIET_S * sample_rate))
    detector["dc"] = np.exp(-2 * np.pi * DC_HZ / sample_rate)
    detector["a_edge"] = 1 - np.exp(-2 * np.pi * np.array(EDGES_HZ) / sample_rate)
    detector["a_level"] = 1 - np.exp(-1 / (LEVEL_S * sample_rate))
    detector["a_fast"] = 1 - np.exp(-1 / (np.array(FAST_S) * sample_rate))
    detector["a_slow"] = 1 - np.exp(-1 / (np.array(ATTACK_S) * sample_rate))
    detector["release"] = np.exp(-2 / (np.array(RELEASE_S) * sample_rate))
    detector["hold"] = np.exp(-2 / (HOLD_S * sample_rate))


@native
def _feed(d, x):
    """Process one sample -> whether a hit began, at `onset`."""
    y = x - d.x + d.dc * d.y
    d.x, d.y = x, y
    d.history[d.time % HISTORY] = abs(y)
    d.level += d.a_level * (y * y - d.level)
    below, novelty, rise, ring = 0.0, 0.0, 0.0, 0.0
    for k in range(N_BANDS):
        band = y - below
        if k < N_BANDS - 1:
            d.low_pass[k, 0] += d.a_edge[k] * (y - d.low_pass[k, 0])
            d.low_pass[k, 1] += d.a_edge[k] * (d.low_pass[k, 0] - d.low_pass[k, 1])
            band = d.low_pass[k, 1] - below
            below = d.low_pass[k, 1]
        d.fast[k] += d.a_fast[k] * (band * band - d.fast[k])
        before = d.slow[k] + d.floor
        ring += SHARES[k] * before
        if d.fast[k] > before:
            rise += SHARES[k] * (d.fast[k] - before)
            novelty += min(10 * np.log10(d.fast[k] / before), MOST_DB) * WEIGHTS[k]
    began = _decide(d, novelty if rise > SHARE * ring else 0.0)
    for k in range(N_BANDS):
        attack = 1.0 if d.scanning > 0 else d.a_slow[k]
        d.slow[k] = _follow(d.slow[k], d.fast[k], attack, d.release[k])
    attack = 1.0 if d.scanning > 0 else d.a_slow[0]
    d.held_level = _follow(d.held_level, d.level, attack, d.hold)
    d.time += 1
    return began


@native
def _follow(slow, fast, attack, release):
    """Next value of an envelope follower."""
    return slow + attack * (fast - slow) if fast > slow else slow * release


@native
def _decide(d, novelty):
    """Whether a rise of `novelty` dB is a hit."""
    d.masked -= d.masked > 0
    if d.scanning > 0:
        d.scanning -= 1
        return False
    if novelty < d.novelty or d.level < d.threshold or d.masked > 0:
        return False
    below_ring = 10 * np.log10(d.held_level / d.level) if d.held_level > d.level else 0.0  # dB
    if novelty < d.novelty + CANCEL * below_ring:
        return False
    d.scanning, d.masked = d.scan, d.mask
    _look_back(d)
    return True


@native
def _look_back(d):
    """Set `onset` to where the signal rose above the ground."""
    ground = max(GROUND * np.sqrt(d.level), 1.5 * np.sqrt(d.held_level))
    quiet, d.onset = 0, d.time
    for back in range(min(d.look_back, d.time) + 1):
        level = d.history[(d.time - back) % HISTORY]
        if level > ground or back == 0:
            quiet = 0
            d.onset = d.time - back
        else:
            quiet += 1
            if quiet >= d.quiet:
                break


@native
def _run(d, x, onsets, decided):
    """Feed x and write the onsets of its hits, and when they were decided -> how many."""
    n = 0
    for t in range(x.shape[0]):
        if _feed(d, x[t]):
            onsets[n], decided[n] = d.onset, t
            n += 1
    return n
