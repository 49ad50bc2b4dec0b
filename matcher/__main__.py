"""The command line: python -m matcher, or drum-matcher."""

import json
import os
import signal
import sys
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

# read when numpy loads: on a busy machine a second thread costs a match far more than it gains
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the rest loads: no traceback

from matcher import kit_command
from matcher.checks import check_range, quoted
from matcher.command_line import make_parser
from matcher.physics.parameters import BY_KEY, PARAMETERS
from matcher.physics.theta import Theta, describe

SECONDS = (0.001, 60.0)  # s: allowed duration of a rendered sound
INTERRUPTED = 130  # exit status after Ctrl-C, by the convention of shells
NOBODY_READS = 141  # and where what is printed to has ended, such as `| head`


def _match(arguments) -> None:
    from matcher.matching.painter import Painter

    with nullcontext() if arguments.no_picture else Painter() as painter:
        _match_and_write(arguments, painter)


def _match_and_write(arguments, painter) -> None:
    """Match, write files and print; painter: what draws the picture, None: there is none."""
    from matcher.matching import preparing

    encoder = preparing.begin(arguments.model, arguments.effort != "network")

    from matcher.matching.match import match_file
    from matcher.recording import save_atomically, write_wav

    result = match_file(arguments.file, _match_options(arguments, encoder))
    folder = arguments.out or Path(f"{arguments.file.stem}-match")
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "resynthesis.wav", folder / "match.json"]
    text = json.dumps(result.to_dict(str(arguments.file)), indent=2)
    write_wav(written[0], result.twin, result.twin_rate)
    for i, twin in enumerate(result.candidate_twins(), 2):
        written.append(folder / f"resynthesis-{i}.wav")
        write_wav(written[-1], twin, result.twin_rate)
    save_atomically(written[1], lambda file: file.write(f"{text}\n".encode()))
    if painter:
        from matcher.matching.depict import shown_of

        png = painter.draw(shown_of(result, arguments.file.name))
        written.append(folder / "match.png")
        save_atomically(written[-1], lambda file: file.write(png))
    if arguments.json:
        print(text)
        return
    print(f"{arguments.file}: hit at {result.onset_s:.3f} s")
    _print_match(result)
    print(f"written: {', '.join(map(str, written))}")


def _match_options(arguments, encoder):
    """MatchOptions; checked here, so that messages give the names of the command line."""
    from matcher.matching.match import CANDIDATES, MatchOptions
    from matcher.recording import RATES

    if arguments.rate is not None:
        check_range("rate", arguments.rate, *RATES)
    for name in ("attack_mix", "as_recorded"):
        PARAMETERS[name].check(getattr(arguments, name))
    check_range("candidates", arguments.candidates, *CANDIDATES)
    if arguments.candidates > 1 and arguments.effort == "network":
        raise ValueError("candidates need refining; choose another effort than network")
    return MatchOptions(
        hit=arguments.hit, rate=arguments.rate,
        encoder=encoder, effort=arguments.effort, attack_mix=arguments.attack_mix,
        as_recorded=arguments.as_recorded, n_candidates=arguments.candidates,
        strokes=tuple(arguments.strokes),
    )  # fmt: skip


def _print_match(result) -> None:
    """Print the parameters of a match and its distances."""
    from matcher.matching.confidence import margins as margins_of
    from matcher.matching.effort import EFFORTS
    from matcher.physics.drum import describe_strike

    margins = margins_of(result.spread) if result.spread else {}
    for row, (label, value, meaning) in zip(Theta._fields, describe(result.theta)):
        print(f"  {label:<12}{value:<10} {margins.get(row, ''):<20} {meaning}")
    for label, value, meaning in describe_strike(
        result.drum, result.attack_mix, result.as_recorded
    ):
        print(f"  {label:<12}{value:<10} {'':<20} {meaning}")
    stages = ", ".join(f"{stage.name} {stage.distance:.2f}" for stage in result.stages)
    if len(result.candidates) > 1:
        nearest = result.candidates[0].distance
        stages += f", nearest of {len(result.candidates)} candidates {nearest:.2f}"
    shares = {"attack mix": result.attack_mix, "as recorded": result.as_recorded}
    if less := [f"{name} {share:g}" for name, share in shares.items() if share < 1]:
        stages += f", twin with {' and '.join(less)} {result.log_cqt_distance:.2f}"
    print(f"  log-CQT distance (0: the same sound): {stages}")
    for i, candidate in enumerate(result.candidates[1:], 2):
        values = ", ".join(value for _, value, _ in describe(candidate.drum.theta))
        print(f"  candidate {i}: {values}; distance {candidate.distance:.2f}")
    if result.limited:
        limit_s = EFFORTS[result.effort].limit_s
        print(f"  cut short by its time limit, {limit_s:g} s: a less busy machine may come nearer")
    for path, same_drum in result.strokes.items():
        print(f"  {path}: " + ("fitted together" if same_drum else "another drum, left out"))
    if result.no_drum_reason:
        print(f"  {result.no_drum_reason}")


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


