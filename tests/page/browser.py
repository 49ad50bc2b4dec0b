"""A page in headless Chromium, driven by playwright, and what it plays as numbers."""

import base64
import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WAIT_MS = 120_000  # ms, at most: nothing is measured in time, and machines are busy

# A node that keeps all it is given, in blocks, from the first one that is not silent
RECORDER = """
registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([[left, right]]) {
    if (left) this.port.postMessage([left.slice(), right.slice()]);
    return true;
  }
});
"""
RECORD = """async (code) => {
  const { sound } = await page;
  await sound.context.audioWorklet.addModule("data:text/javascript," + encodeURIComponent(code));
  const recorder = new AudioWorkletNode(sound.context, "recorder", { numberOfOutputs: 1 });
  globalThis.recorded = [];
  recorder.port.onmessage = ({ data }) => {
    if (recorded.length || data[0].some((x) => x !== 0)) recorded.push(data);
  };
  sound.node.connect(recorder);
  recorder.connect(sound.context.destination);
}"""
PACKED = """const packed = (channels) => {
  const bytes = new Uint8Array(Float32Array.from(channels.flatMap((x) => [...x])).buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};"""
TAKEN = f"""(blocks) => {{
  {PACKED}
  const taken = recorded.slice(0, blocks);
  return packed([0, 1].map((c) => taken.flatMap((block) => [...block[c]])));
}}"""
OFFLINE = f"""async ({{ rate, frames, messages, masterDb }}) => {{
  {PACKED}
  const context = new OfflineAudioContext(2, frames, rate);
  const node = await makeNode(context, await unpacked("player"), masterDb);
  const ready = new Promise((resolve) => (node.port.onmessage = resolve));
  for (const message of messages) node.port.postMessage(message);
  node.port.postMessage({{ do: "kit", bytes: await unpacked("kit") }});
  await ready;
  const buffer = await context.startRendering();
  return packed([buffer.getChannelData(0), buffer.getChannelData(1)]);
}}"""
READY = "Ready"  # begins the page's sentence once it plays
# Keeps what goes to the player
SPY = """page.then(({ sound }) => {
  globalThis.sent = [];
  const midi = sound.midi.bind(sound);
  sound.midi = (...data) => { sent.push(data); midi(...data); };
})"""


@contextmanager
def chromium():
    """Headless Chromium; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    options = ["--autoplay-policy=user-gesture-required"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # which Chromium has none of for root
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=options, timeout=WAIT_MS
        )
        yield browser
        browser.close()


def open_page(browser, file, hash_text: str = "", scripts=(), **context):
    """A page at its file:// address, in a context of its own; what it reports wrong is an error."""
    context = browser.new_context(**context)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.wrong, page.requests = [], []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    for script in scripts:
        page.add_init_script(script)
    page.goto(file.as_uri() + hash_text)
    return page


def wait_for(page, part: str) -> None:
    """Wait until the page's sentence has a part."""
    page.wait_for_function("(part) => document.getElementById('status').textContent.includes(part)",
                           arg=part)  # fmt: skip


def opened(browser, file, *given, **options):
    """A page that is ready to play; arguments as those of open_page."""
    page = open_page(browser, file, *given, **options)
    wait_for(page, READY)
    return page


def closed(page) -> None:
    """Close a page: nothing may have gone wrong in it, and it asked the network for nothing."""
    assert page.wrong == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    page.context.close()


def knob(page, label: str):
    """The dial of a knob."""
    return page.get_by_role("slider", name=label, exact=True)


def as_array(text: str) -> np.ndarray:
    """Two channels, as PACKED writes them -> (2, frames)."""
    return np.frombuffer(base64.b64decode(text), np.float32).reshape(2, -1)


def offline(page, rate: int, frames: int, messages: list, master_db: float = -30.0) -> np.ndarray:
    """What the page's own worklet plays -> (2, frames). messages: as worklet.js takes them."""
    given = {"rate": rate, "frames": frames, "messages": messages, "masterDb": master_db}
    return as_array(page.evaluate(OFFLINE, given))


def record(page) -> None:
    """Begin to keep what the page plays, from the first frame that sounds on."""
    page.evaluate(RECORD, RECORDER)


def recorded(page, blocks: int) -> np.ndarray:
    """The first blocks of 128 frames of it, once they are there -> (2, frames)."""
    page.wait_for_function("(blocks) => recorded.length >= blocks", arg=blocks)
    return as_array(page.evaluate(TAKEN, blocks))
