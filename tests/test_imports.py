"""Who may import what: the layers of the project, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWN = {
    "matcher": {"matcher"},
    "training": {"training", "matcher"},
    "export": {"export", "training", "matcher"},
    "gui": {"gui", "matcher"},
}
SHIPS = "training/ship.py"  # trains the model and exports it
ONLY_IN = {  # package: the folders or files that may import it
    "torch": ("training", "export"),
    "torchvision": ("training",),
    "onnx": ("export",),
    "onnxruntime": ("matcher/matching/encoder.py", "export/precision.py"),
    "matplotlib": ("matcher/matching/picture.py", "training/studies/figures.py"),
    "soundfile": ("matcher/recording.py",),
    "kymatio": ("training/jtfs.py", "training/jtfs_frequency.py"),
    "dask": ("training/workers.py",),
    "lightning_fabric": (
        "training/fit.py",
        "training/trainer.py",
        "training/bench.py",
        "training/studies/experiment.py",
    ),
    "auraloss": ("training/distances.py",),
    "cma": ("training/cma_search.py",),
    "tomli_w": ("matcher/kits/kit_file.py",),
    "mido": ("matcher/midi_file.py",),
    "platformdirs": (
        "matcher/library/place.py",
        "matcher/live/kept_places.py",
        "training/dataset.py",
    ),
    "sounddevice": ("matcher/live/devices.py",),
    "rtmidi": ("matcher/live/rtmidi_library.py",),
    "pygame": ("matcher/live/portmidi_library.py",),
    "librosa": ("training/onset_evaluation.py",),
    "aubio": ("training/onset_evaluation.py",),
    "PyQt6": ("gui",),
    "pyqtgraph": ("gui",),
}
FILES = [path for folder in OWN for path in sorted((ROOT / folder).rglob("*.py"))]


PACKAGES = {  # of matcher: the others that each may import
    "physics": set(),
    "matching": {"physics"},
    "kits": {"physics"},
    "live": {"physics", "matching", "kits"},
    "packs": {"physics", "kits", "live"},
    "takes": {"physics", "matching", "kits", "live"},
    "plugin": {"physics", "matching", "kits", "live"},
    "page": {"physics", "kits", "packs", "plugin"},
    "library": set(),
}
# modules of matcher that all but physics may use
EVERYWHERE = {"compiled", "library", "recording", "midi_file", "checks"}


def imported_modules(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports(path):
    place = path.relative_to(ROOT).as_posix()
    names = imported(path)
    allowed = OWN[place.split("/")[0]] | ({"export"} if place == SHIPS else set())
    assert names & (set(OWN) | {"tests"}) <= allowed
    for package in names & set(ONLY_IN):
        assert place.startswith(ONLY_IN[package]), f"{place} imports {package}"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_of_the_instrument(package):
    allowed = PACKAGES[package] | {package}
    allowed |= {"compiled"} if package == "physics" else EVERYWHERE
    for path in sorted((ROOT / "matcher" / package).rglob("*.py")):
        parts = (name.split(".") for name in imported_modules(path))
        used = {second for first, second, *_ in (p for p in parts if len(p) > 1)
                if first == "matcher"}  # fmt: skip
        assert used <= allowed, f"{path.relative_to(ROOT)} imports {used - allowed}"


def test_every_package_is_covered():
    packages = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(OWN)


def test_one_file_of_the_window_knows_the_engine():
    knows = {
        path.name
        for path in (ROOT / "gui").rglob("*.py")
        if any(name.startswith("matcher.live.engine") for name in imported_modules(path))
    }
    assert knows == {"link.py"}
