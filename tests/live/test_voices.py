from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from matcher.kits.kit import Pad
from matcher.kits.kit_file import load_kit
from matcher.live import excitation, noise, programs, voices
from matcher.physics import attack
from matcher.physics import drum as drums
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from tests.physics.recorded import recorded

ROOT = Path(__file__).parents[2]
RATE = 48000
LOW = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)
HIGH = Theta(2 * np.pi * 310, 0.2, 0.01, 0.03, 0.6)
HALF = np.sqrt(0.5)  # of a pad in the middle


class Pool:
    """A pool and what came out of it."""

    def __init__(self, *pads: Pad, rate: int = RATE):
        self.data = voices.make_pool(rate)
        self.record, self.rate, self.heard = self.data[0], rate, []
        for i, pad in enumerate(pads):
            programs.write_pad(self.record["pads"][i], pad, rate)
            if pad.theta is not None:
                self.put(i, pad.theta)

    def put(self, pad: int, theta: Theta) -> None:
        self.put_drum(pad, Drum(theta))

    def put_drum(
        self, pad: int, drum_: Drum, attack_mix: float = 1.0, as_recorded: float = 1.0
    ) -> None:
        slot = pad * programs.SLOTS + int(self.record["pads"][pad]["serial"]) % programs.SLOTS
        program = self.record["programs"][slot]
        programs.write_program(program, drum_, attack_mix, self.rate, as_recorded)
        voices.set_program(self.record, pad, slot)

    def strike(self, pad: int, amount: float = 1.0) -> bool:
        return voices.strike(self.record, pad, amount)

    def play(self, n: int, block: int = 64) -> None:
        while n > 0:
            out = np.zeros((2, min(n, block)), np.float32)
            voices.render(self.record, out[0], out[1])
            self.heard.append(out)
            n -= block

    @property
    def out(self) -> np.ndarray:
        return np.concatenate(self.heard, axis=1)

    @property
    def sounding(self) -> int:
        return voices.n_sounding(self.record)


def drum(theta: Theta, n: int, rate: int = RATE) -> np.ndarray:
    return drums.render(theta, rate, n / rate) * HALF


def smooth(n: int) -> np.ndarray:
    """A fade from 0 to 1 in n samples."""
    u = np.arange(1, n + 1) / n
    return 3 * u**2 - 2 * u**3


def db(x, of) -> float:
    return 20 * np.log10(max(np.abs(x).max() / np.abs(of).max(), 1e-20))


