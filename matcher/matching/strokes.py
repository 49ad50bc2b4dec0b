"""The network that finds strokes: features each millisecond, a small recurrent network, in Numba.

The signal is split into eight bands. Each millisecond, counted on the signal's own samples so that
the size of the blocks makes no difference, the log power of each band is compared with the noise
below it and with its own recent past; a gated recurrent unit reads that and says whether a stroke
began just now, whether one began a little before, and whether the sound is that of a drum. The live
detector and the offline one run this code; `python -m training.onsets` trains the weights.
"""

from functools import cache

import numpy as np

from matcher.compiled import native
from matcher.matching import weights

EDGES_HZ = (110.0, 220.0, 440.0, 880.0, 1760.0, 3520.0, 7040.0, 15000.0)  # Hz: upper edges of bands
RELEASE_S = (0.008, 0.006, 0.004, 0.003, 0.002, 0.0015, 0.0015, 0.0015)  # s: hides single periods
FRAMES_PER_S = 1000  # Hz: of features
DC_HZ = 15.0  # Hz: cutoff of the filter that removes DC
DITHER = 1e-10  # amplitude at half the sample rate: silence makes no denormal numbers
FLOOR = 0.0005  # share of the threshold's power: lowest power of a band
RISE_S, FALL_S = 0.02, 0.06  # s: time constants of the recent past of a band
QUANTILE = 0.2  # of a band's log power: the noise
NOISE_STEP = (0.02, 0.002)  # a frame, 10 dB: how fast the noise is followed, at first and later
FIRST_FRAMES = 200  # frames: "at first"
NOISE_SCALE = 1 / 3  # of the log power above the noise, as an input of the network
RISES = 16  # frames whose rise is kept
N_BANDS = len(EDGES_HZ)
N_INPUTS = 2 * N_BANDS
N_HIDDEN = 32  # units of the recurrent layer
# logits: a stroke began within NOW_S, it began LATE_S ago, it is a drum's
OUTPUTS = ("now", "late", "drum")
NOW, LATE, DRUM = range(len(OUTPUTS))
NOW_S = 0.008  # s
LATE_S = (0.008, 0.020)  # s: the look-ahead of detection in recordings
SHIPPED = weights.MODELS / "strokes.json"
WEIGHTS = {  # name: shape; the gates are reset, update and candidate, as in torch.nn.GRU
    "of_input": (N_INPUTS, 3 * N_HIDDEN),
    "of_state": (N_HIDDEN, 3 * N_HIDDEN),
    "bias_input": (3 * N_HIDDEN,),
    "bias_state": (3 * N_HIDDEN,),
    "of_output": (N_HIDDEN, len(OUTPUTS)),
    "bias_output": (len(OUTPUTS),),
}
STROKES = np.dtype(
    [
        # settings
        *((name, np.float32) for name in ("dc", "floor", "rise", "fall")),
        ("rate", np.int64),
        *((name, np.float32, N_BANDS) for name in ("edge", "lower_edge", "release")),
        *((name, np.float32, shape) for name, shape in WEIGHTS.items()),
        # state
        *((name, np.float32) for name in ("x", "y", "dither", "total", "level")),
        *((name, np.int64) for name in ("phase", "samples", "frames")),
        *(
            (name, np.float32, N_BANDS)
            for name in ("first", "second", "high", "energy", "power", "noise", "past")
        ),
        ("rises", np.float32, RISES),  # how far all bands rose above their recent past
        ("inputs", np.float32, N_INPUTS),
        *((name, np.float32, 3 * N_HIDDEN) for name in ("gates", "recurrent")),
        ("hidden", np.float32, N_HIDDEN),
        ("logits", np.float32, len(OUTPUTS)),
    ],
    align=True,
)


def contract() -> dict:
    """What the weights rely on; part of their file, compared when they are read."""
    return {
        "edges_hz": EDGES_HZ, "release_s": RELEASE_S, "frames_per_s": FRAMES_PER_S, "dc_hz": DC_HZ,
        "floor": FLOOR, "rise_s": RISE_S, "fall_s": FALL_S, "quantile": QUANTILE,
        "noise_step": NOISE_STEP, "first_frames": FIRST_FRAMES, "noise_scale": NOISE_SCALE,
        "hidden": N_HIDDEN, "outputs": OUTPUTS, "now_s": NOW_S, "late_s": LATE_S,
    }  # fmt: skip


