"""Count callbacks of 64 frames while another thread of this process holds the interpreter's lock.

Arguments: native or python, seconds. Prints how many ran, how many came too late, and the seconds:
a line with the interpreter idle, and one with it busy.
"""

import os
import sys
import threading
import time

import numpy as np
import sounddevice

from matcher.kits.kit import Pad
from matcher.live import callback as native
from matcher.live import devices, programs
from matcher.live.protocol import Setup
from matcher.live.stream import Streams
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

BLOCK = 64
N_PADS = 16
DRUM = Theta(2 * np.pi * 60, 2.5, 1e-4, 1e-3, 0.9)


def load(state) -> None:
    """Sixteen drums that ring."""
    record = state[0]
    for i in range(N_PADS):
        programs.write_pad(record["pool"]["pads"][i], Pad(36, gain_db=-40), 48000)
        program = record["pool"]["programs"][i * programs.SLOTS]
        programs.write_program(program, Drum(DRUM), 1.0, 48000)
        native.send(record, 0, native.PROGRAM, i, i * programs.SLOTS, 0.0, -1)
        native.send(record, 0, native.STRIKE, i, 0, 1.0, -1)


def hold() -> None:
    """In slices: the interpreter asks for its lock back after 5 ms, as it does by default."""
    while True:
        pass


def main(kind: str, seconds: float) -> None:
    source, device, _ = devices.choose(devices.list_devices(), None, "system")
    if kind == "native":
        stream = Streams(source, device, Setup(block=BLOCK))
        state, close = stream.state, stream.close
        load(state)
    else:
        state = native.make_state(48000, 2, 2)
        load(state)
        late = [0, 0]

        def callback(inputs, outputs, frames, at, status):
            native.process(state[0], inputs, outputs)
            late[0] += bool(status.output_underflow)

        native.process(state[0], np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
        stream = sounddevice.Stream(
            samplerate=48000, blocksize=BLOCK, channels=2, dtype="float32", latency="low",
            callback=callback,
        )  # fmt: skip
        stream.start()
        close = stream.stop

    def counted() -> tuple[int, int]:
        under = state["underflows"][0] if kind == "native" else late[0]
        return int(state["blocks"][0]), int(under)

    for is_busy in (False, True):
        if is_busy:
            threading.Thread(target=hold, daemon=True).start()
        time.sleep(0.5)
        before, began = counted(), time.monotonic()
        time.sleep(seconds)
        after, took = counted(), time.monotonic() - began
        print(after[0] - before[0], after[1] - before[1], took, flush=True)
    close()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
    os._exit(0)  # the busy thread does not end
