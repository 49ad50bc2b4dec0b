"""The library for each platform, compressed, with the record of what it holds."""

import hashlib
import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

from export.plugin import emit
from matcher.library import place
from matcher.recording import save_atomically

FLAGS = ("-O2", "-shared", "-s", "-fPIC", "-Wl,--build-id=none")
# platform: target of the templates of plugins, and the processor if it is another one. macOS is not
# among them: it ends a program that loads what it does not like, and it could not be tried.
TARGETS = {
    "linux-x86_64": ("linux-x86_64", "x86-64-v3"),
    "linux-arm64": ("linux-aarch64", None),
    "windows-x86_64": ("windows-x86_64", "x86-64-v3"),
}


def texts(platforms: tuple[str, ...], folder: Path) -> dict:
    """Write LLVM's text of the library for platforms, of TARGETS -> the record of what it holds."""
    command = [sys.executable, "-m", "export.native.texts", str(folder), *platforms]
    subprocess.run(command, check=True)
    return json.loads((folder / "record.json").read_text())


def build(name: str, text: str) -> bytes:
    """Compile LLVM's text of the library for a platform, one of TARGETS.

    Raises:
        ValueError: if it needs functions that are not of the C library, or cannot be linked.
    """
    target_name, cpu = TARGETS[name]
    target = emit.TARGETS[target_name]
    code, needed = emit.emit([text], target._replace(cpu=cpu or target.cpu))
    if wrong := [n for n in needed if n.startswith(("Py", "NRT", "numba"))]:
        raise ValueError(f"the library calls {', '.join(wrong)}, allowed is the C library alone")
    return _link(code, target)


def _link(code: bytes, target) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "library.o").write_bytes(code)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig, *FLAGS]
        command += ["-o", "library", "library.o", "-lm"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"zig cannot link the library:\n{done.stderr}")
        return (Path(folder) / "library").read_bytes()


def save(name: str, code: bytes, made: dict, folder: Path = place.FOLDER) -> int:
    """Write the library of a platform, and the record.

    Libraries of other platforms stay only where they hold the same and were made from the same
    sources.

    Returns:
        The number of bytes of the compressed library.
    """
    folder.mkdir(exist_ok=True)
    path, files, c_functions = folder / place.RECORD, {}, {}
    record = {"made_from": place.digest(made["sources"]), "sources": made["sources"],
              "functions": made["functions"]}  # fmt: skip
    if path.exists():
        before = json.loads(path.read_text())
        if all(before[key] == value for key, value in record.items()):
            files, c_functions = before["files"], before["c_functions"]
        else:
            for file in folder.glob("*.xz"):
                file.unlink()
    files[name], c_functions[name] = hashlib.sha256(code).hexdigest(), made["c_functions"][name]
    packed = lzma.compress(code, preset=9 | lzma.PRESET_EXTREME)
    save_atomically(folder / f"{name}.xz", lambda file: file.write(packed))
    record |= {
        "c_functions": dict(sorted(c_functions.items())),
        "files": dict(sorted(files.items())),
    }
    text = json.dumps(record, indent=1) + "\n"
    save_atomically(path, lambda file: file.write(text.encode()))
    return len(packed)
