"""The library for other processors and systems, in emulators; skipped where there are none."""

import json
import lzma
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from matcher.kits.kit import Pad
from matcher.library import place
from matcher.live import programs, voices
from matcher.physics.drum import Drum
from tests.conftest import TOM
from tests.library.test_results import LARGEST_DB, RATE, residual_db
from tests.live.conftest import ONE
from tests.plugin.test_platforms import EMULATORS

pytestmark = pytest.mark.slow
HOST = Path(__file__).parent / "render.c"
PLATFORMS = {"linux-arm64": "linux-aarch64", "windows-x86_64": "windows-x86_64"}
BLOCKS, FRAMES = 40, 512
# dB: other processors round otherwise, as those of plugins do
OTHERS_DB = LARGEST_DB + 20


def struck() -> np.ndarray:
    """Voices of three drums, struck, before their first block."""
    pool = voices.make_pool(RATE)
    programs.write_pad(pool[0]["pads"][0], Pad(36, pan=0.3), RATE)
    for slot, drum in enumerate((Drum(TOM), ONE)):
        programs.write_program(pool[0]["programs"][slot], drum, 1.0, RATE, 0.7)
        voices.set_program(pool[0], 0, slot)
        voices.strike(pool[0], 0, voices.velocity_to_gain(0.5, 0.8))
    return pool


@pytest.mark.parametrize("platform", PLATFORMS)
def test_its_voices_sound_as_here(platform, tmp_path):
    _, target, emulator, there = EMULATORS[PLATFORMS[platform]]
    if not there or not util.find_spec("ziglang"):
        pytest.skip(f"needs ziglang and an emulator of {platform}")
    # Windows asks for the ending
    host, library, pool = tmp_path / "render.exe", tmp_path / "library.dll", struck()
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-O2", "-w", "-o", host]
    subprocess.run([*zig, HOST], check=True)
    library.write_bytes(lzma.decompress((place.FOLDER / f"{platform}.xz").read_bytes()))
    (tmp_path / "pool").write_bytes(pool.tobytes())
    run = [*emulator, host, "./library.dll", "pool", "out", str(BLOCKS), str(FRAMES)]
    subprocess.run(run, check=True, cwd=tmp_path)
    got = np.fromfile(tmp_path / "out", np.float32).reshape(BLOCKS, 2, FRAMES)
    expected = np.zeros_like(got)
    for left, right in expected:
        voices.render(pool[0], left, right)
    assert np.max(np.abs(expected)) > 0.01
    apart = residual_db(expected, got)
    print(f"{platform}: {apart:.0f} dB")
    assert apart <= OTHERS_DB


def test_each_library_that_ships_is_in_the_record():
    record = json.loads((place.FOLDER / place.RECORD).read_text())
    assert {file.stem for file in place.FOLDER.glob("*.xz")} == set(record["files"])
