"""Drum matcher: matches the recording of a drum with a physical model of five parameters.

    import matcher
    result = matcher.match(x, sample_rate)             # Match: theta, drum, twin, distance
    twin = matcher.render(result.drum, 48000, 2.0)     # (96000,) float32, its twin
    body = matcher.render(result.theta, 48000, 2.0)    # the membrane alone

The modules behind these names are imported when they are first used.
"""

from importlib import import_module

__version__ = "0.1.0"
_HOME = {
    "Drum": "matcher.physics.drum",
    "Match": "matcher.matching.match",
    "MatchOptions": "matcher.matching.match",
    "Theta": "matcher.physics.theta",
    "match": "matcher.matching.match",
    "match_file": "matcher.matching.match",
    "render": "matcher.physics.drum",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'matcher' has no attribute {name!r}")
