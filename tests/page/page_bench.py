"""python -m tests.page.page_bench: what a page's player costs in node, and how large pages are."""

import json
import subprocess
import tempfile
from pathlib import Path

from matcher.kits.kit_file import load_kit
from matcher.kits.starters import STARTERS
from matcher.page import player
from matcher.page.export import page_of
from matcher.plugin import bake
from matcher.plugin.layout import KNOBS
from tests.plugin.bench import kit_of

SCRIPT = Path(__file__).parent / "page_bench.mjs"
DEMO = Path(__file__).parents[2] / "gui" / "demo.drumkit"


def main() -> None:
    """Print both."""
    print(f"player, compressed: {len(player.packed_player())} bytes")
    for path in (DEMO, *(starter.path for starter in STARTERS.values())):
        print(f"page of {path.name}: {len(page_of(load_kit(path)[0]).encode())} bytes")
    for tension in (0.0, 0.8):
        with tempfile.NamedTemporaryFile() as kit:
            kit.write(bake.kit_record(kit_of(tension)).tobytes())
            kit.flush()
            given = {
                "player": str(player.FILES / f"{player.PLAYER}.gz"), "kit": kit.name,
                "tau": KNOBS.index("tau"),
            }  # fmt: skip
            subprocess.run(["node", str(SCRIPT)], input=json.dumps(given).encode(), check=True)


if __name__ == "__main__":
    main()
