import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from matcher.library.place import NUMBA_ONLY
from matcher.matching import refine, task
from matcher.matching.effort import EFFORTS, Effort
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, distance
from matcher.matching.hear import analysed
from matcher.matching.target import Target
from matcher.matching.task import STAGES
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import LIVE
from tests.conftest import TOM, near, sound

PATIENT = replace(EFFORTS["patient"], limit_s=np.inf)  # the same on a slow or busy machine


def test_a_drum_is_found_again_from_a_guess_beside_it():
    truth = Drum(TOM, (0.3, 0.45), 2000.0, 0.3)
    start = Drum(near(TOM, np.array([0.02, 0.1, -0.1, 0.1, 0.1])))
    stages = refine.refine(sound(truth), start, effort=PATIENT)
    assert [stage.name for stage in stages] == list(STAGES)
    found = stages[1].drum
    assert stages[1].distance < 0.4 * stages[0].distance
    assert found.theta.pitch_hz == pytest.approx(110, rel=0.02)
    assert found.theta.tau == pytest.approx(0.3, rel=0.1)
    assert found.tension == pytest.approx(0.3, abs=0.15)


def test_a_start_an_octave_off_is_put_right():
    start = Drum(TOM._replace(omega=2 * TOM.omega))
    found = refine.refine(sound(Drum(TOM)), start, effort=PATIENT)[-1].drum
    assert found.theta.pitch_hz == pytest.approx(110, rel=0.02)


def test_a_clip_whose_partials_were_analysed_before_gives_the_same():
    clip, short = sound(Drum(TOM)), Effort("short", 110, 10, 10, np.inf)
    stroke = task.analysed(Target.of_clip(clip, False))
    there, here = (refine.refine(clip, Drum(near(TOM, 0.05)), effort=short, stroke=given)[-1]
                   for given in (stroke, None))  # fmt: skip
    assert (there.drum, there.distance, there.units) == (here.drum, here.distance, here.units)
    assert there.stroke is stroke


def test_noise_goes_into_the_attack_and_not_into_the_body():
    attack_powers = np.zeros(attack.SHAPE)
    attack_powers[8, 1] = attack_powers[9, 1] = 0.3
    truth = Drum(TOM, attack_powers=tuple(map(tuple, attack_powers)))
    stages = refine.refine(sound(truth), Drum(near(TOM, 0.05)), effort=PATIENT)
    assert stages[2].distance < 0.7 * stages[1].distance
    found = np.array(stages[2].drum.attack_powers)
    assert found[7:11].sum() > 0.7 * found.sum()
    assert stages[2].drum.theta.pitch_hz == pytest.approx(110, rel=0.02)


def test_no_stage_is_worse_than_the_one_before(matches):
    for name, match in matches.items():
        clip = analysed(match.hit)
        short = Effort("short", 100, 100, 100, np.inf)
        stages = refine.refine(clip, match.stages[0].drum, match.hit.ended, short)
        distances = [stage.distance for stage in stages]
        assert distances == sorted(distances, reverse=True), name
        assert distances[0] == pytest.approx(match.log_cqt_distance, abs=1e-6)


def test_recordings_come_much_nearer(matches):
    gained = []
    for match in list(matches.values())[::3]:
        clip = analysed(match.hit)
        stages = refine.refine(clip, match.stages[0].drum, match.hit.ended, effort=PATIENT)
        gained.append(stages[-1].distance / stages[0].distance)
        LIVE.check(stages[-1].drum.theta)
    assert np.median(gained) < 0.65


def test_it_stops_when_told_when_the_work_is_done_and_when_the_time_is_over(monkeypatch):
    clip, rendered = sound(Drum(TOM)), []
    render_body = drum.render_body
    monkeypatch.setattr(
        drum, "render_body", lambda *given: rendered.append(given) or render_body(*given)
    )

    def sounds(**how) -> int:
        """How many sounds are rendered until it is over."""
        rendered.clear()
        stages = refine.refine(clip, Drum(near(TOM, 0.1)), **how)
        assert stages[-1].distance <= stages[0].distance
        return len(rendered)

    whole = sounds(effort=PATIENT)
    asked = iter([False, False])
    interrupted = sounds(effort=PATIENT, stopped=lambda: next(asked, True))
    little = sounds(effort=Effort("little", 1, 1, 1, np.inf))
    late = sounds(effort=replace(PATIENT, limit_s=0.0))
    assert max(interrupted, little, late) < whole / 2


