// The page put together: what is played and turned goes to the sound, and is shown.
const POINTER = 15; // MIDI channel whose strikes have a place on the pad; all others keep the drum's
const POSITION_CC = 16; // controller that says where the next strike hits
const SILENCE = 120; // controller
const LOW_DB = -60; // dB: the meter's lowest level
const FALL_DB = 36; // dB a second the meter falls
const GROUPS = [
  ["The drum", ["omega", "tau", "p", "D", "alpha"]],
  ["The stroke", ["x1", "x2", "mallet_hz", "tension", "attack_mix"]],
  ["The pad", ["as_recorded", "gain_db", "pan", "tune"]],
];

const $ = (id) => document.getElementById(id);

function say(sentence, wrong = false) {
  $("status").textContent = sentence;
  $("status").classList.toggle("bad", wrong);
}

// What this browser lacks, or ""
function lacking() {
  if (typeof WebAssembly !== "object") return "WebAssembly";
  if (typeof DecompressionStream !== "function") return "DecompressionStream";
  return typeof AudioWorkletNode === "function" ? "" : "AudioWorklet";
}

class Page {
  constructor(data, values) {
    this.data = data;
    this.state = new State(data, values);
    this.sound = new Sound((report) => this.take(report));
    this.padOf = new Map(data.pads.flatMap((pad, i) => pad.notes.map((note) => [note, i])));
    this.pads = new Pads(data.pads, (...strike) => this.play(...strike), (i) => this.choose(i));
    this.makeKnobs();
    this.level = LOW_DB;
    this.chosen = Math.max(0, data.pads.findIndex((pad) => pad.filled));
    this.connect();
    this.refresh();
    $("level").textContent = "silent";
  }

  makeKnobs() {
    this.knobs = this.data.knobs.map((row, k) => {
      return new Knob(row, (value) => this.turn(this.chosen, k, value), (text) => ($("help").textContent = text));
    });
    for (const [title, names] of GROUPS) {
      const group = document.createElement("div");
      group.className = "group";
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", title);
      group.append(...names.map((name) => this.knobs.find((knob) => knob.row.name === name).box));
      const head = document.createElement("h3");
      head.textContent = title;
      $("knobs").append(head, group);
    }
  }

