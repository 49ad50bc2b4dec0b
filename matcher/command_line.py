"""The command line's parser: commands, options and their help."""

import argparse
import re
from pathlib import Path

import matcher
from matcher import kit_command
from matcher.checks import LONGEST_QUOTE
from matcher.kits.starters import STARTERS
from matcher.matching.effort import EFFORTS
from matcher.physics.parameters import BY_KEY, PARAMETERS
from matcher.physics.theta import Theta

EXAMPLES = """examples:
  drum-matcher match tom.wav                     match the loudest hit, write to tom-match/
  drum-matcher match take.flac --hit 3           match the third hit of a longer recording
  drum-matcher match tom.wav --json              print the result as JSON, for a script
  drum-matcher render --pitch-hz 110 --tau 0.5 --p 0.02 --D 0.03 --alpha 0.8 -o tom.wav
  drum-matcher hits take.flac                    list the hits of a recording
  drum-matcher kit from-take take.wav -o kit     make a kit of a recording of a whole kit
  drum-matcher live                              hit a drum, play its twin over MIDI
  drum-matcher kit export my.drumkit --as sfz    write a kit for samplers
  drum-matcher devices                           list audio devices and MIDI ports
"""
MATCH_EXAMPLES = """examples:
  drum-matcher match tom.wav                     write three files to tom-match/
  drum-matcher match tom.wav --out here          write them to here/
  drum-matcher match take.flac --hit 3           match the third hit, counted from 1
  drum-matcher match tom.mp3 --rate 48000        render the twin at 48 kHz
  drum-matcher match tom.wav --attack-mix 0      render the twin without attack noise
  drum-matcher match tom.wav --as-recorded 0     render the ideal membrane, without its own tones
  drum-matcher match tom.wav --effort network    take the network's estimate as it is: faster
  drum-matcher match tom.wav --effort patient    search until next to nothing is gained
  drum-matcher match 1.wav --strokes 2.wav 3.wav    fit three strokes on one drum together
  drum-matcher match tom.wav --json | python -m json.tool
"""
LIVE_EXAMPLES = """examples:
  drum-matcher live                              a hit sets pad 1; MIDI note 36 plays it
  drum-matcher live --pad 3 --kit my.drumkit     a hit sets pad 3 of a kit
  drum-matcher live --mode trigger --block 64    a hit plays the pad at once
  drum-matcher live --kit acoustic --record-midi played.mid
  drum-matcher live --midi-out                   hits leave as notes, from a port of their own
  drum-matcher live --input usb --json           print one line of JSON per event
"""
HITS_EXAMPLES = """examples:
  drum-matcher hits take.flac                    what the live detector finds
  drum-matcher hits take.flac --look-ahead       what matching finds, which has the whole recording
  drum-matcher hits take.flac --drums-only       claps, voices and cymbals are ignored
  drum-matcher hits take.flac --midi take.mid    as notes, for a sequencer
  drum-matcher hits take.flac --json             one object a hit, for a script
"""
RENDER_EXAMPLES = """examples:
  drum-matcher render --pitch-hz 110 --tau 0.5 --p 0.02 --D 0.03 --alpha 0.8 -o tom.wav
  drum-matcher render --pitch-hz 55 --tau 0.3 --p 0.1 --D 0.01 --alpha 1 --rate 96000 -o kick.wav
  drum-matcher render --pitch-hz 220 --tau 1 --p 0.001 --D 0.2 --alpha 0.5 --x1 0.1 -o edge.wav
"""
_FORM = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}


_LONG = re.compile(rf"('[^']{{{LONGEST_QUOTE}}})[^']*'")  # a bad value that a sentence cuts


