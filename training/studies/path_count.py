"""How many paths a joint time-frequency scattering has, and how 20,762 of them come about.

    python -m training.studies.path_count

The paths of training.jtfs are those of kymatio's development branch. Han, Lostanlen and Lagrange
used an earlier implementation, by Muradeli, offered to kymatio and now called wavespin. Its rules,
as far as they decide the number: bands are not averaged along n1 unless asked for, and F thins out
only the low-pass paths, to every F-th band; a wavelet along n1 is left out where it is longer than
the bands, rounded up to a power of two; and paths without a wavelet in time keep their frames,
where global averaging is switched on only after the transform was made, as their code does.
"""

import math
import sys
from collections.abc import Callable
from itertools import product

from training import command
from training.jtfs import JTFS
from training.markdown import table

STATED = 20_762  # paths, in the paper
SETTINGS = {"J": 13, "Q": 12, "F": 2}  # theirs
FRAMES = 2**16 // 2**13  # of a clip at their T = 2^J
J_FR = 6  # two octaves less than the bands have, their implementation's default
LOW_WIDTH = 0.1  # cycles a sample, width of a low-pass of scale 1; 1 / width of a wavelet's length
XI_MAX = 0.4  # cycles a sample, at least; the first wavelet's frequency
CROSSING = math.sqrt(0.5)  # where neighbouring wavelets cross


def filter_bank(J: int, Q: int, alpha: float) -> tuple[list[float], list[int]]:
    """Wavelets from the highest frequency down, as in kymatio 0.2.

    Args:
        J: Octaves.
        Q: Wavelets an octave.
        alpha: Widths beyond its frequency up to which a wavelet's band reaches.

    Returns:
        Width of each, cycles a sample, and octaves by which its band may be subsampled.
    """
    step, narrowest = 2 ** (-1 / Q), LOW_WIDTH / 2**J
    xi = max(1 / (1 + 1 / step), XI_MAX)
    sigma = xi * (1 - step) / (1 + step) / math.sqrt(2 * math.log(1 / CROSSING))
    widths, octaves, reach = [], [], 0
    while sigma > narrowest:
        widths.append(sigma)
        octaves.append(reach)
        lowest, xi, sigma = xi, xi * step, sigma * step
        reach = _octaves(xi, sigma, alpha)
    for place in range(Q - 1, 0, -1):  # evenly spaced down to 0
        widths.append(narrowest)
        octaves.append(_octaves(lowest * place / Q, narrowest, alpha))
    return widths, octaves


def _octaves(xi: float, sigma: float, alpha: float) -> int:
    return math.floor(-math.log2(min(xi + alpha * sigma, 0.5))) - 1


def earlier_count(alpha: float, length: float, by_scale: bool, rounding: Callable) -> int:
    """Paths of the earlier implementation with their settings.

    What differed between its versions, or is not written down, is an argument.

    Args:
        alpha: As of filter_bank.
        length: Of a wavelet along n1, in units of LOW_WIDTH over its width; 0 for none left out.
        by_scale: Whether bands are rounded up to a power of two before a wavelet is left out.
        rounding: Of every F-th band: math.ceil or math.floor.
    """
    J, Q, F = SETTINGS.values()
    octaves_1 = filter_bank(J, Q, alpha)[1]
    lengths = [length * LOW_WIDTH / width for width in filter_bank(J_FR, 1, alpha)[0]]
    n1 = [sum(a < b for a in octaves_1) for b in filter_bank(J, 1, alpha)[1]]
    n1 = [bands for bands in n1 if bands]

    def wavelets(bands):
        longest = 2 ** math.ceil(math.log2(bands)) if by_scale else bands
        return sum(one <= longest for one in lengths)

    first = len(octaves_1) + rounding(len(octaves_1) / F) + n1[-1] * wavelets(n1[-1])
    second = sum(2 * bands * wavelets(bands) + rounding(bands / F) for bands in n1)
    return 1 + FRAMES * first + second


@command.entry_point("training.studies.path_count")
def main(argv=None) -> None:
    """The command line."""
    command.parser("training.studies.path_count", __doc__).parse_args(argv)
    rows = [
        {"J": J, "J_fr": J_fr, "F": F, "paths": f"{len(JTFS(J=J, J_fr=J_fr, F=F).keys):,}"}
        for J, J_fr, F in product((13, 14), (5, 6), (1, 2, 24))
    ]
    print(f"kymatio's development branch, Q = 12\n\n{table(rows)}\n")
    rows = [
        {
            "alpha": alpha,
            "length": length,
            "longest": "by scale" if by_scale else "by bands",
            "every second band": rounding.__name__,
            "paths": f"{count:,}",
            "less 20,762": count - STATED,
        }
        for alpha, length, by_scale, rounding in product(
            (4, 5), (1, 2), (False, True), (math.floor, math.ceil)
        )
        for count in (earlier_count(alpha, length, by_scale, rounding),)
    ]
    print(f"The earlier implementation, {SETTINGS}\n\n{table(rows)}")


if __name__ == "__main__":
    sys.exit(main())
