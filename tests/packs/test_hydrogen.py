import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from matcher.kits.kit import Kit
from matcher.packs.export import export, target
from matcher.packs.options import PackOptions
from tests.packs.players import BAR_S, choke_db, compare_strikes, h2cli, lasting

OPTIONS = PackOptions(layers=3, round_robins=2)
NS = {"h": "http://www.hydrogen-music.org/drumkit"}
needs_h2cli = pytest.mark.skipif(shutil.which("h2cli") is None, reason="no Hydrogen here")


@pytest.fixture(scope="module")
def path(kit, tmp_path_factory):
    return export(kit, "hydrogen", tmp_path_factory.mktemp("h2"), options=OPTIONS).path


@pytest.fixture(scope="module")
def play(path):
    return lambda notes, seconds: lasting(h2cli(path, notes, BAR_S), seconds)


def test_its_instruments_are_the_pads(path):
    assert path.name == "Small-kit.h2drumkit"
    with tarfile.open(path) as tar:
        root = ET.fromstring(tar.extractfile("Small-kit/drumkit.xml").read())
        files = {name.split("/")[1] for name in tar.getnames()}
    instruments = root.findall(".//h:instrument", NS)
    text = lambda of, tag: of.find(f"h:{tag}", NS).text  # noqa: E731
    assert [text(i, "midiOutNote") for i in instruments] == ["36", "37", "38", "39", "40"]
    assert [text(i, "muteGroup") for i in instruments] == ["-1", "-1", "-1", "1", "1"]
    assert text(instruments[3], "name") == "Tabla = <open>"
    layers = [len(i.findall(".//h:layer", NS)) for i in instruments]
    assert layers == [6, 0, 0, 6, 6]
    named = {layer.text for layer in root.iterfind(".//h:filename", NS)}
    assert named | {"drumkit.xml"} == files


def test_names_of_all_kinds_are_only_text(kit, tmp_path):
    name = "</name>&\"'\N{DRUM WITH DRUMSTICKS}é/.."
    odd = Kit(name).with_pad(0, name=name, drum=kit.pads[0].drum)
    options = PackOptions(1, 1)
    for odd_kit, kit_name, pad_name in (
        (odd, name, name), (replace(odd.with_pad(0, name=" "), name=""), "Kit", "Pad 1"),
    ):  # fmt: skip
        path = export(odd_kit, "hydrogen", tmp_path, "odd", replace(options, replace=True)).path
        with tarfile.open(path) as tar:
            root = ET.fromstring(tar.extractfile("odd/drumkit.xml").read())
        assert root.find("h:name", NS).text == kit_name
        assert root.find(".//h:instrument/h:name", NS).text == pad_name


def test_xml_holds_every_character_that_a_name_may_have():
    allowed = [*range(0x20, 0xD800), *range(0xE000, 0xFFFE), *range(0x10000, 0x110000)]
    forbidden = set(range(sys.maxunicode + 1)) - set(allowed)  # of XML 1.0, beside white space
    assert not any(chr(c).isprintable() for c in forbidden)


def test_the_folder_inside_has_a_plain_name(kit, tmp_path):
    path = export(kit, "hydrogen", tmp_path / "my kit....h2drumkit", options=PackOptions(1, 1)).path
    with tarfile.open(path) as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {"my-kit"}


def test_its_layers_meet_without_a_gap(path):
    with tarfile.open(path) as tar:
        root = ET.fromstring(tar.extractfile("Small-kit/drumkit.xml").read())
    first = root.find(".//h:instrument", NS)
    ranges = [(layer.find("h:min", NS).text, layer.find("h:max", NS).text)
              for layer in first.iterfind(".//h:layer", NS)][::2]  # fmt: skip
    assert ranges[0][0] == "0.00000" and ranges[-1][1] == "1.00000"
    assert [high for _, high in ranges[:-1]] == [low for low, _ in ranges[1:]]


def test_more_sounds_than_hydrogen_takes_are_refused(kit, tmp_path):
    with pytest.raises(ValueError, match="allowed are 16 sounds"):
        export(kit, "hydrogen", tmp_path, options=PackOptions(6, 3))
    assert not list(tmp_path.iterdir())


@needs_h2cli
def test_hydrogen_says_that_it_is_valid(path):
    done = subprocess.run(["h2cli", "-d", "Fake", "-c", path], capture_output=True, text=True)
    assert "is valid" in done.stdout


@needs_h2cli
def test_hydrogen_plays_each_strike_as_the_app(kit, play):
    rows = compare_strikes(play, kit, [42, 85, 127], OPTIONS)
    assert min(row.correlation for row in rows) > 0.999
    assert np.ptp([row.level_db for row in rows]) < 0.1  # dB
    assert {row[:3] for row in rows} == {
        (pad, v, robin) for pad in (0, 3, 4) for v in (42, 85, 127) for robin in (0, 1)
    }


@needs_h2cli
def test_hydrogen_chokes(play):
    assert choke_db(play, (3, 4)) < -20
    assert choke_db(play, (3, 0)) == pytest.approx(0, abs=0.1)


def test_the_file_may_be_named_itself(tmp_path):
    assert target("hydrogen", tmp_path / "mine.h2drumkit", "x") == tmp_path / "mine.h2drumkit"
    assert target("hydrogen", tmp_path, "mine") == tmp_path / "mine.h2drumkit"
    (tmp_path / "old.h2drumkit").mkdir()
    inside = target("hydrogen", tmp_path / "old.h2drumkit", "x")
    assert inside == tmp_path / "old.h2drumkit" / "x.h2drumkit"
