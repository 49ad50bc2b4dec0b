"""The command line: python -m matcher = drum-matcher."""

import argparse
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

# Read when numpy loads: on a busy machine a second thread costs a match far more than it brings.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matcher
from matcher.checks import check_range
from matcher.physics.parameters import BY_KEY, PARAMETERS
from matcher.physics.theta import Theta, describe

SECONDS = (0.001, 60.0)  # s that can be rendered
BUDGET_MS = (10, 60000)  # ms for each stage of refining
INTERRUPTED = 130  # exit status after Ctrl-C, as shells give it

EXAMPLES = """examples:
  drum-matcher match tom.wav                     the loudest hit, results in tom-match/
  drum-matcher match take.flac --hit 3           the third hit of a longer take
  drum-matcher match tom.wav --json              the result as JSON, for a script
  drum-matcher render --pitch-hz 110 --tau 0.5 --p 0.02 --D 0.03 --alpha 0.8 -o tom.wav
  drum-matcher live                              hit a drum, play its twin over MIDI
  drum-matcher devices                           what there is to hear with and to play through
"""
MATCH_EXAMPLES = """examples:
  drum-matcher match tom.wav                     three files in tom-match/
  drum-matcher match tom.wav --out here          writes them into here/
  drum-matcher match take.flac --hit 3           the third hit, counted from 1
  drum-matcher match tom.mp3 --rate 48000        the twin at 48 kHz
  drum-matcher match tom.wav --attack 0          the membrane alone
  drum-matcher match tom.wav --no-refine         as the network hears it
  drum-matcher match tom.wav --json | python -m json.tool
"""
LIVE_EXAMPLES = """examples:
  drum-matcher live                              a hit sets pad 1; note 36 plays it
  drum-matcher live --pad 3 --kit my.drumkit     a hit sets pad 3 of a kit
  drum-matcher live --mode trigger --block 64    a hit plays the pad at once
  drum-matcher live --input usb --json           one line of JSON for each event
"""
RENDER_EXAMPLES = """examples:
  drum-matcher render --pitch-hz 110 --tau 0.5 --p 0.02 --D 0.03 --alpha 0.8 -o tom.wav
  drum-matcher render --pitch-hz 55 --tau 0.3 --p 0.1 --D 0.01 --alpha 1 --rate 96000 -o kick.wav
  drum-matcher render --pitch-hz 220 --tau 1 --p 0.001 --D 0.2 --alpha 0.5 --x1 0.1 -o edge.wav
"""


class _Parser(argparse.ArgumentParser):
    """One sentence and exit status 2 where the command line is wrong."""

    def error(self, message):
        self.exit(2, f"drum-matcher: {message} (see {self.prog} --help)\n")


def _parser() -> _Parser:
    form = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = _Parser(
        prog="drum-matcher",
        description="Hear a drum recording, find its physical twin: five numbers and their sound.",
        epilog=EXAMPLES,
        **form,
    )
    parser.add_argument(
        "--version", action="version", version=f"drum-matcher {matcher.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    match = commands.add_parser(
        "match", help="match one hit of a recording", epilog=MATCH_EXAMPLES,
        description="Match one hit of a WAV, FLAC, AIFF, OGG or MP3 file; writes resynthesis.wav, "
        "match.json and match.png.", **form,
    )  # fmt: skip
    match.add_argument("file", type=Path, metavar="FILE")
    match.add_argument("--out", type=Path, metavar="DIR", help="default: NAME-match")
    match.add_argument(
        "--hit", type=int, metavar="N", help="which hit, from 1; default: the loudest"
    )
    match.add_argument("--rate", type=int, metavar="HZ", help="of the twin; default: the input's")
    match.add_argument("--model", type=Path, metavar="FILE", help="default: the shipped model")
    match.add_argument(
        "--refine", action=argparse.BooleanOptionalAction, default=True,
        help="go on from the network's answer, on the sound itself; default yes",
    )  # fmt: skip
    match.add_argument(
        "--budget-ms", type=float, default=300.0, metavar="N",
        help="for refining body and attack, each; 10 to 60000, default 300",
    )  # fmt: skip
    match.add_argument(
        "--attack-mix", "--attack", type=float, default=1.0, metavar="X",
        help="share of the attack's noise in the twin, 0 (pure physics) to 1; default 1",
    )  # fmt: skip
    match.add_argument(
        "--candidates", type=int, default=1, metavar="N",
        help="answers that differ, 1 to 3, each a file: resynthesis-2.wav...; default 1",
    )  # fmt: skip
    match.add_argument("--json", action="store_true", help="print match.json, and nothing else")
    match.add_argument("--no-picture", action="store_true", help="do not draw match.png")
    match.set_defaults(run=_match, options=match)
    render = commands.add_parser(
        "render", help="render the sound of a drum", epilog=RENDER_EXAMPLES,
        description="Render the sound of a drum from its five parameters.", **form,
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
    render.add_argument("--seconds", type=float, help="default: until -60 dB, at most 10 s")
    render.add_argument("--rate", type=int, default=44100, metavar="HZ", help="default 44100")
    render.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="WAV, 24 bit"
    )
    render.set_defaults(run=_render, options=render)
    _add_live(commands, form)
    bench = commands.add_parser(
        "bench", help="measure how fast this machine is",
        description="Measure how fast the live signal path is on this machine; takes a minute.",
        **form,
    )  # fmt: skip
    bench.add_argument("--json", action="store_true", help="print the figures as JSON")
    bench.set_defaults(run=_bench, options=bench)
    return parser


