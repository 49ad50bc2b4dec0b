"""What the window costs: python -m tests.e2e.window_load [SECONDS]

Five runs without the window and five with it, in turns: 256 voices ringing, 64 frames, hits at the
microphone and notes all the while; then silence. On real JACK and X servers, drawn by software.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import psutil

from tests.e2e.rig import NOTE_ON, SAMPLE_RATE, FarCables, Server

RUNS = 5
PAD = 15  # whose drum is heard above all the others
QUIET_DB = -60.0
FIRST = 36


def x_server() -> subprocess.Popen:
    """A screen of our own."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1080x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ |= {"DISPLAY": f":{pipe.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
    return server


def fill(play, change_kit, wait, voices) -> None:
    """Let 256 voices ring: a new drum on each of 16 pads, struck, 16 times over."""
    for i in range(16):
        change_kit(i)
        wait(0.4)
        for pad in range(16):
            play(pad)
        wait(0.2)
        for pad in range(16):  # those whose drum came late joined a voice that rang
            if voices() < 16 * (i + 1):
                wait(0.1)
                play(pad)


def ringing(kit, i: int):
    """The kit with long quiet tense drums on all pads but PAD, which has a short loud one."""
    from matcher.physics import attack
    from matcher.physics.drum import Drum
    from matcher.physics.theta import Theta

    attack_powers = ((1e-3,) * attack.N_DECAYS,) * attack.N_BANDS
    for pad in range(16):
        theta = Theta(2 * np.pi * (80 + 9 * pad + 0.5 * i), 3.0, 1e-4, 1e-3, 0.9)
        drum = Drum(theta, tension=0.2, attack_powers=attack_powers)
        kit = kit.with_pad(pad, drum=drum, gain_db=QUIET_DB)
    return kit


def loud(kit):
    """The kit with a short loud drum on PAD."""
    from matcher.physics.drum import Drum
    from matcher.physics.theta import Theta

    theta = Theta(2 * np.pi * 900, 0.02, 0.01, 0.01, 0.8)
    return kit.with_pad(PAD, drum=Drum(theta), gain_db=6.0)


def jitter(seconds: float, seed: int) -> tuple[np.ndarray, int]:
    """Notes at random times -> how many frames later each sounds (notes,), and xruns meanwhile."""
    cables = FarCables()  # the window's interpreter must not delay the ruler
    rng = np.random.default_rng(seed)
    frames = 5000 + np.cumsum(rng.integers(9600, 14400, round(4 * seconds)))
    hit = rng.standard_normal(2400).astype(np.float32) * np.geomspace(0.5, 1e-3, 2400)
    sound = np.zeros(frames[-1], np.float32)
    for start in range(24000, len(sound) - 2400, 2 * SAMPLE_RATE):
        sound[start : start + 2400] = hit
    notes = [(int(f), (NOTE_ON, FIRST + PAD, 120)) for f in frames]
    out, xruns = cables.play(sound=sound, notes=notes, tail_s=1.0)
    cables.close()
    out = np.abs(out[:, 0])
    late = [np.flatnonzero(out[f : f + 9600] > 0.1 * out.max()) for f in frames]
    assert all(len(found) for found in late), "a note was not heard"
    return np.array([found[0] for found in late]), xruns


def report(name: str, delays, xruns: int, before: dict, after: dict) -> None:
    """A line for one run."""
    ms = delays / SAMPLE_RATE * 1e3
    under = after["underflows"] - before["underflows"]
    p1, p50, p99 = np.percentile(ms, (1, 50, 99))
    print(f"{name}: {len(ms)} notes, p50 {p50:.2f} ms, jitter p99 - p1 {p99 - p1:.2f} ms, "
          f"under-runs {under}, xruns {xruns}, voices {after['voices']}, "
          f"load {100 * after['load']:.1f} %", flush=True)  # fmt: skip


def headless(seconds: float, seed: int) -> None:
    """One run of the engine alone."""
    from matcher.kits.kit import Kit
    from matcher.live.engine import Engine
    from matcher.live.protocol import Setup, State, Strike

    with Engine(State(Setup(block=64))) as engine:
        while not engine.snapshot()["running"]:
            time.sleep(0.1)
        kit = Kit()
        fill(
            lambda pad: engine.send(Strike(pad, 1.0)),
            lambda i: engine.replace_kit(ringing(kit, i)),
            time.sleep, lambda: engine.snapshot()["voices"],
        )  # fmt: skip
        engine.replace_kit(loud(ringing(kit, 16)))
        time.sleep(0.5)
        before = engine.snapshot()
        report("headless", *jitter(seconds, seed), before, engine.snapshot())


def windowed(seconds: float, seed: int) -> None:
    """One run with the window; after the last one, the window in silence."""
    from PyQt6.QtTest import QTest

    from gui.preferences import Preferences
    from gui.window import make_window

    window = make_window(Preferences(block=64))
    link = window.session.link
    frames = {"trace": 0}
    paint = type(window.input.trace).paintEvent

    def counted(self, event):
        frames["trace"] += 1
        paint(self, event)

    window.input.trace.paintEvent = counted.__get__(window.input.trace)
    window.show()
    window.session.start()
    while not link.snapshot()["running"]:
        QTest.qWait(100)
    run_in_window(window, frames, seconds, seed)
    if seed == RUNS - 1:
        window.session.silence()
        QTest.qWait(4000)
        me = psutil.Process()
        cpu, began = sum(me.cpu_times()[:2]), time.monotonic()
        QTest.qWait(20000)
        share = (sum(me.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
        print(f"window, silence: {100 * share:.1f} % of a core")
    window.files.may_leave = lambda: True  # without asking
    window.close()


def run_in_window(window, frames: dict, seconds: float, seed: int) -> None:
    """One run, everything moving."""
    from PyQt6.QtTest import QTest

    from matcher.kits.kit import Kit

    session, link, me, done = window.session, window.session.link, psutil.Process(), []
    kit = Kit()
    fill(
        lambda pad: session.play(pad, 1.0),
        lambda i: session.edit(session.editor.edit, "load", ringing(kit, i)),
        lambda seconds: QTest.qWait(round(1000 * seconds)),
        lambda: link.snapshot()["voices"],
    )
    session.edit(session.editor.edit, "load", loud(ringing(kit, 16)))
    session.choose(0)  # a drum that rings, for the membrane
    QTest.qWait(500)
    before = link.snapshot()
    frames["trace"] = window.drum.membrane.frames = 0
    cpu, began = sum(me.cpu_times()[:2]), time.monotonic()
    thread = threading.Thread(target=lambda: done.append(jitter(seconds, seed)))
    thread.start()
    while thread.is_alive():
        window.drum.membrane.hit(1.0)  # it never comes to rest
        QTest.qWait(100)
    took = time.monotonic() - began
    report("window", *done[0], before, link.snapshot())
    trace, membrane = frames["trace"] / took, window.drum.membrane.frames / took
    share = 100 * (sum(me.cpu_times()[:2]) - cpu) / took
    print(f"  frames a second: trace {trace:.0f}, membrane {membrane:.0f}; {share:.0f} % of a core")


def main() -> None:
    """Everything."""
    from PyQt6.QtWidgets import QApplication

    from gui import theme

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
        server, screen = Server(64), x_server()
        try:
            app = QApplication(["drum-matcher"])
            app.setStyle("Fusion")
            theme.apply("dark", 100)
            for seed in range(RUNS):
                headless(seconds, seed)
                windowed(seconds, seed)
        finally:
            server.stop()
            screen.terminate()


if __name__ == "__main__":
    main()
