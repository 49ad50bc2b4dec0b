"""The command `kit`: make, show, change and export kits.

A subcommand is a row of SUBCOMMANDS, a format of `kit export` one of matcher.packs.formats.FORMATS.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from matcher.kits.starters import STARTERS, find_kit
from matcher.packs.formats import FORMATS
from matcher.packs.options import BITS, LAYERS, ROUND_ROBINS, PackOptions
from matcher.physics.parameters import BY_KEY
from matcher.plugin.places import APIS, PLATFORMS
from matcher.takes import command as takes

EXAMPLES = f"""examples:
  drum-matcher kit from-take take.wav -o kit          make a kit of a recording of a whole kit
  drum-matcher kit show my.drumkit                    pads, notes, parameters
  drum-matcher kit show acoustic --json               a kit that comes with the app, as JSON
  drum-matcher kit new -o my.drumkit --from snares    begin with a copy of it
  drum-matcher kit set my.drumkit 1 tau 0.4 gain_db -3
  drum-matcher kit set my.drumkit kit name "My kit"
  drum-matcher kit export my.drumkit --as sfz         write my-sfz/, for samplers
  drum-matcher kit export my.drumkit --as page        write my.html, which plays it in a browser
  drum-matcher kit export my.drumkit --as plugin      install it as LV2, CLAP and VST3

