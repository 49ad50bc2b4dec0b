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
from tests.plugin.test_clap import SAME_DB, performance

pytestmark = pytest.mark.slow
PLAYER = Path(__file__).parent / "player.c"
ARM_LIBRARIES = Path("/usr/aarch64-linux-gnu")  # of Debian's libc6-arm64-cross
WINE = next(filter(None, map(shutil.which, ("wine64", "/usr/lib/wine/wine64", "wine"))), None)
EMULATORS = {  # platform: zig's target of the host, how to run it, whether it is there
    "linux-aarch64": ("aarch64-linux-gnu", ["qemu-aarch64", "-L", str(ARM_LIBRARIES)],
                      shutil.which("qemu-aarch64") and ARM_LIBRARIES.is_dir()),
    "windows-x86_64": ("x86_64-windows-gnu", [WINE], WINE),
}  # fmt: skip


@pytest.mark.parametrize("rate, block", [(44100, 511), (48000, 64), (96000, 4096)])
@pytest.mark.parametrize("platform", EMULATORS)
def test_it_sounds_as_the_instrument_does(kit, tmp_path, platform, rate, block):
    target, emulator, there = EMULATORS[platform]
    if not there or not util.find_spec("ziglang"):
        pytest.skip(f"needs ziglang and an emulator of {platform}")
    plugin = export_plugin(kit, tmp_path, ["clap"], platform, IDENTITY)[0]
    host = tmp_path / "player.exe"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-O2", "-w", "-o", host]
    subprocess.run([*zig, PLAYER], check=True)
    n = rate
    messages = performance(rate, n)
    lines = [" ".join(map(str, (f, *d, *(0,) * (3 - len(d))))) for f, d in messages]
    (tmp_path / "messages").write_text("\n".join(lines))
    run = [*emulator, host, plugin.name, "messages", "out", str(rate), str(n), str(block)]
    if platform.startswith("linux"):
        run[-6] = f"./{plugin.name}"
    subprocess.run(run, check=True, cwd=tmp_path)
    sound = np.fromfile(tmp_path / "out", np.float32)
    parts = [sound[2 * at : 2 * min(at + block, n)].reshape(2, -1) for at in range(0, n, block)]
    out = np.concatenate(parts, axis=1)
    expected = App(kit, rate).play(n, block, messages)
    print(f"{platform}, {rate} Hz, blocks of {block}: {residual_db(out, expected):.1f} dB")
    assert residual_db(out, expected) < SAME_DB
