/* lines - whole lines of a file, cut ones, and where reading fails. */
#include "os/lines.h"

#include <fcntl.h>

#include "helpers/box.h"

static struct lines lines;
static int writer; /* the end of the pipe that the lines come from */

/* Opens a box whose file is a pipe: a read fails with EAGAIN where nothing was written to it. */
static void open_pipe(void) {
  const struct place top = {"", "", 0};
  int ends[2];
  if (!lines_open(&lines, &top, "/dev/null") || pipe2(ends, O_NONBLOCK) != 0) exit(1);
  dup2(ends[0], lines.fd);
  close(ends[0]);
  writer = ends[1];
}

static void put(const char *text) {
  if (write(writer, text, strlen(text)) != (ssize_t)strlen(text)) exit(1);
}

static bool next_is(const char *text) {
  return lines_next(&lines) && !strcmp(lines.line, text);
}

static void whole_file(void) {
  test_begin("lines come without their ends, the last one with or without; then the end");
  open_pipe();
  put("one\n\nthree");
  close(writer);
  CHECK(next_is("one") && !lines.cut && next_is("") && next_is("three"));
  CHECK(!lines_next(&lines) && !lines.failed);
  lines_close(&lines);
  test_end();
}

static void failing(void) {
  test_begin("a read that fails is the end: no torn line comes, nor what could be read later");
  open_pipe();
  put("5500-5600 r--p\n7f00-7f");
  CHECK(next_is("5500-5600 r--p") && !lines.failed);
  CHECK_MSG(!lines_next(&lines), "the torn line is handed out: %s", lines.line);
  put("ff r--p\nRss: 4 kB\n");
  CHECK_MSG(!lines_next(&lines), "what follows is handed out: %s", lines.line);
  CHECK(lines.failed);
  lines_close(&lines);
  close(writer);
  open_pipe();
  put("whole\n");
  CHECK(!lines.failed && next_is("whole") && !lines_next(&lines) && lines.failed);
  lines_close(&lines);
  close(writer);
  test_end();
}

int main(void) {
  whole_file();
  failing();
  return test_status();
}
