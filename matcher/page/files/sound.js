// The sound: an AudioContext with the compiled player in it.
const RATES = [8000, 192000]; // Hz, between which the player works
const LATE_MS = 2000; // ms that a strike may wait for the sound to begin: later it would startle
const SILENT_MS = 3000; // ms after a touch or key, after which it is said that no sound begins

const toGain = (db) => 10 ** (db / 20);

// Bytes that are written as gzip in base64 in an element of the page
async function unpacked(id) {
  const text = document.getElementById(id).textContent;
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A node that plays in a context once it is sent a kit.
// The worklet is loaded from a data: URL: a page that was opened as a file has no other way.
async function makeNode(context, player, masterDb) {
  const code = document.getElementById("worklet").textContent;
  await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(code)}`);
  const node = new AudioWorkletNode(context, "drum-matcher-kit", {
    numberOfInputs: 0,
    outputChannelCount: [2],
    processorOptions: { player, master: toGain(masterDb) },
  });
  node.connect(context.destination);
  return node;
}

class Sound {
  // told: called with each report of the worklet, with {failed: true} if it breaks, with
  // {suspended: true} if it does not begin after a touch or key, and {suspended: false} if it then does
  constructor(told) {
    this.told = told;
    this.waiting = []; // what is sent before there is a node
    this.suspended = false; // whether that was told
    this.strike = []; // the last MIDI messages before the sound begins, each {data, at}
  }

  async start(player, kit, masterDb) {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.context.onstatechange = () => this.begun();
    const { sampleRate } = this.context;
    if (sampleRate < RATES[0] || sampleRate > RATES[1]) {
      throw new Error(`The output runs at ${sampleRate} Hz, allowed is ${RATES[0]} to ${RATES[1]}; choose another one.`);
    }
    const node = await makeNode(this.context, player, masterDb);
    node.port.onmessage = ({ data }) => this.told(data);
    node.onprocessorerror = () => this.told({ failed: true });
    node.port.postMessage({ do: "kit", bytes: kit });
    this.node = node;
    for (const message of this.waiting.splice(0)) node.port.postMessage(message);
    this.begun();
  }

  // Tell where that changed whether the sound is kept from beginning
  tell(suspended) {
    if (suspended !== this.suspended) this.told({ suspended });
    this.suspended = suspended;
  }

  get running() {
    return this.node && this.context.state === "running";
  }

  // Browsers let sound begin only with a touch, click or key, so each one asks
  wake() {
    if (!this.context || this.running) return;
    this.context.resume().catch(() => {});
    clearTimeout(this.alarm);
    // without a node it was said already what is wrong
    this.alarm = setTimeout(() => this.node && this.tell(!this.running), SILENT_MS);
  }

  // The sound begins, or goes on after the system took the output away
  begun() {
    if (!this.running) return;
    clearTimeout(this.alarm);
    this.tell(false);
    for (const { data, at } of this.strike.splice(0)) {
      if (performance.now() - at < LATE_MS) this.send({ do: "midi", data });
    }
  }

  send(message) {
    if (this.node) this.node.port.postMessage(message);
    else this.waiting.push(message);
  }

  // Until the sound begins only the last two messages are kept, a strike and its place, since all
  // would sound at once
  midi(...data) {
    if (this.running) this.send({ do: "midi", data });
    else this.strike = [...this.strike, { data, at: performance.now() }].slice(-2);
  }
}
