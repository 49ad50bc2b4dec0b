from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from matcher.matching import descent, refine, search_space
from matcher.matching.cost import Cost
from matcher.matching.descent import descend
from matcher.matching.effort import Work
from matcher.matching.features import FLOOR, SAMPLE_RATE
from matcher.matching.target import Target
from matcher.physics import attack
from matcher.physics.drum import Drum
from tests.conftest import TOM, near, sound

STRUCK = Drum(TOM, (0.3, 0.2), 800.0, 0.2)
FEW = 3  # steps
ROUNDING = 2e-6  # amplitude over the peak: of float32, in a sound transformed alone or with others


def cost_of(drum_: Drum, guess: Drum, floors=refine.BODY_FLOORS) -> Cost:
    """The cost of a search for a drum from a guess."""
    return Cost.of_start(Target.of_clip(sound(drum_), False), search_space.of_drum(guess), floors)


def guess(shift: float = 0.1) -> Drum:
    """A drum beside STRUCK."""
    return Drum(near(TOM, shift), (0.4, 0.4), 2000.0, 0.1)


def same(one: descent.Descent, other: descent.Descent) -> bool:
    """Whether two descents found exactly the same."""
    return (
        np.array_equal(one.point.vector, other.point.vector)
        and one.point.gain == other.point.gain
        and np.array_equal(one.point.power, other.point.power)
        and np.array_equal(one.curvature, other.curvature)
    )


@pytest.mark.parametrize("floors", [refine.ROUGH_FLOORS, refine.ALL_FLOORS])
def test_derivatives_by_gain_and_attack_powers_are_those_of_the_model(floors):
    rng = np.random.default_rng(3)
    start = search_space.start_of(Drum(TOM))
    cost = Cost.of_start(Target.of_clip(sound(Drum(TOM)), False), start, floors)
    usable, gain = cost.target.usable, 0.1
    attack_powers = np.zeros(attack.N_BANDS * attack.N_DECAYS)
    attack_powers[usable] = rng.uniform(0.001, 0.1, len(usable))

    def moved(step, i=None):
        if i is None:
            return cost.residual(replace(point, gain=gain + step))
        more = attack_powers.copy()
        more[i] += step
        return cost.residual(replace(point, attack_powers=more))

    point = cost.point(start, gain, attack_powers)
    by_gain = -(moved(1e-3) - moved(-1e-3)) / 2e-3
    np.testing.assert_allclose(cost.by_gain(point), by_gain, atol=2e-3)
    rows = cost.by_attack_powers(point)
    assert len(rows) == len(usable) < len(attack_powers)
    for row, i in list(zip(rows, usable))[3::12]:
        step = 1e-2 * attack_powers[i]
        expected = -(moved(step, i) - moved(-step, i)) / (2 * step)
        np.testing.assert_allclose(row, expected, atol=2e-3 * np.abs(expected).max())


def test_derivatives_by_mode_power_lead_where_those_of_sounds_do():
    cost = cost_of(STRUCK, guess())
    point = cost.point(cost.start)
    exact, quick = (descent.derivatives(point, cost, exact) for exact in (True, False))
    residual = cost.residual(point)
    uphill, nearly = exact @ residual, quick @ residual
    assert np.dot(uphill, nearly) > 0.8 * np.linalg.norm(uphill) * np.linalg.norm(nearly)


def test_exact_derivatives_are_those_of_each_sound():
    cost = cost_of(STRUCK, Drum(near(TOM, 0.1), (0.5, 0.4), 2000.0, 0.1))
    point = cost.point(cost.start)
    rows = descent.derivatives(point, cost, True)
    for i, row in enumerate(search_space.SEARCHED):
        step = -row.difference if row.name == "x1" else row.difference  # x1 is as high as may be
        moved = cost.start.copy()
        moved[search_space.index(row.name)] += step
        beside = cost.point(moved, point.gain)
        expected = (cost.residual(point) - cost.residual(beside)) / step
        rounding = ROUNDING / FLOOR / row.difference
        np.testing.assert_allclose(rows[i], expected, rtol=0, atol=rounding)


