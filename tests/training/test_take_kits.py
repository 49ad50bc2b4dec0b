from types import SimpleNamespace

import numpy as np
import pytest

from training.performances import BEFORE, RATE
from training.take_grouping import index_of_rand
from training.take_kits import clear_hits, truth_of
from training.take_scenes import Event, Scene, Sound, compose


def test_the_rand_index_is_1_for_the_truth_and_0_by_chance():
    truth = np.repeat([0, 1, 2], 200)
    assert index_of_rand(truth, 5 - truth) == 1
    by_chance = np.random.default_rng(0).integers(0, 3, len(truth))
    assert index_of_rand(truth, by_chance) == pytest.approx(0, abs=0.01)
    # Hubert and Arabie (1985): of a pair of groups that are halved crosswise
    assert index_of_rand(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def test_a_composed_take_has_its_strokes_where_it_says():
    click = np.zeros(BEFORE + 4800, np.float32)
    click[BEFORE] = 1.0
    kit = {name: [Sound(click, BEFORE, name, name, True)] for name in ("a", "b")}
    x, events = compose(kit, [], Scene(5.0, noise_db=-120, hat_db=None), 0)
    assert len(events) > 8
    for event in events:
        assert x[event.at] == pytest.approx(event.peak, rel=1e-3)
    again = compose(kit, [], Scene(5.0, noise_db=-120, hat_db=None), 0)
    np.testing.assert_array_equal(x, again[0])


def test_of_two_strokes_at_once_a_hit_is_the_louder_one():
    events = [Event(1000, "hat", False, 0.1), Event(1010, "snare", True, 0.5)]
    assert truth_of([1005, RATE], events) == [1, None]


def test_hits_of_another_drum_and_unclear_ones_are_not_clear_hits_of_a_pad():
    events = [Event(k * RATE, "b" if k == 3 else "a", True, 0.5) for k in range(4)]
    hits = [SimpleNamespace(onset=round(k * RATE)) for k in (0, 1, 2, 3, 3.5)]
    pad = SimpleNamespace(found=SimpleNamespace(hits=(0, 1, 2, 3, 4)))
    measured = [SimpleNamespace(is_clear=i != 1) for i in range(5)]
    made = SimpleNamespace(take=SimpleNamespace(hits=hits), pads=[pad])
    assert clear_hits(made, measured, events) == {0, 2}
