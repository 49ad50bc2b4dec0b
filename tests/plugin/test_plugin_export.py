import json
import struct
import uuid

import numpy as np
import pytest

from matcher import __main__ as command
from matcher.kits.kit import Kit
from matcher.kits.kit_file import save_kit
from matcher.plugin import bake, export, macho, places
from matcher.plugin.export import export_plugin
from matcher.plugin.layout import BAKED, IDENTIFIED, MARK
from matcher.plugin.places import APIS, PLATFORMS
from tests.plugin.conftest import IDENTITY

X86_64, ARM = 0x01000007, 0x0100000C  # CPU_TYPE_X86_64, CPU_TYPE_ARM64
FILES = {  # of each platform, by interface
    "linux-x86_64": {"clap": "", "vst3": "Contents/x86_64-linux/test-kit.so", "lv2": "kit.so"},
    "linux-aarch64": {"clap": "", "vst3": "Contents/aarch64-linux/test-kit.so", "lv2": "kit.so"},
    "windows-x86_64": {"clap": "", "vst3": "Contents/x86_64-win/test-kit.vst3", "lv2": "kit.dll"},
    "macos": {
        "clap": "Contents/MacOS/test-kit", "vst3": "Contents/MacOS/test-kit", "lv2": "kit.dylib",
    },
}  # fmt: skip
STARTS = {"linux-x86_64": b"\x7fELF", "linux-aarch64": b"\x7fELF", "windows-x86_64": b"MZ",
          "macos": b"\xca\xfe\xba\xbe"}  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_plugin_lies_where_hosts_of_its_platform_look_for_it(kit, tmp_path, platform):
    paths = export_plugin(kit, tmp_path, platform=platform, identity=IDENTITY)
    assert [path.name for path in paths] == [f"test-kit.{api}" for api in APIS]
    for api, path in zip(APIS, paths):
        binary = path / FILES[platform][api] if FILES[platform][api] else path
        code = binary.read_bytes()
        assert code.startswith(STARTS[platform])
        assert bake.identity_of(code) == IDENTITY
        record = np.frombuffer(code, BAKED, 1, bake.find(code))[0]
        assert record.tobytes() == bake.to_record(kit, IDENTITY).tobytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_all_templates_together_are_small():
    files = [name for row in PLATFORMS.values() for name in row.templates]
    assert sum((bake.TEMPLATES / f"{name}.xz").stat().st_size for name in files) <= 600_000
    for name in files:
        assert bake.template(name).count(MARK) == 1, name
    record = json.loads((bake.TEMPLATES / bake.RECORD).read_text())
    assert set(record["files"]) == set(files)
    assert set(record["built_with"]) == {"numba", "llvmlite", "ziglang"}


def test_exported_again_it_keeps_its_identity_whatever_has_changed(kit, tmp_path):
    first = export_plugin(kit, tmp_path)
    identities = {bake.identity_of(path.read_bytes()) for path in first if path.is_file()}
    changed = kit.with_value(0, "tau", 0.1)
    again = export_plugin(changed, tmp_path)
    assert again == first
    code = again[1].read_bytes()
    assert {bake.identity_of(code)} == identities
    assert np.frombuffer(code, BAKED, 1, bake.find(code))[0]["kit"]["knobs"][0, 1] == 0.1
    assert next(iter(identities)).urn in (again[0] / "manifest.ttl").read_text()


def test_a_plugin_of_an_older_layout_keeps_its_identity(kit, tmp_path):
    begin, size = np.zeros(1, IDENTIFIED), 20000
    begin["mark"], begin["version"], begin["size"] = MARK, 1, size
    begin["uid"] = list(IDENTITY.bytes)
    old = tmp_path / "test-kit.clap"
    old.write_bytes(b"\x7fELF" + begin.tobytes() + bytes(size - IDENTIFIED.itemsize))
    with pytest.raises(ValueError, match="cut off"):
        bake.identity_of(old.read_bytes()[:-1])
    export_plugin(kit, tmp_path, ["clap"])
    assert bake.identity_of(old.read_bytes()) == IDENTITY


def test_two_kits_of_one_name_are_two_plugins(kit, tmp_path):
    found = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        path = export_plugin(kit, tmp_path / name, ["clap"])[0]
        found.add(bake.identity_of(path.read_bytes()))
    assert len(found) == 2