def test_steady_noise_is_background_and_a_tail_is_not():
    clean = sound(Drum(TOM), 2.0)
    hiss = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    assert np.mean(Target.of_clip(clean + 0.02 * hiss, False).noise > 0) > 0.5
    assert not Target.of_clip(clean[: SAMPLE_RATE // 4], True).noise.any()


def test_a_drum_and_its_vector_are_the_same():
    vector = search_space.of_drum(STRUCK)
    again = search_space.to_drum(vector)
    np.testing.assert_allclose(again.theta, STRUCK.theta)
    assert again.strike == STRUCK.strike and again.tension == STRUCK.tension
    assert again.mallet_hz == pytest.approx(STRUCK.mallet_hz)
    assert [vector[search_space.index(name)] for name in ("x1", "x2", "tension")] == [0.3, 0.2, 0.2]
    assert vector[search_space.index("dullness")] == pytest.approx((110 / 800) ** 2)
    hard = search_space.of_drum(Drum(TOM))
    assert hard[search_space.index("dullness")] == 0
    start = search_space.start_of(Drum(TOM))
    assert all(start >= search_space.LOW) and all(start <= search_space.HIGH)


def test_a_cost_cannot_be_changed():
    cost = cost_of(STRUCK, guess())
    point = cost.point(cost.start)
    for thing, name in ((cost, "floors"), (cost, "prior"), (cost.target, "clip"), (point, "gain")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, getattr(thing, name))
    for values in (cost.start, cost.compressed, cost.target.clip):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


def test_another_floor_prior_or_start_makes_another_cost():
    start = search_space.of_drum(guess())
    cost = cost_of(STRUCK, guess())
    point = cost.point(search_space.of_drum(STRUCK))
    before = cost.value(point)
    bound, coarse = cost.with_prior(10.0), cost.with_floors(refine.ROUGH_FLOORS)
    away = np.sum((point.vector - start)[search_space.THETA] ** 2)
    assert bound.value(point) == pytest.approx(before + 10 * away)
    assert bound.with_start(point.vector).value(point) == pytest.approx(before)
    assert coarse.value(point) != before
    assert len(cost.with_floors(refine.ALL_FLOORS).residual(point)) == 2 * len(cost.residual(point))
    start[:] = 0  # the caller's own
    assert cost.value(point) == before and cost.prior == 0


def test_descents_from_a_point_are_the_same_in_any_order():
    cost = cost_of(STRUCK, guess())
    one, other = cost.point(cost.start), cost.point(search_space.of_drum(guess(-0.1)))
    first, second = (descend(point, cost, Work(), FEW) for point in (one, other))
    again_second, again_first = (descend(point, cost, Work(), FEW) for point in (other, one))
    assert cost.value(first.point) < cost.value(one)
    assert not same(first, second)
    assert same(first, again_first) and same(second, again_second)


def test_interleaved_costs_do_not_disturb_each_other():
    tom, low = STRUCK, STRUCK._replace(theta=TOM._replace(omega=0.8 * TOM.omega))
    costs = [cost_of(tom, guess()), cost_of(low, guess(-0.1), refine.ALL_FLOORS)]
    costs.append(costs[0].with_floors(refine.ROUGH_FLOORS).with_prior(1.0))  # of one target
    starts = [cost.point(cost.start) for cost in costs]

    def step(points):
        return [descend(p, c, Work(), 1).point for p, c in zip(points, costs)]

    interleaved = step(step(starts))
    for cost, start, found in zip(costs, starts, interleaved):
        alone = descend(descend(start, cost, Work(), 1).point, cost, Work(), 1).point
        assert np.array_equal(alone.vector, found.vector)
        assert cost.value(alone) == cost.value(found) < cost.value(start)


def test_a_descent_that_is_over_stays_where_it_is():
    cost = cost_of(STRUCK, guess())
    point = cost.point(cost.start)
    spent, late = Work(), Work()
    spent.allow(0.0, np.inf)
    late.allow(np.inf, 0.0)
    for work in (spent, late, Work(lambda: True)):
        found = descend(point, cost, work, FEW)
        assert work.units == 0
        assert found.point is point and found.curvature is None
        assert descent.deviation(cost, *found) is None
    asked = iter([False])
    found = descend(point, cost, Work(lambda: next(asked, True)), FEW)
    assert same(found, descend(point, cost, Work(), 1))
    deviation = descent.deviation(cost, *found)
    assert deviation.shape == (5,) and np.all(deviation > 0)
