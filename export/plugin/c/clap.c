/* CLAP 1.2, as far as it is used: clap/plugin.h, events.h and the extensions params, state,
 * audio-ports and note-ports. A knob's value is its place along its scale, 0 to 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

enum { NOTE_ON = 0, NOTE_CHOKE = 2, PARAM_VALUE = 5, MIDI = 10 };             /* events */
enum { ERROR = 0, CONTINUE = 1, SLEEP = 4 };                                  /* of process */
enum { AUTOMATABLE = 1 << 5, MAIN_PORT = 1, DIALECT_CLAP = 1, DIALECT_MIDI = 2 };

typedef struct { uint32_t major, minor, revision; } clap_version;
typedef struct {
  clap_version version;
  const char *id, *name, *vendor, *url, *manual, *support, *plugin_version, *description;
  const char *const *features;
} clap_descriptor;
typedef struct { uint32_t size, time; uint16_t space, type; uint32_t flags; } clap_header;
typedef struct { clap_header header; int32_t id; int16_t port, channel, key; double velocity; } clap_note;
typedef struct {
  clap_header header;
  uint32_t id;
  void *cookie;
  int32_t note;
  int16_t port, channel, key;
  double value;
} clap_value;
typedef struct { clap_header header; uint16_t port; uint8_t data[3]; } clap_midi;
typedef struct clap_events {
  void *context;
  uint32_t (*size)(const struct clap_events *);
  const clap_header *(*get)(const struct clap_events *, uint32_t);
} clap_events;
typedef struct { float **data32; double **data64; uint32_t channels, latency; uint64_t constant; } clap_buffer;
typedef struct {
  int64_t time;
  uint32_t frames;
  const void *transport;
  const clap_buffer *in;
  clap_buffer *out;
  uint32_t n_in, n_out;
  const clap_events *events;
  const void *out_events;
} clap_process;
typedef struct clap_plugin {
  const clap_descriptor *descriptor;
  void *data;
  bool (*init)(const struct clap_plugin *);
  void (*destroy)(const struct clap_plugin *);
  bool (*activate)(const struct clap_plugin *, double, uint32_t, uint32_t);
  void (*deactivate)(const struct clap_plugin *);
  bool (*start)(const struct clap_plugin *);
  void (*stop)(const struct clap_plugin *);
  void (*reset)(const struct clap_plugin *);
  int32_t (*process)(const struct clap_plugin *, const clap_process *);
  const void *(*extension)(const struct clap_plugin *, const char *);
  void (*on_main_thread)(const struct clap_plugin *);
} clap_plugin;
typedef struct {
  uint32_t id, flags;
  void *cookie;
  char name[256], module[1024];
  double low, high, value;
} clap_param;
typedef struct { uint32_t id; char name[256]; uint32_t flags, channels; const char *type; uint32_t pair; } clap_audio_port;
typedef struct { uint32_t id, dialects, preferred; char name[256]; } clap_note_port;
typedef struct clap_ostream { void *context; int64_t (*write)(const struct clap_ostream *, const void *, uint64_t); } clap_ostream;
typedef struct clap_istream { void *context; int64_t (*read)(const struct clap_istream *, void *, uint64_t); } clap_istream;

static struct plugin *of(const clap_plugin *c) { return c->data; }
static bool yes(const clap_plugin *c) { return (void)c, true; }
static void nothing(const clap_plugin *c) { (void)c; }

static void destroy(const clap_plugin *c) {
  plugin_end(of(c));
  free((void *)c);
}

static bool activate(const clap_plugin *c, double rate, uint32_t least, uint32_t most) {
  (void)least, (void)most;
  return plugin_begin(of(c), rate);
}

static void reset(const clap_plugin *c) {
  if (of(c)->player) player_silence(of(c)->player);
}

static void take_value(struct plugin *p, const clap_value *e) {
  if (is_parameter(e->id)) plugin_set(p, e->id, from_share(e->id, e->value));
}

static void take_midi(struct plugin *p, const uint8_t *data) { /* its length is not given */
  bool is_short = (data[0] & 0xE0) == 0xC0; /* programs and pressure of a channel */
  player_midi(p->player, data, is_short ? 2 : 3);
}

static void take_event(struct plugin *p, const clap_header *header) {
  const clap_note *note = (const void *)header;
  if (header->type == PARAM_VALUE) take_value(p, (const void *)header), plugin_follow(p);
  else if (header->type == MIDI) take_midi(p, ((const clap_midi *)header)->data);
  else if (header->type == NOTE_ON && note->key >= 0) player_strike(p->player, note->key, note->channel, note->velocity);
  else if (header->type == NOTE_CHOKE && note->key >= 0) player_choke(p->player, note->key);
}

