import numpy as np
import pytest

from training import hard_takes, take_hits
from training.performances import BEFORE, RATE
from training.take_scenes import Event, Sound


@pytest.fixture(scope="module")
def pool():
    """Noises that die away, as a kit in three microphones would be."""
    rng = np.random.default_rng(0)
    sounds = {}
    for instrument in ("kick", "snare", "sidestick", "tom", "hihat"):
        for mic in ("close", "front", "window"):
            name = f"{instrument}/x/{mic}"
            noise = rng.standard_normal((8, RATE // 2)) * np.exp(-np.arange(RATE // 2) / 2400)
            noise[:, :BEFORE] = 0
            sounds[name] = [
                Sound(x.astype(np.float32), BEFORE, name, name, instrument != "hihat", instrument)
                for x in noise / np.abs(noise).max()
            ]
    return sounds


@pytest.mark.parametrize("kind", hard_takes.KINDS)
def test_a_hard_take_is_seeded_and_holds_what_its_events_say(pool, kind, monkeypatch):
    monkeypatch.setattr(hard_takes, "MOST_SECONDS", 4.0)
    monkeypatch.setattr(hard_takes, "SECONDS", {})
    x, events = hard_takes.compose(pool, kind, 1)
    again, same = hard_takes.compose(pool, kind, 1)
    np.testing.assert_array_equal(x, again)
    assert events == same and len({e.drum for e in events if e.is_drum}) >= 3
    assert np.abs(x).max() <= 1 and all(0 <= e.at < len(x) for e in events)


def test_candidates_are_told_by_the_strokes_that_they_are_at(pool):
    x = np.zeros(2 * RATE, np.float32)
    events = [Event(round(t * RATE), name, name != "hat", 0.5)
              for t, name in ((0.3, "tom"), (0.8, "hat"), (1.3, "tom"))]  # fmt: skip
    for event, name in zip(events, ("tom", "hihat", "tom")):
        sound = pool[f"{name}/x/close"][0]
        x[event.at - BEFORE : event.at - BEFORE + len(sound.x)] += 0.5 * sound.x
    rows, kinds = take_hits.rows_of(x, events)
    assert len(rows) == len(kinds)
    assert (kinds == take_hits.DRUM).sum() == 2 and (kinds == take_hits.OTHER).sum() == 1


def test_what_tells_hits_from_others_is_learned():
    rng = np.random.default_rng(0)
    kinds = rng.choice([take_hits.FALSE, take_hits.DRUM], 4000)
    x = rng.standard_normal((4000, take_hits.onsets.N_FEATURES)).astype(np.float32)
    x[:, 3] += 4 * kinds
    values = take_hits.learn(x, kinds)
    told = take_hits.onsets.judge(x, values) > 0
    assert np.mean(told == (kinds == take_hits.DRUM)) > 0.98
