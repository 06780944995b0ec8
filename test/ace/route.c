/* route - every size has a way, the smallest class within W_MAX, at any W_MAX. */
#include "ace/route.h"

#include "helpers/box.h"

static const unsigned ratios[] = {100, 101, 105, 110, 115, 119, 120, 124,
                                  125, 126, 130, 150, 160, 200, 300, 400};
enum { RATIOS = sizeof ratios / sizeof *ratios };

static size_t class_sizes[CLASSES]; /* from the table, so that the inner loop is short */

/* What the contract says of a size, with a class found by walking. CLASS is the last one found. */
static struct route naive(size_t size, unsigned ratio, unsigned *class) {
  struct route route = {size <= LARGE_MAX ? WAY_RUN : WAY_HUGE, 0, 0};
  while (*class < CLASSES && class_sizes[*class] < size) ++*class;
  if (*class == CLASSES) return route;
  if (size > TINY_MAX && class_sizes[*class] * 100 > size * ratio) {
    route.refused = *class;
    return route;
  }
  return (struct route){WAY_SLAB, *class, 0};
}

/* What W_MAX refused, below and above MID_MAX. */
struct bound {
  bool mid;
  bool large;
};

static struct bound walk(struct wmax wmax) {
  unsigned class = 1;
  struct bound bound = {false, false};
  for (size_t size = 0; size <= 16 * MIB; size++) {
    struct route route = ace_route(size, wmax);
    struct route expected = naive(size, size <= MID_MAX ? wmax.mid : wmax.large, &class);
    if (route.refused && size <= MID_MAX) bound.mid = true;
    if (route.refused && size > MID_MAX) bound.large = true;
    if (route.way == expected.way && route.class == expected.class &&
        route.refused == expected.refused)
      continue;
    test_fail("%zu bytes at %u/%u: way %d, class %u, refused %u; not %d, %u, %u", size, wmax.mid,
              wmax.large, (int)route.way, route.class, route.refused, (int)expected.way,
              expected.class, expected.refused);
    break;
  }
  return bound;
}

static void all_sizes(void) {
  struct bound binds[RATIOS];
  test_begin(
      "every size to 16 MiB has the smallest class within W_MAX, else a run, else a mapping, "
      "for W_MAX from 1.00 to 4.00");
  for (int i = 0; i < RATIOS; i++) binds[i] = walk((struct wmax){ratios[i], ratios[i]});
  test_end();
  test_begin("ace_wmax_binds says exactly whether some size is refused its class");
  for (int i = 0; i < RATIOS; i++) {
    CHECK_MSG(ace_wmax_binds((struct wmax){ratios[i], 400}) == binds[i].mid, "mid %u", ratios[i]);
    CHECK_MSG(ace_wmax_binds((struct wmax){400, ratios[i]}) == binds[i].large, "large %u",
              ratios[i]);
  }
  CHECK(binds[0].mid && binds[0].large && !binds[RATIOS - 1].mid && !binds[RATIOS - 1].large);
  test_end();
}

static void known_cases(void) {
  struct wmax standard = {160, 130};
  struct wmax tight = {101, 101};
  test_begin(
      "at the defaults nothing is refused: 33,000 bytes and all other sizes have their class");
  CHECK(!ace_wmax_binds(standard) && !walk(standard).mid && !walk(standard).large);
  CHECK(ace_route(33000, standard).class == class_of(33000));
  test_end();
  test_begin("at 1.01 a request of 33,000 bytes is refused its class and goes to a run");
  CHECK(ace_wmax_binds(tight));
  CHECK(ace_route(33000, tight).way == WAY_RUN && ace_route(33000, tight).class == 0);
  CHECK(ace_route(33000, tight).refused == class_of(33000));
  CHECK(ace_route(40960, tight).class == class_of(40960));
  test_end();
  test_begin("tiny sizes keep their class at any W_MAX");
  for (size_t size = 0; size <= TINY_MAX; size++)
    CHECK_MSG(ace_route(size, (struct wmax){100, 100}).class == class_of(size), "%zu", size);
  test_end();
  test_begin("sizes up to the largest that can be have a mapping");
  CHECK(ace_route(LARGE_MAX, standard).way == WAY_RUN);
  for (size_t size = LARGE_MAX + 1; size < PTRDIFF_MAX / 2; size *= 2)
    CHECK(ace_route(size, standard).way == WAY_HUGE);
  CHECK(ace_route(SIZE_MAX, tight).way == WAY_HUGE);
  test_end();
}

static int check_standard(void) {
  return ace_check((struct wmax){160, 130});
}

/* The table is constant: to spoil it, its pages are made writable first. */
static void check_can_fail(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uintptr_t row = (uintptr_t)&class_table[CLASSES - 1];
  uintptr_t start = row & ~(uintptr_t)(page - 1);
  volatile uint32_t *size = (volatile uint32_t *)(row + offsetof(struct class_row, size));
  test_begin("ace_check finds nothing in the table, and finds sizes whose class cannot hold them");
  CHECK(check_standard() == 0);
  if (mprotect((void *)start, row + sizeof(struct class_row) - start, PROT_READ | PROT_WRITE) !=
      0) {
    test_fail("the table cannot be made writable");
  } else {
    uint32_t right = *size;
    *size = right - 16;
    CHECK_REPORTS(check_standard, "route");
    *size = right;
    CHECK(check_standard() == 0);
  }
  test_end();
}

int main(void) {
  for (unsigned class = 0; class < CLASSES; class++) class_sizes[class] = class_size(class);
  all_sizes();
  known_cases();
  check_can_fail();
  return test_status();
}
