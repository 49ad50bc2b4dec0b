from dataclasses import replace

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


def strokes_of(analysed, drum) -> list[int]:
    """The numbers of the true strokes that the hits of a drum are."""
    take, _, _, truth = analysed
    onsets = np.array([at for at, _, _ in truth])
    apart = [np.abs(onsets - take.hits[i].onset / composed.RATE) for i in drum.hits]
    assert all(a.min() < 0.01 for a in apart)
    return [int(a.argmin()) for a in apart]


def test_the_drums_of_a_take_are_told_apart(analysed):
    groups = {frozenset(strokes_of(analysed, drum)) for drum in analysed[2]}
    names = np.array([name for _, name, _ in analysed[3]])
    assert groups == {frozenset(np.flatnonzero(names == k)) for k in range(3)}


def test_velocities_are_in_the_order_of_the_strokes(analysed):
    _, measured, found, truth = analysed
    for drum in found:
        gains = [truth[i][2] for i in strokes_of(analysed, drum)]
        velocity = drums.velocities(measured, drum)
        assert max(velocity) == 127
        assert min(velocity) >= 1
        assert spearmanr(gains, velocity).statistic > 0.95


def test_kick_snare_and_tom_are_named(analysed):
    _, _, found, truth = analysed
    told = kinds.kinds([d.spectrum for d in found], [len(d.hits) for d in found])
    by_drum = {truth[strokes_of(analysed, d)[0]][1]: kind for d, kind in zip(found, told)}
    assert by_drum == {0: kinds.KICK, 1: kinds.SNARE, 2: kinds.TOM}


def test_all_of_them_are_drums(analysed):
    assert all(drum.is_drum for drum in analysed[2])


def test_labels_below_zero_are_left_out(analysed):
    measured = analysed[1][:6]
    found = drums.of_labels(measured, np.array([-1, 0, 1, -1, 0, -1]))
    assert [drum.hits for drum in found] == [(1, 4), (2,)]


def test_what_is_bright_and_struck_most_is_less_likely_a_drum(analysed):
    bright = [replace(hit, drum=0.5, cells=higher(hit.cells)) for hit in analysed[1]]
    often = drums.of_hits(bright[:12], range(6))
    rare = drums.of_hits(bright, range(3))
    assert 1000 < often.spectrum.centre_hz < 1600
    assert often.drum < rare.drum == pytest.approx(0.5)


def higher(cells):
    """The same hit with all of its power around 1270 Hz."""
    amplitude = np.zeros_like(cells.amplitude)
    amplitude[60:62] = cells.amplitude.max()
    return cells._replace(amplitude=amplitude)
