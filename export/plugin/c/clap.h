/* CLAP 1.2, as far as it is used: clap/plugin.h, process.h, events.h, host.h and the extensions params,
 * state, audio-ports, audio-ports-activation, note-ports and latency. */
#pragma once
#include "plugin.h"

enum { NOTE_ON = 0, NOTE_CHOKE = 2, PARAM_VALUE = 5, MIDI = 10 };             /* events */
enum { ERROR = 0, CONTINUE = 1, SLEEP = 4 };                                  /* of process */
enum { STEPPED = 1 << 0, AUTOMATABLE = 1 << 5, MAIN_PORT = 1, DIALECT_CLAP = 1, DIALECT_MIDI = 2 };

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
typedef struct clap_host {
  clap_version version;
  void *data;
  const char *name, *vendor, *url, *host_version;
  const void *(*extension)(const struct clap_host *, const char *);
  void (*restart)(const struct clap_host *), (*process)(const struct clap_host *), (*callback)(const struct clap_host *);
} clap_host;

struct clap {
  struct plugin *plugin;
  const clap_host *host; /* NULL: none that can be called */
  atomic_bool asked;     /* it was asked to activate the plugin anew */
};

/* Audio ports: the mix and the pads out, hits in. */
uint32_t clap_count_audio(const clap_plugin *plugin, bool in);
bool clap_describe_audio(const clap_plugin *plugin, uint32_t index, bool in, clap_audio_port *out);
bool clap_activate_audio(const clap_plugin *plugin, bool in, uint32_t index, bool on, uint32_t size);
void clap_take_audio(struct clap *clap, const clap_process *block); /* input and outputs of a block */

/* Latency: what the host may be told of it, and when. */
uint32_t clap_latency(const clap_plugin *plugin);
void clap_latency_begins(struct clap *clap); /* while it is activated: it may change */
void clap_latency_follow(struct clap *clap); /* asks the host to activate it anew where it must change */
