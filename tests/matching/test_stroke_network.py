import json

import numpy as np
import pytest

from matcher.matching import strokes, weights
from matcher.physics import drum
from matcher.physics.drum import Drum
from tests.conftest import TOM

RATES = (22050, 44100, 48000, 96000, 192000)


def performance(rate: int, gain: float = 0.5) -> np.ndarray:
    """Half a second of noise with a stroke in it."""
    x = 1e-3 * gain * np.random.default_rng(5).standard_normal(rate // 2)
    at = rate // 5
    x[at:] += drum.render(Drum(TOM), rate, (len(x) - at) / rate, peak=gain)
    return x.astype(np.float32)


def logits(x: np.ndarray, rate: int, sizes=(1 << 30,), threshold: float = 1e-4) -> np.ndarray:
    """Logits of x, fed in blocks of these sizes in turn, (frames, outputs)."""
    record, rows, at, i = strokes.make_strokes(rate, threshold)[0], [], 0, 0
    while at < len(x):
        size = min(len(x) - at, sizes[i % len(sizes)])
        power = np.empty((size * 1000 // rate + 2, strokes.N_BANDS), np.float32)
        level = np.empty(len(power), np.float32)
        n = strokes.powers(record, x[at : at + size], power, level)
        out = np.empty((n, len(strokes.OUTPUTS)), np.float32)
        strokes.logits(record, power[:n], out)
        rows.append(out)
        at, i = at + size, i + 1
    return np.concatenate(rows)


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("size", [1, 17, 64, 511])
def test_the_size_of_the_blocks_makes_no_difference(rate, size):
    x = performance(rate)
    np.testing.assert_array_equal(logits(x, rate, (size,)), logits(x, rate))


@pytest.mark.parametrize("rate", RATES)
def test_there_is_a_frame_each_millisecond_and_a_stroke_in_one_of_them(rate):
    rows = logits(performance(rate), rate)
    assert len(rows) == 500
    now = np.flatnonzero(rows[:, strokes.NOW] > 0)
    assert 200 <= now[0] <= 205
    assert rows[:200, strokes.NOW].max() < 0
    assert rows[208:218, strokes.LATE].max() > 0


@pytest.mark.parametrize("gain", [0.01, 0.1, 1.0])
def test_a_hot_input_and_a_quiet_one_look_alike(gain):
    alike = logits(performance(48000, gain), 48000, threshold=gain**2 * 1e-4)
    # the dither and single precision make the difference
    np.testing.assert_allclose(alike, logits(performance(48000, 1.0), 48000), atol=1e-3)


def test_silence_makes_no_denormal_numbers_and_no_strokes():
    record = strokes.make_strokes(48000, 1e-4)[0]
    power = np.empty((3001, strokes.N_BANDS), np.float32)
    x = np.concatenate([performance(48000), np.zeros(3 * 48000 - 24000)]).astype(np.float32)
    n = strokes.powers(record, x, power, np.empty(3001, np.float32))
    out = np.empty((n, len(strokes.OUTPUTS)), np.float32)
    strokes.logits(record, power[:n], out)
    assert out[1000:, strokes.NOW].max() < 0
    for name in ("first", "second", "high"):
        state = np.abs(record[name][1:])  # the lowest band has no lower edge
        assert state.min() > np.finfo(np.float32).tiny, name


def test_the_weights_come_back_as_they_were(tmp_path):
    path = tmp_path / "strokes.json"
    values, contract = strokes.shipped_weights(), strokes.contract()
    path.write_text(weights.to_text(values, strokes.WEIGHTS, contract))
    back = weights.read(path, strokes.WEIGHTS, contract)
    assert all(np.array_equal(back[name], values[name]) for name in strokes.WEIGHTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract": {}}, "trained for other features"),
        ({"sha256": "0" * 64}, "damaged"),
        ({"weights": "AAAA"}, "damaged"),
        ({"weights": 3}, "no file of weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, change, message):
    content = json.loads(strokes.SHIPPED.read_text()) | change
    path = tmp_path / "strokes.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        weights.read(path, strokes.WEIGHTS, strokes.contract())


def test_a_missing_file_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="no file of weights that can be read"):
        weights.read(tmp_path / "none.json", strokes.WEIGHTS, strokes.contract())
