"""The app: python -m gui = drum-matcher-gui."""

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path

import matcher

ICON = Path(__file__).parent / "drum-matcher.svg"


def _parser() -> argparse.ArgumentParser:
    from matcher.kits.kit_file import SUFFIX

    parser = argparse.ArgumentParser(
        prog="drum-matcher-gui", allow_abbrev=False,
        description="Hit a drum, play its physical twin: the window of Drum matcher.",
    )  # fmt: skip
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE",
        help=f"a {SUFFIX}, a recording to match, or one of a whole kit",
    )  # fmt: skip
    parser.add_argument("--model", type=Path, metavar="FILE", help="default: the shipped model")
    parser.add_argument(
        "--version", action="version", version=f"drum-matcher-gui {matcher.__version__}"
    )
    return parser


def main(argv=None) -> int:
    """Open the window; exit status 2, with a sentence on stderr, for a wrong argument."""
    # the edited kit is kept safe all the time; before the imports below, which take a second
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy loads
    from matcher.kits.kit_file import SUFFIX, load_kit

    arguments = _parser().parse_args(argv)
    try:
        for path in (arguments.file, arguments.model):
            if path is not None and not path.is_file():
                raise ValueError(f"{path} is not a file; give one that is there")
        if arguments.file is not None and arguments.file.suffix.lower() == SUFFIX:
            load_kit(arguments.file)
        return _run(arguments)
    except ValueError as error:
        print(f"drum-matcher-gui: {error}", file=sys.stderr)
        return 2


def _run(arguments) -> int:
    if sys.platform == "linux" and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise ValueError("there is no display to open a window on; drum-matcher works without one")
    try:
        from PyQt6.QtGui import QIcon
        from PyQt6.QtWidgets import QApplication
    except ImportError as error:
        raise ValueError(f"the window cannot be opened: {error}") from error
    from gui import preferences, theme
    from gui.window import make_window

    app = QApplication(sys.argv[:1])
    app.setApplicationName("Drum matcher")
    app.setDesktopFileName("drum-matcher")
    app.setStyle("Fusion")
    app.setWindowIcon(QIcon(str(ICON)))
    remembered = preferences.load()
    theme.apply(remembered.theme, remembered.text_scale)
    window = make_window(remembered, arguments.model, arguments.file)
    sys.excepthook = _go_on(window)
    window.show()
    window.session.start()
    return app.exec()


def _go_on(window):
    """A sys.excepthook that tells the user; PyQt would end the app at an uncaught exception."""

    def tell(kind, error, where):
        traceback.print_exception(kind, error, where)
        window.session.tell("error", f"something went wrong that should not have: {error!r}")

    return tell


if __name__ == "__main__":
    sys.exit(main())
