"""Plugins for other processors and systems, in emulators; skipped where there are none."""

import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from matcher.plugin.export import export_plugin
from tests.plugin.app import App, residual_db
from tests.plugin.conftest import IDENTITY
from tests.plugin.take import hits_of, make_take, strikes
from tests.plugin.test_clap import SAME_DB, performance

pytestmark = pytest.mark.slow
PLAYER = Path(__file__).parent / "player.c"
ARM_LIBRARIES = Path("/usr/aarch64-linux-gnu")  # of Debian's libc6-arm64-cross
WINE = next(filter(None, map(shutil.which, ("wine64", "/usr/lib/wine/wine64", "wine"))), None)
RATES_AND_BLOCKS = [(44100, 511), (48000, 64), (96000, 4096)]
EMULATORS = {  # name: platform, zig's target of the host, how to run it, whether it is there
    "linux-aarch64": ("linux-aarch64", "aarch64-linux-gnu", ["qemu-aarch64", "-L", ARM_LIBRARIES],
                      shutil.which("qemu-aarch64") and ARM_LIBRARIES.is_dir()),
    "windows-x86_64": ("windows-x86_64", "x86_64-windows-gnu", [WINE], WINE),
    "linux-x86_64 without AVX2": ("linux-x86_64", "x86_64-linux-gnu",
                                  ["qemu-x86_64", "-cpu", "Nehalem"], shutil.which("qemu-x86_64")),
}  # fmt: skip


@pytest.fixture(scope="module", params=EMULATORS)
def play(request, kit, tmp_path_factory):
    """A function that plays the kit's plugin for another platform in its emulator."""
    platform, target, emulator, there = EMULATORS[request.param]
    if not there or not util.find_spec("ziglang"):
        pytest.skip(f"needs ziglang and an emulator of {request.param}")
    folder = tmp_path_factory.mktemp("platform")
    plugin = export_plugin(kit, folder, ["clap"], platform, IDENTITY)[0]
    host = folder / "player.exe"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-O2", "-s", "-w", "-o", host]
    subprocess.run([*zig, PLAYER], check=True)

    def play_it(rate: int, n: int, block: int, messages=(), given=None) -> np.ndarray:
        """-> (2, n); given: (n,), the input of the effect, which then plays."""
        lines = [" ".join(map(str, (f, *d, *(0,) * (3 - len(d))))) for f, d in messages]
        (folder / "messages").write_text("\n".join(lines))
        run = [*emulator, host, f"./{plugin.name}", "messages", "out", *map(str, (rate, n, block))]
        if given is not None:
            given.astype("<f4").tofile(folder / "in")
            run.append("in")
        subprocess.run(run, check=True, cwd=folder)
        sound = np.fromfile(folder / "out", np.float32)
        parts = [sound[2 * at : 2 * min(at + block, n)].reshape(2, -1) for at in range(0, n, block)]
        return np.concatenate(parts, axis=1)

    play_it.name = request.param
    return play_it


@pytest.mark.parametrize("rate, block", RATES_AND_BLOCKS)
def test_it_sounds_as_the_instrument_does(play, kit, rate, block):
    n = rate
    messages = performance(rate, n)
    out = play(rate, n, block, messages)
    expected = App(kit, rate).play(n, block, messages)
    print(f"{play.name}, {rate} Hz, blocks of {block}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB


@pytest.mark.parametrize("rate, block", RATES_AND_BLOCKS)
def test_its_effect_plays_the_hits_that_the_instruments_detector_finds(play, kit, rate, block):
    x, _ = make_take("rolls, 60 to 80 ms", 16, rate)
    found = hits_of(x, rate)
    assert len(found) > 10
    out = play(rate, len(x), block, given=x)
    expected = App(kit, rate).play(len(x), block, strikes(found, 0, rate))
    print(f"{play.name}, effect, {len(found)} hits, {rate} Hz, blocks of {block}: "
          f"{residual_db(out, expected):.1f} dB")  # fmt: skip
    assert residual_db(out, expected) < SAME_DB
