"""What an LV2 bundle says of its plugin, in Turtle."""

import uuid

from matcher.kits.kit import Kit
from matcher.physics.parameters import PARAMETERS
from matcher.plugin import bake
from matcher.plugin.layout import KNOBS, SETTINGS, Setting

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
    a lv2:Plugin , lv2:InstrumentPlugin , doap:Project ;
    doap:name {name} ;
    doap:license <https://spdx.org/licenses/GPL-3.0-or-later> ;
    doap:maintainer [ foaf:name "Drum matcher" ] ;
    rdfs:comment "Contains code of Drum matcher, GPL-3.0-or-later." ;
    lv2:minorVersion 4 ;
    lv2:microVersion 0 ;
    lv2:requiredFeature urid:map ;
    lv2:optionalFeature lv2:hardRTCapable ;
    pg:mainOutput <{uri}#output> ;
    lv2:port {ports} .
"""
_FIXED_PORTS = (
    'a lv2:InputPort , atom:AtomPort ; atom:bufferType atom:Sequence ; '
    'atom:supports midi:MidiEvent ; lv2:designation lv2:control ; lv2:symbol "midi" ; '
    'lv2:name "Pads"',
    'a lv2:OutputPort , lv2:AudioPort ; lv2:symbol "left" ; lv2:name "Left" ; '
    'lv2:designation pg:left ; pg:group <{uri}#output>',
    'a lv2:OutputPort , lv2:AudioPort ; lv2:symbol "right" ; lv2:name "Right" ; '
    'lv2:designation pg:right ; pg:group <{uri}#output>',
    'a lv2:InputPort , lv2:AudioPort ; lv2:symbol "hits_left" ; lv2:name "Hits left" ; '
    'lv2:portProperty lv2:connectionOptional , lv2:isSideChain ; '
    'lv2:designation pg:left ; pg:group <{uri}#hits>',
    'a lv2:InputPort , lv2:AudioPort ; lv2:symbol "hits_right" ; lv2:name "Hits right" ; '
    'lv2:portProperty lv2:connectionOptional , lv2:isSideChain ; '
    'lv2:designation pg:right ; pg:group <{uri}#hits>',
    'a lv2:OutputPort , lv2:ControlPort ; lv2:symbol "latency" ; lv2:name "Latency" ; '
    'lv2:portProperty lv2:reportsLatency , lv2:integer ; lv2:designation lv2:latency ; '
    'lv2:default 0 ; lv2:minimum 0 ; lv2:maximum 8192 ; units:unit units:frame',
)  # fmt: skip


def manifest(identity: uuid.UUID, binary: str) -> str:
    """manifest.ttl; binary: name of the file beside it."""
    return (
        f"{_HEAD}<{bake.uri(identity)}>\n    a lv2:Plugin ;\n    lv2:binary <{binary}> ;\n"
        "    rdfs:seeAlso <kit.ttl> .\n"
    )


def description(kit: Kit, identity: uuid.UUID) -> str:
    """kit.ttl: the plugin and its ports: of each pad that has a drum one for each knob, then those
    of the replacer."""
    uri = bake.uri(identity)
    groups = _group(f"{uri}#output", "pg:StereoGroup , pg:OutputGroup", "output", "Drums")
    groups += _group(f"{uri}#hits", "pg:StereoGroup , pg:InputGroup", "hits", "Hits")
    ports = [port.format(uri=uri) for port in _FIXED_PORTS]
    for i, pad in enumerate(kit.pads):
        if pad.drum is None:
            continue
        symbol, name = f"pad{i + 1}", bake.label(pad, i)
        groups += _group(f"{uri}#{symbol}", "pg:InputGroup", symbol, name)
        for knob in KNOBS:
            port = _knob(f"{name} {PARAMETERS[knob].label}", knob, pad.value(knob))
            ports.append(f'{port} ; lv2:symbol "{symbol}_{knob}" ; pg:group <{uri}#{symbol}>')
    groups += _group(f"{uri}#replacer", "pg:InputGroup", "replacer", "Replacer")
    for setting, value in zip(SETTINGS, bake.initial_settings(kit).values()):
        port = _setting(setting, value, kit)
        ports.append(f'{port} ; lv2:symbol "replacer_{setting.name}" ; pg:group <{uri}#replacer>')
    rows = " , ".join(f"[\n        lv2:index {i} ; {port}\n    ]" for i, port in enumerate(ports))
    return _HEAD + groups + _MAIN.format(uri=uri, name=_text(kit.name), ports=rows)


def _group(uri: str, kinds: str, symbol: str, name: str) -> str:
    return f'<{uri}> a {kinds} ; lv2:symbol "{symbol}" ; lv2:name {_text(name)} .\n'


def _knob(name: str, knob: str, value: float) -> str:
    """A control port, in the unit that is shown."""
    parameter, (unit, scale) = PARAMETERS[knob], bake.shown(knob)
    port = _control(name, value, parameter.low, parameter.high, scale, unit)
    return port + (" ; lv2:portProperty pprops:logarithmic" if parameter.scale == "log" else "")


def _setting(setting: Setting, value: float, kit: Kit) -> str:
    """A control port of the replacer, in the unit that is shown."""
    name, low, high = f"Replacer {setting.label}", setting.low, setting.high
    port = _control(name, value, low, high, setting.scale, setting.unit)
    if setting.name == "on":
        port += " ; lv2:portProperty lv2:toggled"
    if setting.name == "pad":
        points = " , ".join(
            f"[ rdfs:label {_text(f'{i + 1} {bake.label(pad, i)}')} ; rdf:value {i + 1}.0 ]"
            for i, pad in enumerate(kit.pads)
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
