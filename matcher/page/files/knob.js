// A knob: a value with its name and unit, turned by pointer, wheel and keys, as the window's.
const START = 225; // degrees, counter-clockwise from the right: where the scale begins
const SPAN = 270; // degrees of the scale, clockwise
const TURN_PX = 160; // px a pointer moves for the whole range
const FINE = 0.2; // speed while Shift is held, for exact values
const STEP = 0.01; // share of the range that an arrow key or the wheel turns; Page up and down 10 times it
const RADIUS = 17; // of the scale, in a picture of 40 by 40

function polar(share, radius) {
  const angle = ((START - SPAN * share) * Math.PI) / 180;
  return `${20 + radius * Math.cos(angle)} ${20 - radius * Math.sin(angle)}`;
}

function arc(from, to) {
  const large = SPAN * (to - from) > 180 ? 1 : 0;
  return `M ${polar(from, RADIUS)} A ${RADIUS} ${RADIUS} 0 ${large} 1 ${polar(to, RADIUS)}`;
}

class Knob {
  // row: of the data's knobs; turned: called with each new value; help: with a sentence to show
  constructor(row, turned, help) {
    Object.assign(this, { row, turned, value: row.low, home: row.low, drag: null });
    this.box = document.createElement("div");
    this.box.className = "knob";
    this.box.innerHTML =
      `<span class="label" aria-hidden="true"></span><div class="dial" role="slider" tabindex="0"><svg viewBox="0 0 40 40" aria-hidden="true">` +
      `<path class="scale" d="${arc(0, 1)}"/><path class="part"/><path class="mark"/><path class="hand"/></svg></div>` +
      `<button type="button" class="value" tabindex="-1"></button>`;
    [this.label, this.dial, this.text] = this.box.children;
    this.label.textContent = row.label;
    this.dial.setAttribute("aria-label", row.label);
    this.dial.setAttribute("aria-description", `${row.help}. Enter types a value.`);
    this.dial.setAttribute("aria-valuemin", row.low * row.scale);
    this.dial.setAttribute("aria-valuemax", row.high * row.scale);
    this.text.setAttribute("aria-label", `Type ${row.label}`);
    const sentence = `${row.label}: ${row.help}${row.symbol ? ` (${row.symbol} in the paper)` : ""}.`;
    this.box.title = sentence;
    for (const event of ["pointerenter", "focusin"]) {
      this.box.addEventListener(event, () => help(sentence));
    }
    this.text.addEventListener("click", () => this.type());
    this.dial.addEventListener("keydown", (event) => this.key(event));
    this.dial.addEventListener("dblclick", () => this.take(this.home));
    this.dial.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.dial.addEventListener("pointerdown", (event) => this.grab(event));
    this.dial.addEventListener("pointermove", (event) => this.move(event));
    for (const event of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.dial.addEventListener(event, () => (this.drag = null));
    }
  }

  // Show a value; home: the kit's own; enabled: whether the drum has what it turns
  show(value, home, enabled) {
    Object.assign(this, { value, home, enabled });
    const share = toShare(this.row, value);
    const zero = this.row.low < 0 && this.row.high > 0 ? toShare(this.row, 0) : 0;
    const [, part, mark, hand] = this.dial.firstChild.children;
    part.setAttribute("d", arc(Math.min(zero, share), Math.max(zero, share)));
    const at = toShare(this.row, home);
    mark.setAttribute("d", `M ${polar(at, RADIUS - 2)} L ${polar(at, RADIUS + 3)}`);
    hand.setAttribute("d", `M ${polar(share, 5)} L ${polar(share, 11)}`);
    const words = enabled ? WORDS[this.row.name](value) : "—";
    this.text.textContent = words;
    this.text.disabled = !enabled;
    this.dial.setAttribute("aria-valuenow", value * this.row.scale);
    this.dial.setAttribute("aria-valuetext", enabled ? words : "nothing to turn");
    this.dial.setAttribute("aria-disabled", String(!enabled));
    this.box.classList.toggle("off", !enabled);
    this.box.classList.toggle("changed", enabled && value !== home);
  }

  take(value) {
    if (!this.enabled || value === this.value) return;
    this.show(value, this.home, true);
    this.turned(value);
  }

  turn(shares) {
    this.take(fromShare(this.row, clamp(toShare(this.row, this.value) + shares, 0, 1)));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // no less than one step of the value, or it would be rounded back to where it was
    const step = Math.max(STEP, (this.row.step ?? 0) / (this.row.high - this.row.low));
    const does = {
      ArrowUp: () => this.turn(step),
      ArrowRight: () => this.turn(step),
      ArrowDown: () => this.turn(-step),
      ArrowLeft: () => this.turn(-step),
      PageUp: () => this.turn(10 * step),
      PageDown: () => this.turn(-10 * step),
      Home: () => this.take(this.row.low),
      End: () => this.take(this.row.high),
      Backspace: () => this.take(this.home),
      Delete: () => this.take(this.home),
      Enter: () => this.type(),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  }

  // Of the knob that was chosen alone: over all others the wheel scrolls the page
  wheel(event) {
    if (document.activeElement !== this.dial) return;
    event.preventDefault();
    this.turn(-Math.sign(event.deltaY || event.deltaX) * STEP * (event.shiftKey ? FINE : 1));
  }

  grab(event) {
    if (event.button !== 0) return;
    this.dial.setPointerCapture(event.pointerId);
    this.drag = { y: event.clientY, share: toShare(this.row, this.value) };
  }

  move(event) {
    if (!this.drag) return;
    const speed = event.shiftKey ? FINE : 1;
    const share = clamp(this.drag.share + (speed * (this.drag.y - event.clientY)) / TURN_PX, 0, 1);
    this.drag = { y: event.clientY, share };
    this.take(fromShare(this.row, share));
  }

  // A line in place of the value: Enter takes what is typed, Escape and leaving it do not
  type() {
    if (!this.enabled) return;
    const line = document.createElement("input");
    line.className = "value";
    line.inputMode = this.row.low < 0 ? "text" : "decimal"; // a phone's digits have no minus
    line.setAttribute("aria-label", `${this.row.label} ${this.row.unit}`.trim());
    line.value = significant(this.value * this.row.scale, 5);
    let ended = false; // a line that is taken away is left as well
    const end = (taken) => {
      if (ended) return;
      ended = true;
      line.replaceWith(this.text);
      if (taken !== null) this.take(taken);
    };
    line.addEventListener("blur", () => end(null));
    line.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      end(event.key === "Enter" ? typed(this.row, line.value) : null);
      this.dial.focus();
    });
    this.text.replaceWith(line);
    line.focus();
    line.select();
  }
}
