"""What the audio callback does with a block behind the voices: recordings, limiter, output."""

import numpy as np

from matcher.compiled import native
from matcher.live import voices

KNEE = 0.8  # of full scale, above which the limiter works: strokes of a usual kit stay below
OWN_RELEASE_S = 0.1  # s in which the room holds what we played: to 1/e of its amplitude


@native
def end_auditions(state):
    """Fade out the recordings that are played."""
    for slot in range(2):
        soon = state.audition_at[slot] + fade_samples(state)
        state.audition_end[slot] = min(state.audition_end[slot], soon)


@native
def fade_samples(state):
    """Samples in which what is cut short fades out."""
    return max(1, int(voices.STEAL_S * state.pool.sample_rate))


@native
def add_auditions(state, left, right):
    """Add the recordings that are played to left and right (samples,); they fade out at the end."""
    fade = fade_samples(state)
    for slot in range(2):
        at, end = state.audition_at[slot], state.audition_end[slot]
        n = min(left.shape[0], end - at)
        for t in range(n):
            share = min(1.0, (end - at - t) / fade) * np.sqrt(0.5)
            x = np.float32(share) * state.auditions[slot, at + t]
            left[t] += x
            right[t] += x
        state.audition_at[slot] = at + max(0, n)


@native
def write_output(state, left, right, out):
    """Limit left and right (samples,) and write them to their channels of out (samples, channels).

    The mono sum of a pad in the middle has its full level.
    """
    gain, peak, first = state.output_gain, 0.0, state.output_channel
    alone = first + 1 >= out.shape[1]  # there is no channel beside it
    for t in range(left.shape[0]):
        for c in range(out.shape[1]):
            out[t, c] = 0
        if alone:
            out[t, first] = _limit(gain * (left[t] + right[t]) * np.sqrt(0.5), state)
            peak = max(peak, abs(out[t, first]))
        else:
            out[t, first] = _limit(gain * left[t], state)
            out[t, first + 1] = _limit(gain * right[t], state)
            peak = max(peak, abs(out[t, first]), abs(out[t, first + 1]))
    state.output_peak = max(state.output_peak, peak)
    n = left.shape[0]
    release = np.exp(-2 * n / (OWN_RELEASE_S * state.pool.sample_rate))
    state.capture.own = max(state.capture.own * release, peak * peak / 2)


@native
def _limit(x, state):
    """As it is up to KNEE, then curved to stay below 1; NaN and infinity become silence."""
    size = abs(x)
    if size <= KNEE:
        return x
    if not (size < np.inf):
        state.bad_samples += 1
        return 0.0
    state.limited += 1
    limited = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return limited if x > 0 else -limited
