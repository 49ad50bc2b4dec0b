/* Buses and latency of a VST3. */
#include <string.h>

#include "vst3.h"

int32_t vst_count_buses(void *h, int32_t media, int32_t direction) {
  bool is_effect = OF(component, h)->plugin->is_effect;
  if (media == EVENTS) return direction == INPUT && !is_effect;
  return media != AUDIO ? 0 : direction == INPUT || is_effect ? 1 : N_OUTPUTS;
}

result vst_describe_bus(void *h, int32_t media, int32_t direction, int32_t index, bus *out) {
  struct vst *x = OF(component, h);
  if (index < 0 || index >= vst_count_buses(h, media, direction)) return WRONG;
  bool is_hits = media == AUDIO && direction == INPUT, is_pad = direction == OUTPUT && index >= FIRST_PAD;
  bool is_main = !is_pad && (!is_hits || x->plugin->is_effect);
  char name[NAME_BYTES] = "Drums";
  if (media == EVENTS) strcpy(name, "Pads");
  else if (is_hits) strcpy(name, "Hits");
  else if (is_pad) name_output((uint32_t)(index - FIRST_PAD), name, sizeof name);
  memset(out, 0, sizeof *out);
  out->media = media, out->direction = direction, out->type = is_main ? 0 : AUXILIARY, out->flags = is_main ? DEFAULT_ACTIVE : 0;
  out->channels = media == EVENTS ? 16 : is_hits && x->input == MONO ? 1 : 2;
  widen(out->name, 128, name);
  return OK;
}

result vst_activate_bus(void *h, int32_t media, int32_t direction, int32_t index, uint8_t on) {
  if (index < 0 || index >= vst_count_buses(h, media, direction)) return WRONG;
  if (direction == OUTPUT && index >= FIRST_PAD) OF(component, h)->plugin->in_use[index - FIRST_PAD] = on;
  return OK;
}

result vst_set_arrangement(void *h, uint64_t *in, int32_t n_in, uint64_t *out, int32_t n_out) {
  struct vst *x = OF(processor, h);
  if (n_in > 1 || n_out < 1 || n_out > vst_count_buses(&x->component, AUDIO, OUTPUT)) return FAILED;
  for (int32_t i = 0; i < n_out; i++)
    if (out[i] != STEREO) return FAILED;
  if (n_in == 1 && *in != STEREO && *in != MONO) return FAILED;
  if (n_in == 1) x->input = *in;
  return OK;
}

result vst_get_arrangement(void *h, int32_t direction, int32_t index, uint64_t *out) {
  if (index < 0 || index >= vst_count_buses(&OF(processor, h)->component, AUDIO, direction)) return WRONG;
  *out = direction == OUTPUT ? STEREO : OF(processor, h)->input;
  return OK;
}

uint32_t vst_latency(void *h) {
  struct vst *x = OF(processor, h);
  uint32_t latency = latency_at(x->plugin, x->rate);
  x->plugin->reported = latency;
  return latency;
}

result vst_set_handler(void *h, struct handler *handler) {
  struct vst *x = OF(controller, h);
  if (handler) handler->v->reference(handler);
  if (x->handler) x->handler->v->release(x->handler);
  x->handler = handler;
  return OK;
}

void vst_latency_follow(struct vst *x) {
  uint32_t latency = latency_at(x->plugin, x->rate);
  if (atomic_exchange(&x->plugin->reported, latency) != latency && x->handler) x->handler->v->restart(x->handler, LATENCY_CHANGED);
}
