import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matcher.physics import ftm, modal
from matcher.physics.theta import Theta
from tests.conftest import draw, one

ROOT = Path(__file__).parents[2]
RATES = (22050, 44100, 96000)
TOM = Theta(omega=2 * np.pi * 110, tau=0.4, p=0.01, D=0.02, alpha=0.8)


def sum_of_sines(modes: ftm.Modes, sample_rate: int, n_samples: int) -> np.ndarray:
    """The closed form of what the bank renders, in float64, faded out towards Nyquist."""
    t = np.arange(n_samples) / sample_rate
    x = np.zeros(n_samples)
    for sigma, omega, gain in zip(*modal.fade_out(modes, sample_rate)):
        if gain > 0:
            x += gain * np.exp(-sigma * t) * np.sin(omega * t)
    return x


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_bank_is_the_sum_of_damped_sines(sample_rate):
    thetas, worst = draw("live", 12, seed=4), 0.0
    for i in range(12):
        modes = ftm.modes(one(thetas, i))
        expected = sum_of_sines(modes, sample_rate, sample_rate)  # the first second
        error = modal.render_modes(modes, sample_rate, sample_rate) - expected
        worst = max(worst, np.abs(error).max() / np.abs(expected).max())
    print(f"{sample_rate} Hz: largest error {20 * np.log10(worst):.0f} dB of the peak")
    assert worst <= 1e-3  # -60 dB


@pytest.mark.parametrize("sample_rate", RATES)
def test_nothing_is_aliased(sample_rate):
    high = Theta(omega=2 * np.pi * 1500, tau=1.0, p=1e-4, D=0.3, alpha=0.7)  # modes to 100 kHz
    modes = ftm.modes(high)
    assert modes.omega.max() > 2 * np.pi * sample_rate
    window = np.hanning(sample_rate)
    expected = np.abs(np.fft.rfft(window * sum_of_sines(modes, sample_rate, sample_rate)))
    got = np.abs(np.fft.rfft(window * modal.render_modes(modes, sample_rate, sample_rate)))
    excess = (got - expected).max() / expected.max()
    print(f"{sample_rate} Hz: largest excess {20 * np.log10(max(excess, 1e-20)):.0f} dB")
    assert excess <= 1e-4  # -80 dB


def test_the_kernel_alone_is_accurate_without_restarts():
    modes = modal.fade_out(ftm.modes(TOM), 44100)
    rotation = (-modes.sigma + 1j * modes.omega) / 44100
    out = np.zeros(44100, np.float32)
    modal.add_modes(modal.split(modes.gain + 0j), modal.powers(rotation), len(rotation), out)
    expected = sum_of_sines(ftm.modes(TOM), 44100, len(out))
    assert np.abs(out - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("size", [1, 7, 64, 100])
def test_the_kernel_adds_to_its_output_and_continues_where_it_stopped(size):
    modes = modal.fade_out(ftm.modes(TOM), 44100)
    powers, n = modal.powers((-modes.sigma + 1j * modes.omega) / 44100), len(modes.gain)
    whole, parts = np.zeros(256, np.float32), np.ones(256, np.float32)
    modal.add_modes(modal.split(modes.gain + 0j), powers, n, whole)
    state = modal.split(modes.gain + 0j)
    for start in range(0, 256, size):
        modal.add_modes(state, powers, n, parts[start : start + size])
    assert np.allclose(parts - 1, whole, atol=1e-6 * np.abs(whole).max() + 1e-7)


def test_the_sound_is_the_same_at_any_rate():
    theta = TOM._replace(omega=2 * np.pi * 80, D=1e-4)  # all modes below 9 kHz
    low, high = (modal.render_modes(ftm.modes(theta), rate, rate) for rate in (22050, 88200))
    assert np.abs(high[::4] - low).max() <= 1e-4 * np.abs(low).max()


def test_a_strike_on_a_nodal_line_silences_its_modes():
    x = modal.render_modes(ftm.modes(TOM, strike=(0.5, 0.5)), 22050, 22050)
    spectrum = np.abs(np.fft.rfft(x * np.hanning(22050)))
    even = ftm.modes(TOM).omega[1] / (2 * np.pi)  # mode (1, 2)
    near = spectrum[round(even) - 3 : round(even) + 4].max()
    assert near < 0.02 * spectrum.max()


@pytest.mark.slow
def test_a_process_that_compiles_renders_what_later_ones_do(tmp_path):
    code = """
import hashlib
import numpy as np
from matcher.physics import drum
from matcher.physics.theta import Theta
for tension in (0.0, 0.3):
    tom = drum.Drum(Theta(500.0, 0.3, 0.05, 0.03, 0.7), tension=tension)
    x = drum.render_body(tom, 22050, 9000)
    print(hashlib.sha256(x.tobytes()).hexdigest())
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    compiled, loaded = (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True,
            capture_output=True, text=True,
        ).stdout
        for _ in range(2)
    )  # fmt: skip
    assert compiled == loaded and len(compiled.split()) == 2
