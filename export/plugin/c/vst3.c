/* A kit as VST3: its factory, and all of it but its blocks. */
#include "vst3.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void widen(uint16_t *out, size_t size, const char *utf8) {
  size_t n = 0;
  for (const uint8_t *s = (const uint8_t *)utf8; *s && n + 2 < size;) {
    uint32_t c = *s++;
    int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    c &= more ? 0x3F >> more : 0x7F;
    for (; more > 0 && *s; more--) c = c << 6 | (*s++ & 0x3F);
    if (c >= 0x10000) {
      out[n++] = (uint16_t)(0xD800 + ((c - 0x10000) >> 10));
      c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    out[n++] = (uint16_t)c;
  }
  out[n] = 0;
}

static result query(struct vst *x, const uint8_t *uid, void **out) {
  *out = NULL;
  if (!memcmp(uid, PROCESSOR, 16)) *out = &x->processor;
  else if (!memcmp(uid, CONTROLLER, 16)) *out = &x->controller;
  else if (!memcmp(uid, MIDI_MAPPING, 16)) *out = &x->mapping;
  else if (!memcmp(uid, COMPONENT, 16) || !memcmp(uid, PLUGIN_BASE, 16) || !memcmp(uid, FUNKNOWN, 16)) *out = &x->component;
  if (!*out) return NO_INTERFACE;
  x->references++;
  return OK;
}

static uint32_t release(struct vst *x) {
  int left = --x->references;
  if (left == 0) {
    vst_set_handler(&x->controller, NULL);
    plugin_end(x->plugin);
    free(x);
  }
  return (uint32_t)left;
}

#define UNKNOWN(m) \
  static result m##_query(void *h, const uint8_t *uid, void **out) { return query(OF(m, h), uid, out); } \
  static uint32_t m##_reference(void *h) { return (uint32_t)++OF(m, h)->references; } \
  static uint32_t m##_release(void *h) { return release(OF(m, h)); }
UNKNOWN(component)
UNKNOWN(processor)
UNKNOWN(controller)
UNKNOWN(mapping)

static result fine(void *h, void *a) { return (void)h, (void)a, OK; }
static result done(void *h) { return (void)h, OK; }
static result missing(void *h, void *a) { return (void)h, (void)a, NOT_IMPLEMENTED; }

/* component */
static result set_mode(void *h, int32_t mode) { return (void)h, (void)mode, NOT_IMPLEMENTED; }
static result routing(void *h, void *in, void *out) { return (void)h, (void)in, (void)out, NOT_IMPLEMENTED; }
static result set_active(void *h, uint8_t on) {
  struct vst *x = OF(component, h);
  x->first = true;
  return !on || plugin_begin(x->plugin, x->rate) ? OK : FAILED;
}
static result set_state(void *h, struct stream *stream) {
  char bytes[sizeof(struct state) + 1];
  size_t size = 0;
  for (int32_t n = 1; n > 0 && size < sizeof bytes; size += (size_t)n) {
    n = 0;
    if (stream->v->read(stream, bytes + size, (int32_t)(sizeof bytes - size), &n) || n < 0) break;
  }
  struct state state;
  if (size > sizeof state) return FAILED;
  memcpy(&state, bytes, size);
  bool fits = plugin_load(OF(component, h)->plugin, &state, size);
  vst_latency_follow(OF(component, h));
  return fits ? OK : FAILED;
}
static result get_state(void *h, struct stream *stream) {
  struct state state;
  int32_t size = (int32_t)plugin_save(OF(component, h)->plugin, &state), n = 0;
  return stream->v->write(stream, &state, size, &n) || n != size ? FAILED : OK;
}

/* processor */
static result can_process(void *h, int32_t size) { return (void)h, size == SAMPLE_32 ? OK : FAILED; }
static uint32_t tail(void *h) { return (void)h, UINT32_MAX; }
static result set_processing(void *h, uint8_t on) { return (void)h, (void)on, OK; }
static result set_up(void *h, setup *s) {
  OF(processor, h)->rate = s->rate;
  return s->size != SAMPLE_32 || s->rate < LEAST_RATE || s->rate > HIGHEST_RATE ? FAILED : OK;
}

