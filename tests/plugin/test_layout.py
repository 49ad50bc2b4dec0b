from matcher.kits.kit import PAD_PARAMETERS
from matcher.physics.drum import DRUM_PARAMETERS
from matcher.plugin.layout import KIT, KNOBS, N_KNOBS, SETTINGS, STRIDE


def test_every_parameter_of_a_pad_is_a_knob():
    assert sorted(KNOBS) == sorted(DRUM_PARAMETERS + PAD_PARAMETERS)
    assert N_KNOBS <= STRIDE


def test_knobs_keep_their_places():
    """Sessions of hosts have them by their numbers: new ones come last."""
    assert KNOBS[:14] == (
        "omega", "tau", "p", "D", "alpha", "x1", "x2", "mallet_hz", "tension",
        "attack_mix", "as_recorded", "tune", "gain_db", "pan",
    )  # fmt: skip
    assert KIT.fields["knobs"][1] == 0  # C code finds them there


def test_settings_keep_their_places():
    assert tuple(setting.name for setting in SETTINGS)[:8] == (
        "on", "pad", "gain_db", "threshold_db", "sensitivity", "mask_ms", "through", "separate",
    )  # fmt: skip
    for setting in SETTINGS:
        assert setting.low <= setting.default <= setting.high