kits that come with the app: {", ".join(STARTERS)}
"""
PLUGIN = "plugin"  # what a kit may be exported as beside FORMATS: not of sounds, and in three files
KIT_HELP = "the kit's file, or the name of one that comes with the app"


def add(commands, **form) -> argparse.ArgumentParser:
    """Add the command and its subcommands.

    Args:
        commands: of the command line's parser.
        form: how help is laid out, for each parser.
    """
    kit = commands.add_parser(
        "kit", help="show, make, change and export kits", epilog=EXAMPLES,
        description="Show, make, change and export kits.", **form,
    )  # fmt: skip
    subcommands = kit.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
    for name, row in SUBCOMMANDS.items():
        parser = subcommands.add_parser(
            name, help=row.help, description=row.about, epilog=row.epilog, **form
        )
        row.add(parser)
        parser.set_defaults(options=parser)
    return kit


def run(arguments) -> None:
    """Run the subcommand that was given. Raises ValueError or OSError in one sentence."""
    SUBCOMMANDS[arguments.subcommand].run(arguments)


def _add_show(parser) -> None:
    parser.add_argument("kit", metavar="KIT", help=KIT_HELP)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _show(arguments) -> None:
    from matcher.kits.describe import kit_lines, kit_to_json

    kit = _load(find_kit(arguments.kit))
    print(json.dumps(kit_to_json(kit), indent=2) if arguments.json else "\n".join(kit_lines(kit)))


def _add_new(parser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="KIT",
                        help="the file to make; one that is there stays as it is")  # fmt: skip
    parser.add_argument("--from", dest="source", metavar="KIT",
                        help=f"kit to copy: a file, or one of: {', '.join(STARTERS)}; default: "
                        "sixteen empty pads")  # fmt: skip
    parser.add_argument("--name", help="the kit's name; default: the file's")


def _new(arguments) -> None:
    from matcher.kits.edit import KIT, set_value
    from matcher.kits.kit import Kit, plain_name
    from matcher.kits.kit_file import comment_of, save_kit

    path = arguments.output
    if path.exists():
        raise ValueError(f"{path} is there already; give another file, or delete it first")
    source = find_kit(arguments.source) if arguments.source else None
    kit = _load(source) if source else Kit()
    name = plain_name(path.stem).strip() if arguments.name is None else arguments.name
    kit = set_value(kit, KIT, "name", name)
    save_kit(kit, path, comment_of(source) if source else "")
    print(f"{path} is written: {_n_drums(kit)}")


def _add_set(parser) -> None:
    parser.add_argument("kit", metavar="KIT",
                        help="the kit's file; with -o also the name of a kit that comes with the "
                        "app")  # fmt: skip
    parser.add_argument("pad", metavar="PAD",
                        help="number of the pad, from 1, or `kit` for the kit's name")  # fmt: skip
    parser.add_argument("pairs", nargs="+", metavar="KEY VALUE",
                        help="what to set, by the keys of kit files: name, note, more_notes, "
                        f"choke, curve, {', '.join(BY_KEY)}")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="KIT",
                        help="file to write to; default: the same one")  # fmt: skip


def _set(arguments) -> None:
    from matcher.kits.edit import changes, set_value
    from matcher.kits.kit_file import comment_of, save_kit

    pairs = arguments.pairs
    if len(pairs) % 2:
        raise ValueError(f"{pairs[-1]!r:.80} has no value; give pairs of KEY VALUE")
    # a kit that comes with the app is read, never written
    source = find_kit(arguments.kit) if arguments.output else Path(arguments.kit)
    target = arguments.output or source
    kit = _load(source, whole=source.exists() and target.exists() and target.samefile(source))
    changed = kit
    for key, value in zip(pairs[::2], pairs[1::2]):
        changed = set_value(changed, arguments.pad, key, value)
    save_kit(changed, target, comment_of(source))
    for line in changes(kit, changed):
        print(line)
    print(f"{target} is written")


def _add_export(parser) -> None:
    default = PackOptions()
    parser.add_argument("kit", metavar="KIT", help=KIT_HELP)
    formats = "; ".join(f"{name}: {row.help}" for name, row in FORMATS.items())
    parser.add_argument("--as", dest="format", required=True, choices=(*FORMATS, PLUGIN),
                        help=f"{formats}; {PLUGIN}: an instrument for hosts of LV2, CLAP and "
                        "VST3, with the knobs of each drum")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER",
                        help="existing folder to write into, or the .html or .h2drumkit file; "
                        "default: this folder, for a plugin where this computer's hosts "
                        "look")  # fmt: skip
    parser.add_argument("--api", nargs="+", choices=APIS,
                        help="interfaces of a plugin; default all")  # fmt: skip
    parser.add_argument("--platform", choices=PLATFORMS,
                        help="system that a plugin is for; default: this computer's")  # fmt: skip
    parser.add_argument("--replace", action="store_true",
                        help="replace what an earlier export left there")  # fmt: skip
    parser.add_argument("--layers", type=int, default=default.layers, metavar="N",
                        help=f"velocity layers, {LAYERS[0]} to {LAYERS[1]}; default "
                        f"{default.layers}")  # fmt: skip
    parser.add_argument("--round-robins", type=int, default=default.round_robins, metavar="N",
                        help="strikes of each layer that differ, "
                        f"{ROUND_ROBINS[0]} to {ROUND_ROBINS[1]}, fewer where the drum has fewer; "
                        f"default {default.round_robins}")  # fmt: skip
    parser.add_argument("--rate", type=int, default=default.sample_rate, metavar="HZ",
                        help=f"sample rate; default {default.sample_rate}")  # fmt: skip
    parser.add_argument("--bits", type=int, default=default.bits, metavar="N",
                        help=f"{' or '.join(map(str, BITS))}; default {default.bits}")  # fmt: skip
    parser.add_argument("--no-flac", dest="flac", action="store_false",
                        help="WAV files where the format takes FLAC as well")  # fmt: skip


def _export(arguments) -> None:
    from matcher.packs.export import export

    path = find_kit(arguments.kit)
    options = PackOptions(arguments.layers, arguments.round_robins, arguments.rate, arguments.bits,
                          arguments.flac, arguments.replace)  # fmt: skip
    if arguments.format == PLUGIN:
        if replace(options, replace=False) != PackOptions():  # a plugin is always replaced
            raise ValueError("a plugin takes -o, --api and --platform alone: it has no recordings")
        _export_plugin(_load(path), arguments)
        return
    if arguments.api or arguments.platform:
        raise ValueError(f"--api and --platform are for --as {PLUGIN}, not {arguments.format}")
    progress = _print_progress if sys.stderr.isatty() else lambda done, total: None
    folder = arguments.output or Path()
    print(export(_load(path), arguments.format, folder, path.stem, options, progress))


def _export_plugin(kit, arguments) -> None:
    from matcher.plugin.export import LICENCE, export_plugin

    apis = arguments.api or tuple(APIS)
    for written in export_plugin(kit, arguments.output, apis, arguments.platform):
        print(written)
    print(LICENCE)


def _print_progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\r{done} of {total} sounds", end=end, file=sys.stderr, flush=True)


def _load(path: Path, whole: bool = False):
    """A kit; what cannot be used of its file is told on stderr, or an error where `whole`."""
    from matcher.kits.kit_file import load_kit

    kit, dropped = load_kit(path)
    if dropped and whole:
        raise ValueError(
            f"{path} is damaged ({dropped[0]}), so it is not changed; write to another file with -o"
        )
    for problem in dropped:
        print(f"drum-matcher: {path}: {problem}", file=sys.stderr)
    return kit


def _n_drums(kit) -> str:
    count = sum(pad.drum is not None for pad in kit.pads)
    return f"{count or 'no'} {'drum' if count == 1 else 'drums'} on {len(kit.pads)} pads"


class _Subcommand(NamedTuple):
    help: str
    about: str
    add: Callable  # its parser -> None
    run: Callable  # arguments -> None
    epilog: str = ""


SUBCOMMANDS = {
    "from-take": _Subcommand(
        "make a kit of a recording of a whole kit", takes.ABOUT_TAKE, takes.add_from_take,
        takes.run_from_take, takes.TAKE_EXAMPLES,
    ),
    "from-folder": _Subcommand(
        "make a kit of a folder of single recordings", takes.ABOUT_FOLDER, takes.add_from_folder,
        takes.run_from_folder, takes.FOLDER_EXAMPLES,
    ),
    "show": _Subcommand(
        "print a kit", "Print the pads of a kit: notes, parameters with units, choke groups.",
        _add_show, _show,
    ),
    "new": _Subcommand(
        "make a kit", "Make a .drumkit file with sixteen empty pads, or a copy of a kit.",
        _add_new, _new,
    ),
    "set": _Subcommand(
        "change a kit",
        "Set values of a pad. Pitch is in Hz; a note that another pad has is exchanged with it.\n"
        "The file is written anew: of comments in it, only the first line's is kept.",
        _add_set, _set,
    ),
    "export": _Subcommand(
        "write a kit for other programs",
        "Write a kit for other programs. Sounds are rendered by the voices that play live.",
        _add_export, _export,
    ),
}  # fmt: skip
