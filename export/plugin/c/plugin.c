/* The kit in the binary, its knobs, its state, and the player that is compiled from Python. */
#include "plugin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* volatile: the compiler may not take what is here now for granted */
#ifdef __APPLE__
__attribute__((used, section("__DATA,dm_kit")))
#else
__attribute__((used, section("dm_kit")))
#endif
volatile struct baked baked_kit = {.mark = MARK, .version = VERSION, .size = BAKED_BYTES};

int32_t count_parameters(void) {
  int32_t count = 0;
  for (int pad = 0; pad < N_PADS; pad++) count += KIT->kit.filled[pad] ? N_KNOBS : 0;
  return count;
}

bool id_of_parameter(int32_t index, uint32_t *id) {
  for (uint32_t pad = 0; index >= 0 && pad < N_PADS; pad++) {
    if (!KIT->kit.filled[pad]) continue;
    if (index < N_KNOBS) {
      *id = STRIDE * pad + (uint32_t)index;
      return true;
    }
    index -= N_KNOBS;
  }
  return false;
}

bool is_parameter(uint32_t id) {
  return id / STRIDE < N_PADS && id % STRIDE < N_KNOBS && KIT->kit.filled[id / STRIDE];
}

void name_parameter(uint32_t id, char *out, size_t size) {
  snprintf(out, size, "%s %s", KIT->pads[id / STRIDE], knob_of(id)->name);
}

const struct knob *knob_of(uint32_t id) { return &KIT->knobs[id % STRIDE]; }

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

double from_share(uint32_t id, double share) {
  const struct knob *k = knob_of(id);
  share = clamp(share, 0, 1);
  double value = k->is_log ? k->low * pow(k->high / k->low, share) : k->low + share * (k->high - k->low);
  return clamp(value, k->low, k->high);
}

double to_share(uint32_t id, double value) {
  const struct knob *k = knob_of(id);
  value = clamp(value, k->low, k->high);
  return k->is_log ? log(value / k->low) / log(k->high / k->low) : (value - k->low) / (k->high - k->low);
}

void print_value(uint32_t id, double value, char *out, size_t size) {
  snprintf(out, size, "%.4g %s", value * knob_of(id)->scale, knob_of(id)->unit);
}

double initial_value(uint32_t id) { return KIT->kit.knobs[id / STRIDE][id % STRIDE]; }

struct plugin *plugin_make(void) {
  struct plugin *p = calloc(1, sizeof *p);
  for (int pad = 0; p && pad < N_PADS; pad++)
    for (int knob = 0; knob < N_KNOBS; knob++) p->wanted[pad][knob] = KIT->kit.knobs[pad][knob];
  return p;
}

bool plugin_begin(struct plugin *p, double rate) {
  if (!(rate >= LEAST_RATE && rate <= HIGHEST_RATE)) return false;
  void *player = calloc(1, PLAYER_BYTES), *room = malloc(ROOM_BYTES);
  if (player && room) {
    player_start(player, rate, room);
    memcpy((char *)player + KIT_AT, KIT->kit.bytes, KIT_BYTES);
    free(p->player);
    p->player = player, p->rate = rate;
    for (int pad = 0; pad < N_PADS; pad++)
      for (int knob = 0; knob < N_KNOBS; knob++) {
        p->playing[pad][knob] = p->wanted[pad][knob];
        player_turn(player, pad, knob, p->playing[pad][knob]);
      }
    player_load(player);
  } else {
    free(player);
  }
  free(room);
  return player && room;
}

void plugin_end(struct plugin *p) {
  free(p->player);
  free(p);
}

double plugin_get(struct plugin *p, uint32_t id) { return p->wanted[id / STRIDE][id % STRIDE]; }

void plugin_set(struct plugin *p, uint32_t id, double value) {
  if (!is_parameter(id) || !isfinite(value)) return;
  p->wanted[id / STRIDE][id % STRIDE] = clamp(value, knob_of(id)->low, knob_of(id)->high);
  p->turned = true;
}

void plugin_follow(struct plugin *p) {
  if (!p->player || !atomic_exchange(&p->turned, false)) return;
  for (int pad = 0; pad < N_PADS; pad++)
    for (int knob = 0; knob < N_KNOBS; knob++) {
      double value = p->wanted[pad][knob];
      if (value == p->playing[pad][knob]) continue;
      p->playing[pad][knob] = value;
      player_turn(p->player, pad, knob, value);
    }
}

void plugin_render(struct plugin *p, float *left, float *right, uint32_t from, uint32_t to) {
  while (from < to) {
    uint32_t end = (from / BLOCK + 1) * BLOCK;
    if (end > to) end = to;
    player_render(p->player, left + from, right + from, end - from);
    from = end;
  }
}

#if defined(__x86_64__)
#define FLUSH 0x8040 /* FTZ and DAZ of MXCSR */
static uint64_t control(void) { return __builtin_ia32_stmxcsr(); }
static void set_control(uint64_t word) { __builtin_ia32_ldmxcsr((unsigned)word); }
#elif defined(__aarch64__)
#define FLUSH (1 << 24) /* FZ of FPCR */
static uint64_t control(void) {
  uint64_t word;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
static void set_control(uint64_t word) { __asm__ volatile("msr fpcr, %0" : : "r"(word)); }
#endif

uint64_t begin_block(void) {
  uint64_t before = control();
  set_control(before | FLUSH);
  return before;
}

void end_block(uint64_t before) { set_control(before); }

size_t plugin_save(struct plugin *p, struct state *state) {
  memset(state, 0, sizeof *state);
  memcpy(state->mark, STATE_MARK, sizeof state->mark);
  memcpy(state->uid, KIT->uid, sizeof state->uid);
  uint32_t id;
  for (int32_t i = 0; id_of_parameter(i, &id); i++) {
    state->rows[i].id = id, state->rows[i].value = plugin_get(p, id);
    state->count++;
  }
  return offsetof(struct state, rows) + state->count * sizeof state->rows[0];
}

bool plugin_load(struct plugin *p, const struct state *state, size_t size) {
  if (size < offsetof(struct state, rows) || size > sizeof *state) return false;
  if (memcmp(state->mark, STATE_MARK, sizeof state->mark) || memcmp(state->uid, KIT->uid, 16)) return false;
  if (size != offsetof(struct state, rows) + state->count * sizeof state->rows[0]) return false;
  for (uint32_t i = 0; i < state->count; i++)
    if (!isfinite(state->rows[i].value)) return false;
  for (uint32_t i = 0; i < state->count; i++) plugin_set(p, state->rows[i].id, state->rows[i].value);
  return true;
}
