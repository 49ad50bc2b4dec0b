"""What an LV2 bundle says of its plugin, in Turtle."""

import uuid

from matcher.kits.kit import N_PADS, Kit, pad_name
from matcher.physics.parameters import PARAMETERS
from matcher.plugin import bake
from matcher.plugin.layout import KNOBS, SETTINGS, Setting

INSTRUMENT, EFFECT = "kit.ttl", "effect.ttl"  # files of a bundle
_PREFIXES = {
    "atom": "http://lv2plug.in/ns/ext/atom#",
    "doap": "http://usefulinc.com/ns/doap#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "lv2": "http://lv2plug.in/ns/lv2core#",
    "midi": "http://lv2plug.in/ns/ext/midi#",
    "pg": "http://lv2plug.in/ns/ext/port-groups#",
    "pprops": "http://lv2plug.in/ns/ext/port-props#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "units": "http://lv2plug.in/ns/extensions/units#",
    "urid": "http://lv2plug.in/ns/ext/urid#",
}
_HEAD = "".join(f"@prefix {name}: <{uri}> .\n" for name, uri in _PREFIXES.items()) + "\n"
_UNITS = {
    "Hz": "units:hz",
    "dB": "units:db",
    "s": "units:s",
    "ms": "units:ms",
    "%": "units:pc",
    "st": "units:semitone12TET",
}
_MAIN = """
<{uri}>
    a {kinds} ;
    doap:name {name} ;
    doap:license <https://spdx.org/licenses/GPL-3.0-or-later> ;
    doap:maintainer [ foaf:name "Drum matcher" ] ;
    rdfs:comment "Contains code of Drum matcher, GPL-3.0-or-later." ;
    lv2:minorVersion 6 ;
    lv2:microVersion 0 ;
    lv2:optionalFeature lv2:hardRTCapable ;
    pg:mainOutput <{output}> ;
    {more}lv2:port {ports} .
"""
_NOTES = (
    'a lv2:InputPort , atom:AtomPort ; atom:bufferType atom:Sequence ; '
    'atom:supports midi:MidiEvent ; lv2:designation lv2:control ; lv2:symbol "midi" ; '
    'lv2:name "Pads"'
)  # fmt: skip
_LATENCY = (
    'a lv2:OutputPort , lv2:ControlPort ; lv2:symbol "latency" ; lv2:name "Latency" ; '
    "lv2:portProperty lv2:reportsLatency , lv2:integer ; lv2:designation lv2:latency ; "
    "lv2:default 0 ; lv2:minimum 0 ; lv2:maximum 8192 ; units:unit units:frame"
)
_OPTIONAL = " ; lv2:portProperty lv2:connectionOptional"
_SIDES = ("left", "right")


def manifest(identity: uuid.UUID, binary: str) -> str:
    """manifest.ttl, of the instrument and the effect; binary: name of the file beside it."""
    uris = {INSTRUMENT: bake.uri(identity), EFFECT: bake.effect_uri(identity)}
    plugins = "".join(
        f"<{uri}>\n    a lv2:Plugin ;\n    lv2:binary <{binary}> ;\n    rdfs:seeAlso <{file}> .\n\n"
        for file, uri in uris.items()
    )
    return f"{_HEAD}{plugins.rstrip()}\n"


def description(kit: Kit, identity: uuid.UUID) -> str:
    """INSTRUMENT: the plugin and its ports: of each pad two outputs, of each that has a drum one
    for each knob, then those of the settings."""
    uri = bake.uri(identity)
    groups, ports = _outputs(uri)
    more_groups, inputs = _stereo(uri, "Input", "hits", "Hits", _OPTIONAL + " , lv2:isSideChain")
    groups += more_groups
    ports = [_NOTES, *ports, *inputs, _LATENCY]
    for i in range(N_PADS):
        symbol, name = f"pad{i + 1}_output", f"{pad_name(kit, i)} output"
        more_groups, outputs = _stereo(uri, "Output", symbol, name, _OPTIONAL)
        groups, ports = groups + more_groups, ports + outputs
    return _describe(
        kit, uri, "lv2:Plugin , lv2:InstrumentPlugin , doap:Project", kit.name, groups, ports,
        SETTINGS, "lv2:requiredFeature urid:map ;\n    ",
    )  # fmt: skip


def effect_description(kit: Kit, identity: uuid.UUID) -> str:
    """EFFECT: likewise, with its input, without notes and outputs for pads."""
    uri = bake.effect_uri(identity)
    groups, ports = _outputs(uri)
    more_groups, inputs = _stereo(uri, "Input", "hits", "Hits")
    return _describe(
        kit, uri, "lv2:Plugin , doap:Project", kit.name + bake.EFFECT_SUFFIX, groups + more_groups,
        [*ports, *inputs, _LATENCY], [setting for setting in SETTINGS if setting.of_effect],
        f"pg:mainInput <{_part(uri, 'hits')}> ;\n    ",
    )  # fmt: skip


