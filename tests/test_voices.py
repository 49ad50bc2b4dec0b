import numpy as np
import pytest

from matcher import modal, voices
from matcher.kit import Pad
from matcher.theta import Theta

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
            voices.write_pad(self.record["pads"][i], pad, rate)
            if pad.theta is not None:
                self.put(i, pad.theta)

    def put(self, pad: int, theta: Theta) -> None:
        slot = pad * voices.SLOTS + int(self.record["pads"][pad]["serial"]) % voices.SLOTS
        voices.write_program(self.record["programs"][slot], theta, self.rate)
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
    return modal.render(theta, rate, n / rate) * HALF


def smooth(n: int) -> np.ndarray:
    """A fade from 0 to 1 in n samples."""
    u = np.arange(1, n + 1) / n
    return 3 * u**2 - 2 * u**3


def db(x, of) -> float:
    return 20 * np.log10(max(np.abs(x).max() / np.abs(of).max(), 1e-20))


@pytest.mark.parametrize("block", [1, 13, 64, 480, 2048])
@pytest.mark.parametrize("rate", [44100, 96000])
def test_a_strike_is_the_drum_itself(block, rate):
    pool = Pool(Pad(36, theta=LOW), rate=rate)
    assert pool.strike(0, 0.5)
    pool.play(rate // 2, block)
    expected = 0.5 * drum(LOW, rate // 2, rate)
    assert db(pool.out[0] - expected, expected) < -80
    np.testing.assert_array_equal(*pool.out)


def test_strikes_of_a_pad_share_a_voice_that_sounds_like_several():
    pool, expected = Pool(Pad(36, theta=LOW)), np.zeros(24000)
    for start, amount in ((0, 1.0), (3001, 0.5), (9000, 0.25), (9001, 0.7)):
        pool.play(start - sum(out.shape[1] for out in pool.heard))
        pool.strike(0, amount)
        expected[start:] += amount * drum(LOW, 24000 - start)
    pool.play(24000 - 9001)
    assert pool.sounding == 1
    assert db(pool.out[0] - expected, expected) < -80


def test_a_new_theta_starts_a_new_voice_and_the_old_one_rings_out():
    pool = Pool(Pad(36, theta=LOW))
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
    pool = Pool(Pad(36, theta=HIGH))
    pool.strike(0)
    pool.play(RATE)
    assert pool.sounding == 1
    pool.play(3 * RATE)
    assert pool.sounding == 0
    end = np.flatnonzero(pool.out[0])[-1]
    assert 1e-7 < np.abs(pool.out[0, end - 480 : end]).max() <= voices.OVER


def test_a_velocity_that_grows_reaches_its_gain_without_a_step_and_joins():
    pool = Pool(Pad(36, theta=LOW))
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
    pool = Pool(Pad(36, theta=LOW))
    voices.end_strike(pool.record, voices.begin_strike(pool.record, 0, 0.5), 1.0, 10)
    pool.play(640)
    pool.strike(0)
    assert pool.sounding == 1


def test_a_choke_group_fades_its_other_pads():
    pads = (Pad(36, theta=LOW, choke=1), Pad(37, theta=HIGH, choke=1), Pad(38, theta=HIGH))
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
    pool = Pool(Pad(36, theta=HIGH))
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
    pool = Pool(Pad(36, theta=low, choke=1), Pad(37, theta=low, choke=1))
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
    pool = Pool(Pad(36, theta=LOW))
    pool.strike(0)
    pool.play(4800)
    voices.write_pad(pool.record["pads"][0], Pad(36, gain_db=-60.0, pan=1.0), RATE)
    pool.play(9600)
    left, right = pool.out
    tail = drum(LOW, 14400)[-960:]
    assert db(left[-960:], tail) < -100
    np.testing.assert_allclose(right[-960:], tail * 1e-3 / HALF, atol=1e-6)


def test_silence_ends_all():
    pool = Pool(Pad(36, theta=LOW), Pad(37, theta=HIGH))
    for pad in (0, 1):
        pool.strike(pad)
    voices.silence(pool.record, 480)
    pool.play(512)
    assert pool.sounding == 0
