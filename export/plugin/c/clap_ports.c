/* The audio ports of a CLAP. */
#include "clap.h"

enum { MIX, FIRST_PAD };        /* outputs by index */
enum { HITS_ID = 1, PAD_ID = 2 }; /* identities beside the mix, which has 0 */

static struct plugin *of(const clap_plugin *c) { return ((struct clap *)c->data)->plugin; }

uint32_t clap_count_audio(const clap_plugin *c, bool in) { return in || of(c)->is_effect ? 1 : FIRST_PAD + N_PADS; }

bool clap_describe_audio(const clap_plugin *c, uint32_t index, bool in, clap_audio_port *out) {
  if (index >= clap_count_audio(c, in)) return false;
  *out = (clap_audio_port){0, "Drums", MAIN_PORT, 2, "stereo", UINT32_MAX};
  if (in) *out = (clap_audio_port){HITS_ID, "Hits", of(c)->is_effect ? MAIN_PORT : 0, 2, "stereo", UINT32_MAX};
  if (in || index == MIX) return true;
  *out = (clap_audio_port){PAD_ID + index - FIRST_PAD, "", 0, 2, "stereo", UINT32_MAX};
  name_output(index - FIRST_PAD, out->name, sizeof out->name);
  return true;
}

bool clap_activate_audio(const clap_plugin *c, bool in, uint32_t index, bool on, uint32_t size) {
  (void)size;
  if (index >= clap_count_audio(c, in)) return false;
  if (!in && index >= FIRST_PAD) of(c)->in_use[index - FIRST_PAD] = on;
  return true;
}

void clap_take_audio(struct clap *x, const clap_process *block) {
  const clap_buffer *in = block->in;
  bool given = in && block->n_in >= 1 && in->channels >= 1 && in->data32 && in->data32[0];
  plugin_input(x->plugin, given ? in->data32[0] : NULL, given && in->channels > 1 ? in->data32[1] : NULL);
  float *own[N_PADS][2] = {0};
  for (uint32_t pad = 0; pad < N_PADS && FIRST_PAD + pad < block->n_out && !x->plugin->is_effect; pad++) {
    const clap_buffer *out = &block->out[FIRST_PAD + pad];
    for (int side = 0; side < 2 && out->channels >= 2 && out->data32; side++) own[pad][side] = out->data32[side];
  }
  plugin_outputs(x->plugin, own, block->frames);
}
