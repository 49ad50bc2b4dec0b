/* The player as WebAssembly: one of it, in static memory, and where the page writes and reads. */
#include <stdint.h>

#include "layout.h" /* written by plugin/build.py: sizes of the records, and the player's functions */

#define EXPORT(name) __attribute__((export_name(#name)))
#define LONGEST 3 /* bytes of a MIDI message */

static char player[PLAYER_BYTES] __attribute__((aligned(64)));
static char room[ROOM_BYTES] __attribute__((aligned(64)));
static float out[2][BLOCK];
static uint8_t message[LONGEST];

EXPORT(kit) char *kit(void) { return player + KIT_AT; }
EXPORT(message) uint8_t *message_at(void) { return message; }
EXPORT(left) float *left(void) { return out[0]; }
EXPORT(right) float *right(void) { return out[1]; }

EXPORT(start) void start(double rate) { player_start(player, rate, room); }
EXPORT(load) void load(void) { player_load(player); }
EXPORT(midi) void midi(int length) { player_midi(player, message, length); }
EXPORT(turn) void turn(int pad, int knob, double value) { player_turn(player, pad, knob, value); }
EXPORT(render) void render(int n) { player_render(player, out[0], out[1], n); }