  connect() {
    $("master").addEventListener("input", () => {
      this.state.masterDb = Number($("master").value);
      this.state.keep();
      this.showMaster();
    });
    $("sideways").addEventListener("change", () => {
      this.state.sideways = $("sideways").checked;
      this.state.keep();
    });
    $("midi").addEventListener("click", () => connectMidi((bytes) => this.midi(bytes), say));
    $("silence").addEventListener("click", () => this.silence());
    $("reset-pad").addEventListener("click", () => this.reset([this.chosen]));
    $("reset-all").addEventListener("click", () => this.reset(this.data.pads.keys()));
    for (const event of ["pointerdown", "keydown", "touchend"]) {
      addEventListener(event, () => this.sound.wake(), { capture: true });
    }
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => this.follow());
  }

  play(i, velocity, place) {
    const { note, filled } = this.data.pads[i];
    if (!filled) return;
    const aimed = place !== null && this.state.sideways;
    if (aimed) this.sound.midi(0xb0 | POINTER, POSITION_CC, Math.round(127 * place));
    this.midi([NOTE_ON | (aimed ? POINTER : 0), note, toMidi(velocity)]);
  }

  midi(bytes) {
    if (bytes.length > 3) return; // system exclusive
    this.sound.midi(...bytes);
    const [status, note, velocity] = bytes;
    const pad = this.padOf.get(note);
    if ((status & 0xf0) === NOTE_ON && velocity > 0 && this.data.pads[pad]?.filled) this.pads.flash(pad, velocity);
  }

  key(event) {
    const typing = event.target.matches?.("input:not([type=range], [type=checkbox])");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") this.silence();
    const pad = event.key.length === 1 ? KEYS.indexOf(event.key.toUpperCase()) : -1;
    if (pad >= 0 && !event.repeat) this.play(pad, KEY_VELOCITY, null);
  }

  silence() {
    this.sound.midi(0xb0, SILENCE, 0);
  }

  choose(i) {
    this.chosen = i;
    this.showPad();
  }

  turn(pad, knob, value) {
    this.state.turn(pad, knob, value);
    this.sound.send({ do: "turn", pad, knob, value });
  }

  reset(pads) {
    for (const pad of pads) {
      this.data.knobs.forEach((_, knob) => {
        const home = this.state.home[this.state.at(pad, knob)];
        if (this.state.value(pad, knob) !== home) this.turn(pad, knob, home);
      });
    }
    this.showPad();
  }

  // The address was changed: turn to what it says
  follow() {
    const before = this.state.values.slice();
    this.state.read();
    this.data.pads.forEach((_, pad) =>
      this.data.knobs.forEach((_, knob) => {
        const value = this.state.value(pad, knob);
        if (value !== before[this.state.at(pad, knob)]) this.sound.send({ do: "turn", pad, knob, value });
      }),
    );
    this.refresh();
  }

  refresh() {
    this.showPad();
    $("sideways").checked = this.state.sideways;
    $("master").value = this.state.masterDb;
    this.showMaster();
  }

  // Of the chosen pad: its name and its knobs
  showPad() {
    const { pads, knobs } = this.data;
    const pad = pads[this.chosen];
    this.pads.show(this.chosen);
    $("chosen").textContent = `Pad ${this.chosen + 1}: ${pad.filled ? pad.label : "empty"}`;
    knobs.forEach((row, k) => {
      const enabled = pad.filled && !pad.without.includes(row.name);
      this.knobs[k].show(this.state.value(this.chosen, k), this.state.home[this.state.at(this.chosen, k)], enabled);
    });
  }

  showMaster() {
    $("master-text").textContent = WORDS.gain_db(this.state.masterDb);
    $("master").setAttribute("aria-valuetext", WORDS.gain_db(this.state.masterDb));
    this.sound.send({ do: "master", gain: toGain(this.state.masterDb) });
  }

  // A report of the sound
  take(report) {
    if (report.failed) say("The sound broke off; reload the page, and if it happens again, export the kit anew.", true);
    else if (report.suspended) say("The sound does not start: connect a loudspeaker, or allow this page to play sound, then touch a pad.", true);
    else if (report.ready || report.suspended === false) say("Ready: press a key, touch a pad, or connect MIDI.");
    else {
      const resting = this.level <= LOW_DB;
      this.level = Math.max(this.level, 20 * Math.log10(report.peak || 1e-9));
      this.limited = report.limited;
      if (resting) requestAnimationFrame((now) => this.draw(now, now));
    }
  }

  // The meter, at each frame of the screen until it has fallen; times in ms
  draw(now, before) {
    this.level = Math.max(LOW_DB, this.level - (FALL_DB * (now - before)) / 1000);
    const level = Math.round(this.level);
    if (level !== this.shown) {
      this.shown = level;
      $("meter").firstElementChild.style.width = `${100 * (1 - this.level / LOW_DB)}%`;
      $("meter").setAttribute("aria-valuenow", level);
      const text = level > LOW_DB ? `${level} dB${this.limited ? ", limited" : ""}` : "silent";
      $("meter").setAttribute("aria-valuetext", text);
      $("level").textContent = text;
    }
    if (this.level > LOW_DB) requestAnimationFrame((next) => this.draw(next, now));
  }
}

async function begin() {
  const lack = lacking();
  if (lack) {
    const secure = isSecureContext ? "" : ", or open the page as a file or by https";
    say(`This browser cannot play the kit, as it has no ${lack}; use a current Firefox, Chrome, Edge or Safari${secure}.`, true);
    return null;
  }
  let data, player, kit;
  try {
    data = JSON.parse($("data").textContent);
    [player, kit] = await Promise.all([unpacked("player"), unpacked("kit")]);
  } catch {
    say("This page is damaged; export the kit anew.", true);
    return null;
  }
  if (!WebAssembly.validate(player)) {
    say("This browser's WebAssembly is too old to play the kit; use a current Firefox, Chrome, Edge or Safari.", true);
    return null;
  }
  const values = new Float64Array(kit.buffer, data.knobs_at, data.pads.length * data.knobs.length);
  const page = new Page(data, values);
  say("Starting…");
  try {
    await page.sound.start(player, kit, page.state.masterDb);
  } catch (error) {
    say(`The sound cannot be started: ${error.message}`, true);
  }
  return page;
}

const page = begin();
