"""Steps from a drum to one nearby whose sound is nearer to a recording.

Gauss-Newton on the compressed log-CQT, damped after Marquardt (1963, J. SIAM 11, 431). The attack's
powers are solved for beside each new body: variable projection (Golub and Pereyra 1973, SIAM J.
Numer. Anal. 10, 413), by non-negative least squares.

Whether a step is taken is decided by rendering and transforming. Its direction comes from
mode_power, in half the time or less; when that gains little more, from rendered sounds as well.

Everything here is a function of its arguments: a descent leaves the cost and the point as they are,
and adds what it does to the work.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from matcher.matching import effort
from matcher.matching.cost import Cost, Point
from matcher.matching.effort import Work
from matcher.matching.search_space import DIFFERENCE, HIGH, LOW, NAMES, THETA, to_drum

LONGEST_STEP = 0.3  # of each parameter's range: the model is linear only nearby
LONGEST_GAIN_STEP = 1.0  # log power, 4.3 dB: as LONGEST_STEP
FIRST_DAMPING = 1e-2  # of the diagonal: at the start, and again where derivatives become exact
LEAST_DAMPING = 1e-5  # of the diagonal: with less, parameters that cannot be told apart run away
EASED = 5  # what damping is divided by after a step that was taken: soon there is almost none
STIFFENED = 4  # what damping is multiplied by after a try that failed: TRIES span a factor of 256
REGULAR = 1e-9  # of the trace, added to the diagonal: a parameter may have no effect at all
TRIES = 5  # of one step, each with more damping
ENOUGH = 1e-3  # of the cost: a step that gains less is the last
ROUGHLY_ENOUGH = 1e-2  # of the cost: after a step that gains less, derivatives are exact
SOFTEST_BODY = 0.5  # of the body's first amplitude: the attack may not take its place
BY_CHANCE = 4.0  # standard deviations of the background, which attack must explain more than
ATTACK_ROUNDS = 2  # linearisations of the attack beside each new body
ATTACK_SHARES = (1.0, 0.5, 0.2, 0.05)  # of the way to a solution, tried until one is nearer
ATTACK_REGULAR = 1e-5  # added to a diagonal of 1: bands and decays overlap
UNUSED = 1e-12  # attack power, up to which a band and decay is left out of a step
SMALLEST = 1e-30  # norm of a derivative, added so that none is divided by 0
LEAST_CURVATURE = 1e-12  # cost per squared unit, of a parameter that has no effect
CORRELATED = 1e-6  # added to a correlation of 1, so that the inverse exists
LEAST_DEVIATION = 1e-5  # nu, so that it has a logarithm
MOST_DEVIATION = 1.0  # nu, half the range: a larger one would say nothing more


class Descent(NamedTuple):
    """What a descent found."""

    point: Point
    # (n, n) for parameters, gain and attack powers in use: the last step's Gauss-Newton matrix
    # without the prior, by which the cost rises around the point; None: no step was tried
    curvature: np.ndarray | None


class _System(NamedTuple):
    """Normal equations of a Gauss-Newton step: matrix @ step = right_side."""

    value: float  # of the cost where the step begins
    curvature: np.ndarray  # (n, n), of the sound alone
    matrix: np.ndarray  # (n, n)
    right_side: np.ndarray  # (n,)


def descend(point: Point, cost: Cost, work: Work, steps: int) -> Descent:
    """Go downhill until a step gains next to nothing.

    Args:
        point: Where to begin, on the cost's target and scale.
        cost: What to make small.
        work: Counts what is done; asked before each step and after each try that failed.
        steps: How many there are at most.

    Returns:
        The lowest point, and the curvature at its last step.
    """
    now, curvature, exact = point, None, False
    damping, least_gain = FIRST_DAMPING, point.gain + 2 * np.log(SOFTEST_BODY)
    for _ in range(steps):
        if work.over():
            break
        system = _linearise(now, cost, work, exact)
        curvature, before = system.curvature, system.value
        new, gained, damping = _try(now, cost, work, system, damping, least_gain)
        if gained > 0:
            now, damping = new, max(damping / EASED, LEAST_DAMPING)
        if gained < ROUGHLY_ENOUGH * before and not exact:
            exact, damping = True, FIRST_DAMPING
        elif gained < ENOUGH * before:
            break
    return Descent(now, curvature)


def deviation(cost: Cost, point: Point, curvature: np.ndarray | None) -> np.ndarray | None:
    """How far off theta may be by the residual alone.

    Covariance of a least-squares estimate: the residual's variance times the inverse curvature.

    Args:
        cost: What was made small.
        point: Where it was.
        curvature: As Descent has it.

    Returns:
        Standard deviation of each of theta, (5,) in nu; None where there is no curvature.
    """
    if curvature is None:
        return None
    residual = cost.residual(point)
    variance = np.sum(residual**2) / len(residual)
    scale = np.sqrt(np.maximum(np.diag(curvature), LEAST_CURVATURE))
    correlation = curvature / np.outer(scale, scale) + CORRELATED * np.eye(len(scale))
    diagonal = np.diag(np.linalg.inv(correlation)) / scale**2
    return np.clip(np.sqrt(variance * diagonal[THETA]), LEAST_DEVIATION, MOST_DEVIATION)


def solve_attack_powers(point: Point, cost: Cost, work: Work, rounds: int = ATTACK_ROUNDS) -> Point:
    """Find a better attack beside a body.

    Args:
        point: Body and attack to begin with.
        cost: What to make small.
        work: Counts what is done.
        rounds: How often the model is linearised at most.

    Returns:
        The same body and gain with other attack powers, or `point` itself.
    """
    now, value = point, cost.value(point)
    for _ in range(rounds):
        work.add(effort.ATTACK_ROUND * cost.target.cqt.units)
        try:
            wanted = _linear_attack_powers(now, cost)
        except RuntimeError:  # nnls did not converge
            break
        for share in ATTACK_SHARES:
            attack_powers = now.attack_powers + share * (wanted - now.attack_powers)
            new = replace(now, attack_powers=attack_powers)
            if (new_value := cost.value(new)) < value:
                now, value = new, new_value
                break
        else:
            break
    return now


@lru_cache(1)
def nnls():
    """Non-negative least squares (Lawson and Hanson 1974), loaded only where it is needed."""
    from scipy.optimize import nnls

    return nnls


def derivatives(point: Point, cost: Cost, exact: bool) -> np.ndarray:
    """How the compressed amplitude of a point changes.

    Args:
        point: Where.
        cost: Which compresses.
        exact: By rendered sounds, otherwise by mode_power.

    Returns:
        (parameters, gain and, in logarithms, the attack powers in use; floors * cells).
    """
    differences = np.where(point.vector + DIFFERENCE <= HIGH, DIFFERENCE, -DIFFERENCE)
    vectors = point.vector + np.diag(differences)  # (parameters, parameters)
    beside = (_rendered if exact else _estimated)(vectors, point, cost)
    residual = cost.residual(point)
    rows = [(residual - cost.residual(p)) / step for p, step in zip(beside, differences)]
    rows.append(cost.by_gain(point))
    if point.attack_powers is not None:
        powers = point.attack_powers[cost.target.usable]
        used = powers > UNUSED
        rows += list(cost.by_attack_powers(point)[used] * powers[used, None])
    return np.array(rows)


def _rendered(vectors: np.ndarray, point: Point, cost: Cost) -> list[Point]:
    """Points at vectors (points, parameters), with the gain and the attack of one."""
    bodies = np.stack([cost.render_body(vector) for vector in vectors])
    return [
        replace(point, vector=vector, body=body, body_power=power)
        for vector, body, power in zip(vectors, bodies, cost.target.power(bodies))
    ]


def _estimated(vectors: np.ndarray, point: Point, cost: Cost) -> list[Point]:
    """Nearly what _rendered gives, without a transform."""
    powers = cost.mode_power(to_drum(point.vector))
    return [cost.beside(vector, point, powers) for vector in vectors]


def _linearise(now: Point, cost: Cost, work: Work, exact: bool) -> _System:
    """The normal equations of a step from now on, prior included."""
    rows, n, sound = derivatives(now, cost, exact), len(NAMES), cost.target.cqt.units
    work.add(n * (effort.DERIVATIVE * sound if exact else effort.ESTIMATE))
    if now.attack_powers is not None:
        work.add(effort.ATTACK_DERIVATIVES * sound)
    matrix, right_side = rows @ rows.T, rows @ cost.residual(now)
    curvature = matrix.copy()
    matrix[:n, :n] += np.diag(cost.prior_weights)
    right_side[:n] -= cost.prior_weights * (now.vector - cost.start)
    return _System(cost.value(now), curvature, matrix, right_side)


def _try(
    now: Point, cost: Cost, work: Work, system: _System, damping: float, least_gain: float
) -> tuple[Point, float, float]:
    """Shorter and shorter steps until one leads down: the last point, its gain in cost, damping."""
    matrix = system.matrix
    for _ in range(TRIES):
        added = damping * np.diag(matrix) + REGULAR * np.trace(matrix) / len(matrix)
        step = np.linalg.solve(matrix + np.diag(added), system.right_side)[: len(NAMES) + 1]
        new = _moved(now, cost, work, step, least_gain)
        value = cost.value(new)
        if value < system.value or work.over():
            break
        damping *= STIFFENED
    return new, system.value - value, damping


def _moved(now: Point, cost: Cost, work: Work, step: np.ndarray, least_gain: float) -> Point:
    """The point after a step (parameters and gain,), with the attack that suits it."""
    longest = LONGEST_STEP * (HIGH - LOW)
    vector = np.clip(now.vector + np.clip(step[:-1], -longest, longest), cost.low, cost.high)
    gain = now.gain + np.clip(step[-1], -LONGEST_GAIN_STEP, LONGEST_GAIN_STEP)
    work.add(cost.target.cqt.units)
    if now.attack_powers is None:
        return cost.point(vector, gain)
    new = cost.point(vector, max(gain, least_gain), now.attack_powers)
    return solve_attack_powers(new, cost, work)


def _linear_attack_powers(now: Point, cost: Cost) -> np.ndarray:
    """The attack powers (attack_powers,) that are best where the model is linear in them.

    Least squares in the normal equations: with H = L L^T, ||J^T x - r||^2 is ||L^T x - L^-1 J r||^2
    and a constant. In noise a power has to explain more than the background does by chance.
    """
    use = cost.target.usable
    rows = cost.by_attack_powers(now)
    scale = np.sqrt(np.einsum("ij,ij->i", rows, rows)) + SMALLEST
    rows = rows / scale[:, None]
    L = np.linalg.cholesky(rows @ rows.T + ATTACK_REGULAR * np.eye(len(rows)))
    wanted = rows @ (cost.residual(now) + (now.attack_powers[use] * scale) @ rows)
    if np.any(cost.target.noise):
        wanted -= BY_CHANCE * np.sqrt(rows**2 @ cost.noise_deviation(now) ** 2)
    attack_powers = np.zeros(len(now.attack_powers))
    attack_powers[use] = nnls()(L.T, np.linalg.solve(L, wanted))[0] / scale
    return attack_powers
