"""Rendering of a bank, by compiled code in room that is made before.

Without tension every block is exact; with it, rows are sorted by their decay, longest first, so
that the kernel runs over fewer and fewer of them.
"""

import numpy as np

from matcher.compiled import native
from matcher.physics import modal
from matcher.physics.bank import BANK, N_ROWS
from matcher.physics.modal import N_POWERS

WORK = np.dtype(  # the bank of a drum, and room to render it in
    [
        ("bank", BANK),
        ("order", np.int64, N_ROWS),  # of the rows that sound, longest first
        ("state", np.float32, (2, N_ROWS)),
        ("powers", np.float32, (N_POWERS, 2, N_ROWS)),
        ("rotation", np.float32, (2, N_ROWS)),
        ("pull", np.float32, (2, N_ROWS)),
        ("weight", np.float32, N_ROWS),
    ],
    align=True,
)


@native
def add(work, rise, sample_rate, out):
    """Add the sound of a record of WORK, whose bank is filled, to `out` (samples,) float32.

    rise: relative rise of the fundamental's squared frequency at the onset. sample_rate: Hz.
    """
    bank = work.bank
    if rise > 0:
        _add_gliding(work, rise, sample_rate, out)
    else:
        modal.add_exactly(
            bank.sigma, bank.omega, bank.re, bank.im, bank.n, sample_rate, work.state, work.powers,
            out,
        )  # fmt: skip


@native
def _add_gliding(work, rise, sample_rate, out):
    bank, state, powers = work.bank, work.state, work.powers
    floor, n = 0.0, 0
    for i in range(bank.n):
        floor += modal.SILENCE * np.hypot(bank.re[i], bank.im[i])
    for i in range(bank.n):
        if np.hypot(bank.re[i], bank.im[i]) > floor:
            work.order[n] = i
            n += 1
    sort(bank, work.order[:n])
    write_rows(bank, work.order[:n], sample_rate, powers, work.pull, work.weight)
    for j in range(n):
        i = work.order[j]
        state[0, j], state[1, j] = bank.re[i], bank.im[i]
        work.rotation[0, j], work.rotation[1, j] = powers[0, 0, j], powers[0, 1, j]
    for start in range(0, out.shape[0], modal.BLOCK):
        while n > 0 and abs(state[0, n - 1]) + abs(state[1, n - 1]) < floor:
            n -= 1
        if n == 0:
            break
        modal.add_gliding(
            state, work.rotation, work.pull, work.weight, np.float32(rise), n, powers,
            out[start : start + modal.BLOCK],
        )  # fmt: skip


@native
def sort(bank, order):
    """Sort rows, `order` (rows,), by their decay, longest first; in place, equals as they were."""
    for j in range(1, order.shape[0]):
        row, place = order[j], j
        while place > 0 and bank.sigma[order[place - 1]] > bank.sigma[row]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = row


@native
def write_rows(bank, order, sample_rate, powers, pull, weight):
    """Write rows in this order as the kernels of modal take them.

    powers: (N_POWERS, 2, N_ROWS). pull: (2, N_ROWS). weight: (N_ROWS,), all float32.
    """
    for j in range(order.shape[0]):
        i = order[j]
        turn = bank.omega[i] / sample_rate
        modal.set_powers(powers, j, bank.sigma[i] / sample_rate, turn)
        pull[0, j], pull[1, j], weight[j] = bank.pull[i], turn, bank.weight[i]
