// Web MIDI, where the browser has it: every input is played from.
const NOTE_ON = 0x90;

let asked; // for access, once: another one has ports of its own, by which each note would come again

// got: called with each message's bytes; say: with a sentence on what is connected
async function connectMidi(got, say) {
  if (!navigator.requestMIDIAccess) {
    say("This browser has no Web MIDI; Chrome, Edge and Firefox have it.");
    return;
  }
  let access;
  try {
    access = await (asked ??= navigator.requestMIDIAccess());
  } catch {
    asked = null;
    say("The browser did not allow MIDI; allow it for this page, then press Connect MIDI again.");
    return;
  }
  const listen = () => {
    const inputs = [...access.inputs.values()].filter((port) => port.state !== "disconnected");
    for (const port of inputs) port.onmidimessage = (event) => got([...event.data]);
    const names = inputs.map((port) => port.name || "a port without a name");
    say(names.length ? `MIDI from ${names.join(", ")}.` : "There is no MIDI input; connect one.");
  };
  access.onstatechange = listen;
  listen();
}
