"""A kit as WAV files, as loud as the app plays each of them, for any sampler."""

from pathlib import Path

from matcher.kits.kit import Kit
from matcher.packs.options import PackOptions
from matcher.packs.place import README, Progress, Written, n_bytes, sound_name, whole_folder
from matcher.packs.readme import readme
from matcher.packs.strikes import Strikes
from matcher.recording import encode

ABOUT = [
    "One file for each pad, velocity layer and round robin:",
    "    PAD-NAME-vVELOCITY-rrNUMBER.wav",
    "Each is as loud as its velocity makes it, so play all of them at the same level.",
]


def save(kit: Kit, path: Path, options: PackOptions, progress: Progress) -> Written:
    """Write a folder of WAV files with a README.txt; as all of formats.FORMATS."""
    with whole_folder(path, options.replace) as temporary:
        strikes = Strikes(kit, options)
        for i, strike in enumerate(strikes, 1):
            sound = encode(strike.x * strike.gain, options.sample_rate, options.bits)
            (temporary / sound_name(kit, strike, "wav")).write_bytes(sound)
            progress(i, len(strikes))
        (temporary / README).write_bytes(readme(kit, strikes, options, ABOUT))
    return Written(path, len(strikes), n_bytes(path))
