"""The commands `kit from-take` and `kit from-folder`: options and what runs them."""

import re
import sys
from pathlib import Path

from matcher.checks import check_range, quoted

ABOUT_TAKE = """Find the drums in a recording of someone playing a kit and fit each to its
clearest hits. Writes the kit, the take as a MIDI file, the take as the kit plays it (take-twin.wav)
and what was found (take.json). What was fitted is kept in fitted/: a run that was
interrupted goes on where it was."""
ABOUT_FOLDER = """Make a kit of recordings of single hits. Several recordings of one drum, such as
velocity layers, are told by their folder or name, or by their sound, and fitted together."""
TAKE_EXAMPLES = """examples:
  drum-matcher kit from-take take.wav -o kit     write kit/take.drumkit, kit/take.mid and the twin
  drum-matcher kit from-take take.wav --pads 36.. -o kit    on notes 36, 37 and so on
  drum-matcher kit from-take take.wav --pads 36,38,45,47 -o kit    on these notes
"""
FOLDER_EXAMPLES = """examples:
  drum-matcher kit from-folder samples -o kit    tom_v1.wav and tom_v2.wav are one drum
  drum-matcher kit from-folder samples --by sound -o kit    whatever the files are called
"""
PADS_HELP = (
    "MIDI notes that the drums go on, in the order kick, snare, side stick, toms from high to low: "
    "36.. is 36, 37 and so on, 36,38,45 are these; default: the notes of General MIDI, as far as "
    "it can be told which drum is which"
)
NOTES = (0, 127)  # MIDI notes
PROCESSES = (1, 64)


def add_from_take(parser) -> None:
    """Add the options of `kit from-take`."""
    parser.add_argument("take", type=Path, metavar="TAKE", help="the recording")
    parser.add_argument("--everything", action="store_true",
                        help="give what is probably no drum a pad as well")  # fmt: skip
    _add_common(parser)


def add_from_folder(parser) -> None:
    """Add the options of `kit from-folder`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder")
    parser.add_argument("--by", choices=("auto", "name", "sound"), default="auto",
                        help="what tells that recordings are of one drum; auto: the names, where "
                        "they say anything; default auto")  # fmt: skip
    _add_common(parser)


def _add_common(parser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR",
                        help="folder to write to")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace files in it that are not as an earlier run of the same "
                        "recording left them")  # fmt: skip
    parser.add_argument("--pads", metavar="NOTES", help=PADS_HELP)
    parser.add_argument("--effort", choices=("live", "normal", "patient"), default="normal",
                        help="how much to do for each drum; default normal")  # fmt: skip
    parser.add_argument("--processes", type=int, metavar="N",
                        help="processes to fit drums with; default: one a processor")  # fmt: skip
    parser.add_argument("--model", type=Path, metavar="FILE",
                        help="ONNX file of the network; default: the shipped model")  # fmt: skip
    parser.add_argument("--json", action="store_true",
                        help="print what was found as JSON and nothing else")  # fmt: skip


def notes_of(text: str | None) -> tuple[int, ...]:
    """Parse --pads -> notes; none for None.

    Raises:
        ValueError: if it is no list of different MIDI notes; says what is allowed.
    """
    if text is None:
        return ()
    if match := re.fullmatch(r"(\d{1,3})\.\.(\d{1,3})?", text):
        first, last = int(match[1]), int(match[2] or min(int(match[1]) + 15, NOTES[1]))
        notes = tuple(range(first, last + 1))
    elif re.fullmatch(r"\d{1,3}(,\d{1,3})*", text):
        notes = tuple(map(int, text.split(",")))
    else:
        notes = ()
    if not notes or len(set(notes)) < len(notes) or not all(n <= NOTES[1] for n in notes):
        raise ValueError(
            f"pads is {quoted(text)}, allowed are different notes from {NOTES[0]} to {NOTES[1]} "
            "such as 36.. or 36..47 or 36,38,45"
        )
    return notes


def run_from_take(arguments) -> None:
    """Run `kit from-take`.

    Raises:
        ValueError, OSError: in one sentence, for what the user can mend.
    """
    from matcher.takes import kit_of_take

    options = _options(arguments)
    take, measured, found = kit_of_take.analyse(arguments.take)
    _run(arguments, options, take, measured, found, arguments.take.stem)


def run_from_folder(arguments) -> None:
    """Run `kit from-folder`; errors as run_from_take."""
    from matcher.takes import folder

    options = _options(arguments)
    found = folder.read(arguments.folder, arguments.by)
    _run(arguments, options, *found, arguments.folder.resolve().name)


def _run(arguments, options, take, measured, found, name: str) -> None:
    import json

    from matcher.takes import kit_of_take, written

    if arguments.output.exists() and not arguments.output.is_dir():
        raise ValueError(f"{arguments.output} is not a folder; give one to write to")
    folder = kit_of_take.fits_folder(arguments.output)
    record = folder / written.RECORD
    if not arguments.replace:
        written.check_free(kit_of_take.file_paths(arguments.output, name), record, take)
    shown = _Shown()
    try:
        made = kit_of_take.make(
            take, measured, found, name, options, folder, progress=shown.progress
        )
    finally:
        shown.end()
    paths = written.write(
        lambda where: kit_of_take.save(made, where, name), arguments.output, record, take
    )
    if arguments.json:
        print(json.dumps(kit_of_take.report(made), indent=1))
        return
    _print(made)
    print(", ".join(map(str, paths)))


def _options(arguments):
    from matcher.matching.encoder import SHIPPED
    from matcher.takes.kit_of_take import Options, with_processes

    if arguments.processes is not None:
        check_range("processes", arguments.processes, *PROCESSES)
    options = Options(
        effort=arguments.effort, notes=notes_of(arguments.pads), model=arguments.model or SHIPPED,
        everything=getattr(arguments, "everything", True),
    )  # fmt: skip
    return with_processes(options, arguments.processes)


def _print(made) -> None:
    for pad in made.pads:
        n, distance = len(pad.found.hits), sum(pad.fitted.distances) / len(pad.fitted.distances)
        print(
            f"  note {pad.note}  {pad.name:<16}{n:4} {'hit' if n == 1 else 'hits'}, "
            f"{pad.fitted.drum.theta.pitch_hz:6.1f} Hz, "
            f"distance {distance:.2f} of {len(pad.fitted.fitted)} fitted"
        )
    for other in made.others:
        n = len(other.hits)
        why = "no pad left" if other.is_drum else f"probably no drum ({other.drum:.0%})"
        print(f"  left out  {n} {'hit' if n == 1 else 'hits'}, {why}")


class _Shown:
    """Progress on one line of stderr, where that is a terminal, else a line for each drum."""

    def __init__(self):
        self._on_line = False

    def progress(self, progress) -> None:
        left = "" if progress.left_s is None else f", {progress.left_s:.0f} s left"
        text = f"drum-matcher: fitted {progress.done} of {progress.total} drums{left}"
        if sys.stderr.isatty():
            print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)
            self._on_line = True
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._on_line:
            print(file=sys.stderr)
