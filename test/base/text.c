/* text - lines without stdio: compared with what stdio makes of the same. */
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>

#include "helpers/box.h"

static uint64_t state = 3;

/* A text with a fence behind it that no call may touch. */
static struct {
  struct text text;
  char fence[64];
} fenced;

static struct text *fresh(int fd) {
  memset(&fenced, 0x5a, sizeof fenced);
  text_start(&fenced.text, fd);
  return &fenced.text;
}

static bool holds(const struct text *t, const char *expected) {
  return t->used == strlen(expected) && !memcmp(t->data, expected, t->used);
}

static void compare_number(uint64_t n) {
  char expected[160];
  struct text *t = fresh(-1);
  text_u64(t, n);
  text_str(t, " ");
  text_hex(t, n);
  text_str(t, " ");
  text_hundredths(t, n);
  text_str(t, "|");
  text_u64_right(t, n, 12);
  snprintf(expected, sizeof expected, "%llu 0x%llx %llu.%02llu|%12llu", (unsigned long long)n,
           (unsigned long long)n, (unsigned long long)n / 100, (unsigned long long)n % 100,
           (unsigned long long)n);
  CHECK_MSG(holds(t, expected), "'%.*s', not '%s'", (int)t->used, t->data, expected);
}

static void numbers(void) {
  static const uint64_t edges[] = {
      0,         1, 9, 10, 99, 100, 160, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX - 1,
      UINT64_MAX};
  test_begin("numbers are written as printf writes them, to the edges of 64 bits");
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) compare_number(edges[i]);
  for (int i = 0; i < 20000; i++) compare_number(random_next(&state) >> random_below(&state, 64));
  test_end();
}

static void columns(void) {
  struct text *t = fresh(-1);
  test_begin("text_pad fills up to its column and cuts nothing");
  text_str(t, "line\n");
  text_str(t, "ab");
  text_pad(t, 5, 6);
  text_str(t, "cdefgh");
  text_pad(t, 5, 6);
  text_str(t, "!");
  CHECK_MSG(holds(t, "line\nab    cdefgh!"), "'%.*s'", (int)t->used, t->data);
  test_end();
}

static void one_random_piece(struct text *t) {
  char piece[1500];
  size_t n = random_below(&state, sizeof piece - 1);
  switch (random_below(&state, 6)) {
    case 0: text_u64(t, random_next(&state)); break;
    case 1: text_hex(t, random_next(&state)); break;
    case 2: text_hundredths(t, random_next(&state)); break;
    case 3: text_pad(t, 0, random_below(&state, 2000)); break;
    case 4: text_u64_right(t, 1, (unsigned)random_below(&state, 2000)); break;
    default:
      memset(piece, 'x', n);
      piece[n] = 0;
      text_str(t, piece);
  }
}

static void bounds(void) {
  int null = open("/dev/null", O_WRONLY);
  test_begin("nothing is ever written behind the buffer, kept or flushed");
  for (int i = 0; i < 3000; i++) {
    struct text *t = fresh(i % 2 ? null : -1);
    for (int k = 0; k < 20; k++) one_random_piece(t);
    CHECK_MSG(t->used <= sizeof t->data, "%zu bytes used", t->used);
    CHECK_MSG(all_bytes(fenced.fence, sizeof fenced.fence, 0x5a), "the fence was hit in round %d",
              i);
  }
  test_end();
  test_begin("what does not fit is cut, and what fitted is kept");
  {
    struct text *t = fresh(-1);
    for (int i = 0; i < 300; i++) text_str(t, "1234567");
    CHECK(t->used == sizeof t->data);
    for (size_t i = 0; i < t->used; i++) CHECK_MSG(t->data[i] == '1' + (int)(i % 7), "at %zu", i);
  }
  test_end();
  close(null);
}

