// The sixteen pads, played by pointers and by their own keys, as the window's.
const COLUMNS = 4;
const KEYS = "ZXCVASDFQWER1234"; // on the computer's keyboard, from the pad at the bottom left
const SOFTEST = 0.25; // velocity at a pad's top edge
const KEY_VELOCITY = 0.8; // of a key, which knows no dynamics
const FLASH_MS = 120; // ms a pad is lit

const toMidi = (velocity) => clamp(Math.round(127 * velocity), 1, 127);

class Pads {
  // play: called with pad, velocity 0 to 1 and place, 0 middle to 1 rim, or null; choose: with a pad
  constructor(rows, play, choose) {
    Object.assign(this, { rows, play, choose });
    this.buttons = rows.map((row, i) => this.make(row, i));
    for (let top = rows.length - COLUMNS; top >= 0; top -= COLUMNS) {
      document.getElementById("pads").append(...this.buttons.slice(top, top + COLUMNS));
    }
  }

  make(row, i) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = row.filled ? "pad" : "pad empty";
    button.innerHTML = `<span class="note"></span><kbd aria-hidden="true">${KEYS[i]}</kbd><span class="name"></span><i></i>`;
    const [note, , name] = button.children;
    note.textContent = `${row.note} ${row.note_name}`;
    name.textContent = row.filled ? row.label : "empty";
    button.setAttribute("aria-label", `Pad ${i + 1}, note ${note.textContent}: ${name.textContent}`);
    button.setAttribute("aria-keyshortcuts", KEYS[i]);
    button.addEventListener("pointerdown", (event) => this.touch(event, i));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("keydown", (event) => this.key(event, i));
    button.addEventListener("keyup", (event) => event.key === " " && event.preventDefault());
    // a screen reader's own click: the pointer's has played already
    button.addEventListener("click", (event) => event.detail === 0 && this.strike(i, KEY_VELOCITY));
    return button;
  }

  touch(event, i) {
    if (event.button !== 0) return;
    const box = event.currentTarget.getBoundingClientRect();
    const down = clamp((event.clientY - box.top) / box.height, 0, 1);
    const force = event.pointerType === "pen" && event.pressure > 0 ? event.pressure : down;
    const place = clamp(Math.abs((2 * (event.clientX - box.left)) / box.width - 1), 0, 1);
    this.strike(i, SOFTEST + (1 - SOFTEST) * force, place);
  }

  strike(i, velocity, place = null) {
    this.play(i, velocity, place); // first: what is shown can wait
    this.choose(i);
  }

  key(event, i) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: COLUMNS, ArrowDown: -COLUMNS };
    const to = i + (moves[event.key] ?? 0);
    if (event.key === " " || event.key === "Enter") {
      if (!event.repeat) this.strike(i, KEY_VELOCITY);
    } else if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (this.rows[to] && (Math.abs(to - i) !== 1 || Math.floor(to / COLUMNS) === Math.floor(i / COLUMNS))) {
      this.choose(to);
      this.buttons[to].focus();
    }
    event.preventDefault();
  }

  // Show which pad is chosen; Tab goes to that one alone
  show(chosen) {
    this.buttons.forEach((button, i) => {
      button.tabIndex = i === chosen ? 0 : -1;
      if (i === chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  // Light a pad up that was struck; velocity: 1 to 127
  flash(i, velocity) {
    const button = this.buttons[i];
    button.classList.add("lit");
    button.style.setProperty("--velocity", `${(100 * velocity) / 127}%`);
    clearTimeout(button.timer);
    button.timer = setTimeout(() => button.classList.remove("lit"), FLASH_MS);
  }
}
