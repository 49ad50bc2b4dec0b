"""What is written: one file, whole or not at all, small, and what is wrong in a sentence."""

import json
import re

import numpy as np
import pytest

import matcher.__main__ as command
from matcher.kits.kit import LONGEST_NAME, N_PADS, Kit, Pad
from matcher.kits.kit_file import save_kit
from matcher.packs.export import export, target
from matcher.packs.options import PackOptions
from matcher.page import player
from matcher.page.export import page_of
from matcher.physics import attack
from matcher.physics.partials import LIMITS, MOST_PARTIALS, Partial
from tests.physics.recorded import recorded

MOST_BYTES = 150_000  # of a page
DRAWN = list(LIMITS.values())[2:]  # ranges of what a partial has beside its mode


def element(page: str, name: str) -> str:
    (text,) = re.findall(rf'<script [^>]*id="{name}">(.*?)</script>', page, re.DOTALL)
    return text


def test_a_page_is_one_small_file_that_asks_for_nothing(kit, page_file):
    page = page_file.read_text()
    assert page == page_of(kit)
    assert len(page.encode()) <= MOST_BYTES
    assert re.findall(r"\w+://", page) == [] and "@import" not in page
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=(?!\"data:)", page)
    assert "contains code of Drum matcher, GPL-3.0-or-later" in page


def test_the_largest_kit_fits():
    rng = np.random.default_rng(0)
    places = [(i % 10 + 1, i // 10 + 1) for i in range(MOST_PARTIALS)]  # their (m, k)

    def drum():
        rows = tuple(
            Partial(m, k, *(low + (high - low) * rng.random() for low, high in DRAWN))
            for m, k in places
        )
        powers = tuple(map(tuple, rng.random(attack.SHAPE).tolist()))
        return recorded(1)._replace(attack_powers=powers, partials=rows)

    name = "\N{DRUM WITH DRUMSTICKS}" * LONGEST_NAME
    pads = {i: Pad(36 + i, name=name, drum=drum()) for i in range(N_PADS)}
    assert len(page_of(Kit("x" * LONGEST_NAME).with_pads(pads)).encode()) <= MOST_BYTES


def test_names_of_all_kinds_are_only_text():
    name = "</script><b>&'\"\\${x}$name"
    kit = Kit(name).with_pad(0, name=name, drum=recorded(1))
    page = page_of(kit)
    data = json.loads(element(page, "data"))
    assert data["pads"][0]["label"] == name
    assert "<title>&lt;/script&gt;&lt;b&gt;&amp;&#x27;&quot;\\${x}$name</title>" in page
    assert "<b>&'" not in page


def test_what_has_no_name_is_named_all_the_same():
    kit = Kit(" ").with_pad(0, name="  ", drum=recorded(1))
    page = page_of(kit)
    assert "<title>Kit</title>" in page and "<h1>Kit</h1>" in page
    assert json.loads(element(page, "data"))["pads"][0]["label"] == "Pad 1"


def test_it_is_written_where_it_is_told_and_replaced_only_where_that_is_allowed(kit, tmp_path):
    written = export(kit, "page", tmp_path)
    assert written.path == tmp_path / "Test-kit.html" == target("page", tmp_path, kit.name)
    assert str(written).startswith(f"{written.path} is written: 0.1 MB; contains code of")
    before = written.path.read_bytes()
    with pytest.raises(ValueError, match="is there already"):
        export(kit.with_value(0, "tau", 0.1), "page", tmp_path)
    assert written.path.read_bytes() == before
    path = tmp_path / "My page.html"
    assert export(kit, "page", path).path == path
    changed = kit.with_value(0, "tau", 0.1)
    assert export(changed, "page", path, options=PackOptions(replace=True)).path == path
    assert path.read_text() == page_of(changed)
    with pytest.raises(ValueError, match="needs one that exists"):
        export(kit, "page", tmp_path / "none" / "x.html")
    (tmp_path / "folder.html").mkdir()
    assert target("page", tmp_path / "folder.html", "x") == tmp_path / "folder.html" / "x.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "My page.html", "Test-kit.html", "folder.html",
    ]  # fmt: skip


def test_what_is_wrong_is_one_sentence(kit, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no pad of the kit has a drum"):
        export(Kit("Empty"), "page", tmp_path)
    with pytest.raises(ValueError, match="it has no recordings"):
        export(kit, "page", tmp_path, options=PackOptions(layers=3))
    monkeypatch.setattr(player, "FILES", tmp_path)
    with pytest.raises(ValueError, match="the player of web pages is missing"):
        export(kit, "page", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line(kit, tmp_path, capsys):
    file = tmp_path / "t.drumkit"
    save_kit(kit, file)
    begin = ["kit", "export", str(file), "--as", "page", "-o", str(tmp_path / "my page.html")]
    assert command.main(begin) == 0
    assert "GPL-3.0-or-later" in capsys.readouterr().out
    assert command.main(begin) == 2
    assert "is there already" in capsys.readouterr().err
    assert command.main([*begin, "--replace"]) == 0
    assert command.main([*begin, "--replace", "--bits", "16"]) == 2
    assert "has no recordings" in capsys.readouterr().err
    file.write_text("no kit")
    assert command.main([*begin, "--replace"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
