"""The templates that ship are those that our own source gives, byte for byte."""

import json
import lzma
import platform
import subprocess
import sys
from importlib import metadata

import pytest

from matcher.plugin import bake

TARGET = "linux-x86_64"


def missing() -> str:
    """What differs from what the templates were built with; "" where nothing does."""
    built_with = json.loads((bake.TEMPLATES / bake.RECORD).read_text())["built_with"]
    for name, version in built_with.items():
        try:
            if metadata.version(name) != version:
                return f"{name} is not {version}"
        except metadata.PackageNotFoundError:
            return f"needs {name} {version}"
    linux = sys.platform == "linux" and platform.machine() == "x86_64"
    return "" if linux else "is built on Linux, x86-64"


@pytest.mark.slow
def test_the_template_for_linux_is_rebuilt_byte_for_byte(tmp_path):
    if missing():
        pytest.skip(missing())
    command = [sys.executable, "-m", "export.plugin", TARGET, "--out", str(tmp_path)]
    subprocess.run(command, check=True)
    built = lzma.decompress((tmp_path / f"{TARGET}.so.xz").read_bytes())
    assert built == bake.template(f"{TARGET}.so")


def test_an_unknown_target_is_said_in_a_sentence(tmp_path):
    command = [sys.executable, "-m", "export.plugin", "amiga", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "allowed is one of: linux-x86_64" in done.stderr
