import math

import pytest

from training.studies import path_count


def test_wavelets_are_those_of_the_transform():
    """J octaves of Q each: as many bands as the transform has, but for one at the low end."""
    widths, octaves = path_count.filter_bank(13, 12, alpha=5)
    assert len(widths) == len(octaves) == 137
    assert widths == sorted(widths, reverse=True)
    assert widths[12] == pytest.approx(widths[0] / 2)
    assert widths[-1] == path_count.LOW_WIDTH / 2**13


def test_the_number_that_the_paper_states_is_among_those_counted():
    assert path_count.earlier_count(5, 1, True, math.floor) == path_count.STATED
    assert path_count.earlier_count(5, 1, True, math.ceil) > path_count.STATED


def test_longer_wavelets_make_fewer_paths():
    counts = [path_count.earlier_count(5, length, True, math.floor) for length in (0, 1, 2, 4)]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4