def _hits(arguments) -> None:
    from dataclasses import asdict

    from matcher.live.detector import Settings
    from matcher.live.file_hits import find

    check_range("threshold-db", arguments.threshold_db, *Settings.RANGES["threshold_db"])
    settings = Settings(threshold_db=arguments.threshold_db, drums_only=arguments.drums_only)
    note = _note_of_pad(arguments) if arguments.midi else 0
    found = find(arguments.file, settings, arguments.look_ahead)
    if arguments.midi:
        from matcher.midi_file import Note, save_midi

        notes = [Note(hit.onset_s, note, hit.velocity) for hit in found if not hit.reason]
        save_midi(arguments.midi, notes, arguments.file.stem)
    if arguments.json:
        rows = [asdict(hit) | {"onset_s": round(hit.onset_s, 6), "drum": round(hit.drum, 3)}
                for hit in found]  # fmt: skip
        print(json.dumps(rows, indent=2))
        return
    for hit in found:
        ignored = f"  ignored: {hit.reason}" if hit.reason else ""
        print(f"{hit.onset_s:10.4f} s  velocity {hit.velocity:3}  drum {hit.drum:4.0%}{ignored}")
    n_hits = sum(not hit.reason for hit in found)
    print(f"{arguments.file}: {n_hits} {'hit' if n_hits == 1 else 'hits'}")


def _note_of_pad(arguments) -> int:
    """The note of the pad that was chosen, of a kit or of an empty one."""
    from matcher.kits.kit import N_PADS, Kit

    check_range("pad", arguments.pad, 1, N_PADS)
    kit = _load_kit(arguments.kit) if arguments.kit else Kit()
    return kit.pads[arguments.pad - 1].note


def _devices(arguments) -> None:
    from matcher.live import devices, midi

    audio, inputs, outputs, missing = [], [], [], []
    devices.use_asio(arguments.asio)
    if arguments.levels:
        _levels(arguments)
        return
    try:
        audio = devices.list_devices()
        if not audio:
            missing.append("no audio device; connect one, or start a sound server")
    except ValueError as error:
        missing.append(str(error))
    try:
        inputs, outputs = midi.list_ports()
    except ValueError as error:
        missing.append(str(error))
    if arguments.json:
        rows = [device._asdict() | {"key": device.key} for device in audio]
        ports = {"midi_in": inputs, "midi_out": outputs}
        print(json.dumps({"audio": rows, **ports, "missing": missing}, indent=2))
        return
    for device in audio:
        delays = [device.latency_in_s, device.latency_out_s]
        known = " / ".join("?" if d is None else f"{1e3 * d:.1f}" for d in delays)
        print(
            f"{device.number:>3}  {device.key}: {device.channels_in} in, "
            f"{device.channels_out} out, {device.sample_rate:g} Hz, {known} ms in / out"
        )
    for port in inputs:
        print(f"MIDI {port}")
    for port in outputs:
        print(f"MIDI out {port}")
    for sentence in missing:
        print(sentence)


def _levels(arguments) -> None:
    """Print the level of each channel of an input."""
    from math import log10

    from matcher.live import devices
    from matcher.live.stream import measure_levels

    choice = devices.choose(devices.list_devices(), arguments.input, None)
    if choice.input is None:
        raise ValueError(choice.problem or "no input; connect a microphone")
    peaks = measure_levels(choice.input)
    if arguments.json:
        print(json.dumps({"input": choice.input.key, "peaks": peaks}, indent=2))
        return
    print(choice.input.key)
    for number, peak in enumerate(peaks, 1):
        level = f"{20 * log10(peak):.1f} dB" if peak > 0 else "silent to the last bit"
        print(f"  channel {number}: {level}")


def _live(arguments) -> None:
    from matcher.kits.kit import N_PADS, Kit
    from matcher.live import kept_places, protocol
    from matcher.live.detector import Settings
    from matcher.live.engine import Engine
    from matcher.live.report import sentence
    from matcher.matching.encoder import SHIPPED

    check_range("pad", arguments.pad, 1, N_PADS)
    if arguments.kits and not arguments.kits.is_dir():
        raise ValueError(f"{arguments.kits} is not a folder; give one with .drumkit files")
    kit = _load_kit(arguments.kit) if arguments.kit else Kit()
    setup = protocol.Setup(
        input=arguments.input, output=arguments.output,
        input_channel=arguments.input_channel - 1, output_channel=arguments.output_channel - 1,
        exclusive=arguments.exclusive, asio=arguments.asio, midi_in=tuple(arguments.midi_in),
        midi_channel=arguments.midi_channel, midi_out=arguments.midi_out is not None,
        midi_out_port=arguments.midi_out or "",
        places=_places(arguments),
        places_folder=kept_places.folder() if arguments.midi_out_place == [] else None,
        block=arguments.block,
        model=arguments.model or SHIPPED, mode=arguments.mode, armed=arguments.pad - 1,
        controllers=dict(map(_control, arguments.control)),
        refine=arguments.refine, settings=Settings(drums_only=arguments.drums_only),
    )  # fmt: skip
    with (
        _midi_recorder(arguments.record_midi, kit) as take,
        Engine(protocol.State(setup, kit)) as engine,
        suppress(KeyboardInterrupt),
    ):
        anew = arguments.midi_out_place_anew
        while True:
            event = engine.events.get()
            take(event)
            if arguments.listen and _begins_input(event):
                engine.send(protocol.Calibrate())
            if arguments.midi_out_place == [] and _shows_places(event, arguments.listen):
                engine.send(protocol.ShowPlaces(anew))
            anew = anew and not (isinstance(event, protocol.PlaceShown) and event.places)
            if isinstance(event, protocol.ProgramChanged) and arguments.kits:
                _change_kit(engine, arguments.kits, event.number)
            print(json.dumps(event.to_json()) if arguments.json else sentence(event), flush=True)


