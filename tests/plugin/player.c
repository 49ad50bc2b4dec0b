/* A CLAP host for other processors and systems: player PLUGIN MESSAGES OUT RATE FRAMES BLOCK [INPUT].
 * MESSAGES has lines "frame byte byte byte"; OUT becomes the blocks as 32-bit floats, left, right. With
 * INPUT, 32-bit floats of one channel, it is the effect that plays, and takes these on both channels. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

typedef struct { uint32_t size, time; uint16_t space, type; uint32_t flags; uint16_t port; uint8_t data[3]; } message;
typedef struct events { void *context; uint32_t (*size)(const struct events *); const void *(*get)(const struct events *, uint32_t); } events;
typedef struct { float **data32; double **data64; uint32_t channels, latency; uint64_t constant; } buffer;
typedef struct { int64_t time; uint32_t frames; const void *transport; const buffer *in; buffer *out; uint32_t n_in, n_out; const events *events; const void *out_events; } block;
typedef struct plugin {
  const void *descriptor;
  void *data;
  bool (*init)(const struct plugin *);
  void (*destroy)(const struct plugin *);
  bool (*activate)(const struct plugin *, double, uint32_t, uint32_t);
  void (*deactivate)(const struct plugin *);
  bool (*start)(const struct plugin *);
  void (*stop)(const struct plugin *), (*reset)(const struct plugin *);
  int32_t (*process)(const struct plugin *, const block *);
} plugin;
typedef struct { uint32_t version[3]; const char *id; } descriptor;
typedef struct {
  uint32_t (*count)(const void *);
  const descriptor *(*describe)(const void *, uint32_t);
  const plugin *(*create)(const void *, const void *, const char *);
} factory;
typedef struct { uint32_t version[3]; bool (*init)(const char *); void (*deinit)(void); const factory *(*get)(const char *); } entry;

static message due[4096];
static uint32_t n_due;
static uint32_t size_of(const events *e) { return (void)e, n_due; }
static const void *get(const events *e, uint32_t i) { return (void)e, &due[i]; }

static const entry *open_entry(const char *path) {
#ifdef _WIN32
  HMODULE library = LoadLibraryA(path);
  return library ? (const entry *)(void *)GetProcAddress(library, "clap_entry") : NULL;
#else
  void *library = dlopen(path, RTLD_NOW);
  if (!library) fprintf(stderr, "%s\n", dlerror());
  return library ? dlsym(library, "clap_entry") : NULL;
#endif
}

int main(int n_arguments, char **arguments) {
  const entry *e = n_arguments == 7 || n_arguments == 8 ? open_entry(arguments[1]) : NULL;
  if (!e) return 1;
  double rate = atof(arguments[4]);
  long n = atol(arguments[5]), size = atol(arguments[6]), frame, next;
  unsigned a, b, c;
  e->init(arguments[1]);
  const factory *f = e->get("clap.plugin-factory");
  FILE *input = n_arguments == 8 ? fopen(arguments[7], "rb") : NULL;
  const plugin *p = f->create(f, NULL, f->describe(f, input ? 1 : 0)->id);
  if (!p->init(p) || !p->activate(p, rate, 1, (uint32_t)size) || !p->start(p)) return 2;
  FILE *in = fopen(arguments[2], "r"), *out = fopen(arguments[3], "wb");
  float *sound[2] = {calloc((size_t)size, 4), calloc((size_t)size, 4)}, *given = calloc((size_t)size, 4), *both[2] = {given, given};
  bool more = fscanf(in, "%ld %u %u %u", &frame, &a, &b, &c) == 4;
  for (long at = 0; at < n; at = next) {
    next = at + size < n ? at + size : n;
    for (n_due = 0; more && frame < next; more = fscanf(in, "%ld %u %u %u", &frame, &a, &b, &c) == 4)
      due[n_due++] = (message){sizeof(message), (uint32_t)(frame - at), 0, 10, 0, 0, {(uint8_t)a, (uint8_t)b, (uint8_t)c}};
    buffer stereo = {sound, NULL, 2, 0, 0}, hits = {both, NULL, 2, 0, 0};
    if (input && fread(given, 4, (size_t)(next - at), input) != (size_t)(next - at)) return 4;
    events all = {NULL, size_of, get};
    block now = {at, (uint32_t)(next - at), NULL, &hits, &stereo, input != NULL, 1, &all, NULL};
    if (!p->process(p, &now)) return 3;
    for (int channel = 0; channel < 2; channel++) fwrite(sound[channel], 4, (size_t)(next - at), out);
  }
  fclose(out);
  p->stop(p), p->deactivate(p), p->destroy(p), e->deinit();
  return 0;
}
