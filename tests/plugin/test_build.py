"""The templates and the player of pages that ship are what our own source gives, byte for byte."""

import gzip
import json
import lzma
import platform
import subprocess
import sys
from importlib import metadata

import pytest

from matcher.page import player
from matcher.plugin import bake

TARGET = "linux-x86_64"
RECORDS = bake.TEMPLATES / bake.RECORD, player.FILES / player.RECORD
BOTH = (  # one process, in which what both are made of is compiled once
    "import sys; from export.plugin.__main__ import main as plugin;"
    "from export.web.__main__ import main as web; target, *out = sys.argv[1:];"
    "sys.exit(plugin([target, '--out', out[0]]) or web(['--out', out[1]]))"
)


def missing() -> str:
    """What differs from what they were built with; "" where nothing does."""
    for record in RECORDS:
        for name, version in json.loads(record.read_text())["built_with"].items():
            try:
                if metadata.version(name) != version:
                    return f"{name} is not {version}"
            except metadata.PackageNotFoundError:
                return f"needs {name} {version}"
    linux = sys.platform == "linux" and platform.machine() == "x86_64"
    return "" if linux else "is built on Linux, x86-64"


@pytest.mark.slow
def test_what_ships_for_linux_and_pages_is_rebuilt_byte_for_byte(tmp_path):
    if missing():
        pytest.skip(missing())
    templates, page = tmp_path / "templates", tmp_path / "page"
    for folder in (templates, page):
        folder.mkdir()
    subprocess.run([sys.executable, "-c", BOTH, TARGET, str(templates), str(page)], check=True)
    built = lzma.decompress((templates / f"{TARGET}.so.xz").read_bytes())
    assert built == bake.template(f"{TARGET}.so")
    rebuilt = gzip.decompress((page / f"{player.PLAYER}.gz").read_bytes())
    assert rebuilt == gzip.decompress(player.packed_player())


def test_an_unknown_target_is_said_in_a_sentence(tmp_path):
    command = [sys.executable, "-m", "export.plugin", "amiga", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "allowed is one of: linux-x86_64" in done.stderr
