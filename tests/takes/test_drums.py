import numpy as np
import pytest
from scipy.stats import spearmanr

from matcher.takes import drums, hits, kinds
from tests.takes import composed


@pytest.fixture(scope="module", params=[1e-4, 3e-3], ids=["quiet", "noise"])
def analysed(request):
    x, truth = composed.take(18, noise=request.param)
    take = hits.of_samples(x, composed.RATE)
    measured = drums.measure(take)
    return take, measured, drums.find(measured), truth


def test_the_drums_of_a_take_are_told_apart(analysed):
    _, _, found, truth = analysed
    groups = {frozenset(drum.hits) for drum in found}
    names = [name for _, name, _ in truth]
    assert groups == {frozenset(np.flatnonzero(np.array(names) == k)) for k in range(3)}


def test_velocities_are_in_the_order_of_the_strokes(analysed):
    _, measured, found, truth = analysed
    for drum in found:
        gains = [truth[i][2] for i in drum.hits]
        velocity = drums.velocities(measured, drum)
        assert max(velocity) == 127
        assert min(velocity) >= 1
        assert spearmanr(gains, velocity).statistic > 0.95


def test_kick_snare_and_tom_are_named(analysed):
    _, _, found, truth = analysed
    told = kinds.kinds([d.spectrum for d in found], [len(d.hits) for d in found])
    by_drum = {truth[d.hits[0]][1]: kind for d, kind in zip(found, told)}
    assert by_drum == {0: kinds.KICK, 1: kinds.SNARE, 2: kinds.TOM}


def test_all_of_them_are_drums(analysed):
    assert all(drum.is_drum for drum in analysed[2])


def test_labels_below_zero_are_left_out(analysed):
    _, measured, _, truth = analysed
    labels = np.array([drum if drum else -1 for _, drum, _ in truth])
    assert len(drums.of_labels(measured, labels)) == 2
