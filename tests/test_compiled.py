from matcher import compiled
from matcher.live import callback, detector, voices
from matcher.physics import modal


def test_compiled_code_is_dropped_when_any_file_of_the_package_changes():
    for function in (modal.add_modes, voices.render, detector.feed, callback.process):
        assert function.dispatcher._cache._cache_file._source_stamp == compiled._sources()