static void to_a_pipe(void) {
  static char got[20000];
  int end[2];
  size_t n = 0;
  ssize_t more;
  struct text *t;
  test_begin("what was put in comes out of the descriptor, all of it and in order");
  if (pipe(end) != 0) exit(1);
  t = fresh(end[1]);
  for (int i = 0; i < 1500; i++) text_str(t, "abcdefghij");
  text_flush(t);
  CHECK(t->used == 0);
  close(end[1]);
  while ((more = read(end[0], got + n, sizeof got - n)) > 0) n += (size_t)more;
  CHECK_MSG(n == 15000, "%zu bytes of 15000", n);
  for (size_t i = 0; i < n; i++) CHECK_MSG(got[i] == 'a' + (int)(i % 10), "at %zu", i);
  close(end[0]);
  test_end();
}

static void unwritable(void) {
  int end[2];
  sigset_t pending, before;
  struct text *t;
  test_begin("a descriptor that takes nothing costs the text, not errno, a loop or a signal");
  alarm(20);
  t = fresh(999);
  text_str(t, "x");
  errno = 77;
  text_flush(t);
  CHECK_MSG(errno == 77 && t->used == 0, "errno %d, %zu bytes left", errno, t->used);
  if (pipe2(end, O_NONBLOCK) != 0) exit(1);
  t = fresh(end[1]);
  for (int i = 0; i < 20000; i++) text_str(t, "a pipe that is full\n");
  text_flush(t);
  CHECK_MSG(errno == 77, "errno %d", errno);
  close(end[0]);
  text_str(t, "nobody reads");
  text_flush(t); /* SIGPIPE would end this program */
  CHECK_MSG(errno == 77, "errno %d", errno);
  CHECK(t->error == EAGAIN);
  sigemptyset(&pending);
  sigaddset(&pending, SIGPIPE);
  CHECK(sigprocmask(SIG_BLOCK, &pending, &before) == 0 && !sigismember(&before, SIGPIPE));
  CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(end[1]);
  alarm(0);
  test_end();
}

static void die_with_address(void) {
  text_die("the reason", (void *)0xabc0);
}

static void die_without_address(void) {
  text_die("the reason", NULL);
}

static void fail_assert(void) {
  ASSERT(1 + 1 == 3);
}

static void pass_assert(void) {
  ASSERT(1 + 1 == 2);
}

static void reports(void) {
  struct capture c;
  char said[200];
  test_begin("text_report writes one line on stderr, and errno stays");
  capture_start(&c);
  errno = 77;
  text_report("all is well");
  CHECK(errno == 77);
  capture_end(&c, said, sizeof said);
  CHECK_MSG(!strcmp(said, "hakmem: all is well\n"), "'%s'", said);
  test_end();
  test_begin("text_die writes its reason and address in one line, and aborts");
  expect_abort(die_with_address, "hakmem: the reason: 0xabc0\n");
  expect_abort(die_without_address, "hakmem: the reason\n");
  test_end();
  test_begin(
      "an ASSERT that fails names itself and its place, and aborts; one that holds does not");
  expect_abort(fail_assert, "hakmem: internal error: 1 + 1 == 3 does not hold at ");
  expect_return(pass_assert);
  test_end();
}

/* Of all strings of up to 3 letters out of two, with each other. */
static void strings(void) {
  static const char *const some[] = {"",   "a",  "b",   "aa",  "ab",  "ba",  "bb", "aaa",
                                     "aab", "aba", "abb", "baa", "bab", "bba", "bbb"};
  test_begin("text_same, text_begins and text_until answer as libc's functions do");
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
      const char *s = some[i], *t = some[k];
      CHECK_MSG(text_same(s, t) == !strcmp(s, t), "'%s' '%s'", s, t);
      CHECK_MSG(text_begins(s, t) == !strncmp(s, t, strlen(t)), "'%s' '%s'", s, t);
      CHECK_MSG(text_until(s, t) == strcspn(s, t), "'%s' '%s'", s, t);
    }
  }
  test_end();
}

int main(void) {
  strings();
  numbers();
  columns();
  bounds();
  to_a_pipe();
  unwritable();
  reports();
  return test_status();
}
