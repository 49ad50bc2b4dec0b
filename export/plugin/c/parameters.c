/* The parameters of a plugin, as hosts see them: the knobs of its drums, then its settings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define GROUP "Replacer"

static bool has_setting(const struct plugin *p, uint32_t place) { return !p->is_effect || KIT->settings[place].of_effect; }

int32_t count_parameters(const struct plugin *p) {
  int32_t count = 0;
  for (int pad = 0; pad < N_PADS; pad++) count += KIT->kit.filled[pad] ? N_KNOBS : 0;
  for (uint32_t place = 0; place < N_SETTINGS; place++) count += has_setting(p, place);
  return count;
}

bool id_of_parameter(const struct plugin *p, int32_t index, uint32_t *id) {
  for (uint32_t pad = 0; index >= 0 && pad < N_PADS; pad++) {
    if (!KIT->kit.filled[pad]) continue;
    if (index < N_KNOBS) {
      *id = STRIDE * pad + (uint32_t)index;
      return true;
    }
    index -= N_KNOBS;
  }
  for (uint32_t place = 0; index >= 0 && place < N_SETTINGS; place++) {
    *id = SETTING + place;
    if (has_setting(p, place) && index-- == 0) return true;
  }
  return false;
}

bool is_parameter(const struct plugin *p, uint32_t id) {
  if (id >= SETTING) return id < SETTING + N_SETTINGS && has_setting(p, id - SETTING);
  return id % STRIDE < N_KNOBS && KIT->kit.filled[id / STRIDE];
}

void cut(char *out, size_t size, const char *utf8) {
  size_t n = strlen(utf8);
  if (n >= size)
    for (n = size - 1; n > 0 && (utf8[n] & 0xC0) == 0x80; n--) {}
  memcpy(out, utf8, n);
  out[n] = 0;
}

void name_plugin(bool is_effect, char *out, size_t size) {
  cut(out, is_effect ? size - strlen(EFFECT_SUFFIX) : size, KIT->name);
  if (is_effect) strcat(out, EFFECT_SUFFIX);
}

void name_output(uint32_t pad, char *out, size_t size) { cut(out, size, KIT->pads[pad]); }

void name_group(uint32_t id, char *out, size_t size) {
  cut(out, size, id < SETTING ? KIT->pads[id / STRIDE] : knob_of(id)->of_replacer ? GROUP : "");
}

void name_parameter(uint32_t id, char *out, size_t size) {
  char group[NAME_BYTES];
  name_group(id, group, sizeof group);
  snprintf(out, size, "%s%s%s", group, *group ? " " : "", knob_of(id)->name);
}

const struct knob *knob_of(uint32_t id) { return id < SETTING ? &KIT->knobs[id % STRIDE] : &KIT->settings[id - SETTING]; }

static bool is_switch(uint32_t id) { return knob_of(id)->steps == 1; }

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

double from_share(uint32_t id, double share) {
  const struct knob *k = knob_of(id);
  share = clamp(share, 0, 1);
  if (k->steps) return k->low + round(share * (double)k->steps) * (k->high - k->low) / (double)k->steps;
  double value = k->is_log ? k->low * pow(k->high / k->low, share) : k->low + share * (k->high - k->low);
  return clamp(value, k->low, k->high);
}

double to_share(uint32_t id, double value) {
  const struct knob *k = knob_of(id);
  value = clamp(value, k->low, k->high);
  return k->is_log ? log(value / k->low) / log(k->high / k->low) : (value - k->low) / (k->high - k->low);
}

void print_value(uint32_t id, double value, bool with_unit, char *out, size_t size) {
  const struct knob *k = knob_of(id);
  if (is_switch(id)) snprintf(out, size, "%s", value ? "on" : "off");
  else if (id == SETTING + SET_PAD) snprintf(out, size, "%.0f %s", value, value >= 1 && value <= N_PADS ? KIT->pads[(int)value - 1] : "");
  else if (with_unit) snprintf(out, size, "%.4g %s", value * k->scale, k->unit);
  else snprintf(out, size, "%.4g", value * k->scale);
}

bool read_value(uint32_t id, const char *text, double *value) {
  char *end;
  *value = strtod(text, &end) / knob_of(id)->scale;
  if (is_switch(id) && (!strcmp(text, "on") || !strcmp(text, "off"))) *value = !strcmp(text, "on");
  else if (end == text) return false;
  return true;
}

double initial_value(uint32_t id) { return id < SETTING ? KIT->kit.knobs[id / STRIDE][id % STRIDE] : KIT->initial[id - SETTING]; }
