import pytest

from matcher.packs.options import PackOptions
from matcher.page.export import save
from tests.plugin.conftest import make_kit


@pytest.fixture(scope="session")
def kit():
    return make_kit()


@pytest.fixture(scope="session")
def page_file(kit, tmp_path_factory):
    """The page of a kit of pads of all kinds."""
    path = tmp_path_factory.mktemp("page") / "kit.html"
    save(kit, path, PackOptions(), lambda done, total: None)
    return path


@pytest.fixture(scope="module")
def browser():
    from tests.page.browser import chromium  # skips where there is no playwright

    with chromium() as browser:
        yield browser
