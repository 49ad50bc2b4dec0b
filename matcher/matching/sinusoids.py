"""Least squares with damped sines whose frequencies and decay rates are given.

Inner products of damped sines are geometric series, so that nothing but the products with the
recording has to be summed over its samples. Several windows, which begin later and later and reach
to the end, are fitted at once, each over its own energy: the loud beginning does not hide what
rings on.
"""

from functools import cached_property

import numpy as np

from matcher.compiled import native

BLOCK = 256  # samples, 12 ms: windows begin at multiples of it
STARTS = (0, 1, 4, 13)  # blocks: beginnings of the windows, at 0, 12, 46 and 151 ms
LEAST_ENERGY = 1e-5  # of the whole: a window with less is left out
SHORTEST = 300  # samples: so is a shorter one
RIDGE = 1e-5  # of the diagonal: sines may hardly differ
SMALLEST = 1e-30  # added to norms, so that none is divided by 0


class Sinusoids:
    """Damped sines Re(a z^n) beside a recording, z = exp((-sigma + 2 pi i hz) / sample_rate).

    Args:
        x: (samples,), from the onset.
        hz: (sines,) Hz.
        sigma: Decay rates, (sines,) 1/s.
        sample_rate: Hz.
        silent_until: Samples from the onset: until then silence follows x.
    """

    def __init__(
        self, x: np.ndarray, hz: np.ndarray, sigma: np.ndarray, sample_rate: float,
        silent_until: int = 0,
    ):  # fmt: skip
        self.hz, self.sigma = hz, sigma
        weights, products = _windows(x)
        rotation = (-sigma + 2j * np.pi * hz) / sample_rate
        self.n_windows = len(weights)
        self._weights, self._rotation, self._n = weights, rotation, max(len(x), silent_until)
        inner = products @ np.exp(np.arange(BLOCK)[:, None] * rotation)  # (blocks, sines)
        starts = np.array(STARTS[: len(weights)])
        sums = np.zeros((len(starts), len(hz)), np.complex128)  # (windows, sines)
        _sums_from(inner, np.exp(BLOCK * rotation), starts, np.zeros(len(hz), np.complex128), sums)
        c = weights @ sums
        # products with Re z^n and -Im z^n, as Re(a z^n) = Re a Re z^n - Im a Im z^n
        self.correlation = np.stack([c.real, -c.imag], axis=1)  # (sines, 2)

    @cached_property
    def gram(self) -> np.ndarray:
        """Inner products of real and negative imaginary parts, (sines, 2, sines, 2)."""
        starts = np.array(STARTS[: self.n_windows]) * BLOCK
        begin = np.exp(starts[:, None] * self._rotation)  # (windows, sines)
        end = np.exp(self._n * self._rotation)
        gram = np.empty((len(end), 2, len(end), 2))
        _gram(np.exp(self._rotation), begin, end, self._weights, gram)
        return gram

    def amplitudes(self, chosen: list[int], from_zero: bool = False) -> np.ndarray:
        """The amplitudes of some sines that explain most.

        Args:
            chosen: Indices of the sines.
            from_zero: Whether their sum begins at 0, as a body at rest does.

        Returns:
            Real and imaginary parts, (chosen, 2).
        """
        n = 2 * len(chosen)
        gram = self.gram[chosen][:, :, chosen].reshape(n, n)
        scale = np.sqrt(np.diag(gram)) + SMALLEST
        matrix = gram / np.outer(scale, scale) + RIDGE * np.eye(n)
        right_side = self.correlation[chosen].ravel() / scale
        found = np.linalg.solve(matrix, right_side)
        if from_zero:  # the constraint's Lagrange multiplier takes its part away
            first = np.tile([1.0, 0.0], len(chosen)) / scale
            along = np.linalg.solve(matrix, first)
            found -= along * (first @ found) / max(first @ along, SMALLEST)
        return (found / scale).reshape(-1, 2)

    def gains(self, chosen: list[int], amplitudes: np.ndarray) -> np.ndarray:
        """What each sine alone would explain of what the chosen ones leave, (sines,)."""
        out = np.empty(len(self.correlation))
        _gains(self.gram, self.correlation, np.array(chosen, np.int64), amplitudes, out)
        return out

    def explained(self, chosen: list[int], amplitudes: np.ndarray) -> float:
        """Share of the energy that the chosen sines explain, the mean over the windows."""
        return float(np.sum(self.correlation[chosen] * amplitudes)) / self.n_windows