def _describe(kit: Kit, uri: str, kinds: str, name: str, groups: str, ports: list[str], settings,
              more: str) -> str:  # fmt: skip
    """A plugin whose ports are these, then the knobs and settings."""
    for i, pad in enumerate(kit.pads):
        if pad.drum is None:
            continue
        symbol, label = f"pad{i + 1}", pad_name(kit, i)
        groups += _group(uri, "pg:InputGroup", symbol, label)
        for knob in KNOBS:
            port = _knob(f"{label} {PARAMETERS[knob].label}", knob, pad.value(knob))
            ports.append(f'{port} ; lv2:symbol "{symbol}_{knob}" ; pg:group <{_part(uri, symbol)}>')
    groups += _group(uri, "pg:InputGroup", "replacer", "Replacer")
    values = bake.initial_settings(kit)
    for setting in settings:
        port = _setting(setting, values[setting.name], kit)
        if setting.of_replacer:
            port += f' ; lv2:symbol "replacer_{setting.name}" ; pg:group <{_part(uri, "replacer")}>'
        else:
            port += f' ; lv2:symbol "{setting.name}"'
        ports.append(port)
    rows = " , ".join(f"[\n        lv2:index {i} ; {port}\n    ]" for i, port in enumerate(ports))
    main = _MAIN.format(uri=uri, kinds=kinds, name=_text(name), more=more, ports=rows,
                       output=_part(uri, "output"))  # fmt: skip
    return _HEAD + groups + main


def _outputs(uri: str) -> tuple[str, list[str]]:
    """The group of the main output, and its ports."""
    group = _group(uri, "pg:StereoGroup , pg:OutputGroup", "output", "Drums")
    return group, [_audio(uri, "Output", "output", side, side, side.title()) for side in _SIDES]


def _stereo(uri: str, way: str, symbol: str, name: str, more: str = "") -> tuple[str, list[str]]:
    """A group, and its ports; way: "Input" or "Output"."""
    group = _group(uri, f"pg:StereoGroup , pg:{way}Group", symbol, name)
    return group, [
        _audio(uri, way, symbol, side, f"{symbol}_{side}", f"{name} {side}") + more
        for side in _SIDES
    ]


def _audio(uri: str, way: str, group: str, side: str, symbol: str, name: str) -> str:
    return (
        f'a lv2:{way}Port , lv2:AudioPort ; lv2:symbol "{symbol}" ; lv2:name {_text(name)} ; '
        f"lv2:designation pg:{side} ; pg:group <{_part(uri, group)}>"
    )


def _part(uri: str, symbol: str) -> str:
    """The URI of a group of a plugin."""
    return f"{uri}{'-' if '#' in uri else '#'}{symbol}"


def _group(uri: str, kinds: str, symbol: str, name: str) -> str:
    return f'<{_part(uri, symbol)}> a {kinds} ; lv2:symbol "{symbol}" ; lv2:name {_text(name)} .\n'


def _knob(name: str, knob: str, value: float) -> str:
    """A control port, in the unit that is shown."""
    parameter, (unit, scale) = PARAMETERS[knob], bake.shown(knob)
    port = _control(name, value, parameter.low, parameter.high, scale, unit)
    return port + (" ; lv2:portProperty pprops:logarithmic" if parameter.scale == "log" else "")


def _setting(setting: Setting, value: float, kit: Kit) -> str:
    """A control port of a setting, in the unit that is shown."""
    port = _control(
        setting.name_in_host, value, setting.low, setting.high, setting.scale, setting.unit
    )
    if setting.steps == 1:
        port += " ; lv2:portProperty lv2:toggled"
    if setting.name == "pad":
        points = " , ".join(
            f"[ rdfs:label {_text(f'{i + 1} {pad_name(kit, i)}')} ; rdf:value {i + 1}.0 ]"
            for i in range(N_PADS)
        )
        port += f" ; lv2:portProperty lv2:integer , lv2:enumeration ; lv2:scalePoint {points}"
    return port


def _control(name: str, value: float, low: float, high: float, scale: float, unit: str) -> str:
    values = {"default": value, "minimum": low, "maximum": high}
    numbers = " ; ".join(f"lv2:{key} {float(scale * x)!r}" for key, x in values.items())
    port = f"a lv2:InputPort , lv2:ControlPort ; lv2:name {_text(name)} ; {numbers}"
    return port + (f" ; units:unit {_UNITS[unit]}" if unit else "")


def _text(text: str) -> str:
    """A string of Turtle."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