class _Parser(argparse.ArgumentParser):
    """Exits with one sentence and status 2 if the command line is wrong."""

    def error(self, message):
        message = _LONG.sub(r"\1…'", message)
        self.exit(2, f"drum-matcher: {message} (see {self.prog} --help)\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser; its results have `command`, and `options`, the parser of that command."""
    parser = _Parser(
        prog="drum-matcher",
        description="Match the recording of a drum with a physical model: find its five parameters"
        "\nand render its twin, the sound of the model with these parameters.",
        epilog=EXAMPLES, **_FORM,
    )  # fmt: skip
    parser.add_argument(
        "--version", action="version", version=f"drum-matcher {matcher.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_add_match, _add_render, _add_hits, _add_live, _add_devices, _add_bench):
        command = add(commands)
        command.set_defaults(options=command)
    kit_command.add(commands, **_FORM)
    return parser


def _add_match(commands) -> argparse.ArgumentParser:
    match = commands.add_parser(
        "match", help="match one hit of a recording", epilog=MATCH_EXAMPLES,
        description="Match one hit of a WAV, FLAC, AIFF, OGG or MP3 file.\nWrites the twin "
        "(resynthesis.wav), all values (match.json) and a picture (match.png).", **_FORM,
    )  # fmt: skip
    match.add_argument("file", type=Path, metavar="FILE", help="the recording")
    match.add_argument("--out", type=Path, metavar="DIR",
                       help="folder to write to; default: NAME-match")  # fmt: skip
    match.add_argument("--hit", type=int, metavar="N",
                       help="number of the hit, from 1; default: the loudest hit")  # fmt: skip
    match.add_argument("--rate", type=int, metavar="HZ",
                       help="sample rate of the twin; default: the recording's")  # fmt: skip
    _add_model(match)
    match.add_argument(
        "--effort", choices=tuple(EFFORTS), default="normal",
        help="how much to do to refine the network's estimate by comparing sounds; network: "
        "nothing; default normal",
    )  # fmt: skip
    match.add_argument(
        "--attack-mix", "--attack", type=float, default=1.0, metavar="X",
        help="level of the attack's noise in the twin, 0 (none) to 1; default 1",
    )  # fmt: skip
    match.add_argument(
        "--as-recorded", type=float, default=1.0, metavar="X",
        help="how much of the recording's own tones is in the twin, 0 (the ideal membrane) to 1; "
        "default 1",
    )  # fmt: skip
    match.add_argument(
        "--candidates", type=int, default=1, metavar="N",
        help="number of different drums to look for, 1 to 3; the twins of further ones are written "
        "to resynthesis-2.wav and so on; default 1",
    )  # fmt: skip
    match.add_argument(
        "--strokes", type=Path, nargs="+", default=[], metavar="FILE",
        help="recordings of other strokes on the same drum, at most 2: their loudest hits are "
        "fitted together with this one; one on another drum is left out",
    )  # fmt: skip
    match.add_argument("--json", action="store_true", help="print match.json and nothing else")
    match.add_argument("--no-picture", action="store_true", help="do not draw match.png")
    return match


def _add_render(commands) -> argparse.ArgumentParser:
    render = commands.add_parser(
        "render", help="render the sound of a drum", epilog=RENDER_EXAMPLES,
        description="Render the sound of a drum from its five parameters.", **_FORM,
    )  # fmt: skip
    for row in (PARAMETERS[name] for name in (*Theta._fields, "x1", "x2")):
        low, high = row.low * row.display_scale, row.high * row.display_scale
        end = "" if row.default is None else f"; default {row.default:g}"
        render.add_argument(
            "--pitch-hz" if row.name == "omega" else f"--{row.key}", type=float,
            required=row.default is None, default=row.default,
            metavar=row.display_unit.upper() or "X",
            help=f"{row.label}: {row.help}; {low:g} to {high:g}{end}".replace("%", "%%"),
        )  # fmt: skip
    render.add_argument("--seconds", type=float,
                        help="duration; default: until -60 dB, at most 10 s")  # fmt: skip
    render.add_argument("--rate", type=int, default=44100, metavar="HZ",
                        help="sample rate; default 44100")  # fmt: skip
    render.add_argument("-o", "--output", type=Path, required=True, metavar="FILE",
                        help="WAV file to write, 24 bit")  # fmt: skip
    return render


def _add_hits(commands) -> argparse.ArgumentParser:
    hits = commands.add_parser(
        "hits", help="list the hits of a recording", epilog=HITS_EXAMPLES,
        description="List the hits of a WAV, FLAC, AIFF, OGG or MP3 file: onset, velocity, "
        "probability of a drum,\nand the reason where a stroke was ignored.", **_FORM,
    )  # fmt: skip
    hits.add_argument("file", type=Path, metavar="FILE", help="the recording")
    hits.add_argument("--look-ahead", action="store_true",
                      help="find them as matching does, with the whole recording at hand; default: "
                      "as the live detector")  # fmt: skip
    hits.add_argument("--threshold-db", type=float, default=-40.0, metavar="X",
                      help="peak level of the quietest hit of the live detector, -90 to 0 dBFS; "
                      "default -40")  # fmt: skip
    hits.add_argument("--drums-only", action="store_true",
                      help="ignore what is probably no drum")  # fmt: skip
    hits.add_argument("--midi", type=Path, metavar="FILE",
                      help="write them to a MIDI file too, on the note of --pad")  # fmt: skip
    hits.add_argument("--kit", metavar="KIT", help="kit whose notes count; default: an empty one")
    hits.add_argument("--pad", type=int, default=1, metavar="N",
                      help="pad whose note they get, 1 to 16; default 1")  # fmt: skip
    hits.add_argument("--json", action="store_true", help="print them as JSON")
    return hits


def _add_live(commands) -> argparse.ArgumentParser:
    live = commands.add_parser(
        "live", help="match hits at the microphone, play their twins over MIDI",
        epilog=LIVE_EXAMPLES,
        description="Detect hits at the microphone, match them and play their twins over MIDI,\n"
        "until Ctrl-C.", **_FORM,
    )  # fmt: skip
    for name in ("input", "output"):
        live.add_argument(
            f"--{name}", metavar="X",
            help=f"audio {name}: name as `devices` prints it, a part of it, or a device's number; "
            "default: the system's",
        )  # fmt: skip
    live.add_argument("--input-channel", type=int, default=1, metavar="N",
                      help="channel of the input that the drum is on; default 1")  # fmt: skip
    live.add_argument("--output-channel", type=int, default=1, metavar="N",
                      help="left one of the two channels of the output to play on; default 1"
                      )  # fmt: skip
    live.add_argument("--exclusive", action="store_true",
                      help="Windows: leave the devices to no other program (WASAPI)")  # fmt: skip
    _add_asio(live)
    live.add_argument("--midi-in", action="append", default=[], metavar="X",
                      help="a MIDI port's name or a part of it; repeat for more; default: all, on "
                      "Windows none, as no other program can use a port meanwhile")  # fmt: skip
    live.add_argument("--midi-channel", type=int, default=0, metavar="N",
                      help="the only MIDI channel that counts, 1 to 16; default 0: all"
                      )  # fmt: skip
    live.add_argument("--midi-out", nargs="?", const="", metavar="PORT",
                      help="send each hit as the note of its pad, from a MIDI port of our own "
                      "where the system has such, and to PORT: a port's name or a part of it; "
                      "default: no"
                      )  # fmt: skip
    live.add_argument("--midi-out-place", nargs="*", type=Path, metavar="FILE",
                      help="send where each hit is as controller 16 before its note; it is learned "
                      "from your first hits, 8 in the middle and 8 at the rim, and kept for this "
                      "input, or learned from two recordings of such; default: no")  # fmt: skip
    live.add_argument("--midi-out-place-anew", action="store_true",
                      help="learn it anew, although it was learned at this input before"
                      )  # fmt: skip
    live.add_argument("--no-midi-out", dest="midi_out", action="store_const", const=None,
                      help="send no notes")  # fmt: skip
    live.add_argument("--kits", type=Path, metavar="FOLDER",
                      help="MIDI programs choose the kits of this folder, in the order of their "
                      "names")  # fmt: skip
    live.add_argument("--block", type=int, default=0, metavar="N",
                      help="frames per audio block, 16 to 2048; default 0: chosen by the driver"
                      )  # fmt: skip
    live.add_argument("--kit", metavar="KIT",
                      help="kit to play: a .drumkit file, or one that comes with the app: "
                      f"{', '.join(STARTERS)}")  # fmt: skip
    live.add_argument("--record-midi", type=Path, metavar="FILE",
                      help="write hits and notes to a new MIDI file")  # fmt: skip
    live.add_argument("--pad", type=int, default=1, metavar="N",
                      help="pad that hits set or play, 1 to 16; default 1")  # fmt: skip
    live.add_argument("--mode", choices=("match", "trigger"), default="match",
                      help="match: a hit sets the pad's drum; trigger: a hit plays the pad; "
                      "default match")  # fmt: skip
    live.add_argument("--control", action="append", default=[], metavar="CC=NAME",
                      help="let MIDI controller number CC turn a parameter of the pad, one of: "
                      f"{', '.join(BY_KEY)}; repeat for more")  # fmt: skip
    live.add_argument("--refine", action=argparse.BooleanOptionalAction, default=True,
                      help="refine the network's estimate by comparing sounds; default: yes"
                      )  # fmt: skip
    live.add_argument("--drums-only", action="store_true",
                      help="ignore hits that are probably no drum's")  # fmt: skip
    live.add_argument("--listen", action="store_true",
                      help="set gain and detection by your first four hits")  # fmt: skip
    _add_model(live)
    live.add_argument("--json", action="store_true", help="print one line of JSON per event")
    return live


def _add_devices(commands) -> argparse.ArgumentParser:
    devices = commands.add_parser(
        "devices", help="list audio devices and MIDI ports",
        description="List audio devices and MIDI ports.", **_FORM,
    )  # fmt: skip
    devices.add_argument("--levels", action="store_true",
                         help="record for 3 s and print the level of each channel of the input: "
                         "hit the drum meanwhile")  # fmt: skip
    devices.add_argument("--input", metavar="X", help="input whose levels are wanted, as for live")
    _add_asio(devices)
    devices.add_argument("--json", action="store_true", help="print them as JSON")
    return devices


def _add_bench(commands) -> argparse.ArgumentParser:
    bench = commands.add_parser(
        "bench", help="measure the speed of this machine",
        description="Measure how fast this machine matches and plays drums; takes a minute.",
        **_FORM,
    )  # fmt: skip
    bench.add_argument("--json", action="store_true", help="print the figures as JSON")
    return bench


def _add_asio(command) -> None:
    command.add_argument("--asio", action=argparse.BooleanOptionalAction, default=True,
                         help="Windows: offer devices with ASIO drivers; default: yes"
                         )  # fmt: skip


def _add_model(command) -> None:
    command.add_argument("--model", type=Path, metavar="FILE",
                         help="ONNX file of the network; default: the shipped model")  # fmt: skip
