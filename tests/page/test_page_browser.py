"""The page in a browser: played, turned, read by machines, small and offline."""

import re

import numpy as np
import pytest

from gui import theme
from gui.panels.bar import MASTER_DB as MASTER_RANGE
from gui.panels.pad_button import KEY_VELOCITY, KEYS, SOFTEST
from matcher.live import output
from matcher.page.player import FILES
from matcher.physics.parameters import PARAMETERS
from tests.page.browser import (
    READY,
    SPY,
    closed,
    knob,
    offline,
    open_page,
    opened,
    record,
    recorded,
    wait_for,
)
from tests.plugin.app import App, residual_db
from tests.plugin.test_clap import SAME_DB, performance

BLOCK = 128  # frames of a block of Web Audio
MASTER_DB = -6.0  # dB, as the page begins
KEY = round(127 * KEY_VELOCITY)  # MIDI velocity of a key
# Chromium without a sequencer offers no ports, so this one stands in for what the browser gives
PORT = """
globalThis.port = { name: "LPD8", state: "connected" };
navigator.requestMIDIAccess = async () => ({ inputs: new Map([["1", port]]) });
"""


def midi(frame: int, *data: int) -> dict:
    return {"do": "midi", "frame": frame, "data": list(data)}


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_it_sounds_as_the_instrument_does(browser, page_file, kit, rate):
    n = BLOCK * (rate // BLOCK)
    messages = performance(rate, n)
    page = opened(browser, page_file)
    out = offline(page, rate, n, [midi(frame, *data) for frame, data in messages], -30.0)
    closed(page)
    assert np.abs(out).max() < output.KNEE
    residual = residual_db(out, App(kit, rate).play(n, BLOCK, messages) * 10 ** (-30 / 20))
    print(f"{rate} Hz: {residual:.1f} dB")
    assert residual < SAME_DB


def test_turned_knobs_sound_as_in_the_instrument_and_loud_is_limited_as_there(
    browser, page_file, kit
):
    page = opened(browser, page_file)
    names = [row["name"] for row in page.evaluate("page.then((page) => page.data.knobs)")]
    pad = 3  # without noise, whose beginning is looked for only after a while
    values = {"omega": 2 * np.pi * 150, "tau": 0.2, "gain_db": 12.0, "pan": 0.4}
    turns = [
        {"do": "turn", "pad": pad, "knob": names.index(name), "value": value}
        for name, value in values.items()
    ]
    strike = (0x90, kit.pads[pad].note, 127)
    n, rate = 48000 // BLOCK * BLOCK, 48000
    at = 20 * BLOCK  # gain and pan have arrived by then
    out = offline(page, rate, n, [*turns, midi(at, *strike)], 6.0)
    closed(page)
    for name, value in values.items():
        kit = kit.with_value(pad, name, value)
    expected = App(kit, rate).play(n, BLOCK, [(at, strike)]) * 10 ** (6 / 20)
    size = np.abs(expected)
    assert size.max() > 1
    knee = output.KNEE
    limited = np.sign(expected) * (knee + (1 - knee) * np.tanh((size - knee) / (1 - knee)))
    residual = residual_db(out, np.where(size > knee, limited, expected))
    print(f"turned and limited: {residual:.1f} dB")
    assert residual < SAME_DB


def struck(browser, file, how, *given, **options) -> tuple[np.ndarray, float]:
    """What a page that was just opened plays, live, of a strike, and its sample rate."""
    page = opened(browser, file, *given, **options)
    record(page)
    how(page)
    out = recorded(page, 100)
    rate = page.evaluate("page.then((page) => page.sound.context.sampleRate)")
    closed(page)
    return out, rate


def of_app(kit, rate, *messages) -> np.ndarray:
    gain = 10 ** (MASTER_DB / 20)
    app = App(kit, rate)
    for data in messages[:-1]:
        app.send(*data)
    return app.play(100 * BLOCK, BLOCK, [(0, messages[-1])]) * gain


def same(out, expected, what: str) -> None:
    residual = residual_db(out, expected)
    print(f"{what}: {residual:.1f} dB")
    assert residual < SAME_DB


def test_a_key_plays_what_the_address_says(browser, page_file, kit):
    for text, values in (("", {}), ("#2.attack=0.4&2.tau=0.3", {"attack_mix": 0.4, "tau": 0.3})):
        out, rate = struck(browser, page_file, lambda page: page.keyboard.press("x"), text)
        for name, value in values.items():
            kit = kit.with_value(1, name, value)
        same(out, of_app(kit, rate, (0x90, 37, KEY)), f"key{text}")


def test_a_finger_plays_louder_further_down(browser, page_file, kit):
    velocities = []

    def tap(page):
        box = page.get_by_role("button", name=re.compile("^Pad 3,")).bounding_box()
        share = (round(box["y"] + 0.8 * box["height"]) - box["y"]) / box["height"]
        velocities.append(round(127 * (SOFTEST + (1 - SOFTEST) * share)))
        page.touchscreen.tap(box["x"] + box["width"] / 2, round(box["y"] + 0.8 * box["height"]))

    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    out, rate = struck(browser, page_file, tap, **phone)
    same(out, of_app(kit, rate, (0x90, 38, velocities[0])), "finger")


def test_the_mouse_strikes_from_the_middle_to_the_rim_where_that_is_ticked(browser, page_file, kit):
    page = opened(browser, page_file)
    page.evaluate(SPY)
    record(page)
    page.get_by_role("checkbox").check()
    box = page.get_by_role("button", name=re.compile("^Pad 1,")).bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    out = recorded(page, 100)
    aim, note = page.evaluate("sent")
    rate = page.evaluate("page.then((page) => page.sound.context.sampleRate)")
    closed(page)
    assert aim[:2] == [0xBF, 16] and abs(aim[2] - 64) <= 2
    assert note[:2] == [0x9F, 36]
    same(out, of_app(kit, rate, tuple(aim), tuple(note)), "mouse")


def test_midi_plays(browser, page_file, kit):
    page = opened(browser, page_file, scripts=[PORT])
    record(page)
    page.get_by_role("button", name="Connect MIDI").click()
    wait_for(page, "MIDI from LPD8.")
    send = "(data) => port.onmidimessage({ data: new Uint8Array(data) })"
    for data in ([0xB0, 16, 90], [0x99, 40, 0], [0xF8], [0x90, 37, 96]):
        page.evaluate(send, data)
    out = recorded(page, 100)
    rate = page.evaluate("page.then((page) => page.sound.context.sampleRate)")
    same(out, of_app(kit, rate, (0xB0, 16, 90), (0x90, 37, 96)), "MIDI")
    page.evaluate(send, [0xB0, 123, 0])
    page.wait_for_function("() => document.getElementById('level').textContent === 'silent'")
    closed(page)


def test_silence_by_key_and_button_and_an_empty_pad_plays_nothing(browser, page_file):
    page = opened(browser, page_file)
    page.evaluate(SPY)
    page.keyboard.press("1")
    page.get_by_role("button", name=re.compile("^Pad 13,")).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Silence").click()
    assert page.evaluate("sent") == [[0xB0, 120, 0], [0xB0, 120, 0]]
    closed(page)


def test_a_browser_that_allows_no_midi_says_so(browser, page_file):
    refused = "navigator.requestMIDIAccess = async () => { throw new Error('no'); };"
    for script, sentence in (
        (refused, "did not allow MIDI"),
        ("Navigator.prototype.requestMIDIAccess = undefined;", "has no Web MIDI"),
    ):
        page = opened(browser, page_file, scripts=[script])
        page.get_by_role("button", name="Connect MIDI").click()
        wait_for(page, sentence)
        closed(page)


def test_knobs_turn_by_keys_mouse_and_wheel_and_are_kept_in_the_address(browser, page_file, kit):
    page = opened(browser, page_file)
    decay, row = knob(page, "Decay"), PARAMETERS["tau"]
    value = kit.pads[0].value("tau")
    assert decay.get_attribute("aria-valuetext") == row.format(value)
    decay.focus()
    for key, steps in (("ArrowUp", 1), ("PageUp", 10), ("ArrowDown", -1)):
        page.keyboard.press(key)
        value = row.from_share(row.to_share(value) + steps / 100)
        assert decay.get_attribute("aria-valuetext") == row.format(value)
    page.keyboard.press("Backspace")
    assert decay.get_attribute("aria-valuetext") == row.format(kit.pads[0].value("tau"))
    page.keyboard.press("Enter")
    page.keyboard.type("0,25")
    page.keyboard.press("Enter")
    assert decay.get_attribute("aria-valuetext") == "0.25 s"
    tune = knob(page, "Tune")
    box = tune.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 40)  # a quarter of the range
    page.mouse.up()
    assert tune.get_attribute("aria-valuetext") == "+12.0 st"
    page.mouse.move(x, y)
    page.mouse.wheel(0, 100)
    page.wait_for_function("() => document.activeElement.ariaValueText === '+11.5 st'")
    page.mouse.dblclick(x, y)
    assert tune.get_attribute("aria-valuetext") == "+0.0 st"
    page.get_by_role("slider", name="Master").fill("-12")
    page.wait_for_function("() => location.hash === '#1.tau=0.25&master=-12'")
    page.reload()
    wait_for(page, READY)
    assert knob(page, "Decay").get_attribute("aria-valuetext") == "0.25 s"
    assert page.get_by_role("slider", name="Master").get_attribute("aria-valuetext") == "-12.0 dB"
    page.get_by_role("button", name="Reset all").click()
    page.wait_for_function("() => location.hash === '#master=-12'")
    assert decay.get_attribute("aria-valuetext") == row.format(kit.pads[0].value("tau"))
    closed(page)


