/* A kit as CLAP. A knob's value is its place along its scale, 0 to 1; a choice's is its number, from 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clap.h"

static struct clap *instance(const clap_plugin *c) { return c->data; }
static struct plugin *of(const clap_plugin *c) { return instance(c)->plugin; }
static bool yes(const clap_plugin *c) { return (void)c, true; }
static void nothing(const clap_plugin *c) { (void)c; }

static void destroy(const clap_plugin *c) {
  plugin_end(of(c));
  free(c->data), free((void *)c);
}

static bool activate(const clap_plugin *c, double rate, uint32_t least, uint32_t most) {
  (void)least, (void)most;
  if (!plugin_begin(of(c), rate)) return false;
  clap_latency_begins(instance(c));
  return true;
}

static void reset(const clap_plugin *c) {
  if (of(c)->player) plugin_silence(of(c));
}

static double most(uint32_t id) { return knob_of(id)->steps ? (double)knob_of(id)->steps : 1; }

static void take_value(struct plugin *p, const clap_value *e) {
  if (is_parameter(p, e->id)) plugin_set(p, e->id, from_share(e->id, e->value / most(e->id)));
}

static void take_midi(struct plugin *p, const uint8_t *data) { /* its length is not given */
  bool is_short = (data[0] & 0xE0) == 0xC0; /* programs and pressure of a channel */
  plugin_midi(p, data, is_short ? 2 : 3);
}

static void take_event(struct plugin *p, const clap_header *header) {
  const clap_note *note = (const void *)header;
  if (header->type == PARAM_VALUE) take_value(p, (const void *)header), plugin_follow(p);
  else if (header->type == MIDI) take_midi(p, ((const clap_midi *)header)->data);
  else if (header->type == NOTE_ON && note->key >= 0) plugin_strike(p, note->key, note->channel, note->velocity);
  else if (header->type == NOTE_CHOKE && note->key >= 0) plugin_choke(p, note->key);
}

static int32_t process(const clap_plugin *c, const clap_process *block) {
  struct plugin *p = of(c);
  if (!p->player || block->n_out < 1 || block->out[0].channels < 2 || !block->out[0].data32) return ERROR;
  uint64_t before = begin_block();
  float *left = block->out[0].data32[0], *right = block->out[0].data32[1];
  uint32_t at = 0, n = block->events ? block->events->size(block->events) : 0;
  clap_take_audio(instance(c), block);
  plugin_follow(p);
  for (uint32_t i = 0; i < n; i++) {
    const clap_header *header = block->events->get(block->events, i);
    if (header->space != 0) continue;
    uint32_t due = header->time > block->frames ? block->frames : header->time;
    if (due > at && (header->type != PARAM_VALUE || due - at >= GRID)) {
      plugin_render(p, left, right, at, due);
      at = due;
    }
    take_event(p, header);
  }
  plugin_render(p, left, right, at, block->frames);
  end_block(before);
  clap_latency_follow(instance(c));
  return plugin_is_quiet(p) ? SLEEP : CONTINUE;
}

static uint32_t count(const clap_plugin *c) { return (uint32_t)count_parameters(of(c)); }

static bool info(const clap_plugin *c, uint32_t index, clap_param *out) {
  uint32_t id;
  if (!id_of_parameter(of(c), (int32_t)index, &id)) return false;
  memset(out, 0, sizeof *out);
  out->id = id, out->flags = AUTOMATABLE | (knob_of(id)->steps ? STEPPED : 0);
  out->high = most(id), out->value = most(id) * to_share(id, initial_value(id));
  name_parameter(id, out->name, sizeof out->name);
  name_group(id, out->module, sizeof out->module);
  return true;
}

static bool get(const clap_plugin *c, uint32_t id, double *value) {
  if (!is_parameter(of(c), id)) return false;
  *value = most(id) * to_share(id, plugin_get(of(c), id));
  return true;
}

static bool to_text(const clap_plugin *c, uint32_t id, double value, char *out, uint32_t size) {
  if (!is_parameter(of(c), id)) return false;
  print_value(id, from_share(id, value / most(id)), true, out, size);
  return true;
}

static bool from_text(const clap_plugin *c, uint32_t id, const char *text, double *value) {
  if (!is_parameter(of(c), id) || !read_value(id, text, value)) return false;
  *value = most(id) * to_share(id, *value);
  return true;
}

static void flush(const clap_plugin *c, const clap_events *in, const void *out) {
  (void)out;
  for (uint32_t i = 0, n = in->size(in); i < n; i++) {
    const clap_header *header = in->get(in, i);
    if (header->space == 0 && header->type == PARAM_VALUE) take_value(of(c), (const void *)header);
  }
  clap_latency_follow(instance(c));
}

