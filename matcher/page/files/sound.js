// The sound: an AudioContext with the compiled player in it.
const RATES = [8000, 192000]; // Hz, between which the player works

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
  // told: called with each report of the worklet, and {failed: true} if it breaks
  constructor(told) {
    this.told = told;
    this.waiting = []; // what is sent before there is a node
    this.context = new AudioContext({ latencyHint: "interactive" });
  }

  async start(player, kit, masterDb) {
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
  }

  // Browsers let sound begin only with a touch, click or key, so each one asks
  wake() {
    if (this.context.state !== "running") this.context.resume().catch(() => {});
  }

  send(message) {
    if (this.node) this.node.port.postMessage(message);
    else this.waiting.push(message);
  }

  midi(...data) {
    this.send({ do: "midi", data });
  }
}