def _add_live(commands, form) -> None:
    devices = commands.add_parser(
        "devices", help="list audio devices and MIDI inputs",
        description="List audio devices and MIDI inputs.", **form,
    )  # fmt: skip
    devices.add_argument("--json", action="store_true", help="print them as JSON")
    devices.set_defaults(run=_devices, options=devices)
    live = commands.add_parser(
        "live", help="hear hits, play their twins over MIDI", epilog=LIVE_EXAMPLES,
        description="Hear hits at the microphone, match them, play them over MIDI; until Ctrl-C.",
        **form,
    )  # fmt: skip
    for name in ("input", "output"):
        live.add_argument(f"--{name}", metavar="X", help="device: a number or a part of its name")
    live.add_argument("--midi-in", action="append", default=[], metavar="X",
                      help="part of a port's name; again for more; default: all")  # fmt: skip
    live.add_argument("--block", type=int, default=0, metavar="N",
                      help="frames, 16 to 2048; default 0: as the driver likes")  # fmt: skip
    live.add_argument("--kit", type=Path, metavar="FILE", help="a .drumkit to play")
    live.add_argument("--pad", type=int, default=1, metavar="N", help="that hits set; default 1")
    live.add_argument("--mode", choices=("match", "trigger"), default="match",
                      help="match: a hit sets the pad's drum; trigger: it plays it")  # fmt: skip
    live.add_argument("--control", action="append", default=[], metavar="CC=NAME",
                      help="what a MIDI controller turns on the pad: "
                      f"{', '.join(BY_KEY)}; again for more")  # fmt: skip
    live.add_argument("--refine", action=argparse.BooleanOptionalAction, default=True,
                      help="go on from the network's answers while a hit is heard; default yes"
                      )  # fmt: skip
    live.add_argument("--listen", action="store_true",
                      help="first set gain and detection by four hits")  # fmt: skip
    live.add_argument("--model", type=Path, metavar="FILE", help="default: the shipped model")
    live.add_argument("--json", action="store_true", help="print one line of JSON for each event")
    live.set_defaults(run=_live, options=live)


def _match(arguments) -> None:
    from matcher.matching.confidence import margins as margins_of
    from matcher.matching.encoder import Encoder
    from matcher.matching.match import CANDIDATES, MatchOptions, match_file
    from matcher.physics.drum import describe_strike
    from matcher.recording import RATES, save_atomically, write_wav

    if arguments.rate is not None:
        check_range("rate", arguments.rate, *RATES)
    check_range("budget-ms", arguments.budget_ms, *BUDGET_MS)
    PARAMETERS["attack_mix"].check(arguments.attack_mix)
    check_range("candidates", arguments.candidates, *CANDIDATES)
    if arguments.candidates > 1 and not arguments.refine:
        raise ValueError("candidates need refining; leave out --no-refine")
    options = MatchOptions(
        hit=arguments.hit, rate=arguments.rate,
        encoder=Encoder(arguments.model) if arguments.model else None,
        budget_s=arguments.budget_ms / 1000 if arguments.refine else 0.0,
        attack_mix=arguments.attack_mix, n_candidates=arguments.candidates,
    )  # fmt: skip
    result = match_file(arguments.file, options)
    folder = arguments.out or Path(f"{arguments.file.stem}-match")
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "resynthesis.wav", folder / "match.json"]
    text = json.dumps(result.to_dict(str(arguments.file)), indent=2)
    write_wav(written[0], result.twin, result.twin_rate)
    for i, twin in enumerate(result.candidate_twins(), 2):
        written.append(folder / f"resynthesis-{i}.wav")
        write_wav(written[-1], twin, result.twin_rate)
    save_atomically(written[1], lambda file: file.write(f"{text}\n".encode()))
    if not arguments.no_picture:
        from matcher.matching.picture import save_picture

        written.append(folder / "match.png")
        save_picture(result, written[-1], arguments.file.name)
    if arguments.json:
        print(text)
        return
    print(f"{arguments.file}: hit at {result.onset_s:.3f} s")
    margins = margins_of(result.spread) if result.spread else {}
    for row, (label, value, meaning) in zip(Theta._fields, describe(result.theta)):
        print(f"  {label:<10}{value:<10} {margins.get(row, ''):<20} {meaning}")
    for label, value, meaning in describe_strike(result.drum, result.attack_mix):
        print(f"  {label:<10}{value:<10} {'':<20} {meaning}")
    stages = ", ".join(f"{stage.name} {stage.distance:.2f}" for stage in result.stages)
    if len(result.candidates) > 1:
        nearest = result.candidates[0].distance
        stages += f", the nearest of {len(result.candidates)} {nearest:.2f}"
    if result.attack_mix < 1:
        stages += f", as it is written {result.log_cqt_distance:.2f}"
    print(f"  log-CQT distance (0 is the same sound): {stages}")
    for i, other in enumerate(result.candidates[1:], 2):
        values = ", ".join(value for _, value, _ in describe(other.drum.theta))
        print(f"  or, {i}: {values}; distance {other.distance:.2f}")
    if result.no_drum_reason:
        print(f"  {result.no_drum_reason}")
    print(f"written: {', '.join(map(str, written))}")