static uint32_t count_notes(const clap_plugin *c, bool in) { return in && !of(c)->is_effect; }
static bool describe_notes(const clap_plugin *c, uint32_t index, bool in, clap_note_port *out) {
  if (index >= count_notes(c, in)) return false;
  *out = (clap_note_port){0, DIALECT_CLAP | DIALECT_MIDI, DIALECT_CLAP, "Pads"};
  return true;
}

static bool save(const clap_plugin *c, const clap_ostream *stream) {
  struct state state;
  size_t size = plugin_save(of(c), &state);
  for (size_t at = 0; at < size;) {
    int64_t n = stream->write(stream, (const char *)&state + at, size - at);
    if (n <= 0) return false;
    at += (size_t)n;
  }
  return true;
}

static bool load(const clap_plugin *c, const clap_istream *stream) {
  char bytes[sizeof(struct state) + 1];
  size_t size = 0;
  for (int64_t n = 1; n > 0 && size < sizeof bytes; size += n > 0 ? (size_t)n : 0) {
    n = stream->read(stream, bytes + size, sizeof bytes - size);
    if (n < 0) return false;
  }
  struct state state;
  if (size > sizeof state) return false;
  memcpy(&state, bytes, size);
  bool fits = plugin_load(of(c), &state, size);
  clap_latency_follow(instance(c));
  return fits;
}

static const void *extension(const clap_plugin *c, const char *id) {
  static const struct { void *functions[6]; } params = {{count, info, get, to_text, from_text, flush}};
  static const struct { uint32_t (*get)(const clap_plugin *); } latency = {clap_latency};
  static const struct { void *functions[2]; } audio = {{clap_count_audio, clap_describe_audio}};
  static const struct { void *functions[2]; } activation = {{yes, clap_activate_audio}};
  static const struct { void *functions[2]; } notes = {{count_notes, describe_notes}}, state = {{save, load}};
  if (!strcmp(id, "clap.params")) return &params;
  if (!strcmp(id, "clap.audio-ports")) return &audio;
  if (!strcmp(id, "clap.audio-ports-activation/draft-2")) return &activation; /* the one name it has */
  if (!strcmp(id, "clap.note-ports") && !of(c)->is_effect) return &notes;
  if (!strcmp(id, "clap.state")) return &state;
  if (!strcmp(id, "clap.latency")) return &latency;
  return NULL;
}

enum { N_PLUGINS = 2 }; /* instrument and effect */
static clap_descriptor descriptors[N_PLUGINS];
static const char *const features[N_PLUGINS][5] = {{"instrument", "drum", "drum-machine", "stereo", NULL}, {"audio-effect", "drum", "stereo", NULL}};

static uint32_t count_plugins(const void *factory) { return (void)factory, N_PLUGINS; }
static const clap_descriptor *describe(const void *factory, uint32_t index) {
  return (void)factory, index < N_PLUGINS ? &descriptors[index] : NULL;
}

static const clap_plugin *create(const void *factory, const void *host, const char *id) {
  (void)factory;
  bool is_effect = !strcmp(id, KIT->effect_uri);
  if (!is_effect && strcmp(id, KIT->uri)) return NULL;
  clap_plugin *c = calloc(1, sizeof *c);
  struct clap *x = calloc(1, sizeof *x);
  struct plugin *p = plugin_make(is_effect);
  if (!c || !x || !p) {
    free(c), free(x), free(p);
    return NULL;
  }
  x->plugin = p, x->host = host;
  *c = (clap_plugin){&descriptors[is_effect], x, yes, destroy, activate, nothing, yes, nothing, reset, process, extension, nothing};
  return c;
}

static bool initialise(const char *path) {
  (void)path;
  static char names[N_PLUGINS][NAME_BYTES];
  for (int i = 0; i < N_PLUGINS; i++) {
    name_plugin(i, names[i], sizeof names[i]);
    descriptors[i] = (clap_descriptor){{1, 2, 0}, i ? KIT->effect_uri : KIT->uri, names[i], VENDOR, "", "", "", "1", LICENCE, features[i]};
  }
  return true;
}

static void deinitialise(void) {}

static const void *get_factory(const char *id) {
  static const struct { void *functions[3]; } factory = {{count_plugins, describe, create}};
  return strcmp(id, "clap.plugin-factory") ? NULL : &factory;
}

typedef struct {
  clap_version version;
  bool (*init)(const char *);
  void (*deinit)(void);
  const void *(*get_factory)(const char *);
} clap_entry_type;
EXPORT extern const clap_entry_type clap_entry;
const clap_entry_type clap_entry = {{1, 2, 0}, initialise, deinitialise, get_factory};
