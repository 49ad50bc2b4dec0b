"""What a plugin costs: python -m tests.plugin.bench; prints the figures of docs/plugin.md.

Times are of the processor, of one instance on one core, in the CLAP host of the tests.
"""

import gc
import tempfile
import time

import numpy as np

from matcher.kits.kit import FIRST_NOTE, N_PADS, Kit, Pad, for_pad
from matcher.plugin.export import export_plugin
from matcher.plugin.layout import KNOBS, STRIDE
from tests.physics.recorded import recorded
from tests.plugin import clap_host as host
from tests.plugin.clap_host import Plugin
from tests.plugin.conftest import noisy

RATE, BLOCK, SECONDS = 48000, 64, 4
EACH_S = 0.1  # s between two strikes of a pad: a fast roll on all pads at once


def kit_of(tension: float) -> Kit:
    """Sixteen recorded drums with attacks, each with 16 partials, that ring for half a second."""
    pads = {}
    for i in range(N_PADS):
        drum = noisy(for_pad(recorded(i, tension)), i)
        pads[i] = Pad(FIRST_NOTE + i, drum=drum.with_value("tau", 0.5))
    return Kit("Bench").with_pads(pads)


def timed(plugin: Plugin, events=(), given=None) -> np.ndarray:
    """Processor time of each block, s; given: (channels, samples), the input."""
    out, times, k = np.zeros((2, BLOCK), np.float32), [], 0
    for at in range(0, SECONDS * RATE, BLOCK):
        now = []
        while k < len(events) and events[k].header.time < at + BLOCK:
            events[k].header.time -= at
            now.append(events[k])
            k += 1
        began = time.thread_time()
        plugin.process(out, now, None if given is None else given[:, at : at + BLOCK])
        times.append(time.thread_time() - began)
    return np.array(times)


def roll() -> list:
    """Strikes of all pads, one after the other."""
    step = int(EACH_S * RATE / N_PADS)
    return [host.note(t, FIRST_NOTE + i % N_PADS, 100)
            for i, t in enumerate(range(0, SECONDS * RATE, step))]  # fmt: skip


def automated() -> list:
    """The same with a knob of every pad turned before each of its strikes."""
    events = []
    for i, note in enumerate(roll()):
        number = STRIDE * (i % N_PADS) + KNOBS.index("tau")
        events += [host.value(note.header.time, number, 0.5 + 0.2 * np.sin(i)), note]
    return events


def report(what: str, times: np.ndarray) -> None:
    """Print how long the blocks took."""
    audio = BLOCK / RATE
    print(
        f"  {what}: {100 * times.mean() / audio:.1f} % of a core; of {1000 * audio:.2f} ms "
        f"a block takes {1000 * np.median(times):.2f} ms at the median, "
        f"{1000 * np.quantile(times, 0.99):.2f} at the 99th percentile, "
        f"{1000 * times.max():.2f} at most"
    )


def main() -> None:
    """Print the figures."""
    gc.disable()  # this host's own garbage takes some 50 ms to collect, in whatever block
    for name, tension in (("linear", 0.0), ("tense", 0.8)):
        with tempfile.TemporaryDirectory() as folder:
            path = export_plugin(kit_of(tension), folder, ["clap"])[0]
            print(f"16 {name} drums: {path.stat().st_size} bytes")
            began = time.process_time()
            plugin = Plugin(path, RATE)
            print(f"  start {1000 * (time.process_time() - began):.0f} ms")
            for what, events in (("a roll on all", roll()), ("with knobs turned", automated())):
                report(what, timed(plugin, events))
            plugin.close()
            plugin = Plugin(path, RATE)
            report("nothing", timed(plugin))
            noise = 0.01 * np.random.default_rng(0).standard_normal((2, SECONDS * RATE))
            on = [host.value(0, STRIDE * N_PADS, 1.0)]
            report("noise in a replacer's input", timed(plugin, on, noise.astype(np.float32)))
            plugin.close()


if __name__ == "__main__":
    main()
