"""The player as WebAssembly beside the instrument's own voices: the same blocks, the same sound."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from matcher.page import player
from matcher.physics.parameters import PARAMETERS
from matcher.plugin import bake
from tests.plugin.app import App, residual_db
from tests.plugin.test_clap import SAME_DB, performance

MOST_BYTES = 100_000  # of the player, compressed
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def in_node(script: str, *arguments: str, given: str = "") -> bytes:
    command = ["node", *arguments, *(["-e", script] if script else [])]
    done = subprocess.run(command, input=given.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@needs_node
@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_it_sounds_as_the_instrument_does(kit, tmp_path, rate):
    n, block = int(1.0 * rate), 128
    messages = performance(rate, n)
    (tmp_path / "kit").write_bytes(bake.kit_record(kit).tobytes())
    given = {
        "player": str(player.FILES / f"{player.PLAYER}.gz"), "kit": str(tmp_path / "kit"),
        "rate": rate, "frames": n, "block": block, "messages": messages,
    }  # fmt: skip
    script = str(Path(__file__).parent / "player.mjs")
    out = np.frombuffer(in_node("", script, given=json.dumps(given)), np.float32).reshape(2, n)
    residual = residual_db(out, App(kit, rate).play(n, block, messages))
    print(f"{rate} Hz: {residual:.1f} dB")
    assert residual < SAME_DB


@needs_node
def test_values_are_written_as_in_the_window():
    source = (player.FILES / "values.js").read_text()
    values = {
        name: [row.from_share(share) for share in (0, 1, *np.random.default_rng(1).random(200))]
        for name, row in PARAMETERS.items()
    }
    script = f"{source}\nconst v = {json.dumps(values)};\n" + (
        "console.log(JSON.stringify(Object.fromEntries(Object.entries(v).map("
        "([name, list]) => [name, list.map(WORDS[name])]))))"
    )
    words = json.loads(in_node(script))
    for name, row in PARAMETERS.items():
        assert words[name] == [row.format(value) for value in values[name]], name


@needs_node
def test_shares_are_those_of_the_parameters():
    source = (player.FILES / "values.js").read_text()
    rows = {
        name: {"low": row.low, "high": row.high, "log": row.scale == "log", "step": 0}
        for name, row in PARAMETERS.items()
    }
    script = f"{source}\nconst rows = {json.dumps(rows)};\n" + (
        "console.log(JSON.stringify(Object.fromEntries(Object.entries(rows).map(([name, row]) => "
        "[name, [0, 0.25, 0.7, 1].map((s) => [fromShare(row, s), toShare(row, fromShare(row, s))])"
        "]))))"
    )
    for name, pairs in json.loads(in_node(script)).items():
        for share, (value, back) in zip((0, 0.25, 0.7, 1), pairs):
            assert value == pytest.approx(PARAMETERS[name].from_share(share), rel=1e-12, abs=1e-12)
            assert back == pytest.approx(share, abs=1e-12)


def test_it_is_small():
    assert len(player.packed_player()) <= MOST_BYTES


def test_a_missing_or_damaged_player_is_said_in_a_sentence(tmp_path, monkeypatch):
    packed = player.packed_player()
    monkeypatch.setattr(player, "FILES", tmp_path)
    with pytest.raises(ValueError, match="is missing; install anew"):
        player.packed_player()
    sha256 = player._checksum(packed)
    (tmp_path / player.RECORD).write_text(json.dumps({"sha256": sha256}))
    for wrong in (packed[:-100], b"nothing", gzip.compress(b"something else")):
        (tmp_path / f"{player.PLAYER}.gz").write_bytes(wrong)
        with pytest.raises(ValueError, match="is damaged; install anew"):
            player.packed_player()