def _places(arguments):
    """The strokes of the recordings by which places are to be told; None where there are none."""
    given = arguments.midi_out_place
    if arguments.midi_out_place_anew and given != []:
        raise ValueError("--midi-out-place-anew goes with --midi-out-place without recordings")
    if given is None:
        return None
    if arguments.midi_out is None:
        raise ValueError("--midi-out-place goes with hits that are sent: add --midi-out")
    if len(given) not in (0, 2):
        raise ValueError(
            f"--midi-out-place has {len(given)} files, allowed are two, of strokes in the middle "
            "and of strokes at the rim, or none"
        )
    if not given:
        return None
    from matcher.live import place_learning
    from matcher.live.detector import Settings

    return place_learning.from_recordings(*given, Settings(drums_only=arguments.drums_only))


def _shows_places(event, calibrates: bool) -> bool:
    """Whether strokes are to be shown from now on: there is an input, which is calibrated."""
    from matcher.live.protocol import Calibrated

    return isinstance(event, Calibrated) if calibrates else _begins_input(event)


@contextmanager
def _midi_recorder(path: Path | None, kit):
    """What takes the engine's events to write them to a MIDI file; None: to none."""
    if path is None:
        yield lambda event: None
        return
    from matcher.live.record_midi import Played

    played = Played(path, kit)
    try:
        yield played.take
    finally:
        print(f"{path} is written: {played.save()} notes", file=sys.stderr)


def _begins_input(event) -> bool:
    """Whether an event of the engine says that there is an input from now on."""
    from matcher.live.protocol import DeviceChanged, Ready

    if isinstance(event, DeviceChanged):
        return event.system == "input" and event.state == "found"
    return isinstance(event, Ready) and event.input is not None


def _load_kit(given: str | Path):
    """A kit, by its file or its name; what cannot be used of its file is told on stderr."""
    from matcher.kits.kit_file import load_kit
    from matcher.kits.starters import find_kit

    path = find_kit(given)
    kit, dropped = load_kit(path)
    for problem in dropped:
        print(f"drum-matcher: {path}: {problem}", file=sys.stderr)
    return kit


def _change_kit(engine, folder: Path, program: int) -> None:
    """Play the kit that a MIDI program stands for; where there is none, tell so on stderr."""
    from matcher.kits.kit_folder import kit_of_program

    try:
        kit = _load_kit(kit_of_program(folder, program))
    except ValueError as error:
        print(f"drum-matcher: {error}", file=sys.stderr)
    else:
        engine.replace_kit(kit)


def _control(text: str) -> tuple[int, str]:
    """Parse CC=NAME of --control -> number of the controller, name of the parameter."""
    number, _, key = text.partition("=")
    if not number.isdecimal() or key not in BY_KEY:
        raise ValueError(
            f"control is {quoted(text)}, allowed is CC=NAME, the number of a MIDI controller and "
            f"one of: {', '.join(BY_KEY)}"
        )
    return int(number), BY_KEY[key].name


def _bench(arguments) -> None:
    from matcher.live import bench

    figures = bench.run()
    print(json.dumps(figures, indent=2) if arguments.json else "\n".join(bench.lines(figures)))


COMMANDS = {
    "match": _match,
    "render": _render,
    "hits": _hits,
    "devices": _devices,
    "live": _live,
    "kit": kit_command.run,
    "bench": _bench,
}


def main(argv=None) -> int:
    """Run one command.

    Args:
        argv: the arguments; by default those of the process.

    Returns:
        The exit status: 0; 2 after one sentence on stderr about wrong arguments or files;
        INTERRUPTED after Ctrl-C; NOBODY_READS.
    """
    arguments, unknown = make_parser().parse_known_args(argv)
    try:
        if unknown:
            allowed = [o for a in arguments.options._actions for o in a.option_strings[-1:]]
            raise ValueError(f"unknown argument {unknown[0]:.80}; allowed are {', '.join(allowed)}")
        COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # it is flushed at the end
        return NOBODY_READS
    except ValueError as error:
        print(f"drum-matcher: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"drum-matcher: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
