/* LV2 1.18, as far as it is used: lv2/core/lv2.h, atom/atom.h and urid/urid.h. The host saves the
 * control ports. */
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* As matcher/plugin/lv2.py has them. The effect has neither the first nor those of the pads. */
enum { MIDI_IN, LEFT, RIGHT, IN_LEFT, IN_RIGHT, LATENCY, FIRST_PAD, FIRST_CONTROL = FIRST_PAD + 2 * N_PADS };

typedef struct { const char *uri; void *data; } lv2_feature;
typedef struct { void *handle; uint32_t (*map)(void *, const char *); } lv2_map;
typedef struct lv2_descriptor_type {
  const char *uri;
  void *(*instantiate)(const struct lv2_descriptor_type *, double, const char *, const lv2_feature *const *);
  void (*connect_port)(void *, uint32_t, void *);
  void (*activate)(void *);
  void (*run)(void *, uint32_t);
  void (*deactivate)(void *);
  void (*cleanup)(void *);
  const void *(*extension_data)(const char *);
} lv2_descriptor_type;
typedef struct { uint32_t size, type; } lv2_atom;
typedef struct { lv2_atom atom; uint32_t unit, pad; } lv2_sequence;
typedef struct { int64_t frames; lv2_atom body; } lv2_event;

struct lv2 {
  struct plugin *plugin;
  uint32_t midi; /* the host's number of MidiEvent */
  const lv2_sequence *in;
  float *out[2], *latency;
  const float *input[2];
  float *own[N_PADS][2]; /* outputs of the pads that are connected */
  const float *controls[MOST_PARAMETERS];
  float before[MOST_PARAMETERS];
};

static void cleanup(void *handle) {
  struct lv2 *x = handle;
  if (x->plugin) plugin_end(x->plugin);
  free(x);
}

static bool is_effect(const lv2_descriptor_type *descriptor) { return !strcmp(descriptor->uri, KIT->effect_uri); }

static void *instantiate(const lv2_descriptor_type *descriptor, double rate, const char *bundle, const lv2_feature *const *features) {
  (void)bundle;
  const lv2_map *map = NULL;
  for (; features && *features; features++)
    if (!strcmp((*features)->uri, "http://lv2plug.in/ns/ext/urid#map")) map = (*features)->data;
  struct lv2 *x = calloc(1, sizeof *x);
  bool takes_notes = !is_effect(descriptor);
  if (!x || (takes_notes && !map) || !(x->plugin = plugin_make(!takes_notes)) || !plugin_begin(x->plugin, rate)) {
    if (x) cleanup(x);
    return NULL;
  }
  if (takes_notes) x->midi = map->map(map->handle, "http://lv2plug.in/ns/ext/midi#MidiEvent");
  uint32_t id;
  for (int32_t i = 0; id_of_parameter(x->plugin, i, &id); i++)
    x->before[i] = (float)(initial_value(id) * knob_of(id)->scale);
  return x;
}

static void connect_port(void *handle, uint32_t port, void *data) {
  struct lv2 *x = handle;
  if (x->plugin->is_effect) port += port < LATENCY ? LEFT : FIRST_CONTROL - LATENCY;
  if (port == MIDI_IN) x->in = data;
  else if (port == LEFT || port == RIGHT) x->out[port - LEFT] = data;
  else if (port == IN_LEFT || port == IN_RIGHT) x->input[port - IN_LEFT] = data;
  else if (port == LATENCY) x->latency = data;
  else if (port < FIRST_CONTROL) x->own[(port - FIRST_PAD) / 2][(port - FIRST_PAD) % 2] = data;
  else if (port - FIRST_CONTROL < MOST_PARAMETERS) x->controls[port - FIRST_CONTROL] = data;
}

static void activate(void *handle) { plugin_silence(((struct lv2 *)handle)->plugin); }

static void take_controls(struct lv2 *x) {
  uint32_t id;
  for (int32_t i = 0; id_of_parameter(x->plugin, i, &id); i++) {
    if (!x->controls[i] || *x->controls[i] == x->before[i]) continue;
    x->before[i] = *x->controls[i];
    plugin_set(x->plugin, id, x->before[i] / knob_of(id)->scale);
  }
  plugin_follow(x->plugin);
}

static void run(void *handle, uint32_t n) {
  struct lv2 *x = handle;
  uint64_t before = begin_block();
  plugin_input(x->plugin, x->input[0] ? x->input[0] : x->input[1], x->input[1]);
  plugin_outputs(x->plugin, x->own, n);
  take_controls(x);
  if (x->latency) *x->latency = (float)latency_at(x->plugin, x->plugin->rate);
  uint32_t at = 0, end = x->in ? sizeof(lv2_atom) + x->in->atom.size : 0;
  for (uint32_t o = sizeof(lv2_sequence); o + sizeof(lv2_event) <= end;) {
    const lv2_event *event = (const void *)((const char *)x->in + o);
    if (event->body.size > end - o - sizeof(lv2_event)) break;
    uint32_t due = event->frames < at ? at : event->frames > n ? n : (uint32_t)event->frames;
    plugin_render(x->plugin, x->out[0], x->out[1], at, due);
    at = due;
    if (event->body.type == x->midi && event->body.size <= 3)
      plugin_midi(x->plugin, (const uint8_t *)(event + 1), event->body.size);
    o += (uint32_t)((sizeof(lv2_event) + event->body.size + 7) & ~(size_t)7);
  }
  plugin_render(x->plugin, x->out[0], x->out[1], at, n);
  end_block(before);
}

static const void *extension_data(const char *uri) {
  (void)uri;
  return NULL;
}

EXPORT const lv2_descriptor_type *lv2_descriptor(uint32_t index) {
  static lv2_descriptor_type descriptors[2]; /* instrument and effect */
  if (index > 1) return NULL;
  const char *uri = index ? KIT->effect_uri : KIT->uri;
  descriptors[index] = (lv2_descriptor_type){uri, instantiate, connect_port, activate, run, NULL, cleanup, extension_data};
  return &descriptors[index];
}
