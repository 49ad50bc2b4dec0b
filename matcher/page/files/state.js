// What was turned, in the page's address: #2.tau=0.4&2.omega=120&master=-12&sideways=1 holds what
// differs from the kit, by the keys and in the units of `drum-matcher kit set`.
const MASTER_DB = [-60, 6]; // dB, least and most
const FIRST_MASTER_DB = -6; // dB, as the app's
const WRITE_MS = 300; // ms after the last turn: browsers allow some 3 changes of the address a second
const DIGITS = 7; // of a value: its rounding is inaudible

class State {
  // data: of the page; values: (pads, knobs) one after the other, in natural units, which it changes
  constructor(data, values) {
    this.data = data;
    this.values = values;
    this.home = values.slice();
    this.read();
  }

  at(pad, knob) {
    return pad * this.data.knobs.length + knob;
  }

  value(pad, knob) {
    return this.values[this.at(pad, knob)];
  }

  // Take over what the address says; what it does not say is as in the kit, what is wrong is left out
  read() {
    this.values.set(this.home);
    this.masterDb = FIRST_MASTER_DB;
    this.sideways = false;
    for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
      const number = Number.parseFloat(text);
      if (!Number.isFinite(number)) continue;
      if (key === "master") this.masterDb = clamp(number, ...MASTER_DB);
      if (key === "sideways") this.sideways = number === 1;
      const [pad, name] = key.split(".");
      const knob = this.data.knobs.findIndex((row) => row.key === name);
      if (knob < 0 || !this.data.pads[pad - 1]?.filled) continue;
      const row = this.data.knobs[knob];
      this.values[this.at(pad - 1, knob)] = clamp(number / row.kept_scale, row.low, row.high);
    }
  }

  turn(pad, knob, value) {
    this.values[this.at(pad, knob)] = value;
    this.keep();
  }

  // Write it into the address, soon
  keep() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const [address] = location.href.split("#");
      const hash = this.text();
      history.replaceState(null, "", hash ? `#${hash}` : address);
    }, WRITE_MS);
  }

  text() {
    const parts = [];
    this.data.pads.forEach((_, pad) =>
      this.data.knobs.forEach((row, knob) => {
        const value = this.value(pad, knob);
        if (value === this.home[this.at(pad, knob)]) return;
        parts.push(`${pad + 1}.${row.key}=${+(value * row.kept_scale).toPrecision(DIGITS)}`);
      }),
    );
    if (this.masterDb !== FIRST_MASTER_DB) parts.push(`master=${this.masterDb}`);
    if (this.sideways) parts.push("sideways=1");
    return parts.join("&");
  }
}
