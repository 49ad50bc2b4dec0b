import numpy as np
import pytest

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, distance
from matcher.physics import drum
from matcher.physics.drum import Drum
from tests.conftest import DATA, TOM
from training.judges import JUDGES, SLOW_JUDGES, Sound, judge, sound_of
from training.mel import LENGTH, RATE

DRUM = Drum(TOM)


def sound(d: Drum = DRUM, seconds: float = 1.2, gain: float = 1.0, ended: bool = False) -> Sound:
    return Sound.of(gain * drum.render(d, RATE, seconds), RATE, ended)


@pytest.fixture(scope="module")
def reference() -> Sound:
    return sound()


@pytest.mark.parametrize("measure", JUDGES.values(), ids=JUDGES)
def test_equal_sounds_of_any_level_have_no_distance(measure, reference):
    assert measure(reference, reference) == 0
    assert measure(reference, sound(gain=1e-3)) < 1e-3


@pytest.mark.parametrize("measure", JUDGES.values(), ids=JUDGES)
def test_each_judge_finds_a_larger_deviation_farther_off(measure, reference):
    for name, values in {
        "omega": TOM.omega * 2 ** np.array([0.1, 0.5, 1]),
        "tau": TOM.tau * np.array([0.8, 0.5, 0.25]),
        "mallet_hz": [2000, 800, 300],
    }.items():
        gaps = [measure(reference, sound(DRUM.with_value(name, value))) for value in values]
        assert 0 < gaps[0] < gaps[1] < gaps[2], name


@pytest.mark.parametrize("measure", JUDGES.values(), ids=JUDGES)
def test_noise_is_farther_off_the_louder_it_is(measure, reference):
    noise = np.random.default_rng(0).standard_normal(len(reference.x)).astype(np.float32)
    gaps = [measure(reference, Sound.of(reference.x + gain * noise)) for gain in (0.001, 0.01, 0.1)]
    assert 0 < gaps[0] < gaps[1] < gaps[2]


@pytest.mark.parametrize("name", JUDGES)
def test_ringing_on_counts_unless_the_reference_was_cut_off(name):
    half, whole = sound(seconds=0.3), sound()
    cut_off = sound(seconds=0.3, ended=True)
    assert judge(cut_off, whole)[name] < 1e-3 < judge(half, whole)[name]


def test_the_log_cqt_is_that_of_matching(reference):
    other = DRUM.with_value("tau", 0.2)
    at_matching = [
        drum.render(d, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE) for d in (DRUM, other)
    ]  # the same sounds without a way through 44.1 kHz
    ours = judge(sound(seconds=2.97), sound(other, 2.97))["log-CQT"]
    assert ours == pytest.approx(distance(*at_matching), abs=0.01)


def test_jtfs_judges_only_when_asked(monkeypatch, reference):
    monkeypatch.setitem(SLOW_JUDGES, "JTFS", lambda reference, other: 7.0)
    assert "JTFS" not in judge(reference, reference)
    assert judge(reference, reference, jtfs=True)["JTFS"] == 7


def test_a_recording_is_cut_from_its_onset_and_brought_to_the_rate_and_length():
    found = sound_of(DATA / "marching_bass_48k.flac")
    assert len(found.x) == pytest.approx((0.881 - 0.001) * RATE, abs=0.002 * RATE)
    assert np.abs(found.x).max() == pytest.approx(1)
    assert len(Sound.of(np.ones(10 * RATE)).x) == LENGTH
    assert found.analysed.shape == (N_SAMPLES,)