def test_an_address_that_is_wrong_does_no_harm(browser, page_file, kit):
    wrong = "#1.tau=999&2.tau=soon&99.tau=1&1.none=2&7.tau=1&master=40&=&tau&2.pan=-0.25"
    page = opened(browser, page_file, wrong)
    assert knob(page, "Decay").get_attribute("aria-valuetext") == "3 s"
    assert page.get_by_role("slider", name="Master").get_attribute("aria-valuetext") == "+6.0 dB"
    page.get_by_role("button", name=re.compile("^Pad 2,")).click()
    assert knob(page, "Pan").get_attribute("aria-valuetext") == "-0.25"
    assert knob(page, "Decay").get_attribute("aria-valuetext") == PARAMETERS["tau"].format(
        kit.pads[1].value("tau")
    )
    closed(page)


def test_everything_has_a_name_and_is_reached_by_keys(browser, page_file, kit):
    page = opened(browser, page_file)
    tree = page.locator("body").aria_snapshot()
    master = page.get_by_role("slider", name="Master")
    ends = tuple(float(master.get_attribute(name)) for name in ("min", "max"))
    assert ends == tuple(page.evaluate("MASTER_DB")) == MASTER_RANGE
    for role in ("button", "slider", "checkbox", "meter", "group", "textbox"):
        assert not re.search(rf"^\s*- {role}:?$", tree, re.MULTILINE), tree
    for i, pad in enumerate(kit.pads):
        button = page.get_by_role("button", name=re.compile(rf"^Pad {i + 1}, note {pad.note} "))
        assert (pad.name or "empty" if pad.drum is None else pad.name or f"Pad {i + 1}") in (
            button.get_attribute("aria-label")
        )
        assert button.get_attribute("aria-keyshortcuts") == KEYS[i]
    for name in page.evaluate("page.then((page) => page.data.knobs.map((row) => row.name))"):
        assert knob(page, PARAMETERS[name].label).get_attribute("aria-valuetext")
    # a level that is told as it changes would be spoken all the time
    live = page.locator("output, [aria-live], [role=status], [role=alert], [role=log]")
    assert [element.get_attribute("id") for element in live.all()] == ["status"]
    page.get_by_role("button", name=re.compile("^Pad 1,")).focus()
    for key, pad in (("ArrowRight", 2), ("ArrowUp", 6), ("ArrowLeft", 5), ("ArrowLeft", 5)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.ariaLabel").startswith(f"Pad {pad},")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(
            "(document.activeElement.ariaLabel || document.activeElement.id) ?? ''"))  # fmt: skip
    wanted = {row.label for row in PARAMETERS.values()}
    assert wanted | {"master", "midi", "silence", "sideways", "reset-pad", "reset-all"} <= reached
    closed(page)


