"""What can be chosen when a kit is exported as sound files."""

from dataclasses import dataclass

from matcher.checks import check_range

LAYERS = (1, 16)  # velocity layers of a pad
ROUND_ROBINS = (1, 8)  # strikes of each layer: the voices know up to 8 (live/noise.py:N_STARTS)
PACK_RATES = (8000, 192000)  # Hz: what samplers read
BITS = (16, 24)  # depths that WAV, FLAC and all samplers have


@dataclass(frozen=True)
class PackOptions:
    """How a kit becomes sound files.

    Raises:
        ValueError: if a field is not allowed; names its value and the allowed ones.
    """

    layers: int = 5  # velocity layers of each pad, 1 to 16
    # strikes of each layer that differ, 1 to 8; fewer where the pad has no more
    round_robins: int = 3
    sample_rate: int = 48000  # Hz
    bits: int = 24  # 16 or 24
    flac: bool = True  # FLAC files where the format takes them, else WAV
    replace: bool = False  # replace what an earlier export left in its place

    def __post_init__(self):
        check_range("layers", self.layers, *LAYERS)
        check_range("round robins", self.round_robins, *ROUND_ROBINS)
        check_range("rate", self.sample_rate, *PACK_RATES)
        if self.bits not in BITS:
            raise ValueError(f"bits is {self.bits}, allowed is {' or '.join(map(str, BITS))}")

    @property
    def layer_velocities(self) -> list[tuple[int, int]]:
        """Lowest and highest MIDI velocity of each layer, from the softest one."""
        tops = [round(127 * (i + 1) / self.layers) for i in range(self.layers)]
        return [(low + 1, high) for low, high in zip([0, *tops], tops)]