def _windows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One over the energy of each window, (windows,), and x in blocks, (blocks, BLOCK)."""
    blocks = np.zeros((-(-len(x) // BLOCK), BLOCK))
    blocks.ravel()[: len(x)] = x
    energies = [float(np.sum(blocks[start:] ** 2)) for start in STARTS]
    n = 1
    while n < len(STARTS):
        if len(x) - STARTS[n] * BLOCK < SHORTEST or energies[n] < LEAST_ENERGY * energies[0]:
            break
        n += 1
    return 1 / (np.array(energies[:n]) + SMALLEST), blocks


@native(fastmath=True)
def _sums_from(inner, step, starts, total, out):
    """Set out (starts, sines) to sums of inner[b] step^b over b >= start, for each start.

    total: (sines,) zeros, room to work in.
    """
    n_blocks, n_sines = inner.shape
    after = n_blocks  # Horner's rule, from the last block backwards
    for w in range(len(starts) - 1, -1, -1):
        for b in range(after - 1, starts[w] - 1, -1):
            for j in range(n_sines):
                total[j] = inner[b, j] + step[j] * total[j]
        after = min(after, starts[w])
        for j in range(n_sines):
            power = 1.0 + 0.0j
            for _ in range(starts[w]):
                power *= step[j]
            out[w, j] = total[j] * power


@native(fastmath=True)
def _gram(z, begin, end, weights, gram):
    """Set gram (sines, 2, sines, 2), as Sinusoids.gram has it.

    z, end: (sines,) at one sample, at the last; begin: (windows, sines).
    """
    n = len(z)
    whole = np.sum(weights)
    for i in range(n):
        for j in range(i, n):
            p = -whole * end[i] * end[j]
            q = -whole * end[i] * np.conj(end[j])
            for w in range(len(weights)):
                p += weights[w] * begin[w, i] * begin[w, j]
                q += weights[w] * begin[w, i] * np.conj(begin[w, j])
            p /= 1 - z[i] * z[j]
            q /= 1 - z[i] * np.conj(z[j])
            gram[i, 0, j, 0] = gram[j, 0, i, 0] = (q.real + p.real) / 2
            gram[i, 1, j, 1] = gram[j, 1, i, 1] = (q.real - p.real) / 2
            gram[i, 0, j, 1] = gram[j, 1, i, 0] = (q.imag - p.imag) / 2
            gram[i, 1, j, 0] = gram[j, 0, i, 1] = -(p.imag + q.imag) / 2


@native(fastmath=True)
def _gains(gram, correlation, chosen, amplitudes, out):
    """Set out (sines,) to Sinusoids.gains."""
    for i in range(len(out)):
        a, b = correlation[i, 0], correlation[i, 1]
        for s in range(len(chosen)):
            j = chosen[s]
            a -= gram[i, 0, j, 0] * amplitudes[s, 0] + gram[i, 0, j, 1] * amplitudes[s, 1]
            b -= gram[i, 1, j, 0] * amplitudes[s, 0] + gram[i, 1, j, 1] * amplitudes[s, 1]
        aa, bb, ab = gram[i, 0, i, 0], gram[i, 1, i, 1], gram[i, 0, i, 1]
        energy = bb * a * a - 2 * ab * a * b + aa * b * b
        out[i] = energy / max(aa * bb - ab * ab, SMALLEST)
