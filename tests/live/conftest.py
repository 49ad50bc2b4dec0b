import pytest


@pytest.fixture
def silent(monkeypatch):
    """No sound server that an engine of this test could find."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
