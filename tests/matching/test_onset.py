import numpy as np
import pytest
import soundfile

from matcher.matching import onset
from matcher.matching.match import MatchOptions, match_file
from matcher.physics import drum
from matcher.physics.theta import Theta

RATE = 44100
TOM = Theta(omega=2 * np.pi * 110, tau=0.15, p=0.02, D=0.02, alpha=0.8)


def take(times, levels, seconds=4.0, noise=1e-4):
    """A recording of a tom struck at each of these times, s, over noise."""
    x = noise * np.random.default_rng(8).standard_normal(int(seconds * RATE)).astype(np.float32)
    for time, level in zip(times, levels):
        hit = drum.render(TOM, RATE, min(1.5, seconds - time), peak=level)
        x[round(time * RATE) :][: len(hit)] += hit
    return x


def find_hits(x):
    return onset.find_hits(onset.measure([x], RATE), RATE)


def test_every_hit_is_found_once():
    times = [0.3, 0.9, 1.5, 2.6]
    hits = find_hits(take(times, [0.5, 0.2, 0.9, 0.4]))
    assert [hit.onset / RATE for hit in hits] == pytest.approx(times, abs=0.003)
    assert int(np.argmax([hit.level for hit in hits])) == 2


def test_a_refined_onset_is_accurate_to_half_a_millisecond():
    x = take([0.5], [0.8])
    assert onset.refine(x, find_hits(x)[0].onset, RATE) / RATE == pytest.approx(0.5, abs=0.0005)


def test_blocks_of_any_size_give_the_same_powers():
    x = take([0.5], [0.8])
    whole = onset.measure([x], RATE)
    parts = onset.measure(np.split(x, [1, 1000, 1001, 77777]), RATE)
    np.testing.assert_array_equal(whole.powers, parts.powers)
    np.testing.assert_array_equal(whole.level, parts.level)
    assert whole[2:] == parts[2:]


def test_a_recording_may_begin_with_its_hit_and_end_with_one():
    x = take([0.3, 0.9], [0.5, 0.5])[round(0.3 * RATE) : round(0.95 * RATE)]
    assert [hit.onset / RATE for hit in find_hits(x)] == pytest.approx([0, 0.6], abs=0.003)


def test_strokes_of_a_roll_are_all_found():
    times = list(0.3 + 0.06 * np.arange(12))
    found = [hit.onset / RATE for hit in find_hits(take(times, [0.5] * 12))]
    assert found == pytest.approx(times, abs=0.005)


def test_steady_noise_has_at_most_one_hit():
    x = np.random.default_rng(9).standard_normal(5 * RATE).astype(np.float32)
    assert len(find_hits(x)) <= 1  # its start


def test_recordings_begin_at_their_listed_onsets(hits, matches):
    for row in hits:
        found = matches[row["file"]].onset_s
        assert found == pytest.approx(float(row["onset_s"]), abs=0.003), row["file"]


def test_a_later_hit_can_be_chosen(tmp_path):
    soundfile.write(tmp_path / "take.wav", take([0.3, 1.1], [0.4, 0.8]), RATE)
    assert match_file(tmp_path / "take.wav").onset_s == pytest.approx(1.1, abs=0.002)
    first = match_file(tmp_path / "take.wav", MatchOptions(hit=1))
    assert first.onset_s == pytest.approx(0.3, abs=0.002)
    assert len(first.hit) / RATE == pytest.approx(0.8, abs=0.005)  # until the next hit
    with pytest.raises(ValueError, match="has no hit 3; allowed is 1 to 2"):
        match_file(tmp_path / "take.wav", MatchOptions(hit=3))
