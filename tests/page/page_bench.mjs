// The processor's time that the player takes in node: standard input is JSON with player and kit
// (files), and tau, the number of a knob. Prints a line.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const RATE = 48000; // Hz
const BLOCK = 128; // frames, as Web Audio's
const SECONDS = 4;
const EACH = 4800; // frames between two strikes of a pad: a fast roll on all sixteen
const given = JSON.parse(readFileSync(0, "utf8"));
const ms = (work) => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};
let player;
const start = ms(() => {
  player = new WebAssembly.Instance(new WebAssembly.Module(gunzipSync(readFileSync(given.player))), {}).exports;
  player._initialize();
  player.start(RATE);
});
const load = ms(() => {
  new Uint8Array(player.memory.buffer).set(readFileSync(given.kit), player.kit());
  player.load();
});
const strike = (pad) => {
  new Uint8Array(player.memory.buffer).set([0x90, 36 + pad, 100], player.message());
  player.midi(3);
};
const share = (before) => {
  let next = 0;
  const time = ms(() => {
    for (let at = 0; at < SECONDS * RATE; at += BLOCK) {
      for (; before && (next * EACH) / 16 < at + BLOCK; next++) before(next % 16);
      player.render(BLOCK);
    }
  });
  return ((100 * time) / (1000 * SECONDS)).toFixed(1);
};
const roll = share(strike);
const ringing = share(null);
const turned = share((pad) => {
  player.turn(pad, given.tau, 0.3 + 0.01 * pad);
  strike(pad);
});
console.log(
  `start ${start.toFixed(0)} ms, a kit ${load.toFixed(0)} ms; a roll on all ${roll} % of a core, ` +
    `${SECONDS} s after it ${ringing} %, with a knob turned before each strike ${turned} %`,
);
