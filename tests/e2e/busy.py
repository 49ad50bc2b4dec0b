"""drum-matcher, while another thread of its process holds the interpreter's lock."""

import sys
import threading


def hold() -> None:
    while True:
        pass


if __name__ == "__main__":  # the engine's process imports this file too, and is not busy
    from matcher.__main__ import main

    threading.Thread(target=hold, daemon=True).start()
    sys.exit(main())
