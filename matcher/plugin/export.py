"""A kit -> plugins, LV2, CLAP and VST3: installed where hosts look, or written where told."""

import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from matcher.checks import quoted
from matcher.kits.kit import Kit, filled_pads
from matcher.plugin import bake, lv2, places
from matcher.plugin.places import APIS
from matcher.recording import file_name

LICENCE = (
    "contains code of Drum matcher, GPL-3.0-or-later: whoever you give it to may have its source"
)


def export_plugin(
    kit: Kit, folder: str | Path | None = None, apis: Iterable[str] = tuple(APIS),
    platform: str | None = None, identity: uuid.UUID | None = None,
) -> list[Path]:  # fmt: skip
    """Write a kit as a plugin for each interface, each whole or not at all.

    A plugin of the same name that is there is replaced and keeps its identity, so that sessions of
    a host find the new one.

    Args:
        kit: the kit.
        folder: where to write them; None: each where hosts of this computer look.
        apis: of places.APIS.
        platform: of places.PLATFORMS; None: this computer's.
        identity: by which hosts know the plugin again; None: that of what is replaced, or a new
            one.

    Returns:
        The plugins: files, or folders where the interface has bundles.

    Raises:
        ValueError: if an argument is not allowed, no pad has a drum, or something else than a
            plugin of ours is in its place.
        OSError: if a file cannot be written.
    """
    platform, apis = platform or places.this_platform(), tuple(apis)
    places.check_platform(platform)
    if wrong := [api for api in apis if api not in APIS]:
        raise ValueError(f"api is {quoted(wrong[0])}, allowed is one of: {', '.join(APIS)}")
    filled_pads(kit)
    if folder is not None and not Path(folder).is_dir():
        raise ValueError(f"{folder} is not a folder; give one that exists")
    name = file_name(kit.name, "kit").lower()
    paths = {api: Path(folder or places.installed(api)) / f"{name}.{api}" for api in apis}
    found = [known for path in paths.values() if (known := _identity_at(path))]
    identity = identity or next(iter(found), None) or uuid.uuid4()
    code = bake.bake(kit, identity, platform)
    for api, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, _files(kit, api, name, platform, identity, code))
    return list(paths.values())


def _identity_at(path: Path) -> uuid.UUID | None:
    """The identity of the plugin at a path, None where there is nothing."""
    if not path.exists():
        return None
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file() and file.suffix not in (".ttl", ".plist"):
            try:
                return bake.identity_of(file.read_bytes())
            except ValueError:
                continue
    raise ValueError(f"{path} is no plugin of Drum matcher; remove it, or choose another folder")


def _files(kit: Kit, api: str, name: str, platform: str, identity: uuid.UUID, code: bytes) -> dict:
    """All files of a plugin, by their place in it; "": it is that one file."""
    binary = places.binary_in(api, name, platform)
    files = {binary: code}
    if api == "lv2":
        files["manifest.ttl"] = lv2.manifest(identity, binary).encode()
        files[lv2.INSTRUMENT] = lv2.description(kit, identity).encode()
        files[lv2.EFFECT] = lv2.effect_description(kit, identity).encode()
    texts = places.beside(api, name, platform, str(identity))
    return files | {place: text.encode() for place, text in texts.items()}


def _replace(path: Path, files: dict[str, bytes]) -> None:
    """Write a plugin beside its place, then put it there; what was there stays if that fails."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        for place, content in files.items():
            file = new / place if place else new
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        for rest in (new, old):
            _remove(rest)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