/* controller */
static const struct plugin *controlled(void *h) { return OF(controller, h)->plugin; }
static int32_t count(void *h) { return count_parameters(controlled(h)) + (controlled(h)->is_effect ? 0 : N_CONTROLLERS); }
static result describe_controller(int32_t index, parameter *out) {
  char name[32];
  if (index < 0 || index >= N_CONTROLLERS) return WRONG;
  snprintf(name, sizeof name, "MIDI controller %d", CONTROLLERS[index]);
  out->id = FIRST_CONTROLLER + (uint32_t)index, out->flags = IS_HIDDEN;
  widen(out->title, 128, name);
  return OK;
}
static result describe(void *h, int32_t index, parameter *out) {
  char name[2 * NAME_BYTES];
  uint32_t id;
  memset(out, 0, sizeof *out);
  if (index >= count(h)) return WRONG;
  if (!id_of_parameter(controlled(h), index, &id)) return describe_controller(index - count_parameters(controlled(h)), out);
  name_parameter(id, name, sizeof name);
  out->id = id, out->flags = CAN_AUTOMATE, out->steps = (int32_t)knob_of(id)->steps, out->value = to_share(id, initial_value(id));
  widen(out->title, 128, name), widen(out->brief, 128, knob_of(id)->name), widen(out->units, 128, knob_of(id)->unit);
  return OK;
}
static result to_text(void *h, uint32_t id, double share, uint16_t *out) {
  char text[NAME_BYTES + 8];
  if (!is_parameter(controlled(h), id)) return WRONG;
  print_value(id, from_share(id, share), false, text, sizeof text);
  widen(out, 128, text);
  return OK;
}
static result from_text(void *h, uint32_t id, uint16_t *in, double *share) {
  char text[64];
  double value;
  int n = 0;
  for (; n < 63 && in[n]; n++) text[n] = in[n] < 128 ? (char)in[n] : '?';
  text[n] = 0;
  if (!is_parameter(controlled(h), id) || !read_value(id, text, &value)) return FAILED;
  *share = to_share(id, value);
  return OK;
}
static double to_plain(void *h, uint32_t id, double share) {
  return is_parameter(controlled(h), id) ? from_share(id, share) * knob_of(id)->scale : share;
}
static double from_plain(void *h, uint32_t id, double value) {
  return is_parameter(controlled(h), id) ? to_share(id, value / knob_of(id)->scale) : value;
}
static double get(void *h, uint32_t id) {
  return is_parameter(controlled(h), id) ? to_share(id, plugin_get(OF(controller, h)->plugin, id)) : 0;
}
static result set(void *h, uint32_t id, double share) { /* one that comes back as it was given stays to the last bit */
  if (is_parameter(controlled(h), id) && fabs(share - get(h, id)) > 1e-9) plugin_set(OF(controller, h)->plugin, id, from_share(id, share));
  vst_latency_follow(OF(controller, h));
  return OK;
}
static void *view(void *h, const char *name) { return (void)h, (void)name, NULL; }

/* MIDI mapping */
static result assignment(void *h, int32_t index, int16_t channel, int16_t number, uint32_t *id) {
  (void)channel;
  for (uint32_t i = 0; index == 0 && !OF(mapping, h)->plugin->is_effect && i < N_CONTROLLERS; i++)
    if (CONTROLLERS[i] == number) {
      *id = FIRST_CONTROLLER + i;
      return OK;
    }
  return FAILED;
}

#define BEGIN(m) (void *)m##_query, (void *)m##_reference, (void *)m##_release
static const void *const component_table[] = {BEGIN(component), fine, done, missing, set_mode, vst_count_buses, vst_describe_bus,
                                              routing, vst_activate_bus, set_active, set_state, get_state};
static const void *const processor_table[] = {BEGIN(processor), vst_set_arrangement, vst_get_arrangement, can_process, vst_latency,
                                              set_up, set_processing, vst_process, tail};
