/* test - what every test program shares: one line per promise, and an exit status.
 *
 * A test program prints, for each promise it checks, exactly one line on stdout:
 *     pass: PROMISE
 *     FAIL: PROMISE: what was seen
 *     skip: PROMISE: what this machine lacks
 * and exits 0 when nothing failed. tools/check counts these lines; a program that ends
 * by a signal, by a time-out or with a status other than 0 and 1 counts as one failure more.
 */
#ifndef HAK_TEST_H
#define HAK_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int test_failed;       /* promises that failed in this program */
static const char *test_name; /* the promise under test; NULL between promises */
static int test_bad;          /* has the promise under test failed already? */

/* Opens the promise NAME; every CHECK until test_end belongs to it. */
static inline void test_begin(const char *name) {
  test_name = name;
  test_bad = 0;
}

/* Closes the promise: prints its pass line unless a CHECK failed. */
static inline void test_end(void) {
  if (!test_bad) printf("pass: %s\n", test_name);
  fflush(stdout);
  test_name = NULL;
}

/* Records that the promise does not hold, once; later failures of the same promise are silent. */
__attribute__((format(printf, 1, 2))) static inline void test_fail(const char *format, ...) {
  va_list args;
  if (test_bad) return;
  test_bad = 1;
  test_failed++;
  printf("FAIL: %s: ", test_name ? test_name : "(outside a promise)");
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
  fflush(stdout);
}

/* Says that the machine lacks what the promise needs. */
static inline void test_skip(const char *name, const char *missing) {
  printf("skip: %s: %s\n", name, missing);
  fflush(stdout);
}

#define CHECK(condition)                                                                     \
  do {                                                                                       \
    if (!(condition)) test_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                \
  } while (0)

/* As CHECK, with the values that were seen: CHECK_MSG(n == 3, "n is %d", n). */
#define CHECK_MSG(condition, ...)                                                            \
  do {                                                                                       \
    if (!(condition)) test_fail(__VA_ARGS__);                                                \
  } while (0)

/* The exit status of main. */
static inline int test_status(void) {
  return test_failed ? 1 : 0;
}

#endif
