import numpy as np
import pytest

from matcher.matching import partials, refine
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.known import MOST_STROKES, KnownDrum
from matcher.matching.partials import Stroke
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

A_TOM = Theta(2 * np.pi * 140.0, 0.25, 0.01, 0.05, 0.8)
HZ = np.array([140.0, 233.0, 318.0, 405.0, 530.0])
SIGMA = np.array([4.0, 11.0, 14.0, 25.0, 33.0])


def stroke(seed, hz=HZ, noise=0.02):
    """A stroke on a drum of these partials, each time with other amplitudes."""
    rng = np.random.default_rng(seed)
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    amplitudes = rng.uniform(0.3, 1.0, len(hz)) * np.array([1.5, 1, 1, 0.7, 0.5])
    x = amplitudes @ (np.exp(-SIGMA[:, None] * t) * np.sin(2 * np.pi * hz[:, None] * t))
    x += noise * rng.standard_normal(len(t)) * np.exp(-30 * t)
    return partials.analyse(Stroke(x.astype(np.float32)))


def known_by(*strokes):
    found = partials.together(list(strokes), strokes[0].alone)
    return KnownDrum(Drum(A_TOM), found, strokes)


def test_another_stroke_on_a_drum_is_told_from_another_drum():
    known = known_by(stroke(1), stroke(2))
    for seed in range(3, 8):
        same = stroke(seed)
        assert known.in_stroke(same) is not None
        other = stroke(seed, HZ * np.array([1.09, 0.93, 1.06, 0.94, 1.08]))
        assert known.in_stroke(other) is None


def test_strokes_share_the_body_and_the_pitch_and_keep_their_amplitudes():
    known, new = known_by(stroke(1)), stroke(2)
    there = known.in_stroke(new)
    assert there.pitch_hz == known.found.pitch_hz
    assert there.amplitudes.shape[0] == 2  # the new stroke, then the earlier one
    alone = partials.in_stroke(there, new)
    np.testing.assert_allclose(there.amplitudes[0], alone.amplitudes[0], atol=1e-3)


def test_short_strokes_that_sound_into_each_other_leave_a_drum_known():
    strokes = [stroke(seed).stroke.x for seed in range(1, 5)]
    apart = SAMPLE_RATE // 3
    roll = np.zeros(apart * 3 + len(strokes[0]), np.float32)
    for i, x in enumerate(strokes):
        roll[i * apart :][: len(x)] += x
    known = known_by(stroke(7))
    for i in range(3):
        short = partials.analyse(Stroke(roll[i * apart :][:apart], ends_in_hit=True))
        there = known.in_stroke(short)
        assert there is not None
        known = known.with_stroke(short, known.drum, there)
    assert known.in_stroke(stroke(8)) is not None
    for hz in HZ[:3]:
        assert np.min(np.abs(1200 * np.log2(known.found.hz / hz))) < 5


def test_so_many_strokes_are_kept():
    known = known_by(stroke(1))
    for seed in range(2, 6):
        known = known.with_stroke(stroke(seed), known.drum, known.found)
    assert len(known.strokes) == MOST_STROKES
    np.testing.assert_array_equal(known.strokes[0].stroke.x, stroke(5).stroke.x)
    cut = partials.analyse(Stroke(stroke(6).stroke.x[:5000], ends_in_hit=True))
    assert known.with_stroke(cut, known.drum, cut.alone).strokes == known.strokes


def test_a_drum_of_a_kit_is_known_by_its_partials():
    first = refine.refine(stroke(1).stroke.x, Drum(A_TOM))[-1].drum
    assert KnownDrum.of_kit(Drum(A_TOM)) is None
    known = KnownDrum.of_kit(first)
    for hz in HZ:
        assert np.min(np.abs(1200 * np.log2(known.found.hz / hz))) < 5
    assert known.in_stroke(stroke(2)) is not None


def test_the_body_of_a_known_drum_is_kept_and_the_strike_is_new():
    first, again = stroke(1), stroke(2)
    stages = refine.refine(first.stroke.x, Drum(A_TOM))
    known = KnownDrum(stages[-1].drum, stages[-1].found, (first,))
    found = refine.refine(again.stroke.x, Drum(A_TOM), known=known)[-1]
    assert found.same_drum and stages[-1].same_drum is None
    assert found.drum.theta == pytest.approx(stages[-1].drum.theta, rel=1e-9)
    assert found.drum.partials != stages[-1].drum.partials
    alone = refine.refine(again.stroke.x, Drum(A_TOM))[-1]
    assert found.distance < 1.3 * alone.distance  # one body for both costs little
    elsewhere = stroke(3, HZ * np.array([1.3, 0.9, 1.2, 0.85, 1.1]))
    other = refine.refine(elsewhere.stroke.x, Drum(A_TOM), known=known)[-1]
    assert other.same_drum is False
    assert (
        other.drum == refine.refine(elsewhere.stroke.x, Drum(A_TOM))[-1].drum
    )  # as if nothing was known


def test_a_pitch_turned_on_the_pad_moves_the_partials_that_are_known():
    first = refine.refine(stroke(1).stroke.x, Drum(A_TOM))[-1].drum
    higher = first.with_value("omega", 1.25 * first.theta.omega)
    ratio = KnownDrum.of_kit(higher).found.hz / KnownDrum.of_kit(first).found.hz
    np.testing.assert_allclose(ratio, 1.25, rtol=1e-9)
    assert drum.make_bank(higher, np.inf)["n"] > 100
