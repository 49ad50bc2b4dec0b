"""The command for a machine with a GPU: steps that are done once, within their time."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from training import gpu, sound_source
from training.gpu import Steps, run_all
from training.studies import paper_scale
from training.studies.experiment import one_device
from training.studies.paper import EPOCH_STEPS, EPOCHS, SMALLEST, TRAINING_SOUNDS, PaperStudy
from training.studies.paper_scale import Pace, largest_scale

DONE, FAILED = ["-c", "print('made')"], ["-c", "raise SystemExit(3)"]
ENDLESS = ["-c", "import time; print('began', flush=True); time.sleep(1000)"]


def printed(folder, name) -> str:
    return (folder / f"{name}.txt").read_text()


@pytest.fixture
def table(monkeypatch):
    """What the steps run: the second one fails, the third has no end, the others do little."""
    made = {"tests": [DONE, DONE], "bench": [FAILED, DONE], "paper": [ENDLESS], "ship": [DONE]}
    monkeypatch.setattr(Steps, "commands", lambda self, name: made[name])
    return made


def test_what_is_done_is_not_done_again(table, tmp_path, monkeypatch, capsys):
    shares = {"paper": 1, "tests": 10, "bench": 10, "ship": 9}
    monkeypatch.setattr(gpu, "STEPS", shares)  # the endless one has a second
    arguments = ["--folder", str(tmp_path), "--minutes", "0.5", "--recordings", "drums"]
    assert gpu.main(arguments) == 2
    out, err = capsys.readouterr()
    assert [line.split("|")[2].strip() for line in out.splitlines()[-4:]] == [
        "out of time", "done", "failed", "done",
    ]  # fmt: skip
    assert err == "training.gpu: not done: paper, bench; the same command goes on with them\n"
    table["bench"], table["paper"] = [DONE], [DONE]
    assert gpu.main(arguments) == 0
    assert printed(tmp_path, "tests") == "made\nmade\n"
    assert printed(tmp_path, "paper").endswith("made\n")
    assert printed(tmp_path, "ship") == "made\n"


def test_time_that_a_step_leaves_goes_to_the_next_ones(table, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(Steps, "run", lambda self, name, s: given.update({name: s}) or "done")
    steps = Steps(tmp_path, minutes=30)
    run_all(steps, ("tests", "bench"))
    assert given["tests"] == pytest.approx(4 * 60)
    assert given["bench"] == pytest.approx(7 * 60, abs=1)
    assert sum(map(steps.budget, gpu.STEPS)) == pytest.approx(30 * 60)


def test_a_step_that_is_out_of_time_has_ended(tmp_path):
    before = psutil.Process().children()
    with open(tmp_path / "out.txt", "wb") as output:
        assert gpu._run(ENDLESS, output, 0.5) is None
    assert psutil.Process().children() == before


KILLED = """
import sys
from pathlib import Path
from training import gpu
gpu.Steps.commands = lambda self, name: [["-c", "import os, time; print(os.getpid(), flush=True); "
                                          "time.sleep(1000)"]]
gpu.main(["--only", "ship", "--recordings", "drums", "--folder", sys.argv[1]])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a step outlives the command")
def test_a_killed_command_leaves_no_step_behind(table, tmp_path):
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root)
    output = tmp_path / "ship.txt"
    while not (output.exists() and output.read_text().endswith("\n")):
        assert process.poll() is None
        time.sleep(0.05)
    step = psutil.Process(int(output.read_text()))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not psutil.wait_procs([step], timeout=60)[1]
    assert gpu.main(["--only", "ship", "--recordings", "drums", "--folder", str(tmp_path)]) == 0
    assert printed(tmp_path, "ship").endswith("made\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--minutes", "0"], "minutes is 0.0, allowed is above 0"),
        (["--scale", "2"], "scale is 2.0, allowed is 0.01 to 1"),
    ],
)
def test_a_wrong_option_is_one_sentence(arguments, sentence, tmp_path, capsys):
    assert gpu.main([*arguments, "--recordings", "drums", "--folder", str(tmp_path / "gpu")]) == 2
    assert capsys.readouterr().err == f"training.gpu: {sentence}\n"
    assert not (tmp_path / "gpu").exists()


def test_the_paper_keeps_its_first_scale(tmp_path):
    first = Steps(tmp_path, 30, scale=0.05).commands("paper")
    assert all("0.05" in command for command in first)
    assert [command[-1] for command in first] == ["P", "PNP"]
    assert Steps(tmp_path, 30).commands("paper") == Steps(tmp_path, 30, 0.5).commands("paper")


def test_the_scale_is_the_largest_that_fits():
    pace = Pace(sound=1e-3, metric=1e-2, step=1e-4)
    whole = TRAINING_SOUNDS * 1.1e-2 + 4 * EPOCHS * EPOCH_STEPS * 256 * 1e-4
    scales = [largest_scale(seconds, pace, runs=4) for seconds in (0, 600, 1200, 1e6)]
    assert scales[0] == SMALLEST and scales[-1] == 1
    assert scales == sorted(scales)
    for seconds, scale in ((600, scales[1]), (1200, scales[2])):
        assert whole * scale < paper_scale.MARGIN * seconds < whole * (scale + 0.01) + 60


@pytest.mark.slow
def test_paces_are_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(sound_source, "ALONE", 2)
    monkeypatch.setattr(paper_scale, "BATCH", 4)
    study = PaperStudy(SMALLEST, tmp_path, workers=2)
    assert all(0 < seconds < 60 for seconds in paper_scale.measure(study, one_device("cpu")))


def test_the_network_needs_recordings(capsys):
    assert gpu.main(["--only", "ship"]) == 2
    assert "the step ship needs --recordings FOLDER" in capsys.readouterr().err


def test_tiny_steps_are_the_same_commands(tmp_path):
    whole, tiny = (Steps(tmp_path / str(smoke), 30, 0.02, Path("drums"), smoke) for smoke in (0, 1))
    assert tiny.paper_scale() == SMALLEST < whole.paper_scale()
    for name in gpu.STEPS:
        for long, short in zip(whole.commands(name), tiny.commands(name), strict=True):
            assert short[:2] == long[:2]
    assert whole.commands("bench") == tiny.commands("bench")
    assert "--smoke" in tiny.commands("ship")[0]
    assert "--smoke" not in whole.commands("ship")[0]
