"""Platforms, and where plugins of each interface lie on them."""

import os
import platform
import sys
from pathlib import Path
from typing import NamedTuple

from matcher.checks import quoted


class Platform(NamedTuple):
    """What an exported plugin runs on."""

    templates: tuple[str, ...]  # files of matcher/plugin/templates; macOS takes one of both
    binary: str  # suffix of a shared library
    vst3: str  # folder of a VST3 bundle that holds it


PLATFORMS = {
    "linux-x86_64": Platform(("linux-x86_64.so",), ".so", "x86_64-linux"),
    "linux-aarch64": Platform(("linux-aarch64.so",), ".so", "aarch64-linux"),
    "windows-x86_64": Platform(("windows-x86_64.dll",), ".dll", "x86_64-win"),
    "macos": Platform(("macos-x86_64.dylib", "macos-arm64.dylib"), ".dylib", "MacOS"),
}
APIS = {"lv2": "LV2", "clap": "CLAP", "vst3": "VST3"}  # a plugin's suffix, and its interface's name
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
 "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>{name}</string>
<key>CFBundleIdentifier</key><string>drum-matcher.{identity}</string>
<key>CFBundleName</key><string>{name}</string>
<key>CFBundlePackageType</key><string>BNDL</string>
<key>CFBundleSignature</key><string>????</string>
<key>CFBundleVersion</key><string>1.0.0</string>
</dict></plist>
"""


def this_platform() -> str:
    """The one of PLATFORMS that this computer is.

    Raises:
        ValueError: if there is no template for it; names those there are.
    """
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    if sys.platform == "darwin":
        return "macos"
    name = f"{'windows' if sys.platform == 'win32' else sys.platform}-{machine}"
    if name not in PLATFORMS:
        raise ValueError(f"there is no plugin for {name}, choose one of: {', '.join(PLATFORMS)}")
    return name


def check_platform(name: str) -> None:
    """Raise ValueError, which names those allowed, unless this is one of PLATFORMS."""
    if name not in PLATFORMS:
        raise ValueError(f"platform is {quoted(name)}, allowed is one of: {', '.join(PLATFORMS)}")


def installed(api: str) -> Path:
    """The folder in which hosts of this computer look for a user's plugins; api: one of APIS."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Audio" / "Plug-Ins" / APIS[api]
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")
        roaming = os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")
        common = Path(local) / "Programs" / "Common"
        return Path(roaming) / "LV2" if api == "lv2" else common / APIS[api]
    return Path.home() / f".{api}"


def binary_in(api: str, name: str, platform_name: str) -> str:
    """Where the binary lies in a plugin, from its folder; "" where it is that file itself."""
    row = PLATFORMS[platform_name]
    if api == "lv2":
        return f"kit{row.binary}"
    if platform_name == "macos":
        return f"Contents/MacOS/{name}"
    if api == "clap":
        return ""
    suffix = ".vst3" if platform_name.startswith("windows") else row.binary
    return f"Contents/{row.vst3}/{name}{suffix}"


def beside(api: str, name: str, platform_name: str, identity: str) -> dict[str, str]:
    """Text files that a bundle has beside its binary, by their place in it."""
    if platform_name != "macos" or api == "lv2":
        return {}
    plist = _PLIST.format(name=name, identity=identity)
    return {"Contents/Info.plist": plist, "Contents/PkgInfo": "BNDL????"}
