/* life - allocation before every constructor and after every destructor of a program.
 *
 * The program runs itself anew as "stages": each stage of that process allocates, checks what the
 * stage before left, and writes one word to stdout; the parent compares the words.
 */
#include "api.h"

static int staged;                       /* is this the process that shows its stages? */
static struct block left[COUNT_OF(api_tiers)]; /* what each stage leaves for the next */
static int in_atexit;

static void say(const char *word) {
  if (write(STDOUT_FILENO, word, strlen(word)) < 0) _exit(3);
}

/* Allocates a block of each tier and fills it; no libc state is needed. */
static void leave(void) {
  for (size_t i = 0; i < COUNT_OF(api_tiers); i++) {
    struct block b = {malloc(opaque(api_tiers[i])), api_tiers[i], 0, i + 1};
    if (!b.p || (uintptr_t)b.p % 16) _exit(4);
    b.usable = malloc_usable_size(b.p);
    if (b.usable < b.size) _exit(5);
    api_fill(b.p, b.usable, b.key);
    left[i] = b;
  }
}

/* Checks what the stage before left: a third is freed, a third grows first, a third shrinks. */
static void take_over(void) {
  for (size_t i = 0; i < COUNT_OF(api_tiers); i++) {
    struct block *b = &left[i];
    unsigned char *p = b->p;
    if (!api_intact(p, b->usable, b->usable, b->key)) _exit(6);
    if (i % 3 == 1) p = realloc(p, opaque(b->size * 2));
    if (i % 3 == 2) p = realloc(p, opaque(b->size / 2 + 1));
    if (!p || !api_intact(p, b->usable, b->size / 2, b->key)) _exit(7);
    free(p);
    p = calloc(7, opaque(api_tiers[i]));
    if (!p || !api_zero(p, 7 * api_tiers[i])) _exit(8);
    free(p);
  }
}

static void stage(const char *word) {
  if (!staged) return;
  take_over();
  leave();
  say(word);
}

/* Before the constructors of every library, hakmem's among them. */
static void at_preinit(int argc, char **argv, char **environment) {
  (void)environment;
  staged = argc == 2 && strcmp(argv[1], "stages") == 0;
  if (!staged) return;
  leave();
  say("preinit ");
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = at_preinit;

__attribute__((constructor(101))) static void first_constructor(void) { stage("first "); }
__attribute__((constructor)) static void constructor(void) { stage("constructor "); }
__attribute__((destructor)) static void destructor(void) { stage("destructor "); }

__attribute__((destructor(101))) static void last_destructor(void) {
  if (!staged) return;
  take_over();
  say(in_atexit == 2 && api_violations() == 0 ? "last" : "broken");
}

static void at_exit_first(void) {
  in_atexit++;
  stage("atexit1 ");
}

static void at_exit_second(void) {
  in_atexit++;
  stage("atexit2 ");
}

static void run_stages(void) {
  execl("/proc/self/exe", "life", "stages", (char *)NULL);
  _exit(127);
}

int main(void) {
  static const char expected[] =
      "preinit first constructor main atexit1 atexit2 destructor last";
  char text[1024];
  int status;
  if (staged) {
    atexit(at_exit_second);
    atexit(at_exit_first);
    stage("main ");
    return 0;
  }
  api_served();
  test_begin("blocks live on from before the constructors to the last destructor");
  status = api_capture(run_stages, STDOUT_FILENO, text, sizeof text);
  CHECK_MSG(strcmp(text, expected) == 0, "the stages were: %s (status 0x%x)", text,
            (unsigned)status);
  CHECK_MSG(status == 0, "status 0x%x", (unsigned)status);
  test_end();
  return api_close();
}
