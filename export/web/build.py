"""The plugin's player -> WebAssembly, as the pages of kits hold it."""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from export.plugin.build import entry_texts, layout_header, player_object, versions
from export.plugin.emit import Target
from matcher.page.player import PLAYER, RECORD
from matcher.recording import save_atomically

TARGET = Target("wasm32-unknown-unknown", "generic", "wasm32-wasi", "", "+simd128,+bulk-memory")
SOURCE = Path(__file__).parent / "web.c"
FLAGS = (
    "-mexec-model=reactor", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-msimd128",
    "-mbulk-memory", "-s",
)  # fmt: skip


def build() -> bytes:
    """Compile and link the player, which imports nothing.

    Raises:
        ValueError: if it needs functions that are not in libm, or it cannot be linked.
    """
    code = player_object(entry_texts(), TARGET)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(SOURCE, folder)
        (Path(folder) / "layout.h").write_text(layout_header())
        (Path(folder) / "player.o").write_bytes(code)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", TARGET.zig, *FLAGS]
        done = subprocess.run(
            [*command, "-o", PLAYER, SOURCE.name, "player.o", "-lm", "-Wl,--gc-sections"],
            cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise ValueError(f"zig cannot link the player:\n{done.stderr}")
        return (Path(folder) / PLAYER).read_bytes()


def save(code: bytes, folder: Path) -> None:
    """Write the player, compressed, and the record of what it was built with."""
    # no time in it: the same player is the same file
    packed = gzip.compress(code, compresslevel=9, mtime=0)
    save_atomically(folder / f"{PLAYER}.gz", lambda file: file.write(packed))
    record = {"built_with": versions(), "sha256": hashlib.sha256(code).hexdigest()}
    text = json.dumps(record, indent=2)
    save_atomically(folder / RECORD, lambda file: file.write(f"{text}\n".encode()))
