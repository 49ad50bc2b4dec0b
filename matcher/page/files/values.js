// Parameters: shares of their ranges, and values in words, as matcher/physics/parameters.py has them.
const HARD_HZ = 20000; // Hz: cutoff of a mallet that damps nothing audible

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

function toShare(row, value) {
  const { low, high } = row;
  const share = row.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return clamp(share, 0, 1);
}

function fromShare(row, share) {
  const { low, high, step } = row;
  let value = row.log ? low * (high / low) ** share : low + share * (high - low);
  if (step) value = Math.round(value / step) * step;
  return clamp(value, low, high);
}

const signed = (x, digits) => (x < 0 ? "" : "+") + x.toFixed(digits);

// As Python's format "g"
function significant(x, digits) {
  const [mantissa, power] = x.toExponential(digits - 1).split("e");
  const plain = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= digits) {
    return `${plain(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  return plain(x.toFixed(Math.max(0, digits - 1 - power)));
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;

const WORDS = {
  omega: (x) => `${(x / (2 * Math.PI)).toFixed(1)} Hz`,
  tau: (x) => (x >= 0.1 ? `${significant(x, 3)} s` : `${(1000 * x).toFixed(0)} ms`),
  p: (x) => significant(x, 2),
  D: (x) => significant(x, 2),
  alpha: (x) => x.toFixed(2),
  x1: (x) => x.toFixed(2),
  x2: (x) => x.toFixed(2),
  mallet_hz: (x) => (x >= HARD_HZ ? "hard" : `${x.toFixed(0)} Hz`),
  tension: (x) => `${signed(600 * Math.log2(1 + x), 0)} cents`,
  attack_mix: percent,
  as_recorded: percent,
  gain_db: (x) => `${signed(x, 1)} dB`,
  pan: (x) => signed(x, 2),
  tune: (x) => `${signed(x, 1)} st`,
};

// A typed number, in the unit that is shown, as a value; null if it is none
function typed(row, text) {
  const number = Number.parseFloat(text.replace(",", "."));
  return Number.isFinite(number) ? clamp(number / row.scale, row.low, row.high) : null;
}
