"""The strikes of a kit as sounds: each pad's velocity layers and round robins.

They are rendered by the voices that play live. There, a strike differs from the one before in where
the free bands of its noise begin (live/noise.py); a round robin is one of these places.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from matcher.kits.kit import CURVES, Kit, filled_pads, velocity_to_gain
from matcher.live import programs, voices
from matcher.live.noise import BLOCK
from matcher.packs.options import PackOptions

CEILING = 0.99  # of full scale: the loudest sample of a pack, where it has to be turned down
END = 10 ** (-96 / 20)  # amplitude that is the end of a strike: the last bit of 16
FADE_S = 0.005  # s in which a sound fades out at its end
LONGEST_S = 12.0  # s of a sound; -35 dB with the longest decay there is
CUT_FADE_S = 1.0  # s in which one fades out that would last longer


class Strike(NamedTuple):
    """One strike of a pad."""

    pad: int  # index of the pad, from 0
    low: int  # lowest MIDI velocity of its layer
    high: int  # highest one, with which it was struck
    gain: float  # of the pad's velocity curve at that velocity, 0 to 1
    robin: int  # number among the strikes of its layer, from 0
    n_robins: int
    x: np.ndarray  # (frames, 2) float32, as loud as a strike of gain 1


class Strikes:
    """All strikes of a kit, rendered one by one.

    Sounds are as loud as with velocity 127, so that soft layers keep their resolution; whoever
    plays them applies the velocity curve, or multiplies by `Strike.gain`. All of a kit are turned
    down together by `scale` where one would clip; levels among pads are those of the app.

    Args:
        kit: the kit.
        options: layers, round robins and sample rate are taken from it.

    Raises:
        ValueError: if there is no drum on any pad.
    """

    def __init__(self, kit: Kit, options: PackOptions):
        self.kit, self._options = kit, options
        self.pads = filled_pads(kit)
        self._pool = voices.make_pool(options.sample_rate)[0]
        self._starts = {i: self._prepare(i) for i in self.pads}
        onset = programs.PEAK_S
        peaks = [np.abs(self._render(*which, onset)).max() for which in self._all()]
        self.scale = float(min(1.0, CEILING / max(peaks)))

    @property
    def scale_db(self) -> float:
        """Level of all sounds, dB above the app's: 0, or below where one would have clipped."""
        return float(20 * np.log10(self.scale))

    def __len__(self) -> int:
        return sum(map(len, self._starts.values())) * self._options.layers

    def __iter__(self) -> Iterator[Strike]:
        for pad, low, high, robin in self._all():
            gain = velocity_to_gain(CURVES[self.kit.pads[pad].curve], high / 127)
            x = np.float32(self.scale) * self._render(pad, low, high, robin)
            yield Strike(pad, low, high, gain, robin, len(self._starts[pad]), x)

    def _prepare(self, pad: int) -> list[int]:
        """Put a pad's drum on it -> where the noise of its round robins begins, in samples."""
        r, rate, settings = self._pool, self._options.sample_rate, self.kit.pads[pad]
        drum, attack_mix, as_recorded = settings.sound
        programs.write_pad(r["pads"][pad], settings, rate)
        programs.write_program(r["programs"][pad], drum, attack_mix, rate, as_recorded)
        voices.set_program(r, pad, pad)
        program = r["programs"][pad]
        starts = program["starts"][: max(1, int(program["n_starts"]))]
        return [int(start) for start in starts[: self._options.round_robins]]

    def _all(self) -> Iterator[tuple[int, int, int, int]]:
        """Pad, velocities of the layer, and number of the round robin, of each strike."""
        for pad in self.pads:
            for low, high in self._options.layer_velocities:
                for robin in range(len(self._starts[pad])):
                    yield pad, low, high, robin

    def _render(
        self, pad: int, low: int, high: int, robin: int, seconds: float = LONGEST_S
    ) -> np.ndarray:
        """One strike of a pad that was silent, (frames, 2), as loud as with a gain of 1."""
        r, rate = self._pool, self._options.sample_rate
        r["voices"]["pad"] = -1
        program = r["programs"][pad]
        if program["n_starts"] > 0:
            program["n_starts"], program["last_start"] = 1, 0
            program["starts"][0] = self._starts[pad][robin]
        gain = velocity_to_gain(CURVES[self.kit.pads[pad].curve], high / 127)
        voices.strike(r, pad, gain)
        blocks, n_frames = [], round(seconds * rate)
        while voices.n_sounding(r) and len(blocks) * BLOCK < n_frames:
            blocks.append(np.zeros((2, BLOCK), np.float32))
            voices.render(r, *blocks[-1])
        x = np.concatenate(blocks, axis=1)[:, :n_frames]
        return _with_end(x, rate).T / np.float32(gain)


def _with_end(x: np.ndarray, rate: int) -> np.ndarray:
    """x (2, frames) without the silence at its end, faded out there."""
    audible = np.flatnonzero(np.abs(x).max(axis=0) > END)
    n = int(audible[-1]) + 1 if len(audible) else 1
    cut = n > (LONGEST_S - FADE_S) * rate
    n_fade = min(n, round((CUT_FADE_S if cut else FADE_S) * rate))
    x = x[:, :n].copy()
    x[:, n - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)
    return x
