from matcher import callback, compiled, detector, modal, voices


def test_compiled_code_is_dropped_when_any_file_of_the_package_changes():
    for function in (modal.add_modes, voices.render, detector.feed, callback.process):
        assert function._cache._cache_file._source_stamp == compiled._sources()
