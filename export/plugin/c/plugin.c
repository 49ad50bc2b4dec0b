/* The kit in the binary, its knobs, its state, and the player that is compiled from Python. */
#include "plugin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* volatile: the compiler may not take what is here now for granted */
#ifdef __APPLE__
__attribute__((used, section("__DATA,dm_kit")))
#else
__attribute__((used, section("dm_kit")))
#endif
volatile struct baked baked_kit = {.mark = MARK, .version = VERSION, .size = BAKED_BYTES};

struct plugin *plugin_make(bool is_effect) {
  struct plugin *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->is_effect = is_effect;
  for (uint32_t id = 0; id < SETTING + N_SETTINGS; id++)
    if (id >= SETTING || is_parameter(p, id)) p->wanted[id] = initial_value(id);
  for (int pad = 0; pad < N_PADS; pad++) p->in_use[pad] = !is_effect;
  if (is_effect) p->wanted[SETTING + SET_ON] = 1;
  return p;
}

bool plugin_begin(struct plugin *p, double rate) {
  if (!(rate >= LEAST_RATE && rate <= HIGHEST_RATE)) return false;
  void *player = calloc(1, PLAYER_BYTES), *replacer = calloc(1, REPLACER_BYTES), *room = malloc(ROOM_BYTES);
  bool fits = player && replacer && room;
  if (fits) {
    player_start(player, rate, room);
    memcpy((char *)player + KIT_AT, KIT->kit.bytes, KIT_BYTES);
    free(p->player), free(p->replacer);
    p->player = player, p->replacer = replacer, p->rate = rate;
    for (uint32_t id = 0; id < SETTING + N_SETTINGS; id++) {
      p->playing[id] = p->wanted[id];
      if (id < SETTING && is_parameter(p, id)) player_turn(player, id / STRIDE, id % STRIDE, p->playing[id]);
    }
    player_load(player);
    replacer_begin(p);
  } else {
    free(player), free(replacer);
  }
  free(room);
  return fits;
}

void plugin_end(struct plugin *p) {
  free(p->player), free(p->replacer);
  free(p);
}

double plugin_get(struct plugin *p, uint32_t id) { return p->wanted[id]; }

void plugin_set(struct plugin *p, uint32_t id, double value) {
  if (!is_parameter(p, id) || !isfinite(value)) return;
  double low = knob_of(id)->low, high = knob_of(id)->high;
  if (knob_of(id)->steps) value = from_share(id, to_share(id, value));
  p->wanted[id] = value < low ? low : value > high ? high : value;
  p->turned = true;
}

void plugin_follow(struct plugin *p) {
  if (!p->player || !atomic_exchange(&p->turned, false)) return;
  uint32_t id;
  for (int32_t i = 0; id_of_parameter(p, i, &id) && id < SETTING; i++) {
    double value = p->wanted[id];
    if (value == p->playing[id]) continue;
    p->playing[id] = value;
    player_turn(p->player, id / STRIDE, id % STRIDE, value);
  }
  replacer_follow(p);
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
  for (int32_t i = 0; id_of_parameter(p, i, &id); i++) {
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
  for (uint32_t i = 0; i < N_SETTINGS; i++) /* a state of an earlier export lacks some */
    plugin_set(p, SETTING + i, initial_value(SETTING + i));
  for (uint32_t i = 0; i < state->count; i++) plugin_set(p, state->rows[i].id, state->rows[i].value);
  return true;
}