@pytest.mark.parametrize("width, height", [(390, 844), (844, 390), (1280, 800)])
def test_nothing_is_wider_than_the_screen(browser, page_file, width, height):
    page = opened(browser, page_file, viewport={"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.locator(".pad").evaluate_all(
        "(pads) => pads.map((pad) => pad.getBoundingClientRect().toJSON())"
    ):
        assert min(box["width"], box["height"]) >= 48
        if height > width:
            assert box["bottom"] <= height
    closed(page)


@pytest.mark.parametrize("lack", ["AudioWorkletNode", "WebAssembly", "DecompressionStream"])
def test_a_browser_that_lacks_something_says_so_in_a_sentence(browser, page_file, lack):
    page = open_page(browser, page_file, scripts=[f"delete globalThis.{lack};"])
    wait_for(page, f"it has no {lack.removesuffix('Node')}; use a current")
    closed(page)


def test_a_damaged_page_says_so_in_a_sentence(browser, page_file, tmp_path):
    text = page_file.read_text()
    start = text.index('id="player">') + len('id="player">') + 1000
    broken = tmp_path / "broken.html"
    broken.write_text(text[:start] + "AAAAAAAA" + text[start + 8 :])
    page = open_page(browser, broken)
    wait_for(page, "This page is damaged; export the kit anew.")
    closed(page)


def test_colours_are_those_of_the_window():
    style = (FILES / "page.css").read_text()
    dark, light = (dict(re.findall(r"--(\w+): (#\w+);", part)) for part in
                   re.findall(r":root \{(.*?)\}", style, re.DOTALL))  # fmt: skip
    assert dark == vars(theme.THEMES["dark"])
    assert light == vars(theme.THEMES["light"])
    for row in theme.THEMES.values():  # what stands on what, of which the window has not all
        for text, below in (
            (row.text, row.panel), (row.text, row.background), (row.secondary, row.panel),
            (row.secondary, row.background), (row.twin, row.panel), (row.bad, row.background),
            (row.background, row.twin), (row.ignored, row.panel),
        ):  # fmt: skip
            assert theme.contrast(text, below) >= 4.5