def _render(arguments) -> None:
    from math import log, pi

    from matcher.physics.drum import Drum, render
    from matcher.recording import RATES, write_wav

    values = {name: getattr(arguments, name) for name in Theta._fields if name != "omega"}
    theta = Theta(omega=2 * pi * arguments.pitch_hz, **values)
    drum = Drum(theta, (arguments.x1, arguments.x2))
    drum.check()
    check_range("rate", arguments.rate, *RATES)
    seconds = arguments.seconds
    if seconds is None:
        seconds = min(10.0, log(1000) * theta.tau)
    check_range("seconds", seconds, *SECONDS)
    x = render(drum, arguments.rate, seconds, peak=0.99)
    write_wav(arguments.output, x, arguments.rate)
    print(f"{arguments.output}: {seconds:.2f} s at {arguments.rate} Hz")


def _devices(arguments) -> None:
    from matcher.live import devices, midi

    audio, ports, missing = [], [], []
    try:
        audio = devices.list_devices()
        if not audio:
            missing.append("no audio device; connect one, or start a sound server")
    except ValueError as error:
        missing.append(str(error))
    try:
        ports = midi.list_inputs()
    except ValueError as error:
        missing.append(str(error))
    if arguments.json:
        rows = [device._asdict() for device in audio]
        print(json.dumps({"audio": rows, "midi_in": ports, "missing": missing}, indent=2))
        return
    for device in audio:
        delays = [device.latency_in_s, device.latency_out_s]
        known = " / ".join("?" if d is None else f"{1e3 * d:.1f}" for d in delays)
        print(
            f"{device.number:>3}  {device.name} ({device.api}): {device.channels_in} in, "
            f"{device.channels_out} out, {device.sample_rate:g} Hz, {known} ms in / out"
        )
    for port in ports:
        print(f"MIDI {port}")
    for sentence in missing:
        print(sentence)


def _live(arguments) -> None:
    from matcher.kits.kit import N_PADS, Kit
    from matcher.kits.kit_file import load_kit
    from matcher.live import protocol
    from matcher.live.engine import Engine
    from matcher.live.report import sentence
    from matcher.matching.encoder import SHIPPED

    check_range("pad", arguments.pad, 1, N_PADS)
    kit, dropped = load_kit(arguments.kit) if arguments.kit else (Kit(), [])
    for problem in dropped:
        print(f"drum-matcher: {arguments.kit}: {problem}", file=sys.stderr)
    setup = protocol.Setup(
        input=arguments.input, output=arguments.output, midi_in=tuple(arguments.midi_in),
        block=arguments.block, model=arguments.model or SHIPPED, mode=arguments.mode,
        armed=arguments.pad - 1, controllers=dict(map(_control, arguments.control)),
        refine=arguments.refine,
    )  # fmt: skip
    with Engine(protocol.State(setup, kit)) as engine, suppress(KeyboardInterrupt):
        while True:
            event = engine.events.get()
            if isinstance(event, protocol.Ready) and arguments.listen:
                engine.send(protocol.Calibrate())
            print(json.dumps(event.to_json()) if arguments.json else sentence(event), flush=True)


def _bench(arguments) -> None:
    from matcher.live import bench

    figures = bench.run()
    print(json.dumps(figures, indent=2) if arguments.json else "\n".join(bench.lines(figures)))


def _control(text: str) -> tuple[int, str]:
    number, _, key = text.partition("=")
    if not number.isdecimal() or key not in BY_KEY:
        raise ValueError(
            f"control is {text!r}, allowed is a controller's number, =, and one of: "
            f"{', '.join(BY_KEY)}"
        )
    return int(number), BY_KEY[key].name


def main(argv=None) -> int:
    """Run one command; 2 after a sentence on stderr where something given was wrong."""
    arguments, unknown = _parser().parse_known_args(argv)
    try:
        if unknown:
            allowed = [o for a in arguments.options._actions for o in a.option_strings[-1:]]
            raise ValueError(f"unknown argument {unknown[0]}; allowed are {', '.join(allowed)}")
        arguments.run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ValueError as error:
        print(f"drum-matcher: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"drum-matcher: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
