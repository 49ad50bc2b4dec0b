"""Look for audio devices while a stream is open: PortAudio finds new ones only where none is.

So a process of its own looks, slowly: when something is missing, or the system's own devices are
used, which may become others. Run as `python -m matcher.live.device_probe`, it prints the devices
as a line of JSON for each line that it reads.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import matcher
from matcher.live import devices
from matcher.live.devices import Device
from matcher.live.retry import Retry

FIRST_S, LONGEST_S = 2.0, 15.0  # s from one look to the next: soon after a change, then slowly


class Probe:
    """The process that looks; it is started when it is first needed."""

    def __init__(self):
        self._process: subprocess.Popen | None = None
        self._answers: queue.SimpleQueue[list[Device]] = queue.SimpleQueue()
        self._asked = False
        self._retry = Retry(FIRST_S, LONGEST_S)
        self._retry.failed()
        self._newest: list[Device] | None = None

    def look(self) -> list[Device] | None:
        """The devices that were just found; None while there is nothing new to say. Never waits."""
        if not self._answers.empty():
            found, self._asked = self._answers.get(), False
            if found != self._newest:
                self._retry.reset()
            self._retry.failed()
            self._newest = found
            return found or None
        if self._retry.is_due() and not self._asked:
            self._ask()
        return None

    def look_soon(self) -> None:
        """Ask again after FIRST_S."""
        self._retry.reset()
        self._retry.failed()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self) -> None:
        self._asked = True
        if self._process is None or self._process.poll() is not None:
            self._start()
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except OSError:  # it has just ended
            self._asked = False

    def _start(self) -> None:
        root = str(Path(matcher.__file__).parent.parent)
        paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "matcher.live.device_probe"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths},
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process) -> None:
        for line in process.stdout:
            self._answers.put([Device(*row) for row in json.loads(line)])
        self._answers.put([])  # it ended


def main() -> None:
    """Print the devices for each line that is read, until there are no more."""
    looked = False
    for _ in sys.stdin:
        try:
            if looked:
                devices.rescan()
            found = devices.list_devices()
        except ValueError:
            found = []
        looked = True
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
