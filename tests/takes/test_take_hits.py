import numpy as np
import pytest
import soundfile
import soxr

from matcher.takes import drums, hits
from tests.takes import composed


def test_hits_of_a_take_are_found_within_six_milliseconds():
    x, truth = composed.take()
    found = hits.of_samples(x, composed.RATE).hits
    assert len(found) == len(truth)
    onsets = np.array([hit.onset for hit in found]) / composed.RATE
    assert np.abs(onsets - [at for at, _, _ in truth]).max() < 0.006


def test_a_clip_ends_where_the_next_hit_begins():
    take = hits.of_samples(composed.take()[0], composed.RATE)
    for hit, following in zip(take.hits, take.hits[1:]):
        clip = take.clip(hit)
        assert hit.onset + len(clip.samples) == following.onset
        assert clip.ended
    assert not take.clip(take.hits[-1]).ended


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(44100), np.full(100, 1e-7)])
def test_silence_is_told_in_a_sentence(tmp_path, x):
    soundfile.write(tmp_path / "silent.wav", x.astype(np.float32), 44100)
    with pytest.raises(ValueError, match=r"silent\.wav is silent; give a recording"):
        hits.read(tmp_path / "silent.wav")


def test_a_steady_tone_has_no_hit(tmp_path):
    t = np.arange(44100) / 44100
    tone = np.sin(2 * np.pi * 200 * t) * np.minimum(1, t / 0.9)
    soundfile.write(tmp_path / "tone.wav", 0.1 * tone, 44100)
    with pytest.raises(ValueError, match="has no hit"):
        hits.read(tmp_path / "tone.wav")


def test_a_take_that_would_fill_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hits, "LONGEST_TAKE_S", 0.5)
    soundfile.write(tmp_path / "long.wav", np.zeros(44100), 44100)
    with pytest.raises(ValueError, match="longer than"):
        hits.read(tmp_path / "long.wav")


@pytest.mark.parametrize("change", ["offset", "soft", "low rate", "high rate", "half silent"])
def test_hits_are_found_in_takes_of_any_form(tmp_path, change):
    x, truth = composed.take()
    rate = {"low rate": 8000, "high rate": 96000}.get(change, composed.RATE)
    x = soxr.resample(x, composed.RATE, rate)
    if change == "offset":
        x = 0.5 * x + 0.4
    elif change == "soft":
        x *= 10 ** (-50 / 20) / np.abs(x).max()
    elif change == "half silent":
        x = np.concatenate([x, np.zeros_like(x)])
    soundfile.write(tmp_path / "take.wav", x, rate, subtype="FLOAT")
    take = hits.read(tmp_path / "take.wav")
    at = [hit.onset / rate for hit in take.hits]
    assert at == pytest.approx([at for at, _, _ in truth], abs=0.01)
    assert len(drums.find(drums.measure(take))) == 3