static int32_t process(const clap_plugin *c, const clap_process *block) {
  struct plugin *p = of(c);
  if (!p->player || block->n_out < 1 || block->out[0].channels < 2 || !block->out[0].data32) return ERROR;
  uint64_t before = begin_block();
  float *left = block->out[0].data32[0], *right = block->out[0].data32[1];
  uint32_t at = 0, n = block->events ? block->events->size(block->events) : 0;
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
  return player_sounding(p->player) ? CONTINUE : SLEEP;
}

static uint32_t count(const clap_plugin *c) { return (void)c, (uint32_t)count_parameters(); }

static bool info(const clap_plugin *c, uint32_t index, clap_param *out) {
  uint32_t id;
  (void)c;
  if (!id_of_parameter((int32_t)index, &id)) return false;
  memset(out, 0, sizeof *out);
  out->id = id, out->flags = AUTOMATABLE, out->high = 1, out->value = to_share(id, initial_value(id));
  name_parameter(id, out->name, sizeof out->name);
  snprintf(out->module, sizeof out->module, "%s", KIT->pads[id / STRIDE]);
  return true;
}

static bool get(const clap_plugin *c, uint32_t id, double *value) {
  if (!is_parameter(id)) return false;
  *value = to_share(id, plugin_get(of(c), id));
  return true;
}

static bool to_text(const clap_plugin *c, uint32_t id, double share, char *out, uint32_t size) {
  (void)c;
  if (!is_parameter(id)) return false;
  print_value(id, from_share(id, share), out, size);
  return true;
}

static bool from_text(const clap_plugin *c, uint32_t id, const char *text, double *share) {
  char *end;
  (void)c;
  double value = strtod(text, &end);
  if (!is_parameter(id) || end == text) return false;
  *share = to_share(id, value / knob_of(id)->scale);
  return true;
}

static void flush(const clap_plugin *c, const clap_events *in, const void *out) {
  (void)out;
  for (uint32_t i = 0, n = in->size(in); i < n; i++) {
    const clap_header *header = in->get(in, i);
    if (header->space == 0 && header->type == PARAM_VALUE) take_value(of(c), (const void *)header);
  }
}

static uint32_t count_audio(const clap_plugin *c, bool in) { return (void)c, !in; }
static bool describe_audio(const clap_plugin *c, uint32_t index, bool in, clap_audio_port *out) {
  (void)c;
  if (in || index) return false;
  *out = (clap_audio_port){0, "Drums", MAIN_PORT, 2, "stereo", UINT32_MAX};
  return true;
}

static uint32_t count_notes(const clap_plugin *c, bool in) { return (void)c, in; }
static bool describe_notes(const clap_plugin *c, uint32_t index, bool in, clap_note_port *out) {
  (void)c;
  if (!in || index) return false;
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
  return plugin_load(of(c), &state, size);
}

static const void *extension(const clap_plugin *c, const char *id) {
  static const struct { void *functions[6]; } params = {{count, info, get, to_text, from_text, flush}};
  static const struct { void *functions[2]; } audio = {{count_audio, describe_audio}};
  static const struct { void *functions[2]; } notes = {{count_notes, describe_notes}}, state = {{save, load}};
  (void)c;
  if (!strcmp(id, "clap.params")) return &params;
  if (!strcmp(id, "clap.audio-ports")) return &audio;
  if (!strcmp(id, "clap.note-ports")) return &notes;
  if (!strcmp(id, "clap.state")) return &state;
  return NULL;
}

static clap_descriptor descriptor;
static const char *const features[] = {"instrument", "drum", "drum-machine", "stereo", NULL};

static uint32_t count_plugins(const void *factory) { return (void)factory, 1; }
static const clap_descriptor *describe(const void *factory, uint32_t index) { return (void)factory, index ? NULL : &descriptor; }

static const clap_plugin *create(const void *factory, const void *host, const char *id) {
  (void)factory, (void)host;
  if (strcmp(id, KIT->uri)) return NULL;
  clap_plugin *c = calloc(1, sizeof *c);
  struct plugin *p = plugin_make();
  if (!c || !p) {
    free(c), free(p);
    return NULL;
  }
  *c = (clap_plugin){&descriptor, p, yes, destroy, activate, nothing, yes, nothing, reset, process, extension, nothing};
  return c;
}

static bool initialise(const char *path) {
  (void)path;
  descriptor = (clap_descriptor){{1, 2, 0}, KIT->uri, KIT->name, VENDOR, "", "", "", "1", LICENCE, features};
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
