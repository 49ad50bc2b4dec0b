// In the audio thread: the compiled player, then the master level, the limiter and the meter.
const KNEE = 0.8; // of full scale, above which the limiter works, as in the app
const GLIDE_S = 0.005; // s in which most of a new master level is reached: no click
const MOST_FRAMES = 2048; // that the player renders at once: matcher/live/noise.py, BLOCK
const TELL_FRAMES = 1024; // frames between two reports of the level

class Kit extends AudioWorkletProcessor {
  // options: player, the bytes of the WebAssembly module; master, the first gain
  constructor({ processorOptions: { player, master } }) {
    super();
    this.player = new WebAssembly.Instance(new WebAssembly.Module(player), {}).exports;
    this.player._initialize();
    this.player.start(sampleRate);
    this.left = new Float32Array(this.player.memory.buffer, this.player.left(), MOST_FRAMES);
    this.right = new Float32Array(this.player.memory.buffer, this.player.right(), MOST_FRAMES);
    this.message = new Uint8Array(this.player.memory.buffer, this.player.message(), 3);
    this.queue = []; // what is to be done, by frame
    this.gain = this.master = master;
    this.glide = 1 - Math.exp(-1 / (GLIDE_S * sampleRate));
    this.peak = this.told = this.frames = 0;
    this.limited = false;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  // {do: "kit", bytes} is answered by {ready: true}; all else waits for its frame, 0 for at once
  take(message) {
    if (message.do === "kit") {
      new Uint8Array(this.player.memory.buffer).set(message.bytes, this.player.kit());
      this.player.load();
      this.port.postMessage({ ready: true });
    } else {
      this.queue.push(message);
      this.queue.sort((a, b) => (a.frame ?? 0) - (b.frame ?? 0));
    }
  }

  obey(message) {
    if (message.do === "midi") {
      this.message.set(message.data);
      this.player.midi(message.data.length);
    } else if (message.do === "turn") {
      this.player.turn(message.pad, message.knob, message.value);
    } else if (message.do === "master") {
      this.master = message.gain;
    }
  }

  process(_, [out]) {
    const n = out[0].length;
    let at = 0;
    while (this.queue.length && (this.queue[0].frame ?? 0) < currentFrame + n) {
      const message = this.queue.shift();
      const to = Math.max(at, (message.frame ?? 0) - currentFrame);
      this.play(out, at, to);
      this.obey(message);
      at = to;
    }
    this.play(out, at, n);
    this.tell(n);
    return true;
  }

  play([left, right], from, to) {
    if (to <= from) return;
    this.player.render(to - from);
    for (let t = from; t < to; t++) {
      this.gain += this.glide * (this.master - this.gain);
      left[t] = this.limit(this.gain * this.left[t - from]);
      right[t] = this.limit(this.gain * this.right[t - from]);
      this.peak = Math.max(this.peak, Math.abs(left[t]), Math.abs(right[t]));
    }
  }

  // As it is up to KNEE, then curved to stay below 1; what is no number is silence: matcher.live.output
  limit(x) {
    const size = Math.abs(x);
    if (size <= KNEE) return x;
    if (!(size < Infinity)) return 0;
    this.limited = true;
    return Math.sign(x) * (KNEE + (1 - KNEE) * Math.tanh((size - KNEE) / (1 - KNEE)));
  }

  tell(n) {
    this.frames += n;
    if (this.frames < TELL_FRAMES) return;
    if (this.peak > 0 || this.told > 0) {
      this.port.postMessage({ peak: this.peak, limited: this.limited });
    }
    this.told = this.peak;
    this.peak = this.frames = 0;
    this.limited = false;
  }
}
registerProcessor("drum-matcher-kit", Kit);