@cache
def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that ship with the package, read once."""
    return weights.read(SHIPPED, WEIGHTS, contract())


def configure(strokes, sample_rate: float, threshold: float, values=None) -> None:
    """Set up a record of STROKES; its state is unchanged.

    Args:
        strokes: record of STROKES.
        sample_rate: Hz.
        threshold: power of the quietest stroke that matters.
        values: of WEIGHTS, by name; None: the shipped ones.
    """
    set_up(strokes, float(sample_rate), float(threshold))
    set_weights(strokes, values)


def set_weights(strokes, values=None) -> None:
    """Put weights of the network into a record of STROKES; values as in `configure`."""
    for name, value in (values or shipped_weights()).items():
        strokes[name] = value


@native
def set_up(s, sample_rate, threshold):
    """The compiled core of `configure`, without the weights."""
    s.rate = round(sample_rate)
    s.floor = FLOOR * threshold
    s.dc = np.exp(-2 * np.pi * DC_HZ / sample_rate)
    for k in range(N_BANDS):
        s.edge[k] = 1 - np.exp(-2 * np.pi * EDGES_HZ[k] / sample_rate)
        s.lower_edge[k] = s.edge[k - 1] if k > 0 else 0.0
        s.release[k] = np.exp(-1 / (RELEASE_S[k] * FRAMES_PER_S))
    s.rise = 1 - np.exp(-1 / (RISE_S * FRAMES_PER_S))
    s.fall = 1 - np.exp(-1 / (FALL_S * FRAMES_PER_S))


def make_strokes(sample_rate: float, threshold: float, values=None) -> np.ndarray:
    """A new record, (1,) STROKES; arguments as in `configure`."""
    strokes = np.zeros(1, STROKES)
    configure(strokes[0], sample_rate, threshold, values)
    return strokes


@native
def feed(s, x):
    """Process one sample -> whether a frame ended, whose logits are in `logits`."""
    if not split(s, x):
        return False
    prepare(s)
    evaluate(s)
    return True


@native
def split(s, x):
    """Split one sample into bands -> whether a frame ended.

    `power` then has the powers of its bands, `level` the RMS level of the whole.
    """
    s.dither = np.float32(DITHER) if s.dither <= 0 else np.float32(-DITHER)
    y = np.float32(x) - s.x + s.dc * s.y + s.dither
    s.x, s.y = np.float32(x), y
    s.total += y * y
    for k in range(N_BANDS):
        s.first[k] += s.edge[k] * (y - s.first[k])
    for k in range(N_BANDS):
        s.second[k] += s.edge[k] * (s.first[k] - s.second[k])
    below = np.float32(0)
    for k in range(N_BANDS):
        band = s.second[k] - below
        below = s.second[k]
        s.high[k] += s.lower_edge[k] * (band - s.high[k])
        s.energy[k] += (band - s.high[k]) * (band - s.high[k])
    s.samples += 1
    s.phase += FRAMES_PER_S
    if s.phase < s.rate:
        return False
    s.phase -= s.rate
    for k in range(N_BANDS):
        mean = s.energy[k] / np.float32(s.samples)
        s.power[k] = max(mean, s.release[k] * s.power[k])
        s.energy[k] = 0
    s.level = np.sqrt(s.total / np.float32(s.samples))
    s.total = s.samples = 0
    return True


@native
def prepare(s):
    """Compute the inputs of the network from the powers of a frame."""
    step = np.float32(NOISE_STEP[0] if s.frames < FIRST_FRAMES else NOISE_STEP[1])
    rise = np.float32(0)
    for k in range(N_BANDS):
        level = np.float32(np.log10((s.power[k] + s.floor) / s.floor))  # 10 dB
        if s.frames == 0:
            s.noise[k] = s.past[k] = level
        up = np.float32(QUANTILE) if level > s.noise[k] else np.float32(QUANTILE - 1)
        s.noise[k] += step * up
        s.inputs[k] = np.float32(NOISE_SCALE) * (level - s.noise[k])
        s.inputs[N_BANDS + k] = level - s.past[k]
        rise += max(np.float32(0), level - s.past[k])
        share = s.rise if level > s.past[k] else s.fall
        s.past[k] += share * (level - s.past[k])
    s.rises[s.frames % RISES] = rise
    s.frames += 1


@native
def evaluate(s):
    """Evaluate the network on the inputs of a frame: the gated recurrent unit of Cho et al. 2014,
    in the form of torch.nn.GRU."""
    for j in range(3 * N_HIDDEN):
        s.gates[j] = s.bias_input[j]
        s.recurrent[j] = s.bias_state[j]
    for i in range(N_INPUTS):
        value = s.inputs[i]
        for j in range(3 * N_HIDDEN):
            s.gates[j] += value * s.of_input[i, j]
    for i in range(N_HIDDEN):
        value = s.hidden[i]
        for j in range(3 * N_HIDDEN):
            s.recurrent[j] += value * s.of_state[i, j]
    for j in range(N_HIDDEN):
        reset = _sigmoid(s.gates[j] + s.recurrent[j])
        update = _sigmoid(s.gates[N_HIDDEN + j] + s.recurrent[N_HIDDEN + j])
        both = s.gates[2 * N_HIDDEN + j] + reset * s.recurrent[2 * N_HIDDEN + j]
        candidate = np.float32(2) * _sigmoid(np.float32(2) * both) - np.float32(1)  # tanh
        s.hidden[j] = candidate + update * (s.hidden[j] - candidate)
    for k in range(len(OUTPUTS)):
        logit = s.bias_output[k]
        for j in range(N_HIDDEN):
            logit += s.hidden[j] * s.of_output[j, k]
        s.logits[k] = logit


@native
def _sigmoid(x):
    return np.float32(1) / (np.float32(1) + np.exp(-x))


@native
def powers(s, x, out, level):
    """Split x (samples,) and write the powers of the frames that end in it -> how many there are.

    out: (frames, N_BANDS) float32; level: (frames,) float32, the RMS level of each.
    """
    n = 0
    for t in range(x.shape[0]):
        if split(s, x[t]):
            level[n] = s.level
            for k in range(N_BANDS):
                out[n, k] = s.power[k]
            n += 1
    return n


@native
def inputs(s, power, out):
    """Compute the inputs of the network (frames, N_INPUTS) from powers (frames, N_BANDS)."""
    for t in range(power.shape[0]):
        for k in range(N_BANDS):
            s.power[k] = power[t, k]
        prepare(s)
        for k in range(N_INPUTS):
            out[t, k] = s.inputs[k]


@native
def logits(s, power, out):
    """Evaluate the network on powers (frames, N_BANDS) -> out (frames, len(OUTPUTS))."""
    for t in range(power.shape[0]):
        for k in range(N_BANDS):
            s.power[k] = power[t, k]
        prepare(s)
        evaluate(s)
        for k in range(len(OUTPUTS)):
            out[t, k] = s.logits[k]