def test_without_a_folder_it_goes_where_hosts_look(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "installed", lambda api: tmp_path / "plugins" / api)
    paths = export_plugin(kit, platform="linux-x86_64")
    assert [path.parent.name for path in paths] == list(APIS)
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize("system, folders", [
    ("linux", (".lv2", ".clap", ".vst3")),
    ("darwin", tuple(f"Library/Audio/Plug-Ins/{api}" for api in ("LV2", "CLAP", "VST3"))),
    ("win32", ("AppData/Roaming/LV2", "AppData/Local/Programs/Common/CLAP",
               "AppData/Local/Programs/Common/VST3")),
])  # fmt: skip
def test_places_of_each_system(monkeypatch, tmp_path, system, folders):
    monkeypatch.setattr(places.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(places.sys, "platform", system)
    for name in ("LOCALAPPDATA", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    found = [places.installed(api) for api in APIS]
    assert found == [tmp_path / folder for folder in folders]


def test_wrong_arguments_are_said_in_a_sentence(kit, tmp_path):
    for arguments, allowed in (
        ({"folder": tmp_path / "none"}, "is not a folder"),
        ({"apis": ["au"]}, "allowed is one of: lv2, clap, vst3"),
        ({"platform": "beos"}, "allowed is one of: linux-x86_64"),
    ):
        with pytest.raises(ValueError, match=allowed):
            export_plugin(kit, **{"folder": tmp_path, **arguments})
    with pytest.raises(ValueError, match="no pad of the kit has a drum"):
        export_plugin(Kit(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_plugin_of_ours_is_not_replaced(kit, tmp_path):
    other = tmp_path / "test-kit.clap"
    other.write_bytes(b"\x7fELF of somebody else")
    with pytest.raises(ValueError, match=r"test-kit.clap is no plugin of Drum matcher"):
        export_plugin(kit, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test-kit.clap"]
    assert other.read_bytes() == b"\x7fELF of somebody else"


@pytest.mark.parametrize(
    "damage", [lambda code: code[:-1], lambda code: b"", lambda code: b"x" + code[1:]]
)
def test_a_damaged_template_is_refused_and_the_plugin_that_was_there_stays(
    kit, tmp_path, monkeypatch, damage
):
    path = export_plugin(kit, tmp_path, ["clap"], "linux-x86_64")[0]
    before = path.read_bytes()
    templates = tmp_path / "templates"
    templates.mkdir()
    for file in bake.TEMPLATES.iterdir():
        (templates / file.name).write_bytes(file.read_bytes())
    broken = templates / "linux-x86_64.so.xz"
    broken.write_bytes(damage(broken.read_bytes()))
    monkeypatch.setattr(bake, "TEMPLATES", templates)
    with pytest.raises(ValueError, match=r"template linux-x86_64.so is damaged"):
        export_plugin(kit, tmp_path, ["clap"], "linux-x86_64")
    assert path.read_bytes() == before
    broken.unlink()
    with pytest.raises(ValueError, match=r"template linux-x86_64.so is missing"):
        export_plugin(kit, tmp_path, ["clap"], "linux-x86_64")


def test_a_full_disk_leaves_the_plugin_that_was_there(kit, tmp_path, monkeypatch):
    paths = export_plugin(kit, tmp_path, ["lv2"])
    before = {file: file.read_bytes() for file in paths[0].iterdir()}

    def write_bytes(self, content):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(export.Path, "write_bytes", write_bytes)
    with pytest.raises(OSError, match="No space left"):
        export_plugin(kit.with_value(0, "tau", 0.1), tmp_path, ["lv2"])
    assert {file: file.read_bytes() for file in paths[0].iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["test-kit.lv2"]


def test_signatures_of_macos_fit_after_a_kit_was_put_in(kit):
    code = bake.bake(kit, IDENTITY, "macos")
    magic, n = struct.unpack_from(">2I", code)
    assert (magic, n) == (macho.FAT_MAGIC, 2)
    processors = set()
    for i in range(n):
        processor, _, at, size, _ = struct.unpack_from(">5I", code, 8 + 20 * i)
        processors.add(processor)
        thin = code[at : at + size]
        assert macho.signed(thin) == thin
        if processor == ARM:  # the only one that asks for a signature
            wrong = bytearray(thin)
            wrong[bake.find(thin)] ^= 1
            assert macho.signed(wrong) != bytes(wrong)
    assert processors == {X86_64, ARM}
    with pytest.raises(ValueError, match="no binary of macOS"):
        macho.signed(bytes(100))


def test_the_command_line(kit, tmp_path, capsys):
    file = tmp_path / "t.drumkit"
    save_kit(kit, file)
    begin = ["kit", "export", str(file), "--as"]
    assert command.main([*begin, "plugin", "-o", str(tmp_path), "--api", "clap"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == str(tmp_path / "test-kit.clap")
    assert "GPL-3.0-or-later" in out
    assert command.main(["kit", "export", str(tmp_path / "none.drumkit"), "--as", "plugin"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none.drumkit" in error
    for wrong in (["plugin", "--bits", "16"], ["sfz", "--api", "clap"]):
        assert command.main([*begin, *wrong, "-o", str(tmp_path)]) == 2
        assert "--api" in capsys.readouterr().err


def test_identities_are_new_where_nothing_was(kit, tmp_path):
    path = export_plugin(kit, tmp_path, ["clap"])[0]
    found = bake.identity_of(path.read_bytes())
    assert isinstance(found, uuid.UUID)
    assert found.version == 4
