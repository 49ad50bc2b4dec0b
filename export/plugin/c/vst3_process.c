/* A block of a VST3: parameters and events in the order of their frames. */
#include <math.h>

#include "vst3.h"

static bool is_controller(uint32_t id) { return id >= FIRST_CONTROLLER && id < FIRST_CONTROLLER + N_CONTROLLERS; }

static void take_controller(struct vst *x, uint32_t id, double share) {
  int number = CONTROLLERS[id - FIRST_CONTROLLER];
  uint8_t value = (uint8_t)lrint(127 * (share < 0 ? 0 : share > 1 ? 1 : share));
  if (x->first && value == 0) return; /* a host that sends all parameters as they are */
  const uint8_t controller[3] = {0xB0, (uint8_t)number, value}, pressure[3] = {0xD0, value, 0};
  if (number == AFTERTOUCH) plugin_midi(x->plugin, pressure, 2);
  else plugin_midi(x->plugin, controller, 3);
}

static void take_event(struct vst *x, const event *e) {
  if (e->type == NOTE_ON) plugin_strike(x->plugin, e->note.pitch, 0, e->note.velocity);
  if (e->type != POLY_PRESSURE) return;
  const uint8_t pressure[3] = {0xA0, (uint8_t)(e->pressure.pitch & 127), (uint8_t)lrintf(127 * e->pressure.pressure)};
  plugin_midi(x->plugin, pressure, 3);
}

/* The queue whose next point comes first, at or before *due, which becomes its frame; or -1. */
static int32_t next_queue(struct vst *x, struct changes *changes, int32_t n_queues, int32_t *due) {
  int32_t first = -1;
  for (int32_t i = 0; i < n_queues; i++) {
    struct queue *queue = changes->v->get(changes, i);
    int32_t offset;
    double value;
    if (!queue || x->cursor[i] >= queue->v->count(queue)) continue;
    if (queue->v->get(queue, x->cursor[i], &offset, &value)) x->cursor[i]++, i--;
    else if (offset < *due || (offset == *due && first < 0)) first = i, *due = offset;
  }
  return first;
}

static void take_point(struct vst *x, struct changes *changes, int32_t index) {
  struct queue *queue = changes->v->get(changes, index);
  uint32_t id = queue->v->id(queue);
  int32_t offset;
  double value;
  if (queue->v->get(queue, x->cursor[index]++, &offset, &value)) return;
  if (is_controller(id)) {
    if (x->plugin->player) take_controller(x, id, value);
  } else if (is_parameter(x->plugin, id)) {
    plugin_set(x->plugin, id, from_share(id, value));
    plugin_follow(x->plugin);
  }
}

static bool is_knob(struct changes *changes, int32_t index) {
  struct queue *queue = changes->v->get(changes, index);
  return !is_controller(queue->v->id(queue));
}

static void play(struct vst *x, block *b, float *left, float *right) {
  struct changes *changes = b->changes;
  struct events *events = b->events;
  int32_t n_queues = changes ? changes->v->count(changes) : 0, n_events = events ? events->v->count(events) : 0;
  if (n_queues > MOST_QUEUES) n_queues = MOST_QUEUES;
  for (int32_t i = 0; i < n_queues; i++) x->cursor[i] = 0;
  int32_t at = 0, next_event = 0;
  for (;;) {
    event e = {0};
    while (next_event < n_events && events->v->get(events, next_event, &e)) next_event++;
    bool has_event = next_event < n_events;
    int32_t due = has_event ? e.offset : INT32_MAX;
    int32_t queue = next_queue(x, changes, n_queues, &due);
    if (!has_event && queue < 0) break;
    int32_t until = due < at ? at : due > b->n ? b->n : due;
    if (left && until > at && (queue < 0 || !is_knob(changes, queue) || until - at >= GRID)) {
      plugin_render(x->plugin, left, right, (uint32_t)at, (uint32_t)until);
      at = until;
    }
    if (queue >= 0) take_point(x, changes, queue);
    else if (x->plugin->player) take_event(x, &e), next_event++;
    else next_event++;
  }
  if (left) plugin_render(x->plugin, left, right, (uint32_t)at, (uint32_t)b->n);
}

static void take_input(struct plugin *p, const block *b) {
  const buffers *in = b->in;
  bool given = in && b->n_in >= 1 && in->channels >= 1 && in->data && in->data[0];
  plugin_input(p, given ? in->data[0] : NULL, given && in->channels > 1 ? in->data[1] : NULL);
}

static void take_outputs(struct vst *x, const block *b) {
  float *own[N_PADS][2] = {0};
  for (int32_t pad = 0; pad < N_PADS && FIRST_PAD + pad < b->n_out; pad++) {
    const buffers *out = &b->out[FIRST_PAD + pad];
    for (int side = 0; side < 2 && out->channels >= 2 && out->data; side++) own[pad][side] = out->data[side];
  }
  plugin_outputs(x->plugin, own, (uint32_t)b->n);
}

result vst_process(void *processor, block *b) {
  struct vst *x = OF(processor, processor);
  bool sounds = x->plugin->player && b->n_out >= 1 && b->out[0].channels >= 2 && b->n > 0 && b->out[0].data;
  uint64_t before = begin_block();
  take_input(x->plugin, b);
  if (sounds) take_outputs(x, b);
  plugin_follow(x->plugin);
  play(x, b, sounds ? b->out[0].data[0] : NULL, sounds ? b->out[0].data[1] : NULL);
  for (int32_t i = 0; sounds && i < b->n_out && i < N_OUTPUTS; i++) {
    bool is_silent = plugin_is_quiet(x->plugin) || (i >= FIRST_PAD && !has_own_output(x->plugin, (uint32_t)(i - FIRST_PAD)));
    b->out[i].silence = is_silent ? STEREO : 0;
  }
  if (sounds) x->first = false;
  end_block(before);
  return OK;
}