@pytest.mark.parametrize("block", [1, 13, 64, 480, 2048])
@pytest.mark.parametrize("rate", [44100, 96000])
def test_a_strike_is_the_drum_itself(block, rate):
    pool = Pool(Pad(36, drum=Drum(LOW)), rate=rate)
    assert pool.strike(0, 0.5)
    pool.play(rate // 2, block)
    expected = 0.5 * drum(LOW, rate // 2, rate)
    assert db(pool.out[0] - expected, expected) < -80
    np.testing.assert_array_equal(*pool.out)


def test_strikes_of_a_pad_share_a_voice_that_sounds_like_several():
    pool, expected = Pool(Pad(36, drum=Drum(LOW))), np.zeros(24000)
    for start, amount in ((0, 1.0), (3001, 0.5), (9000, 0.25), (9001, 0.7)):
        pool.play(start - sum(out.shape[1] for out in pool.heard))
        pool.strike(0, amount)
        expected[start:] += amount * drum(LOW, 24000 - start)
    pool.play(24000 - 9001)
    assert pool.sounding == 1
    assert db(pool.out[0] - expected, expected) < -80


def test_a_new_theta_starts_a_new_voice_and_the_old_one_rings_out():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.strike(0)
    pool.play(4800)
    pool.put(0, HIGH)
    pool.strike(0)
    assert pool.sounding == 2
    pool.play(9600)
    expected = drum(LOW, 14400)
    expected[4800:] += drum(HIGH, 9600)
    assert db(pool.out[0] - expected, expected) < -80


def test_a_pad_with_nothing_on_it_is_silent():
    pool = Pool(Pad(36))
    assert not pool.strike(0)
    assert voices.begin_strike(pool.record, 0, 1.0) == -1
    pool.play(64)
    assert not pool.out.any()


def test_voices_end_at_100_db_below_full_scale():
    pool = Pool(Pad(36, drum=Drum(HIGH)))
    pool.strike(0)
    pool.play(RATE)
    assert pool.sounding == 1
    pool.play(3 * RATE)
    assert pool.sounding == 0
    end = np.flatnonzero(pool.out[0])[-1]
    assert 1e-7 < np.abs(pool.out[0, end - 480 : end]).max() <= voices.OVER


def test_a_velocity_that_grows_reaches_its_gain_without_a_step_and_joins():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.strike(0)
    pool.play(5000)
    voice = voices.begin_strike(pool.record, 0, 0.1)
    pool.play(48)
    voices.grow_strike(pool.record, voice, 0.5, 48)
    pool.play(48)
    voices.end_strike(pool.record, voice, 0.8, 48)
    assert pool.sounding == 2
    pool.play(10000, 50)
    assert pool.sounding == 1
    gain = np.full(10096, 0.1)
    gain[48:96] = 0.1 + 0.4 * smooth(48)
    gain[96:144] = 0.5 + 0.3 * smooth(48)
    gain[144:] = 0.8
    expected = drum(LOW, 15096)
    expected[5000:] += gain * drum(LOW, 10096)
    assert db(pool.out[0] - expected, expected) < -80


def test_a_growing_strike_becomes_the_voice_of_a_pad_that_is_silent():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    voices.end_strike(pool.record, voices.begin_strike(pool.record, 0, 0.5), 1.0, 10)
    pool.play(640)
    pool.strike(0)
    assert pool.sounding == 1


def test_a_choke_group_fades_its_other_pads():
    pads = (
        Pad(36, drum=Drum(LOW), choke=1),
        Pad(37, drum=Drum(HIGH), choke=1),
        Pad(38, drum=Drum(HIGH)),
    )
    pool = Pool(*pads)
    for pad in (0, 2):
        pool.strike(pad)
    pool.play(4800)
    pool.strike(1)
    pool.play(4800)
    assert pool.sounding == 2
    gain, fade = np.zeros(9600), round(0.03 * RATE)
    gain[:4800] = 1
    gain[4800 : 4800 + fade] = 1 - smooth(fade)
    expected = gain * drum(LOW, 9600) + drum(HIGH, 9600)
    expected[4800:] += drum(HIGH, 4800)
    assert db(pool.out[0] - expected, expected) < -80


def test_the_quietest_voice_is_stolen_with_a_fade():
    pool = Pool(Pad(36, drum=Drum(HIGH)))
    for i in range(voices.N_VOICES):
        pool.strike(0, 0.001 if i == 100 else 0.01)
        pool.put(0, HIGH)
    pool.play(64)
    level = pool.record["voices"]["level"]
    before = int(np.argmin(np.where(pool.record["voices"]["pad"] < 0, np.inf, level)))
    pool.strike(0)
    assert pool.record["stolen"] == 1
    assert pool.record["voices"][before]["fading"] == 1
    assert pool.sounding == voices.N_VOICES + 1
    pool.play(int(voices.STEAL_S * RATE) + 64)
    assert pool.sounding == voices.N_VOICES


@pytest.mark.parametrize("what", ["steal", "choke", "theta", "restrike", "grow"])
def test_nothing_of_it_makes_a_step(what):
    """A step is energy above the highest partial, where drums of few low partials have none."""
    low = LOW._replace(p=1.0, tau=1.0)  # its high partials die at once
    pool = Pool(Pad(36, drum=Drum(low), choke=1), Pad(37, drum=Drum(low), choke=1))
    pool.strike(0)
    pool.play(RATE // 2)
    if what == "steal":
        for index in range(voices.N_VOICES + voices.N_SPARE):
            voices._fade(pool.record["voices"][index], round(voices.STEAL_S * RATE))
    elif what == "choke":
        voices._choke(pool.record, 1)
    elif what == "theta":
        pool.put(0, HIGH)
    elif what == "restrike":
        pool.strike(0, 1e-9)
    else:
        voices.grow_strike(pool.record, voices.begin_strike(pool.record, 0, 1e-9), 1e-8, 48)
    pool.play(4800)
    near = pool.out[0, RATE // 2 - 1000 :]
    steps = np.abs(np.diff(near, 3))  # a smooth low sound has nearly none
    print(f"{what}: largest third difference {20 * np.log10(steps.max() / np.abs(near).max()):.0f}")
    assert steps.max() < 1e-3 * np.abs(near).max()  # -60 dB


def test_gain_and_pan_change_smoothly():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.strike(0)
    pool.play(4800)
    programs.write_pad(pool.record["pads"][0], Pad(36, gain_db=-60.0, pan=1.0), RATE)
    pool.play(9600)
    left, right = pool.out
    tail = drum(LOW, 14400)[-960:]
    assert db(left[-960:], tail) < -100
    np.testing.assert_allclose(right[-960:], tail * 1e-3 / HALF, atol=1e-6)


def test_silence_ends_all():
    pool = Pool(Pad(36, drum=Drum(LOW)), Pad(37, drum=Drum(HIGH)))
    for pad in (0, 1):
        pool.strike(pad)
    voices.silence(pool.record, 480)
    pool.play(512)
    assert pool.sounding == 0


LEVELS = np.zeros(attack.SHAPE)
LEVELS[6:10, 2] = 0.02, 0.05, 0.03, 0.01
LEVELS[4, 4] = 1e-3
WHOLE = Drum(LOW, (0.3, 0.45), 900.0, 0.3, tuple(map(tuple, LEVELS)))


def offline(drum_: Drum, n: int, force: float, rate: int = RATE) -> np.ndarray:
    """The body of a strike of some force as physics.drum has it, scaled as the voices scale it."""
    mixed, peak = drums.render_mixed(drum_, rate, n)
    return drums.render_body(drum_, rate, n, force) * (force * HALF / peak / np.abs(mixed).max())


@pytest.mark.parametrize("force", [1.0, 0.3])
@pytest.mark.parametrize("block", [64, 960])
def test_mallet_and_tension_sound_as_they_do_offline(force, block):
    body = WHOLE._replace(attack_powers=None)
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.put_drum(0, body)
    pool.strike(0, force)
    pool.play(RATE // 2, block)
    expected = offline(body, RATE // 2, force)
    assert db(pool.out[0] - expected, expected) < (-70 if block % 64 == 0 else -45)


def test_the_attack_has_its_levels_and_dies_away_as_they_say():
    noise = Drum(LOW._replace(tau=0.02), attack_powers=WHOLE.attack_powers)
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.put_drum(0, noise)
    pool.strike(0, 0.5)
    pool.play(RATE // 2)
    offline = drums.render(noise, RATE, 0.5, peak=0.5 * HALF)
    later = slice(RATE // 10, RATE // 2)  # the body is over
    for stretch in (slice(0, 2400), later):
        powers = [np.abs(np.fft.rfft(x[stretch], 2**15)) ** 2 for x in (pool.out[0], offline)]
        for low, high in zip(attack.edges_hz()[4:10], attack.edges_hz()[5:11]):
            bins = slice(int(low / RATE * 2**15), int(high / RATE * 2**15))
            of = [power[bins].sum() for power in powers]
            if of[1] > 1e-6 * powers[1].sum():
                assert 0.3 < of[0] / of[1] < 3, (stretch, low)


def test_noise_begins_elsewhere_each_time_and_grows_with_the_force():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.put_drum(0, Drum(LOW._replace(tau=0.02), attack_powers=WHOLE.attack_powers))
    for amount in (0.5, 0.5, 0.25):
        pool.strike(0, amount)
        pool.play(7 * RATE)
        assert pool.sounding == 0
    first, second, soft = pool.out[0].reshape(3, -1)[:, 2000:6000]  # behind the body
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5
    rms = [np.sqrt(np.mean(x**2)) for x in (first, second, soft)]
    np.testing.assert_allclose(np.array(rms) / rms[0], [1, 1, 0.5], rtol=0.25)


def test_without_mix_the_attack_is_not_there():
    pools = [Pool(Pad(36, drum=Drum(LOW))) for _ in range(2)]
    pools[0].put_drum(0, WHOLE, attack_mix=0.0)
    pools[1].put_drum(0, WHOLE._replace(attack_powers=None))
    for pool in pools:
        pool.strike(0)
        pool.play(4800)
    np.testing.assert_array_equal(pools[0].out, pools[1].out)


def test_a_harder_hit_is_brighter_also_when_its_force_is_known_late():
    body = WHOLE._replace(attack_powers=None, tension=0.0)

    def brightness(play) -> float:
        pool = Pool(Pad(36, drum=Drum(LOW)))
        pool.put_drum(0, body)
        play(pool)
        pool.play(RATE // 2)
        power = np.abs(np.fft.rfft(pool.out[0][480:])) ** 2
        return power[500:].sum() / power.sum()

    def grow(pool):
        voice = voices.begin_strike(pool.record, 0, 0.05)
        pool.play(96)
        voices.end_strike(pool.record, voice, 1.0, 24)

    soft, hard = (brightness(lambda pool, a=a: pool.strike(0, a)) for a in (0.05, 1.0))
    assert hard > 1.5 * soft
    assert brightness(grow) == pytest.approx(hard, rel=0.1)


def test_a_position_moves_the_strike_and_keeps_its_energy():
    def spectrum(position):
        pool = Pool(Pad(36, drum=Drum(LOW)))
        pool.put_drum(0, Drum(LOW, (0.4, 0.35)))
        pool.record["pads"][0]["position"] = position
        pool.strike(0)
        pool.play(RATE // 2)
        return np.abs(np.fft.rfft(pool.out[0])) ** 2, pool.out[0]

    own, x = spectrum(-1.0)
    away = 2 * max(0.1, 0.15) / excitation.EDGE
    _, y = spectrum(away)  # the drum's own point, said as a position
    assert db(x - y, x) < -60
    edge, rim = spectrum(1.0)
    middle, _ = spectrum(0.0)
    low = slice(40, 70)  # the fundamental, 110 Hz
    assert middle[low].sum() / middle.sum() > own[low].sum() / own.sum()
    assert edge[low].sum() / edge.sum() < 0.2 * own[low].sum() / own.sum()
    assert 0.2 < np.sum(rim**2) / np.sum(x**2) < 5


def test_a_grown_strike_that_joins_a_voice_keeps_its_noise_to_the_end():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.put_drum(0, WHOLE)
    pool.strike(0)
    pool.play(4800)
    voice = voices.begin_strike(pool.record, 0, 0.5)
    pool.play(64)
    voices.end_strike(pool.record, voice, 1.0, 24)
    pool.play(128)
    assert pool.sounding == 2  # the modes are one voice, the second noise another
    assert sorted(pool.record["voices"]["fresh"][pool.record["voices"]["pad"] >= 0]) == [0, 3]
    pool.play(8 * RATE)
    assert pool.sounding == 0
    x = pool.out[0]
    steps = np.abs(np.diff(x[4800 + 64 :]))
    assert steps[:48].max() < 1.5 * steps[48:960].max()  # no click where it joins


@pytest.mark.parametrize("mallet_hz", [60.0, 300.0, 1000.0])
def test_a_soft_mallets_strike_that_grows_joins_without_a_step(mallet_hz):
    at, scan = 480, 48  # samples

    def steps(play) -> float:
        """The largest of them, as third differences, where it is struck or joins."""
        pool = Pool(Pad(36, drum=Drum(LOW)))
        pool.put_drum(0, Drum(LOW, mallet_hz=mallet_hz))
        pool.play(at)
        play(pool)
        pool.play(4800)
        near = np.abs(np.diff(pool.out[0], 3))[at - 8 : at + scan + 8]
        return near.max() / np.abs(pool.out[0]).max()

    def grow(pool):
        voice = voices.begin_strike(pool.record, 0, 0.05)
        pool.play(scan)
        voices.end_strike(pool.record, voice, 1.0, scan)

    assert steps(grow) < 0.2 * steps(lambda pool: pool.strike(0, 1.0))


def test_strikes_of_a_tense_drum_start_higher_when_it_still_rings():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.put_drum(0, Drum(LOW._replace(tau=1.0), tension=1.0))

    def pitch(x):
        crossings = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
        return RATE * (len(crossings) - 1) / (crossings[-1] - crossings[0])

    pool.strike(0, 0.1)
    pool.play(RATE // 10)
    soft = pitch(pool.out[0])
    pool.heard.clear()
    pool.strike(0, 1.0)
    pool.play(RATE // 20)
    assert pitch(pool.out[0]) > 1.15 * soft


def kit_drum(name: str, file=ROOT / "gui" / "demo.drumkit") -> Drum:
    """A drum of the demo kit."""
    kit, _ = load_kit(file)
    return next(pad.drum for pad in kit.pads if pad.name == name)


def strokes(drum_: Drum, rate: int, force: float = 1.0, n: int = 8, seconds: float = 0.5):
    """Equal strokes, each after silence, (n, samples), as loud as offline."""
    pool = Pool(Pad(36), rate=rate)
    pool.put_drum(0, drum_)
    for _ in range(n):
        pool.strike(0, force)
        pool.play(round(seconds * rate), 480)
        pool.record["voices"]["pad"] = -1
    return pool.out[0].reshape(n, -1) / HALF


def peak_and_energy_db(x) -> np.ndarray:
    """(..., samples) -> (..., 2)"""
    x = np.asarray(x, float)
    peak, energy = np.max(np.abs(x), axis=-1), np.sum(x**2, axis=-1)
    return np.stack([20 * np.log10(peak), 10 * np.log10(energy)], axis=-1)


EARLIER = ROOT / "tests" / "data" / "earlier.drumkit"  # membranes with long noise
ATTACKS = ["Kick", "Snare", "Rim", "Rim shot", "Bass", "Heavy kick", "Small tenor", "Tabla glide"]


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("name", ATTACKS)
def test_equal_strokes_have_the_peak_and_the_energy_of_the_offline_rendering(name, rate):
    """Within 1 dB: half of what a listener takes for another stroke, and below a step of MIDI."""
    drum_ = kit_drum(name)
    for force in (1.0, 0.8, 0.6, 0.3, 0.05):
        x = strokes(drum_, rate, force)
        figures = peak_and_energy_db(x)
        spread = np.ptp(figures, axis=0)
        print(f"{name}, {rate} Hz, force {force}: spread {spread.round(2)} dB")
        assert np.all(spread < 1)
        if force == 1:
            offline = drums.render(drum_, rate, x.shape[1] / rate)
            assert np.all(np.abs(figures - peak_and_energy_db(offline)) < 1)


def above_and_below(x, rate: int, hz: float):
    """The parts of x (..., samples) above and below a frequency."""
    spectrum = np.fft.rfft(x)
    high = np.fft.rfftfreq(x.shape[-1], 1 / rate) > hz
    return (np.fft.irfft(spectrum * part, x.shape[-1]) for part in (high, ~high))


def noise_of(drum_: Drum, n: int = 8) -> np.ndarray:
    """What is not body of n equal strokes, (n, samples)."""
    whole = np.abs(drums.render_mixed(drum_, RATE, RATE // 4)[0]).max()
    return (
        strokes(drum_, RATE, n=n) - strokes(drum_._replace(attack_powers=None), RATE, n=1) / whole
    )


@pytest.mark.parametrize("name", ["Kick", "Snare", "Rim", "Heavy kick", "Small tenor"])
def test_strokes_in_a_row_differ_in_the_noise_above_the_fixed_bands(name):
    high, _ = above_and_below(noise_of(kit_drum(name, EARLIER)), RATE, 300.0)
    for stroke, following in pairwise(high):
        assert abs(np.corrcoef(stroke, following)[0, 1]) < 0.5


@pytest.mark.parametrize("name", ["Kick", "Heavy kick", "Bass"])  # loud in the lowest bands
def test_strokes_are_the_same_in_the_lowest_noise(name):
    _, low = above_and_below(noise_of(kit_drum(name, EARLIER)), RATE, attack.edges_hz()[2])
    assert db(low - low[0], low) < -30


def test_the_first_start_is_the_offline_noise():
    pool = Pool(Pad(36, drum=Drum(LOW)))
    pool.put_drum(0, WHOLE._replace(tension=0.0))
    pool.record["programs"]["n_starts"] = 1
    pool.strike(0)
    pool.play(RATE // 4, 480)
    expected = drums.render(WHOLE._replace(tension=0.0), RATE, 0.25) * HALF
    assert db(pool.out[0] - expected, expected) < -50  # straight lines for exponentials, by 0.5 ms


@pytest.mark.parametrize("rate", [16000, 48000])
def test_the_noise_repeats_without_a_step(rate):
    for bands in noise.noise_table(rate):
        loop = np.concatenate([bands[-noise.BLOCK - 4000 : -noise.BLOCK], bands[:4000]])
        there = np.any(bands, axis=0) & (np.std(bands, axis=0) > 0.99)  # below Nyquist
        assert np.all(np.abs(np.std(loop[2000:6000, there], axis=0) - 1) < 0.5)
        steps = np.abs(np.diff(loop, axis=0))
        assert np.all(steps[3998:4001].max(axis=0) <= steps.max(axis=0))
        np.testing.assert_array_equal(bands[noise.NOISE :], bands[: noise.BLOCK])


def test_a_stroke_on_ringing_noise_is_the_stroke_itself():
    """Struck once more a second later, when the noise of the first still sounds."""
    powers = np.zeros(attack.SHAPE)
    powers[1:4, 2], powers[6, 5] = 0.5, 1e-4
    drum_ = Drum(LOW._replace(tau=0.05), attack_powers=tuple(map(tuple, powers)))
    pool = Pool(Pad(36))
    pool.put_drum(0, drum_)
    for _ in range(6):
        pool.strike(0)
        pool.play(RATE)
        assert pool.sounding == 1
    figures = peak_and_energy_db(pool.out[0].reshape(6, -1))
    assert np.all(np.ptp(figures, axis=0) < 1)


def test_a_soft_stroke_on_loud_noise_makes_no_step():
    powers = np.zeros(attack.SHAPE)
    powers[0:2, 5] = 1.0  # nothing above 150 Hz
    drum_ = Drum(LOW._replace(tau=0.02, p=1.0), attack_powers=tuple(map(tuple, powers)))
    pool = Pool(Pad(36))
    pool.put_drum(0, drum_)
    pool.strike(0)
    pool.play(RATE // 2)
    pool.strike(0, 1e-6)
    pool.play(RATE // 2)
    steps = np.abs(np.diff(pool.out[0], 3))
    at = slice(RATE // 2 - 100, RATE // 2 + 400)
    print(f"largest third difference {db(steps[at], pool.out[0, at]):.0f} dB")
    assert db(steps[at], pool.out[0, at]) < -60


def test_two_strikes_at_once_have_the_power_of_both():
    outs = []
    for n in (1, 2):
        pool = Pool(Pad(36))
        pool.put_drum(0, Drum(LOW._replace(tau=0.002, p=1.0), attack_powers=WHOLE.attack_powers))
        for _ in range(n):
            pool.strike(0)
        pool.record["voices"]["state"] = 0  # the noise alone
        pool.play(RATE // 10)
        outs.append(pool.out[0])
    np.testing.assert_allclose(outs[1], np.sqrt(2) * outs[0], atol=1e-5)


def own_drum(seed: int, tension: float = 0.3) -> Drum:
    """A drum with partials and an attack."""
    return recorded(seed, tension)._replace(attack_powers=WHOLE.attack_powers)


@pytest.mark.parametrize("as_recorded", [0.3, 1.0])
@pytest.mark.parametrize("tension", [0.0, 0.3])
@pytest.mark.parametrize("force", [1.0, 0.3])
def test_partials_sound_as_they_do_offline(as_recorded, tension, force):
    drum_, n = recorded(1, tension), RATE // 2
    pool = Pool(Pad(36))
    pool.put_drum(0, drum_, as_recorded=as_recorded)
    pool.strike(0, force)
    pool.play(n)
    mixed, peak = drums.render_mixed(drum_, RATE, n, 1.0, as_recorded)
    body = drums.render_body(drum_, RATE, n, force, as_recorded)
    expected = body * (force * HALF / peak / np.abs(mixed).max())
    assert db(pool.out[0] - expected, expected) < -70


def test_partials_are_the_membrane_where_nothing_is_as_recorded():
    outs = []
    for drum_, share in ((own_drum(1), 0.0), (own_drum(1)._replace(partials=()), 1.0)):
        pool = Pool(Pad(36))
        pool.put_drum(0, drum_, as_recorded=share)
        pool.strike(0, 0.7)
        pool.play(4800)
        outs.append(pool.out)
    np.testing.assert_array_equal(*outs)


@pytest.mark.parametrize("seed", range(4))
def test_equal_strokes_with_partials_are_as_loud_as_offline(seed):
    drum_ = own_drum(seed)
    for force in (1.0, 0.3):
        x = strokes(drum_, RATE, force, n=10)
        figures = peak_and_energy_db(x)
        assert np.all(np.ptp(figures, axis=0) < 1)
        if force == 1:
            offline = drums.render(drum_, RATE, x.shape[1] / RATE)
            assert np.all(np.abs(figures - peak_and_energy_db(offline)) < 1)


@pytest.mark.parametrize("seed", range(6))
def test_ten_steps_to_the_recorded_drum_change_the_level_little(seed):
    levels = []
    for as_recorded in np.linspace(0, 1, 11):
        pool = Pool(Pad(36))
        pool.put_drum(0, own_drum(seed), as_recorded=as_recorded)
        pool.strike(0)
        pool.play(RATE // 2, 480)
        assert np.abs(pool.out).max() == pytest.approx(HALF, rel=0.05)
        levels.append(peak_and_energy_db(pool.out[0]))
    steps = np.abs(np.diff(levels, axis=0))
    print(f"largest steps of peak and energy {steps.max(axis=0).round(2)} dB")
    assert np.all(steps < 3)


def test_strikes_on_ringing_partials_add_up():
    drum_, n = recorded(2), RATE // 2
    alone = Pool(Pad(36))
    alone.put_drum(0, drum_)
    alone.strike(0)
    alone.play(n)
    pool = Pool(Pad(36))
    pool.put_drum(0, drum_)
    pool.strike(0)
    pool.play(4800)
    pool.strike(0)
    pool.play(n - 4800)
    expected = alone.out[0].copy()
    expected[4800:] += alone.out[0, :-4800]
    assert pool.sounding == 1
    assert db(pool.out[0] - expected, expected) < -70


def test_the_glide_of_strikes_in_a_row_adds_up_in_energy():
    pool = Pool(Pad(36))
    pool.put_drum(0, recorded(2, tension=0.5))
    for _ in range(4):
        pool.strike(0)
    voice = pool.record["voices"][pool.record["voices"]["pad"] == 0][0]
    row = voice["glide"]
    assert voice["weight"][row] * voice["state"][0, row] ** 2 == pytest.approx(4, rel=1e-5)
    assert voice["state"][1, row] == 0


def test_no_position_raises_a_partial_by_more_than_12_db():
    pool = Pool(Pad(36))
    pool.put_drum(0, recorded(3, tension=0.5))
    program = pool.record["programs"][0]
    own = [np.pi * x for x in program["strike"]]
    for x1, x2 in np.pi * np.random.default_rng(0).uniform(0, 1, (300, 2)):
        for i in range(program["n_all"]):
            there, here = (excitation._strength(program, i, *x) for x in ((x1, x2), own))
            assert 20 * np.log10(there / here) < 12.05


def test_a_position_moves_partials_and_keeps_their_energy():
    energies = []
    for position in (-1.0, 0.0, 0.5, 1.0):
        pool = Pool(Pad(36))
        pool.put_drum(0, recorded(3, tension=0.5))
        pool.record["pads"][0]["position"] = position
        pool.strike(0)
        voice = pool.record["voices"][pool.record["voices"]["pad"] == 0][0]
        row = voice["glide"]
        assert voice["weight"][row] * voice["state"][0, row] ** 2 == pytest.approx(1, rel=1e-5)
        energies.append(np.sum(voice["state"] ** 2))
    np.testing.assert_allclose(energies, energies[0], rtol=1e-3)


def test_a_grown_strike_with_partials_is_the_strike_itself():
    outs = []
    for grown in (False, True):
        pool = Pool(Pad(36))
        pool.put_drum(0, recorded(4, tension=0.5))
        if grown:
            voices.end_strike(pool.record, voices.begin_strike(pool.record, 0, 0.5), 0.5, 10)
        else:
            pool.strike(0, 0.5)
        pool.play(RATE // 4)
        assert pool.sounding == 1
        outs.append(pool.out[0])
    assert db(outs[1] - outs[0], outs[0]) < -70


@pytest.mark.parametrize("wires_s", [0.05, 0.2])
def test_wires_stop_as_they_do_offline_and_rattle_again_with_the_next_strike(wires_s):
    quiet = Drum(LOW._replace(tau=0.002, p=1.0), attack_powers=WHOLE.attack_powers)
    drum_ = quiet._replace(wires_s=wires_s)
    pool = Pool(Pad(36))
    pool.put_drum(0, drum_)
    pool.strike(0)
    n = RATE // 2
    pool.play(n)
    offline = drums.render(drum_, RATE, 0.5, peak=HALF)
    forever = drums.render(quiet, RATE, 0.5, peak=HALF)

    def above(x, part):  # power above the bands that do not stop
        power = np.abs(np.fft.rfft(x[part], 2**15)) ** 2
        return power[int(400 / RATE * 2**15) :].sum()

    for part in (slice(0, 2400), slice(RATE // 25, RATE // 10)):
        assert 0.3 < above(pool.out[0], part) / above(offline, part) < 3
    late = slice(round(2.5 * wires_s * RATE), n)
    if late.start < n - 2000:
        assert above(pool.out[0], late) < 1e-4 * above(forever, late)
    pool.strike(0)
    pool.play(n)
    again = pool.out[0, n:]
    assert 0.3 < above(again, slice(0, 2400)) / above(pool.out[0, :n], slice(0, 2400)) < 3
