"""The plugin in hosts that are not ours: VST3 and LV2 in minihost, and what LV2's own tools say."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from matcher.kits.kit import N_PADS
from matcher.physics.parameters import PARAMETERS
from matcher.plugin.export import export_plugin
from matcher.plugin.layout import KNOBS, SETTINGS
from tests.plugin.app import App, residual_db
from tests.plugin.conftest import IDENTITY, runs_here
from tests.plugin.test_clap import SAME_DB, performance

pytestmark = runs_here
HIDDEN = 5  # controllers that VST3 has as parameters
RATES_AND_BLOCKS = [(44100, 511), (48000, 64), (48000, 4096), (96000, 511)]


@pytest.fixture(scope="module")
def folder(kit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    export_plugin(kit, folder, ["vst3", "lv2"], identity=IDENTITY)
    return folder


class Hosted:
    """A plugin in minihost."""

    def __init__(self, path: Path, rate: int = 48000, block: int = 512):
        minihost = pytest.importorskip("minihost")
        self.plugin = minihost.Plugin(str(path), sample_rate=rate, max_block_size=block)
        self.block = block

    def play(self, n: int, messages=(), changes=(), given=None, n_out: int = 1) -> np.ndarray:
        """Play n frames -> (2 n_out, n).

        messages: (frame, bytes); changes: (frame, index, 0 to 1); given: (2, n), the input. n_out:
        outputs that are taken.
        """
        out = np.zeros((2 * n_out, n), np.float32)
        given = np.zeros((2, n), np.float32) if given is None else given
        for at in range(0, n, self.block):
            end = min(at + self.block, n)
            midi = [(f - at, *d, *(0,) * (3 - len(d))) for f, d in messages if at <= f < end]
            turned = [(f - at, i, x) for f, i, x in changes if at <= f < end]
            part = np.zeros((self.plugin.num_output_channels, end - at), np.float32)
            self.plugin.process_auto(given[:, at:end].copy(), part, midi, turned)
            out[:, at:end] = part[: 2 * n_out]
        return out

    def names(self) -> list[str]:
        return [self.plugin.get_param_info(i)["name"] for i in range(self.plugin.num_params)]


@pytest.mark.parametrize("api", ["vst3", "lv2"])
@pytest.mark.parametrize("rate, block", RATES_AND_BLOCKS)
def test_it_sounds_as_the_instrument_does(folder, kit, api, rate, block):
    n = 2 * rate
    messages = performance(rate, n)
    if api == "vst3":  # all channels are one there
        messages = [
            (f, (d[0] & 0xF0 if d[0] & 0xF0 in (0x90, 0xD0) else d[0], *d[1:])) for f, d in messages
        ]
    hosted = Hosted(folder / f"test-kit.{api}", rate, block)
    out = hosted.play(n, messages)
    expected = App(kit, rate).play(n, block, messages)
    print(f"{api}, {rate} Hz, blocks of {block}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB


@pytest.mark.parametrize("api", ["vst3", "lv2"])
def test_knobs_are_there_turn_and_are_saved(folder, kit, api):
    path = folder / f"test-kit.{api}"
    hosted = Hosted(path)
    names = hosted.names()
    expected = [
        f"{kit.pads[i].name or f'Pad {i + 1}'} {PARAMETERS[name].label}"
        for i in range(N_PADS)
        if kit.pads[i].drum is not None
        for name in KNOBS
    ]
    assert sorted(set(names) & set(expected)) == sorted(expected)
    # hosts add one to bypass it
    assert len(names) <= len(expected) + len(SETTINGS) + HIDDEN + 1
    assert {setting.name_in_host for setting in SETTINGS} <= set(names)
    index = names.index("Kick Pitch")
    before = hosted.play(24000, [(0, (0x90, 36, 100))])
    hosted.plugin.set_param(index, 0.5)
    hosted.play(48000)
    turned = hosted.play(24000, [(0, (0x90, 36, 100))])
    assert residual_db(turned, before) > -20
    state, value = hosted.plugin.get_state(), hosted.plugin.get_param(index)
    other = Hosted(path)
    other.plugin.set_state(state)
    assert other.plugin.get_param(index) == pytest.approx(value, abs=1e-6)
    again = other.play(72000, [(48000, (0x90, 36, 100))])[:, 48000:]
    assert abs(np.linalg.norm(again) / np.linalg.norm(turned) - 1) < 0.2
    assert residual_db(again, before) > -20


def test_a_strike_position_comes_through_vst3(folder, kit):
    strike = (700, (0x90, 39, 100))
    aimed, own = (App(kit).play(24000, 512, m) for m in ([(600, (0xB0, 16, 0)), strike], [strike]))
    assert residual_db(aimed, own) > -30
    for frame, expected in (
        (600, aimed),
        (0, own),  # a host may send what parameters are at the start: that is no controller's move
    ):
        out = Hosted(folder / "test-kit.vst3").play(24000, [(frame, (0xB0, 16, 0)), strike])
        assert residual_db(out, expected) < SAME_DB


@pytest.mark.skipif(not shutil.which("lv2_validate"), reason="needs lilv-utils, sordi and lv2-dev")
def test_lv2s_own_tools_find_no_fault(folder):
    files = sorted((folder / "test-kit.lv2").glob("*.ttl"))
    done = subprocess.run(["lv2_validate", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in (done.stdout + done.stderr).lower().replace("0 errors", "")
