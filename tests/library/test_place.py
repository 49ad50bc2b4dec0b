"""Which library is loaded, its copy, and what happens where there is none that fits."""

import hashlib
import json
import lzma
import os
import subprocess
import sys

import numpy as np
import pytest

from matcher import library
from matcher.library import place
from matcher.library.entry import layout
from matcher.physics import bank, body

RECORD = json.loads((place.FOLDER / place.RECORD).read_text())
here = pytest.mark.skipif(
    place.platform_name() not in RECORD["files"], reason="no library for this platform"
)
find = place.opened.__wrapped__  # anew each time


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """A cache folder of its own, and the library allowed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(place.NUMBA_ONLY, raising=False)


def test_the_library_was_made_from_the_sources_that_are_here():
    assert place.digest(RECORD["sources"]) == RECORD["made_from"], "run python -m export.native"


@pytest.mark.parametrize("name", RECORD["files"])
def test_what_ships_is_whole(name):
    code = lzma.decompress((place.FOLDER / f"{name}.xz").read_bytes())
    assert hashlib.sha256(code).hexdigest() == RECORD["files"][name]


def test_what_ships_is_small():
    sizes = [path.stat().st_size for path in place.FOLDER.glob("*.xz")]
    assert len(sizes) == len(RECORD["files"])
    assert sum(sizes) <= 300_000


@here
def test_a_copy_that_is_damaged_is_replaced():
    first = find()
    name = place.platform_name()
    path = place._copy(name, RECORD["files"][name])
    whole = path.read_bytes()
    damaged = path.with_suffix(".damaged")
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.replace(damaged, path)  # not in place: it is loaded
    assert place._copy(name, RECORD["files"][name]).read_bytes() == whole
    assert first.platform == find().platform == name


@here
@pytest.mark.parametrize("damage", [lambda code: code[:-100], lambda code: b"", None])
def test_what_ships_damaged_or_not_at_all_is_compiled(monkeypatch, tmp_path, damage):
    name, folder = place.platform_name(), tmp_path / "files"
    folder.mkdir()
    (folder / place.RECORD).write_text(json.dumps(RECORD))
    if damage is not None:
        whole = (place.FOLDER / f"{name}.xz").read_bytes()
        (folder / f"{name}.xz").write_bytes(damage(whole))
    monkeypatch.setattr(place, "FOLDER", folder)
    assert find() is None


def test_without_a_record_or_with_a_broken_one_all_is_compiled(monkeypatch, tmp_path):
    monkeypatch.setattr(place, "FOLDER", tmp_path)
    assert find() is None
    for text in ("", "{}", "[]", '{"files": 3}'):
        (tmp_path / place.RECORD).write_text(text)
        assert find() is None


def test_other_sources_are_compiled(monkeypatch):
    monkeypatch.setattr(place, "digest", lambda sources: "of others")
    assert find() is None


def test_numba_can_be_asked_for(monkeypatch):
    monkeypatch.setenv(place.NUMBA_ONLY, "1")
    assert find() is None


def test_a_processor_that_lacks_something_has_no_library(monkeypatch):
    monkeypatch.setitem(place.NEEDED, "x86_64", ("NO_SUCH_FEATURE",))
    monkeypatch.setattr(place.platform, "machine", lambda: "x86_64")
    assert place.platform_name() is None
    monkeypatch.setattr(place.platform, "machine", lambda: "riscv64")
    assert place.platform_name() is None


@here
def test_arguments_of_other_types_are_not_for_the_library():
    (entry,) = find().entries("matcher.physics.body.add")
    work, out = np.zeros(1, body.WORK), np.zeros(64, np.float32)
    assert entry.values((work[0], 0, np.float32(48000), out)) is not None
    for wrong in (
        (work[0], 0.0, 48000.0),
        (work, 0.0, 48000.0, out),
        (np.zeros(1, bank.BANK)[0], 0.0, 48000.0, out),
        (work[0], "0", 48000.0, out),
        (work[0], 0.0, 48000.0, out.astype(float)),
        (work[0], 0.0, 48000.0, out[::2]),
        (work[0], 0.0, 48000.0, out.reshape(8, 8)),
    ):
        assert entry.values(wrong) is None


def test_layouts_tell_records_apart_by_names_places_and_types():
    kinds = [[("a", "f8")], [("b", "f8")], [("a", "f4")], [("a", "f8"), ("b", "i4")],
             [("a", "f8", 2)], [("a", "i4"), ("b", "f8")]]  # fmt: skip
    dtypes = [np.dtype(kind, align=True) for kind in kinds] + [np.dtype(kinds[-1])]
    assert len(set(map(layout, dtypes))) == len(dtypes)


def run(code: str, tmp_path, **environment) -> str:
    """What a new process prints, which has nothing compiled yet."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "numba")} | environment
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@here
def test_a_match_compiles_nothing(tmp_path):
    code = f"""
import sys
from matcher.__main__ import main
assert main(["match", "tests/data/tom_low.flac", "--out", {str(tmp_path / "out")!r}]) == 0
assert "numba" not in sys.modules
"""
    assert "Pitch" in run(code, tmp_path)
    assert not (tmp_path / "numba").exists()


@here
def test_the_first_start_of_the_live_instrument_compiles_nothing(tmp_path):
    """Up to its first block; what the first hit needs is there then."""
    code = """
import ctypes, sys, time
import numpy as np
from matcher.live import callback
from matcher.live.process import EngineProcess
from matcher.live.protocol import Setup, State
process = EngineProcess(State(Setup(output="none of this name", refine=False)), print, 0.0)
process.step()
state = callback.make_state(48000.0, 1, 2)
pointer, c_long = ctypes.c_void_p, ctypes.c_ulong
kind = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, c_long, pointer, c_long, pointer)
x, out = np.zeros((64, 1), np.float32), np.ones((64, 2), np.float32)
kind(callback.make_callback().address)(
    x.ctypes.data, out.ctypes.data, 64, None, 0, state.ctypes.data
)
assert not out.any() and state["blocks"][0] == 1 and state["thread"][0] > 0
assert "numba" not in sys.modules
print("one block was played")
sys.stdout.flush()
import os
os._exit(0)
"""
    environment = {"JACK_DEFAULT_SERVER": "none-of-this-name", "JACK_NO_START_SERVER": "1"}
    assert "one block was played" in run(code, tmp_path, **environment)


def test_what_runs_is_said():
    assert library.described().startswith(("compiled library ", "compiled by Numba"))
