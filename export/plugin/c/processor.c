/* Which processor this is: of two copies of the player, one is for those with AVX2 and FMA (x86-64-v3). */
#include "plugin.h"

#if defined(__x86_64__)
#include <cpuid.h>

enum { FMA = 1 << 12, MOVBE = 1 << 22, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29 }; /* leaf 1, ecx */
enum { BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8 };                                      /* leaf 7, ebx */
enum { LZCNT = 1 << 5, EXTENDED = 0x80000001u };                                           /* its ecx */
enum { SSE_AND_AVX = 6 }; /* registers that the system keeps, of XCR0 */

static bool has(unsigned all, unsigned wanted) { return (all & wanted) == wanted; }

static bool look(void) {
  unsigned a, b, c, d, saved, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, FMA | MOVBE | OSXSAVE | AVX | F16C)) return false;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if (!has(saved, SSE_AND_AVX)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, BMI1 | AVX2 | BMI2)) return false;
  return __get_cpuid(EXTENDED, &a, &b, &c, &d) && has(c, LZCNT);
}

bool is_fast_processor(void) {
  static atomic_int known; /* 0: not yet; 1: no; 2: yes */
  if (!known) known = look() ? 2 : 1;
  return known == 2;
}
#endif
