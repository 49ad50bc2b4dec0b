"""How the page's sound begins: by a gesture, late, or not at all; and what is sent before that."""

import re

from tests.page.browser import SPY, closed, knob, open_page, opened, wait_for

# Access to MIDI as browsers give it: each time it is asked for, with ports of its own
PORTS = """
globalThis.ports = [];
navigator.requestMIDIAccess = async () => {
  ports.push({ name: "LPD8", state: "connected" });
  return { inputs: new Map([["1", ports.at(-1)]]) };
};
"""
NO_OUTPUT = "globalThis.AudioContext = class { constructor() { throw new Error('no output'); } };"
BROKEN = "AudioWorklet.prototype.addModule = async () => { throw new Error('no module'); };"
# A sound that does not begin until it is told to: no output is there
KEPT = """
const resume = AudioContext.prototype.resume;
AudioContext.prototype.resume = async function () {
  if (globalThis.there) return resume.call(this);
};
"""
# Counts the MIDI messages that reach the worklet
COUNT = """page.then(({ sound }) => {
  globalThis.reached = [];
  const post = sound.node.port.postMessage.bind(sound.node.port);
  sound.node.port.postMessage = (message) => {
    if (message.do === "midi") reached.push(message.data);
    post(message);
  };
})"""
# As after loading: an evaluated script counts as a gesture for the browser
SUSPEND = "page.then(({ sound }) => sound.context.suspend())"
RUNNING = "page.then(({ sound }) => sound.context.state === 'running')"


def test_what_is_played_before_the_sound_begins_does_not_sound_all_at_once(browser, page_file):
    page = opened(browser, page_file)
    page.evaluate(SUSPEND)
    page.evaluate(COUNT)
    page.evaluate(
        "page.then((p) => { for (let i = 0; i < 50; i++) p.midi([0x90, 36 + i % 3, 99]); })"
    )
    assert page.evaluate("reached") == []
    page.keyboard.press("x")
    page.wait_for_function(RUNNING)
    page.wait_for_function("() => reached.length > 0")
    reached = page.evaluate("reached")
    assert len(reached) <= 2 and reached[-1][:2] == [0x90, 37]
    page.keyboard.press("z")
    assert page.evaluate("reached")[-1][:2] == [0x90, 36]
    closed(page)


def test_a_sound_that_does_not_begin_is_said_and_also_that_it_does_then(browser, page_file):
    page = opened(browser, page_file, scripts=[KEPT])
    page.evaluate(SUSPEND)
    page.keyboard.press("x")
    wait_for(page, "The sound does not start: connect a loudspeaker")
    page.evaluate("globalThis.there = true")
    page.keyboard.press("x")
    wait_for(page, "Ready")
    closed(page)


def test_a_browser_without_an_output_says_so_in_a_sentence(browser, page_file):
    page = open_page(browser, page_file, scripts=[NO_OUTPUT])
    wait_for(page, "The sound cannot be started: no output")
    page.keyboard.press("x")
    closed(page)


def test_what_keeps_the_sound_from_starting_stays_said(browser, page_file):
    page = open_page(browser, page_file, scripts=[BROKEN])
    wait_for(page, "The sound cannot be started: no module")
    page.keyboard.press("x")
    page.wait_for_timeout(1.2 * page.evaluate("SILENT_MS"))
    wait_for(page, "The sound cannot be started: no module")
    closed(page)


def test_midi_that_is_connected_twice_plays_each_note_once(browser, page_file):
    page = opened(browser, page_file, scripts=[PORTS])
    page.evaluate(SPY)
    for _ in range(2):
        page.get_by_role("button", name="Connect MIDI").click()
        wait_for(page, "MIDI from LPD8.")
    page.evaluate(
        "ports.forEach((port) => port.onmidimessage?.({ data: new Uint8Array([0x90, 37, 96]) }))"
    )
    assert page.evaluate("sent") == [[0x90, 37, 96]]
    closed(page)


def test_a_strike_sounds_before_its_pad_is_shown(browser, page_file):
    page = opened(browser, page_file)
    page.evaluate("""page.then((page) => {
      globalThis.order = [];
      const { play, choose } = page.pads;
      page.pads.play = (...strike) => { order.push("play"); play(...strike); };
      page.pads.choose = (i) => { order.push("choose"); choose(i); };
    })""")
    page.get_by_role("button", name=re.compile("^Pad 2,")).click()
    assert page.evaluate("order") == ["play", "choose"]
    closed(page)


def test_a_phone_offers_a_minus_where_values_have_one(browser, page_file):
    page = opened(browser, page_file)
    for label, mode in (("Decay", "decimal"), ("Tune", "text"), ("Gain", "text")):
        knob(page, label).press("Enter")
        assert page.evaluate("document.activeElement.inputMode") == mode
        page.keyboard.press("Escape")
    closed(page)