def test_silence_is_refused():
    with pytest.raises(ValueError, match="the clip is silent"):
        refine.refine(np.zeros(N_SAMPLES, np.float32), Drum(TOM))


def test_no_effort_and_no_attack():
    clip = sound(Drum(TOM))
    assert [s.name for s in refine.refine(clip, Drum(TOM), effort=EFFORTS["network"])] == [
        "network"
    ]
    names = [s.name for s in refine.refine(clip, Drum(TOM), stopped=lambda: True)]
    assert names == ["network", "body"]


def test_a_clip_that_the_next_hit_ends_is_compared_until_there():
    clip = sound(Drum(TOM))[: N_SAMPLES // 5]
    stages = refine.refine(clip, Drum(near(TOM, 0.1)), ends_in_hit=True, effort=PATIENT)
    assert stages[-1].distance < 0.4 * stages[0].distance
    assert stages[-1].drum.theta.tau == pytest.approx(0.3, rel=0.3)


def test_a_steady_background_is_not_taken_for_the_drum():
    clean = sound(Drum(TOM), 2.0)
    hiss = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    noisy = clean + 0.02 * hiss
    stages = refine.refine(noisy, Drum(near(TOM, 0.05)), effort=PATIENT)
    found = stages[-1].drum
    assert found.theta.pitch_hz == pytest.approx(110, rel=0.02)
    assert found.theta.tau == pytest.approx(0.3, rel=0.25)
    assert distance(clean, drum.render(found, SAMPLE_RATE, 2.0)) < 0.5


def test_a_short_clip_gets_no_attack_that_outlasts_it():
    attack_powers = np.zeros(attack.SHAPE)
    attack_powers[8, 1] = 0.3
    clip = sound(Drum(TOM, attack_powers=tuple(map(tuple, attack_powers))))[: SAMPLE_RATE // 16]
    found = refine.refine(clip, Drum(near(TOM, 0.05)), ends_in_hit=True, effort=PATIENT)[-1].drum
    observable = np.array(attack.DECAYS_S) <= 1 / 16
    assert np.sum(found.attack_powers) > 0
    assert not np.array(found.attack_powers)[:, ~observable].any()


def test_in_noise_the_attack_comes_nearer_to_the_drum_too():
    attack_powers = np.zeros(attack.SHAPE)
    attack_powers[4:9, 1] = 0.02
    drum_ = Drum(TOM, attack_powers=tuple(map(tuple, attack_powers.tolist())))
    clean = drum.render(drum_, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
    hiss = np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    stages = refine.refine(clean + 0.02 * hiss, Drum(near(TOM, 0.05)), effort=PATIENT)
    network, body, whole, last = (
        distance(clean, drum.render(s.drum, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)) for s in stages
    )
    assert whole < body < network
    assert whole < 0.4
    assert last <= whole


def test_what_is_kept_is_there_before_the_clock_runs():
    """In a process of its own, where nothing was matched yet and Numba compiles."""
    code = """
import numpy as np
from matcher.matching import features, mode_power, refine
from matcher.physics.theta import LIVE
from matcher.matching.target import WINDOWS
from matcher.physics import body, drum
refine.prepare()
compiled = (mode_power._add_modes, features._cut_out, features._square, body.add)
before = [len(kernel.dispatcher.signatures) for kernel in compiled]
assert min(before) > 0
assert all("plan" in vars(cqt) for cqt in (*WINDOWS, features.DISTANCE))
clip = drum.render(drum.Drum(LIVE.from_nu(np.zeros(5))), features.SAMPLE_RATE, 1.5)
refine.refine(clip, drum.Drum(LIVE.from_nu(np.full(5, 0.1))))
assert [len(kernel.dispatcher.signatures) for kernel in compiled] == before
"""
    environment = os.environ | {NUMBA_ONLY: "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
