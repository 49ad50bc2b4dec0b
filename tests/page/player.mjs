// Plays the compiled player in node: standard input is JSON with player and kit (files), rate, frames,
// block, and messages as [frame, bytes]; standard output is the left channel, then the right, float32.
import { readFileSync, writeSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const given = JSON.parse(readFileSync(0, "utf8"));
const module = new WebAssembly.Module(gunzipSync(readFileSync(given.player)));
if (WebAssembly.Module.imports(module).length) throw new Error("the player imports something");
const player = new WebAssembly.Instance(module, {}).exports;
player._initialize();
player.start(given.rate);
const { buffer } = player.memory;
new Uint8Array(buffer).set(readFileSync(given.kit), player.kit());
player.load();
const out = [new Float32Array(given.frames), new Float32Array(given.frames)];
const messages = given.messages;
let at = 0;
const render = (to) => {
  if (to <= at) return;
  player.render(to - at);
  out[0].set(new Float32Array(buffer, player.left(), to - at), at);
  out[1].set(new Float32Array(buffer, player.right(), to - at), at);
  at = to;
};
for (let start = 0; start < given.frames; start += given.block) {
  const end = Math.min(start + given.block, given.frames);
  while (messages.length && messages[0][0] < end) {
    const [frame, bytes] = messages.shift();
    render(frame);
    new Uint8Array(buffer).set(bytes, player.message());
    player.midi(bytes.length);
  }
  render(end);
}
for (const channel of out) {
  const bytes = Buffer.from(channel.buffer);
  for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
}
