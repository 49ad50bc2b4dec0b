import numpy as np
import pytest

from matcher.live.detector import Settings, detect, make_detector
from matcher.physics import drum
from matcher.physics.theta import Theta

RATE = 48000
TOM = Theta(2 * np.pi * 110, 0.3, 0.02, 0.01, 0.8)


def run(x, rate: int = RATE, **settings):
    """Hits and ignored rises that a new detector finds in x."""
    return detect(make_detector(Settings(**settings), rate)[0], x)


def hits(found):
    return [f for f in found if not f.reason]


def take(times, levels=None, rate: int = RATE, seconds: float = 2.0, noise_db: float = -80.0):
    """A recording of a tom struck at each of these times, s, over noise."""
    rng = np.random.default_rng(3)
    x = 10 ** (noise_db / 20) * rng.standard_normal(round(seconds * rate))
    for time, level in zip(times, levels or [0.5] * len(times)):
        start = round(time * rate)
        x[start:] += drum.render(TOM, rate, (len(x) - start) / rate, peak=level)
    return x


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000, 192000])
def test_hits_are_found_where_they_are(rate):
    times = [0.3, 0.6, 0.9, 1.5]
    found = hits(run(take(times, rate=rate), rate))
    assert [f.onset / rate for f in found] == pytest.approx(times, abs=0.001)
    assert [f.peak for f in found] == pytest.approx([0.5] * 4, rel=0.5)


def test_beats_of_equal_tones_are_seldom_hits():
    """Strokes of one ideal drum beat as no real ones do: its tones are equal to the last digit."""
    gaps = np.arange(0.09, 0.155, 0.01)
    found = [len(hits(run(take([0.3, 0.6, 0.6 + gap, 1.5])))) for gap in gaps]
    print(f"{sum(found) - 4 * len(gaps)} false hits in {len(gaps)} takes of 4")
    assert min(found) == 4
    assert sum(found) <= 4 * len(gaps) + 2


@pytest.mark.parametrize("size", [1, 17, 64, 511, 2048])
def test_the_result_does_not_depend_on_the_block_size(size):
    x = take([0.1, 0.6, 0.67, 1.4], [0.5, 0.1, 0.5, 0.2])
    detector = make_detector(Settings(), RATE)[0]
    parts = [
        f for start in range(0, len(x), size) for f in detect(detector, x[start : start + size])
    ]
    assert parts == run(x)
    assert len(hits(parts)) == 4


def test_drums_only_rejects_hiss_and_keeps_the_drums():
    x = take([0.5, 1.5])
    rng = np.random.default_rng(0)
    hiss = np.diff(rng.standard_normal(RATE // 4 + 1)) * np.exp(-np.arange(RATE // 4) / 8000)
    x[RATE:][: len(hiss)] += 0.1 * hiss
    every, drums = hits(run(x)), hits(run(x, drums_only=True))
    assert len(every) == 3
    assert [f.onset / RATE for f in drums] == pytest.approx([0.5, 1.5], abs=0.002)
    assert min(f.drum for f in drums) > 0.5
    (rejected,) = (f for f in run(x, drums_only=True) if f.reason == "no drum")
    assert rejected.onset / RATE == pytest.approx(1.0, abs=0.003)


def test_the_strokes_of_a_flam_are_two_hits_with_their_own_peaks():
    first, second = hits(run(take([0.5, 0.53], [0.1, 0.5])))
    assert second.onset - first.onset == pytest.approx(0.03 * RATE, abs=0.002 * RATE)
    assert second.peak > 3 * first.peak


def test_a_hit_below_the_threshold_is_ignored_and_reported():
    x = take([0.5], [10 ** (-41 / 20)], noise_db=-90)
    assert not hits(run(x))
    assert "below the threshold" in {f.reason for f in run(x)}
    assert len(hits(run(x, threshold_db=-60.0))) == 1


def test_a_second_hit_in_the_mask_time_is_ignored():
    x = take([0.5, 0.53], [0.2, 0.5])
    assert len(hits(run(x, mask_ms=5.0))) == 2
    found = run(x, mask_ms=50.0)
    assert not [f for f in hits(found) if 0.51 < f.onset / RATE < 0.55]
    assert "mask time" in {f.reason for f in found}


def test_retrigger_cancel_ignores_rises_far_below_a_ringing_drum():
    x = take([0.5, 0.56], [0.5, 0.2])
    free, found = (run(x, cancel=c, sensitivity=1.0) for c in (0.0, 1.0))
    assert len(hits(free)) > 1 == len(hits(found))
    assert "retrigger cancel" in {f.reason for f in found}


@pytest.mark.parametrize(("level", "threshold"), [(-60.0, -40.0), (-30.0, -15.0)])
def test_steady_noise_and_tones_are_no_hits(level, threshold):
    rng, t = np.random.default_rng(4), np.arange(3 * RATE) / RATE
    for x in (rng.standard_normal(len(t)), np.sin(2 * np.pi * 60 * t), np.ones(len(t))):
        found = hits(run(10 ** (level / 20) * x, threshold_db=threshold))
        assert len(found) <= 1  # its start
        assert all(f.onset < 0.01 * RATE for f in found)


def test_a_higher_sensitivity_finds_more_hits():
    x = take([0.3, 0.37, 0.44], [0.5, 0.1, 0.08], noise_db=-60)
    found = [len(hits(run(x, sensitivity=s, cancel=0.0))) for s in (0.0, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[0] < 3 <= found[-1]


def test_the_peak_is_proportional_to_the_level_of_the_hit():
    levels = [0.02, 0.1, 0.5]
    peaks = [f.peak for f in hits(run(take([0.3, 0.9, 1.5], levels)))]
    assert np.array(peaks) / levels == pytest.approx([peaks[0] / levels[0]] * 3, rel=0.1)


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"mask_ms is 65, allowed is 0 to 64"):
        Settings(mask_ms=65.0)
    with pytest.raises(ValueError, match="threshold_db is nan"):
        Settings(threshold_db=float("nan"))
