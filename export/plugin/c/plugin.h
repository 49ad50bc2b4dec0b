/* What the three plugin interfaces share: the kit in the binary, its knobs, player and replacer. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h" /* written by build.py: sizes of matcher/plugin/layout.py, and the player */

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define VENDOR "Drum matcher"
#define LICENCE "GPL-3.0-or-later; contains code of Drum matcher"
#define LEAST_RATE 8000.0 /* Hz; above HIGHEST_RATE there is no room for a drum's onset */
#define GRID 32 /* samples: knobs that are turned within them are turned at once */

struct knob { /* as KNOB of layout.py */
  char name[KNOB_NAME_BYTES], unit[KNOB_UNIT_BYTES];
  double low, high, scale;
  int64_t is_log, steps, of_replacer, of_effect;
};

struct baked { /* as BAKED of layout.py; an export overwrites it in the file */
  char mark[MARK_BYTES];
  int64_t version, size;
  uint8_t uid[16];
  char uri[URI_BYTES];
  uint8_t effect_uid[16];
  char effect_uri[URI_BYTES], name[NAME_BYTES], pads[N_PADS][NAME_BYTES];
  struct knob knobs[N_KNOBS];
  union {
    char bytes[KIT_BYTES];
    struct {
      double knobs[N_PADS][N_KNOBS];
      char others[KIT_FILLED_AT - sizeof(double) * N_PADS * N_KNOBS];
      int64_t filled[N_PADS];
    };
    double alignment;
  } kit;
  struct knob settings[N_SETTINGS];
  double initial[N_SETTINGS];
  float strokes[N_WEIGHTS];
};
_Static_assert(sizeof(struct baked) == BAKED_BYTES, "BAKED of layout.py");
_Static_assert(offsetof(struct baked, settings) == SETTINGS_AT, "BAKED of layout.py");
_Static_assert(offsetof(struct baked, kit) == BAKED_KIT_AT, "BAKED of layout.py");

extern volatile struct baked baked_kit;
#define KIT ((const struct baked *)&baked_kit)

/* The file holds two plugins: the kit as an instrument, and as an effect, whose main input is what is
 * searched for hits. The effect has no notes, no outputs for the pads, and not all settings. */

/* Parameters: STRIDE * pad + knob, of the pads that have a drum, then SETTING + place. */
#define SETTING (STRIDE * N_PADS)
#define MOST_PARAMETERS (N_PADS * N_KNOBS + N_SETTINGS)

struct plugin {
  bool is_effect;
  void *player, *replacer; /* NULL while it is not active */
  double rate;
  _Atomic double wanted[SETTING + N_SETTINGS]; /* natural units, as the host last set them */
  double playing[SETTING + N_SETTINGS];        /* as player and replacer have them */
  atomic_bool turned;
  const float *in[2];    /* the input of this block */
  float *own[N_PADS][2]; /* the pads' own outputs in this block, NULL: none */
  atomic_bool in_use[N_PADS]; /* the host uses them: LV2 and CLAP unless told otherwise, VST3 once told */
  _Atomic uint32_t reported; /* latency that the host was told of */
};

bool is_fast_processor(void); /* it runs the faster of the player's two copies, where there are two */

int32_t count_parameters(const struct plugin *plugin);
bool id_of_parameter(const struct plugin *plugin, int32_t index, uint32_t *id);
bool is_parameter(const struct plugin *plugin, uint32_t id);
void name_parameter(uint32_t id, char *out, size_t size);
void name_group(uint32_t id, char *out, size_t size); /* the pad, the replacer, or none */
const struct knob *knob_of(uint32_t id);
double from_share(uint32_t id, double share); /* 0 to 1 along its scale -> natural units */
double to_share(uint32_t id, double value);
void print_value(uint32_t id, double value, bool with_unit, char *out, size_t size);
bool read_value(uint32_t id, const char *text, double *value);
double initial_value(uint32_t id); /* as the kit was exported */
void cut(char *out, size_t size, const char *utf8); /* a copy, cut between characters */
void name_plugin(bool is_effect, char *out, size_t size);
void name_output(uint32_t pad, char *out, size_t size); /* of a pad's own output */

struct plugin *plugin_make(bool is_effect);
bool plugin_begin(struct plugin *plugin, double rate); /* makes or remakes the player */
void plugin_end(struct plugin *plugin);
double plugin_get(struct plugin *plugin, uint32_t id);
void plugin_set(struct plugin *plugin, uint32_t id, double value); /* from any thread */

/* In the audio thread, between these two: numbers too small to matter count as zero. */
uint64_t begin_block(void);
void end_block(uint64_t before);
void plugin_follow(struct plugin *plugin); /* turns the knobs that were set */
void plugin_input(struct plugin *plugin, const float *left, const float *right); /* NULL: none */
/* Pads' own outputs of n samples, NULL: none; they are cleared, and filled while pads go there. */
void plugin_outputs(struct plugin *plugin, float *own[N_PADS][2], uint32_t n);
bool has_own_output(const struct plugin *plugin, uint32_t pad); /* it goes there, not to the mix */
void plugin_strike(struct plugin *plugin, int64_t note, int64_t channel, double velocity);
void plugin_choke(struct plugin *plugin, int64_t note);
void plugin_midi(struct plugin *plugin, const uint8_t *data, int64_t length);
void plugin_silence(struct plugin *plugin);
void plugin_render(struct plugin *plugin, float *left, float *right, uint32_t from, uint32_t to);
bool plugin_is_quiet(struct plugin *plugin); /* nothing sounds, and no input can change that */

/* The replacer: see export/plugin/replacer.py. */
bool is_replacing(const struct plugin *plugin);
uint32_t latency_at(struct plugin *plugin, double rate); /* samples, as its switch was set */
void replacer_begin(struct plugin *plugin); /* from the beginning, with the settings as playing */
void replacer_follow(struct plugin *plugin); /* turns the settings that were set */

/* The state: what a host saves of a session. */
#define STATE_MARK "DMSTATE1"
struct state {
  char mark[8];
  uint32_t count, reserved;
  uint8_t uid[16]; /* of the kit */
  struct { uint32_t id, reserved; double value; } rows[MOST_PARAMETERS];
};
size_t plugin_save(struct plugin *plugin, struct state *state); /* its size in bytes */
bool plugin_load(struct plugin *plugin, const struct state *state, size_t size);
