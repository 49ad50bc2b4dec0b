import numpy as np
import pytest

from matcher.matching import partials, pitch, pitch_glide, poles
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.partials import Stroke
from matcher.matching.pitch_glide import Glide
from matcher.matching.sinusoids import BLOCK, STARTS, Sinusoids

HZ = np.array([110.0, 171.0, 243.0, 410.0, 905.0])
SIGMA = np.array([6.0, 14.0, 20.0, 31.0, 60.0])
AMPLITUDES = np.array([1.0, 0.3j, -0.4, 0.3 - 0.3j, 0.15])  # together they begin at 0
STEADY = Glide()


def sines(hz=HZ, sigma=SIGMA, amplitudes=AMPLITUDES, seconds=1.0, glide=STEADY):
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    speed = np.sqrt(1 + glide.rise * np.exp(-2 * t / glide.seconds))
    turns = np.concatenate([[0], np.cumsum(speed)[:-1]]) / SAMPLE_RATE
    z = np.exp(-sigma[:, None] * t + 2j * np.pi * hz[:, None] * turns)
    return np.imag(amplitudes @ z)


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


def nearest(found, hz):
    return int(np.argmin(np.abs(found.hz - hz)))


def test_inner_products_are_those_of_the_sampled_sines():
    x = sines() + 0.1 * noise(SAMPLE_RATE)
    beside = Sinusoids(x, HZ, SIGMA, SAMPLE_RATE)
    n = np.arange(len(x))[:, None]
    z = np.exp(n * (-SIGMA + 2j * np.pi * HZ) / SAMPLE_RATE)
    rows = np.stack([z.real, -z.imag], axis=2).reshape(len(x), -1)
    gram, correlation = 0, 0
    for start in STARTS:
        part, y = rows[start * BLOCK :], x[start * BLOCK :]
        gram = gram + part.T @ part / (y @ y)
        correlation = correlation + part.T @ y / (y @ y)
    wide = len(HZ) * 2
    np.testing.assert_allclose(beside.gram.reshape(wide, wide), gram, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(beside.correlation.ravel(), correlation, rtol=1e-6, atol=1e-9)


def test_amplitudes_of_known_sines_are_found_and_explain_everything():
    beside = Sinusoids(sines(), HZ, SIGMA, SAMPLE_RATE)
    everything = list(range(len(HZ)))
    found = beside.amplitudes(everything)
    np.testing.assert_allclose(1j * (found[:, 0] + 1j * found[:, 1]), AMPLITUDES, atol=2e-4)
    assert beside.explained(everything, found) == pytest.approx(1, abs=1e-4)


def test_sines_that_are_to_begin_at_rest_do_and_explain_as_much_as_such_sines_can():
    beside = Sinusoids(sines() + 0.1 * noise(SAMPLE_RATE), HZ, SIGMA, SAMPLE_RATE)
    everything = list(range(len(HZ)))
    found = beside.amplitudes(everything, from_zero=True)
    assert abs(found[:, 0].sum()) < 1e-12

    def left(amplitudes):
        a, gram = amplitudes.ravel(), beside.gram.reshape(2 * len(HZ), -1)
        return a @ gram @ a - 2 * a @ beside.correlation.ravel()

    rng = np.random.default_rng(0)
    for _ in range(20):
        change = 0.02 * rng.standard_normal(found.shape)
        change[:, 0] -= change[:, 0].mean()
        assert left(found) < left(found + change)
    free = beside.amplitudes(everything)
    assert left(free) < left(found)
    assert abs(free[:, 0].sum()) > 1e-3


def test_the_partials_of_a_stroke_begin_at_rest():
    x = sines() + 0.02 * noise(SAMPLE_RATE) * np.exp(-np.arange(SAMPLE_RATE) / 3000)
    (amplitudes,) = partials.analyse(Stroke(x)).alone.amplitudes
    assert abs(amplitudes.imag.sum()) < 1e-9 * np.abs(amplitudes).sum()


def test_what_a_sine_would_explain_is_what_it_does():
    beside = Sinusoids(sines(), HZ, SIGMA, SAMPLE_RATE)
    few = [0, 1, 2]
    before = beside.explained(few, beside.amplitudes(few))
    more = [*few, 3]
    after = beside.explained(more, beside.amplitudes(more))
    gain = beside.gains(few, beside.amplitudes(few))[3] / beside.n_windows
    assert gain <= (after - before) * 1.001  # the others follow where it is added
    assert gain == pytest.approx(after - before, rel=0.1)


def test_poles_of_a_sum_of_damped_sines():
    n = np.arange(80)
    z = np.exp(np.array([-0.01 + 0.3j, -0.03 - 0.8j]))
    found = poles.esprit(np.sum(z[:, None] ** n, axis=0))
    for pole in z:
        assert np.abs(found - pole).min() < 1e-6


def test_each_tone_of_a_sound_is_among_the_candidates():
    found = poles.find(sines() + 1e-3 * noise(SAMPLE_RATE), SAMPLE_RATE)
    for hz, sigma in zip(HZ, SIGMA):
        cents = 1200 * np.abs(np.log2(found[:, 0] / hz))
        decay = np.abs(np.log(found[:, 1] / sigma))
        assert np.any((cents < 3) & (decay < 0.05))


def test_partials_of_a_sound_are_found_with_level_and_phase():
    found = partials.analyse(Stroke(sines() + 1e-3 * noise(SAMPLE_RATE))).alone
    peak = np.abs(sines()).max()
    assert found.explained > 0.99 and found.glide.rise == 0
    for hz, sigma, amplitude in zip(HZ, SIGMA, AMPLITUDES):
        i = nearest(found, hz)
        assert 1200 * abs(np.log2(found.hz[i] / hz)) < 3
        assert found.sigma[i] == pytest.approx(sigma, rel=0.05)
        assert abs(found.amplitudes[0, i] * peak - amplitude) < 0.05


def test_equal_sounds_have_equal_partials():
    x = sines() + 1e-2 * noise(SAMPLE_RATE)
    one, two = (partials.analyse(Stroke(y)).alone for y in (x, x.copy()))
    for name in ("hz", "sigma", "amplitudes", "pitches"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_strokes_share_partials_and_have_levels_of_their_own():
    other = AMPLITUDES * np.array([-0.5, 1, 2, 1, 1.5])
    clips = [sines() + 1e-2 * noise(SAMPLE_RATE, 1), sines(amplitudes=other)]
    strokes = [partials.analyse(Stroke(clip)) for clip in clips]
    found = partials.together(strokes, strokes[1].alone)
    assert found.amplitudes.shape == (2, len(found.hz))
    for k, (amplitudes, clip) in enumerate(zip((AMPLITUDES, other), clips)):
        for hz, amplitude in zip(HZ, amplitudes):
            i = nearest(found, hz)
            assert abs(found.amplitudes[k, i] * np.abs(clip).max() - amplitude) < 0.1


def test_a_body_begins_without_a_step():
    found = partials.analyse(
        Stroke(sines(amplitudes=1j * np.abs(AMPLITUDES)))
    ).alone  # cosines: a step
    assert abs(np.sum(found.amplitudes[0].imag)) < 0.1


def test_a_tone_that_rings_on_is_found_beneath_a_loud_beginning():
    hz, sigma = np.array([150.0, 310.0]), np.array([3.0, 60.0])
    found = partials.analyse(Stroke(sines(hz, sigma, np.array([0.02, 1.0])))).alone
    assert 1200 * abs(np.log2(found.hz[nearest(found, 150)] / 150)) < 5


@pytest.mark.parametrize("rise, seconds", [(0.25, 0.22), (0.4, 0.1)])
def test_a_glide_is_found_and_taken_out(rise, seconds):
    x = sines(glide=Glide(rise, seconds))
    found = partials.analyse(Stroke(x)).alone
    assert found.glide == Glide(rise, seconds)
    assert 1200 * abs(np.log2(found.hz[nearest(found, 110)] / 110)) < 10
    straight = pitch_glide.unglided(x, SAMPLE_RATE, Glide(rise, seconds))
    n = min(len(straight), len(x)) // 2
    spectra = [np.abs(np.fft.rfft(y[:n])) for y in (straight, x)]
    assert spectra[0].max() > spectra[1].max()


def test_strokes_on_one_drum_glide_each_in_their_own_way():
    soft, hard = sines(glide=Glide(0.25, 0.22)), sines(glide=Glide(0.4, 0.1))
    strokes = [partials.analyse(Stroke(x)) for x in (soft, hard)]
    found = partials.together(strokes, strokes[0].alone)
    assert found.glide == strokes[0].alone.glide != strokes[1].alone.glide
    assert found.explained > 0.95
    for hz in HZ[:4]:
        assert 1200 * abs(np.log2(found.hz[nearest(found, hz)] / hz)) < 10


def test_a_steady_pitch_has_no_glide():
    assert pitch_glide.find(sines(), SAMPLE_RATE).rise == 0
    decaying = noise(SAMPLE_RATE) * np.exp(-20 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert partials.analyse(Stroke(decaying)).glide.rise == 0


def test_the_pitch_is_the_tone_with_which_the_head_moves_most():
    # an octave and a fifth up, twice as loud: its velocity is two thirds
    x = sines(np.array([120.0, 360.0]), np.array([10.0, 10.0]), np.array([1.0, 2.0]))
    found = pitch.pitches([x])
    assert 1200 * abs(np.log2(found[0] / 120)) < 10
    assert 1200 * abs(np.log2(found[1] / 360)) < 10
    louder = sines(np.array([120.0, 360.0]), np.array([10.0, 10.0]), np.array([1.0, 6.0]))
    assert 1200 * abs(np.log2(pitch.pitches([louder])[0] / 360)) < 10


def test_the_partial_of_the_pitch_comes_first_and_gives_its_decay():
    x = sines(np.array([120.0, 360.0]), np.array([8.0, 10.0]), np.array([1.0, 2.0]))
    found = partials.analyse(Stroke(x)).alone
    assert 1200 * abs(np.log2(found.hz[0] / 120)) < 5
    assert found.pitch_sigma == pytest.approx(8, rel=0.1)


def test_a_silent_end_has_no_pitch():
    click = np.zeros(SAMPLE_RATE // 4)
    click[:20] = 1
    assert len(pitch.pitches([click])) == 0
    assert partials.analyse(Stroke(click)).alone.pitch_hz is None
