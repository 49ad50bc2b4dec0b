/* The parameters of a plugin, as hosts see them: the knobs of its drums, the settings of its replacer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define GROUP "Replacer"

int32_t count_parameters(void) {
  int32_t count = 0;
  for (int pad = 0; pad < N_PADS; pad++) count += KIT->kit.filled[pad] ? N_KNOBS : 0;
  return count + N_SETTINGS;
}

bool id_of_parameter(int32_t index, uint32_t *id) {
  for (uint32_t pad = 0; index >= 0 && pad < N_PADS; pad++) {
    if (!KIT->kit.filled[pad]) continue;
    if (index < N_KNOBS) {
      *id = STRIDE * pad + (uint32_t)index;
      return true;
    }
    index -= N_KNOBS;
  }
  *id = SETTING + (uint32_t)index;
  return index >= 0 && index < N_SETTINGS;
}

bool is_parameter(uint32_t id) {
  if (id >= SETTING) return id < SETTING + N_SETTINGS;
  return id % STRIDE < N_KNOBS && KIT->kit.filled[id / STRIDE];
}

void name_parameter(uint32_t id, char *out, size_t size) {
  snprintf(out, size, "%s %s", id < SETTING ? KIT->pads[id / STRIDE] : GROUP, knob_of(id)->name);
}

void name_group(uint32_t id, char *out, size_t size) {
  snprintf(out, size, "%s", id < SETTING ? KIT->pads[id / STRIDE] : GROUP);
}

const struct knob *knob_of(uint32_t id) { return id < SETTING ? &KIT->knobs[id % STRIDE] : &KIT->settings[id - SETTING]; }

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
  if (id == SETTING + SET_ON) snprintf(out, size, "%s", value ? "on" : "off");
  else if (id == SETTING + SET_PAD) snprintf(out, size, "%.0f %s", value, value >= 1 && value <= N_PADS ? KIT->pads[(int)value - 1] : "");
  else if (with_unit) snprintf(out, size, "%.4g %s", value * k->scale, k->unit);
  else snprintf(out, size, "%.4g", value * k->scale);
}

bool read_value(uint32_t id, const char *text, double *value) {
  char *end;
  *value = strtod(text, &end) / knob_of(id)->scale;
  if (id == SETTING + SET_ON && (!strcmp(text, "on") || !strcmp(text, "off"))) *value = !strcmp(text, "on");
  else if (end == text) return false;
  return true;
}

double initial_value(uint32_t id) { return id < SETTING ? KIT->kit.knobs[id / STRIDE][id % STRIDE] : KIT->initial[id - SETTING]; }
