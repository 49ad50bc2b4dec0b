/* Load a library and have voices.render play a pool: LIBRARY POOL OUT BLOCKS FRAMES */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <windows.h>
#define open_library(path) LoadLibraryA(path)
#define function_of(library, name) GetProcAddress(library, name)
#else
#include <dlfcn.h>
#define open_library(path) dlopen(path, RTLD_NOW)
#define function_of(library, name) dlsym(library, name)
#endif

typedef void render(void *pool, float *left, int64_t n, float *right, int64_t n_right);

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  void *library = (void *)open_library(argv[1]);
  if (!library)
    return 3;
  render *play = (render *)function_of(library, "matcher_live_voices_render_0");
  FILE *file = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
  if (!play || !file || !out)
    return 4;
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  void *pool = malloc(size);
  if (!pool || fread(pool, 1, size, file) != size)
    return 5;
  int blocks = atoi(argv[4]), n = atoi(argv[5]);
  for (int i = 0; i < blocks; i++) {
    float *both = calloc(2 * (size_t)n, sizeof *both);
    play(pool, both, n, both + n, n);
    if (fwrite(both, sizeof *both, 2 * (size_t)n, out) != 2 * (size_t)n)
      return 6;
    free(both);
  }
  return fclose(out) ? 7 : 0;
}
