"""A kit for Hydrogen, the drum machine: drumkit.xml and its sounds in one .h2drumkit file.

The format is that of Hydrogen 1.2 (its drumkit.xsd). An instrument's layers of one
range of velocities take turns (sampleSelectionAlgo ROUND_ROBIN).
"""

import io
import tarfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from matcher.kits.kit import Kit, kit_name, pad_name
from matcher.packs.options import PackOptions
from matcher.packs.place import MADE_BY, Progress, Written, check_free, n_bytes, sound_name
from matcher.packs.strikes import Strike, Strikes
from matcher.recording import encode, file_name, save_atomically

NAMESPACE = "http://www.hydrogen-music.org/drumkit"
MOST_LAYERS = 16  # of an instrument, as Hydrogen is set up
RELEASE = 1000  # frames in which a sound fades that is stopped: Hydrogen's own default
# what an instrument has beside its name, group, note and layers, in the order of the schema
FIRST = {
    "volume": 1, "isMuted": "false", "isSoloed": "false", "pan": 0, "pitchOffset": 0,
    "randomPitchFactor": 0, "gain": 1, "applyVelocity": "true", "filterActive": "false",
    "filterCutoff": 1, "filterResonance": 0, "Attack": 0, "Decay": 0, "Sustain": 1,
    "Release": RELEASE,
}  # fmt: skip
LAST = {
    "isStopNote": "false", "sampleSelectionAlgo": "ROUND_ROBIN", "isHihat": -1, "lower_cc": 0,
    "higher_cc": 127, "FX1Level": 0, "FX2Level": 0, "FX3Level": 0, "FX4Level": 0,
}  # fmt: skip


def save(kit: Kit, path: Path, options: PackOptions, progress: Progress) -> Written:
    """Write an .h2drumkit file; as all of formats.FORMATS.

    Raises:
        ValueError: beside those of all formats, if layers times round robins are too many.
    """
    if options.layers * options.round_robins > MOST_LAYERS:
        raise ValueError(
            f"{options.layers} layers of {options.round_robins} round robins are more than "
            f"Hydrogen takes, allowed are {MOST_LAYERS} sounds for each pad"
        )
    inside = file_name(path.stem, "kit")  # folder in the file
    check_free(path, options.replace)
    strikes = Strikes(kit, options)

    def write(file) -> None:
        suffix = "flac" if options.flac else "wav"
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
            layers = {}
            for i, strike in enumerate(strikes, 1):
                sound = sound_name(kit, strike, suffix)
                data = encode(strike.x, options.sample_rate, options.bits, options.flac)
                _add(tar, f"{inside}/{sound}", data)
                layers.setdefault(strike.pad, []).append(_layer(strike, sound))
                progress(i, len(strikes))
            _add(tar, f"{inside}/drumkit.xml", _drumkit(kit, layers))

    save_atomically(path, write)
    return Written(path, len(strikes), n_bytes(path))


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), int(time.time())
    tar.addfile(info, io.BytesIO(data))


def _drumkit(kit: Kit, layers: dict[int, list[ET.Element]]) -> bytes:
    """drumkit.xml; pad N is instrument N, empty pads before the last drum included."""
    root = _element("drumkit_info", xmlns=NAMESPACE)
    _fill(root, {
        "name": kit_name(kit), "author": "Drum matcher", "info": MADE_BY,
        "license": "undefined license", "image": "", "imageLicense": "undefined license",
    })  # fmt: skip
    component = ET.SubElement(ET.SubElement(root, "componentList"), "drumkitComponent")
    _fill(component, {"id": 0, "name": "Main", "volume": 1})
    instruments = ET.SubElement(root, "instrumentList")
    for i in range(max(layers) + 1):
        instruments.append(_instrument(kit, i, layers.get(i, [])))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _instrument(kit: Kit, i: int, layers: list[ET.Element]) -> ET.Element:
    pad, element = kit.pads[i], _element("instrument")
    _fill(element, {"id": i, "name": pad_name(kit, i), **FIRST,
                    "muteGroup": pad.choke - 1, "midiOutChannel": -1, "midiOutNote": pad.note,
                    **LAST})  # fmt: skip
    component = ET.SubElement(element, "instrumentComponent")
    _fill(component, {"component_id": 0, "gain": 1})
    component.extend(layers)
    return element


def _layer(strike: Strike, sound: str) -> ET.Element:
    """A layer; Hydrogen multiplies by the velocity, so its gain is what the pad's curve adds."""
    element = _element("layer")
    low, high = (0 if strike.low == 1 else strike.low - 0.5) / 127, (strike.high + 0.5) / 127
    gain = strike.gain / (strike.high / 127)
    _fill(element, {"filename": sound, "min": f"{low:.5f}", "max": f"{min(high, 1):.5f}",
                    "gain": f"{gain:.5f}", "pitch": 0})  # fmt: skip
    return element


def _element(tag: str, **attributes: str) -> ET.Element:
    return ET.Element(tag, attributes)


def _fill(element: ET.Element, texts: dict) -> None:
    for tag, text in texts.items():
        ET.SubElement(element, tag).text = str(text)
