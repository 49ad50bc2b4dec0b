/* Buses and latency of a VST3. */
#include <string.h>

#include "vst3.h"

int32_t vst_count_buses(void *h, int32_t media, int32_t direction) {
  return (void)h, media == AUDIO || (media == EVENTS && direction == INPUT);
}

result vst_describe_bus(void *h, int32_t media, int32_t direction, int32_t index, bus *out) {
  if (index || !vst_count_buses(h, media, direction)) return WRONG;
  bool is_hits = media == AUDIO && direction == INPUT;
  memset(out, 0, sizeof *out);
  out->media = media, out->direction = direction, out->type = is_hits ? AUXILIARY : 0, out->flags = is_hits ? 0 : DEFAULT_ACTIVE;
  out->channels = media == EVENTS ? 16 : is_hits && OF(component, h)->input == MONO ? 1 : 2;
  widen(out->name, 128, media == EVENTS ? "Pads" : is_hits ? "Hits" : "Drums");
  return OK;
}

result vst_activate_bus(void *h, int32_t media, int32_t direction, int32_t index, uint8_t on) {
  return (void)on, index || !vst_count_buses(h, media, direction) ? WRONG : OK;
}

result vst_set_arrangement(void *h, uint64_t *in, int32_t n_in, uint64_t *out, int32_t n_out) {
  if (n_in > 1 || n_out != 1 || *out != STEREO) return FAILED;
  if (n_in == 1 && *in != STEREO && *in != MONO) return FAILED;
  if (n_in == 1) OF(processor, h)->input = *in;
  return OK;
}

result vst_get_arrangement(void *h, int32_t direction, int32_t index, uint64_t *out) {
  if (index) return WRONG;
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
