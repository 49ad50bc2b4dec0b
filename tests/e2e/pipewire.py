"""A PipeWire server of the tests' own: headphones and a microphone that are two ALSA devices.

Each has a driver and a timer of its own, and they have different rates. No card is needed.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

NEEDED = ("dbus-run-session", "pipewire", "wireplumber", "pw-cat", "pw-cli", "pw-link")
NODE = (
    "{{ factory.name = support.null-audio-sink node.name = {name} media.class = {media} "
    "audio.position = [ {channels} ] audio.rate = {rate} object.linger = true }}"
)
PHONES = NODE.format(name="phones", media="Audio/Sink", channels="FL FR", rate=48000)
MIC = NODE.format(name="mic", media="Audio/Source/Virtual", channels="MONO", rate=44100)
CONFIG = f"""context.objects = [
  {{ factory = adapter args = {PHONES} }}
  {{ factory = adapter args = {MIC} }}
]
"""
ASOUND = """</usr/share/alsa/alsa.conf>
pcm.phones {{ type pipewire playback_node phones }}
pcm.mic {{ type pipewire capture_node mic }}
""".format()
MIC_RATE, PHONES_RATE = 44100, 48000


class PipeWire:
    """The server; the environment names it while it runs.

    Args:
        folder: for its configuration and sockets.
        patch: a MonkeyPatch that gives the environment back.
    """

    def __init__(self, folder: Path, patch):
        config = folder / "config" / "pipewire" / "pipewire.conf.d"
        config.mkdir(parents=True)
        (config / "two-devices.conf").write_text(CONFIG)
        (folder / "asound.conf").write_text(ASOUND)
        (folder / "run").mkdir(mode=0o700)
        for name, value in {
            "XDG_CONFIG_HOME": folder / "config", "XDG_RUNTIME_DIR": folder / "run",
            "XDG_STATE_HOME": folder / "state", "ALSA_CONFIG_PATH": folder / "asound.conf",
            "JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": "none-of-this-name",
        }.items():  # fmt: skip
            patch.setenv(name, str(value))
        script = "pipewire & sleep 1; wireplumber & wait"
        self._process = subprocess.Popen(
            ["dbus-run-session", "--", "sh", "-c", script], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._players: list[subprocess.Popen] = []
        self.wait_for_port("mic:input_MONO")

    @staticmethod
    def is_here() -> bool:
        """Whether its programs and ALSA's plug-in are installed."""
        plugin = any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pipewire.so"))
        return plugin and all(map(shutil.which, NEEDED))

    def wait_for_port(self, port: str, seconds: float = 60.0) -> None:
        """Wait until a port is there."""
        end = time.monotonic() + seconds
        while port not in _run("pw-link", "-i") + _run("pw-link", "-o"):
            assert time.monotonic() < end, f"{port} did not come"
            time.sleep(0.1)

    def speak(self, file: Path) -> None:
        """Play a mono file into the microphone, from now on."""
        self._players.append(subprocess.Popen(["pw-cat", "-p", "--target", "0", file]))
        self.wait_for_port("pw-cat:output_MONO")
        _run("pw-link", "pw-cat:output_MONO", "mic:input_MONO")

    def record(self, file: Path) -> subprocess.Popen:
        """Record the left headphone into a mono file until the process is terminated."""
        command = ["pw-cat", "-r", "--target", "0", "--channels", "1", "--rate", str(PHONES_RATE)]
        process = subprocess.Popen([*command, "--format", "f32", file])
        self._players.append(process)
        self.wait_for_port("pw-cat:input_MONO")
        _run("pw-link", "phones:monitor_FL", "pw-cat:input_MONO")
        return process

    def destroy_mic(self) -> None:
        """As if its cable was pulled out."""
        found = re.split(r"\n\s*id (\d+),", _run("pw-cli", "ls", "Node"))
        numbers = [n for n, text in zip(found[1::2], found[2::2]) if 'node.name = "mic"' in text]
        _run("pw-cli", "destroy", numbers[0])

    def stop(self) -> None:
        """End the server and whatever plays or records."""
        for process in self._players:
            process.terminate()
            process.wait(60)
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(60)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
