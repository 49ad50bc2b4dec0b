/* What a block is played by: the player alone, or the replacer, which has it wait for its hits. */
#include <string.h>

#include "plugin.h"

static float silence[BLOCK];

bool is_replacing(const struct plugin *p) { return p->replacer && p->playing[SETTING + SET_ON] != 0; }

uint32_t latency_at(struct plugin *p, double rate) {
  return p->wanted[SETTING + SET_ON] != 0 ? (uint32_t)replacer_latency(rate) : 0;
}

void replacer_begin(struct plugin *p) {
  memset(p->replacer, 0, REPLACER_BYTES);
  replacer_start(p->replacer, p->rate, (float *)KIT->strokes);
  for (int i = 0; i < N_SETTINGS; i++) replacer_set(p->replacer, i, p->playing[SETTING + i]);
}

void replacer_follow(struct plugin *p) {
  bool was_on = is_replacing(p);
  for (int i = 0; i < N_SETTINGS; i++) {
    double value = p->wanted[SETTING + i];
    if (value == p->playing[SETTING + i]) continue;
    p->playing[SETTING + i] = value;
    replacer_set(p->replacer, i, value);
  }
  if (is_replacing(p) && !was_on) replacer_begin(p);
  else if (was_on && !is_replacing(p)) replacer_end(p->replacer, p->player);
}

void plugin_input(struct plugin *p, const float *left, const float *right) { p->in[0] = left, p->in[1] = right; }

void plugin_outputs(struct plugin *p, float *own[N_PADS][2], uint32_t n) {
  memcpy(p->own, own, sizeof p->own);
  for (int pad = 0; pad < N_PADS; pad++)
    for (int side = 0; side < 2; side++)
      if (own[pad][side]) memset(own[pad][side], 0, n * sizeof(float));
}

bool has_own_output(const struct plugin *p, uint32_t pad) {
  return p->playing[SETTING + SET_SEPARATE] != 0 && KIT->kit.filled[pad] && p->in_use[pad] && p->own[pad][0] && p->own[pad][1];
}

/* Tells the player where the pads' own outputs go on. */
static void send_outputs(struct plugin *p, uint32_t from) {
  uint64_t own[N_PADS][2] = {0};
  for (uint32_t pad = 0; pad < N_PADS; pad++)
    for (int side = 0; side < 2 && has_own_output(p, pad); side++) own[pad][side] = (uintptr_t)(p->own[pad][side] + from);
  memcpy((char *)p->player + OWN_AT, own, sizeof own);
}

void plugin_strike(struct plugin *p, int64_t note, int64_t channel, double velocity) {
  if (is_replacing(p)) replacer_strike(p->replacer, note, channel, velocity);
  else player_strike(p->player, note, channel, velocity);
}

void plugin_choke(struct plugin *p, int64_t note) {
  if (is_replacing(p)) replacer_choke(p->replacer, note);
  else player_choke(p->player, note);
}

void plugin_midi(struct plugin *p, const uint8_t *data, int64_t length) {
  if (is_replacing(p)) replacer_midi(p->replacer, data, length);
  else player_midi(p->player, data, length);
}

void plugin_silence(struct plugin *p) {
  if (is_replacing(p)) replacer_begin(p);
  player_silence(p->player);
}

bool plugin_is_quiet(struct plugin *p) { return !is_replacing(p) && player_sounding(p->player) == 0; }

void plugin_render(struct plugin *p, float *left, float *right, uint32_t from, uint32_t to) {
  while (from < to) {
    uint32_t end = (from / BLOCK + 1) * BLOCK;
    if (end > to) end = to;
    send_outputs(p, from);
    const float *x = p->in[0] ? p->in[0] + from : silence, *y = p->in[1] ? p->in[1] + from : x;
    if (is_replacing(p)) replacer_render(p->replacer, p->player, (float *)x, (float *)y, left + from, right + from, end - from);
    else player_render(p->player, left + from, right + from, end - from);
    from = end;
  }
}
