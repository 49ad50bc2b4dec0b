"""README.txt of a pack: what it is, and what each of its sounds is."""

import matcher
from matcher.kits.kit import Kit, kit_name, pad_name
from matcher.packs.options import PackOptions
from matcher.packs.place import MADE_BY
from matcher.packs.strikes import Strikes


def readme(kit: Kit, strikes: Strikes, options: PackOptions, about: list[str]) -> bytes:
    """The text of a pack's README.txt.

    Args:
        kit: the kit.
        strikes: its sounds.
        options: how they were rendered.
        about: lines on this format.
    """
    layers = ", ".join(f"{low}-{high}" for low, high in options.layer_velocities)
    level_db = strikes.scale_db
    turned = f"All of them are {-level_db:.1f} dB softer than in the app, so that none clips."
    lines = [
        f"{MADE_BY} {matcher.__version__}: the kit {kit_name(kit)} as sounds.",
        "They are rendered by a physical model; there is no recording among them.",
        "", *about, "",
        f"{len(strikes)} sounds, {options.sample_rate} Hz, {options.bits} bit, stereo.",
        f"Velocity layers: {layers}. The number behind v is the velocity it was struck with.",
        "Strikes behind rr are equally loud; each has other noise, as strikes in the app.",
        *([turned] if level_db < 0 else []), "",
        "Pad  MIDI notes         choke group  name",
    ]  # fmt: skip
    for i in strikes.pads:
        pad = kit.pads[i]
        notes = " ".join(map(str, pad.notes))
        lines.append(f"{i + 1:3}  {notes:<17}  {pad.choke or '-':<11}  {pad_name(kit, i)}")
    return ("\n".join(lines) + "\n").encode()
