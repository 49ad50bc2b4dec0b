"""Object files and C -> the templates that ship, with a record of what they were built with."""

import hashlib
import json
import lzma
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path

from export.plugin import emit
from export.plugin.noise import ROOM
from export.plugin.player import HIGHEST_RATE, PLAYER
from export.plugin.replacer import REPLACER
from matcher.live.noise import BLOCK
from matcher.plugin import bake, layout
from matcher.plugin.bake import PACKED, RECORD
from matcher.plugin.layout import BAKED, KIT, KNOB
from matcher.recording import save_atomically

BASE, FASTER = "base_", "faster_"  # what the names of the two copies' functions begin with
SOURCES = Path(__file__).parent / "c"
FLAGS = (
    "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-fvisibility=hidden", "-shared",
    "-s",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of what decides each byte of a template."""
    return {name: metadata.version(name) for name in ("numba", "llvmlite", "ziglang")}


def layout_header() -> str:
    """layout.h: the sizes of the records that C and Python share, and the compiled functions."""
    numbers = {
        "N_PADS": layout.N_PADS, "N_KNOBS": layout.N_KNOBS, "STRIDE": layout.STRIDE,
        "VERSION": layout.VERSION, "NAME_BYTES": layout.NAME_BYTES,
        "MARK_BYTES": BAKED["mark"].itemsize, "URI_BYTES": BAKED["uri"].itemsize,
        "KNOB_NAME_BYTES": KNOB["name"].itemsize, "KNOB_UNIT_BYTES": KNOB["unit"].itemsize,
        "BAKED_BYTES": BAKED.itemsize, "BAKED_KIT_AT": BAKED.fields["kit"][1],
        "KIT_BYTES": KIT.itemsize, "KIT_FILLED_AT": KIT.fields["filled"][1],
        "PLAYER_BYTES": PLAYER.itemsize, "KIT_AT": PLAYER.fields["kit"][1],
        "OWN_AT": PLAYER.fields["own"][1],
        "N_SETTINGS": layout.N_SETTINGS, "N_WEIGHTS": layout.N_WEIGHTS,
        "SETTINGS_AT": BAKED.fields["settings"][1], "REPLACER_BYTES": REPLACER.itemsize,
        "ROOM_BYTES": ROOM.itemsize, "BLOCK": BLOCK, "HIGHEST_RATE": HIGHEST_RATE,
    }  # fmt: skip
    lines = [f"#define {name} {value}" for name, value in numbers.items()]
    lines += [
        f"#define SET_{setting.name.upper()} {i}" for i, setting in enumerate(layout.SETTINGS)
    ]
    lines.append(f'#define EFFECT_SUFFIX "{bake.EFFECT_SUFFIX}"')
    lines.append(f'#define MARK "{layout.MARK.decode()}"')
    return "\n".join(lines) + "\n" + emit.declarations()


def build(targets=tuple(emit.TARGETS)) -> dict[str, bytes]:
    """Compile templates.

    Args:
        targets: of emit.TARGETS.

    Returns:
        Each template by the name of its file.

    Raises:
        ValueError: if the player needs functions that are not in libm, or it cannot be linked.
    """
    texts, templates = entry_texts(), {}
    for name in targets:
        target = emit.TARGETS[name]
        templates[f"{name}.{target.suffix}"] = _link(_objects(texts, target), target)
    return templates


@cache
def entry_texts() -> list[str]:
    """The LLVM texts of all entries, the same for every target."""
    command = [sys.executable, "-m", "export.plugin.emit"]  # this process may have used Numba
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _objects(texts: list[str], target: emit.Target) -> dict[str, bytes]:
    """Object files of the player, by their names: one, or one for each kind of processor."""
    if not target.faster_cpu:
        return {"player.o": player_object(texts, target)}
    faster = target._replace(cpu=target.faster_cpu)
    return {
        "base.o": player_object(emit.renamed(texts, BASE), target),
        "faster.o": player_object(emit.renamed(texts, FASTER), faster),
    }


def player_object(texts: list[str], target: emit.Target) -> bytes:
    """The player's object file, from `entry_texts`.

    Raises:
        ValueError: if it needs functions that are not in libm.
    """
    code, needed = emit.emit(texts, target)
    if python := [name for name in needed if name.startswith(("Py", "NRT", "numba"))]:
        raise ValueError(f"the player calls {', '.join(python)}, allowed is libm alone")
    return code


def _link(objects: dict[str, bytes], target: emit.Target) -> bytes:
    """Compile the interfaces and link them with the player's object files."""
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES.iterdir():
            shutil.copy(source, folder)
        (Path(folder) / "layout.h").write_text(layout_header())
        for name, code in objects.items():
            (Path(folder) / name).write_bytes(code)
        if target.faster_cpu:
            choice = f'#include "plugin.h"\n{emit.choices(BASE, FASTER)}'
            (Path(folder) / "choice.c").write_text(choice)
        sources = sorted(source.name for source in Path(folder).glob("*.c"))
        out = f"kit.{target.suffix}"
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig, *FLAGS, "-o", out]
        done = subprocess.run(
            [*command, *sources, *objects, "-lm"], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(f"zig cannot link the template:\n{done.stderr}")
        return (Path(folder) / out).read_bytes()


def save(templates: dict[str, bytes], folder: Path) -> None:
    """Write templates, packed, and their record, beside those of other targets that are there."""
    record = folder / RECORD
    files = json.loads(record.read_text())["files"] if record.exists() else {}
    for name, code in templates.items():
        packed = lzma.compress(code, preset=9 | lzma.PRESET_EXTREME)
        save_atomically(folder / f"{name}{PACKED}", lambda file, packed=packed: file.write(packed))
        files[name] = hashlib.sha256(code).hexdigest()
    text = json.dumps({"built_with": versions(), "files": dict(sorted(files.items()))}, indent=2)
    save_atomically(record, lambda file: file.write(f"{text}\n".encode()))