static const void *const controller_table[] = {BEGIN(controller), fine, done, fine, fine, fine, count, describe, to_text,
                                               from_text, to_plain, from_plain, get, set, vst_set_handler, view};
static const void *const mapping_table[] = {BEGIN(mapping), assignment};

/* factory */
static result factory_query(void *h, const uint8_t *uid, void **out) {
  bool known = !memcmp(uid, FUNKNOWN, 16) || !memcmp(uid, FACTORY, 16) || !memcmp(uid, FACTORY_2, 16) || !memcmp(uid, FACTORY_3, 16);
  *out = known ? h : NULL;
  return known ? OK : NO_INTERFACE;
}
static uint32_t factory_reference(void *h) { return (void)h, 1; }
static result describe_factory(void *h, factory_info *out) {
  (void)h;
  memset(out, 0, sizeof *out);
  strcpy(out->vendor, VENDOR), out->flags = UNICODE;
  return OK;
}
enum { N_CLASSES = 2 }; /* instrument and effect */
static int32_t count_classes(void *h) { return (void)h, N_CLASSES; }
static result describe_class(void *h, int32_t index, class_1 *out) {
  (void)h;
  if (index < 0 || index >= N_CLASSES) return WRONG;
  memset(out, 0, sizeof *out);
  memcpy(out->uid, index ? KIT->effect_uid : KIT->uid, 16);
  out->cardinality = MANY;
  strcpy(out->category, "Audio Module Class"), name_plugin(index, out->name, sizeof out->name);
  return OK;
}
static result describe_class_2(void *h, int32_t index, class_2 *out) {
  memset(out, 0, sizeof *out);
  if (describe_class(h, index, &out->first)) return WRONG;
  strcpy(out->sub, index ? "Fx|Drum" : "Instrument|Drum"), strcpy(out->vendor, VENDOR), strcpy(out->version, "1.0.0"), strcpy(out->sdk, "VST 3.7");
  return OK;
}
static result describe_class_3(void *h, int32_t index, class_3 *out) {
  class_2 c;
  char name[NAME_BYTES];
  memset(out, 0, sizeof *out);
  if (describe_class_2(h, index, &c)) return WRONG;
  name_plugin(index, name, sizeof name);
  memcpy(out->uid, c.first.uid, 16);
  out->cardinality = c.first.cardinality, out->flags = c.flags;
  memcpy(out->category, c.first.category, sizeof out->category), memcpy(out->sub, c.sub, sizeof out->sub);
  widen(out->name, 64, name), widen(out->vendor, 64, c.vendor), widen(out->version, 64, c.version), widen(out->sdk, 64, c.sdk);
  return OK;
}
static result create(void *h, const uint8_t *uid, const uint8_t *interface, void **out) {
  (void)h;
  *out = NULL;
  bool is_effect = !memcmp(uid, KIT->effect_uid, 16);
  if (!is_effect && memcmp(uid, KIT->uid, 16)) return NO_INTERFACE;
  struct vst *x = calloc(1, sizeof *x);
  if (!x || !(x->plugin = plugin_make(is_effect))) {
    free(x);
    return FAILED;
  }
  x->component = component_table, x->processor = processor_table, x->controller = controller_table, x->mapping = mapping_table;
  for (int pad = 0; pad < N_PADS; pad++) x->plugin->in_use[pad] = false;
  x->rate = 48000, x->input = STEREO, x->references = 1;
  result found = query(x, interface, out);
  release(x);
  return found;
}
static const void *const factory_table[] = {factory_query, factory_reference, factory_reference, describe_factory, count_classes,
                                            describe_class, create, describe_class_2, describe_class_3, fine};

EXPORT const void *GetPluginFactory(void) {
  static const void *factory = factory_table;
  return &factory;
}
EXPORT bool ModuleEntry(void *handle) { return (void)handle, true; }
EXPORT bool ModuleExit(void) { return true; }
EXPORT bool bundleEntry(void *handle) { return (void)handle, true; }
EXPORT bool bundleExit(void) { return true; }
EXPORT bool InitDll(void) { return true; }
EXPORT bool ExitDll(void) { return true; }
