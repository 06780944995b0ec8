"""selftest - plants one fault after the other in a small clean tree.

For each fault exactly the rule that it breaks must go red, and on the clean tree none. The clean
tree also holds what only looks like a fault. Faults are written in pieces, so that this file is
not against the rules itself.
"""
import os
import tempfile

import rules
import source

CONTRACT = """/* %s - a box.
 *
 * Owns:     nothing.
 * Promise:  to be small.
 * Threads:  any.
 */
"""

POOL = """#include "pool/pool.h"

#include <string.h>

/* Calls malloc() and mmap() in a comment only. */
__attribute__((format(printf, 1, 2))) void pool_note(const char *format, ...);

struct pool_ops {
  void *(*map)(size_t size);
  void (*free)(void *p);
};

static const struct point origin[] = {{{{0}}}};

int pool_get(struct pool_ops *ops, void *p) {
  char brace = '{';
  const char *text = "free(p); } // \\" }";
  struct pool_ops copy = (struct pool_ops){.free = ops->free};
  for (int i = 0; i < 3; i++) {
    if (brace == text[i]) {
      while (p) {
        int table[2][2] = {{1, 2}, {3, 4}};
        ops->free(p);
        copy.free(&table);
        p = NULL;
      }
    }
  }
  pool_free(p), os_map(1);
  return !!p;
}
"""

CLEAN = {
    "src/LAYERS": "base\nos      # the system\ndiag\npool\n",
    "src/base/cc.h": "#ifdef __clang__\n#define A 1\n#elif 1\n#define A 2\n#endif\n",
    "src/base/text.c": "void f(void) { syscall(SYS_write, 2, 0, 0); }\n",
    "src/base/futex.c": "void f(void) { syscall(SYS_futex, 0, 1); }\n",
    "src/os/map.h": "#ifndef OS_MAP_H\n#define OS_MAP_H\n#endif\n",
    "src/os/map.c": '#include "os/map.h"\n#include <sys/mman.h>\n#ifdef __linux__\n'
                    "void *os_map(size_t n) { return mmap(0, n, 0, 0, -1, 0); }\n#endif\n",
    "src/diag/option.c": '#include "base/cc.h"\n#include "hakmem.h"\n'
                         'static const struct option table[] = {\n  {"HAKMEM_LIMIT", 0},\n};\n',
    "src/pool/pool.h": CONTRACT % "pool" + "#ifndef POOL_H\n#define POOL_H\n"
                       '#include "os/map.h"\n#include "pool/part.h"\n#endif\n',
    "src/pool/part.h": CONTRACT % "part" + "struct part { int n; };\n",
    "src/pool/pool.c": POOL,
    "include/hakmem.h": "#ifndef HAKMEM_H\n#define HAKMEM_H\n#ifdef __cplusplus\n#endif\n"
                        '#define HAKMEM_VERSION "1"\n#endif\n',
    "test/pool/pool.c": '#include <stdio.h>\n#ifdef X\n#endif\nint main(void) { puts("x"); }\n',
    "tools/make-temp": "#!/bin/bash\nwalk() {\n  mktemp -d \"$TMPDIR/work.XXXXXX\"\n}\n",
    "README.md": "HAKMEM_LIMIT=SIZE; HAKMEM_VERSION; the HAKMEM_ prefix; a/work in progress\n",
    "Makefile": "all:\n\ttrue\n",
    "build/junk.c": "\t \n",
}
CLEAN["src/os/map.h"] = CONTRACT % "map" + CLEAN["src/os/map.h"]


def deep(kind):
    blocks = {"c": "int f(int a) {\n%s\n}\n" % ("if (a) {" * 4 + "}" * 4),
              "lambda": "void f() {\n  run([&] { if (a) { do { for (;;) {} } while (b); } });\n}\n",
              "class": 'extern "C" {\nstruct s {\n  int f() const {\n%s\n  }\n};\n}\n' % (
                  "{" * 4 + "}" * 4)}
    return blocks[kind]


def c_function(lines):
    return "int f(int a,\n      int b) {\n" + "  a++;\n" * (lines - 3) + "}\n"


# (a word of the rule's promise, path, text that replaces the file); "+" before the path: append.
FAULTS = [
    ("has code", "src/LAYERS", CLEAN["src/LAYERS"] + "attic\n"),
    ("no file", "+src/pool/pool.c", "\n" * 400),
    ("no file", "bench/plot.py", "pass\n" * 401),
    ("no function", "src/pool/long.c", c_function(61)),
    ("no function", "test/pool/long.cc", "class c {\n" + c_function(61) + "};\n"),
    ("no function", "tools/long.py", "def f():\n" + "    pass\n" * 60),
    ("no function", "tools/long", "#!/bin/bash\nf() {\n" + "  true\n" * 59 + "}\n"),
    ("no function", "src/pool/odd.c", "int f(void) {\n"),
    ("no function", "src/pool/odd.c", "int f(void) { } }\n"),
    ("no line", "+src/pool/pool.c", "/* " + "x" * 95 + " */\n"),
    ("no line", "Makefile", "all:\n\t" + "x" * 100 + "\n"),
    ("nest", "src/pool/deep.c", deep("c")),
    ("nest", "bench/deep.cc", deep("lambda")),
    ("nest", "test/pool/deep.cc", deep("class")),
    ("conditional", "+src/pool/pool.c", "#ifdef FAST\n#endif\n"),
    ("conditional", "+src/pool/part.h", "  #  if A\n#endif\n"),
    ("conditional", "+include/hakmem.h", "#ifndef X\n#endif\n"),
    ("conditional", "src/base/bits.h", "#ifndef X\n#define Y\n#endif\n"),
    ("includes only", "+src/os/map.c", '#include "pool/pool.h"\n'),
    ("includes only", "+src/pool/pool.c", '#include "part.h"\n'),
    ("includes only", "+src/pool/pool.c", '#include "../os/map.h"\n'),
    ("includes only", "+src/pool/pool.c", '#include "hakmem.h"\n'),
    ("includes only", "+src/os/map.c", "#include <hakmem.h>\n"),
    ("includes only", "src/attic/x.c", "int x;\n"),
    ("includes only", "src/x.c", "int x;\n"),
    ("no stdio", "+src/pool/pool.c", "#include <stdio.h>\n"),
    ("no stdio", "+src/os/map.c", "# include <locale.h>\n"),
    ("no stdio", "+src/pool/part.h", "#include <malloc.h>\n"),
    ("no stdio", "+src/pool/pool.c", "void *f(void) { return malloc(1); }\n"),
    ("no stdio", "+src/pool/pool.c", "int f(void) { return a ? snprintf (b, 1, c) : 0; }\n"),
    ("no stdio", "+src/pool/part.h", "#define DROP(p) free(p)\n"),
    ("contract", "src/pool/part.h", "struct part { int n; };\n"),
    ("contract", "src/pool/part.h", (CONTRACT % "part").replace("Threads", "Thread")),
    ("contract", "src/pool/part.h", (CONTRACT % "part").replace(":     nothing.", ":")),
    ("contract", "src/pool/part.h", "int n;\n" + CONTRACT % "part"),
    ("unfinished", "+src/pool/pool.c", "/* TO" + "DO: more */\n"),
    ("unfinished", "+tools/make-temp", "# FIX" + "ME\n"),
    ("unfinished", "+test/pool/pool.c", "// XX" + "X\n"),
    ("unfinished", "+src/base/cc.h", "#if" + " 0\n#endif\n"),
    ("typedef", "+src/pool/pool.c", "typedef struct part part;\n"),
    ("no tab", "+src/pool/pool.c", "int\tx;\n"),
    ("no tab", "+README.md", "words \n"),
    ("no tab", "+Makefile", "x: \n"),
    ("core", None, None),
    ("nothing outside", "+README.md", "see /wor" + "k/main\n"),
    ("nothing outside", "+Makefile", "X = .." + "/shared/x\n"),
    ("nothing outside", "+test/pool/pool.c", '// "/wor' + 'k"\n'),
    ("nothing outside", "docs/x.md", "in ." + "library here\n"),
    ("is documented", "README.md", "nothing\n"),
    ("is documented", "README.md", "xHAKMEM_LIMIT, HAKMEM_LIMIT_\n"),
    ("document names", "+README.md", "and `HAKMEM_SPEED=1`\n"),
    ("document names", "docs/use.md", "HAKMEM_LIMITS\n"),
    ("only the os", "+src/pool/pool.c", "void f(void *p) { munmap(p, 1); }\n"),
    ("only the os", "+src/pool/pool.c", "long f(void) { return syscall(1); }\n"),
    ("only the os", "+src/base/text.c", "void f(int fd) { read(fd, 0, 0); }\n"),
    ("only the os", "+src/base/futex.c", "void f(void) { syscall(SYS_gettid); }\n"),
    ("only the os", "+src/pool/pool.c", 'void f(void) { __asm__("  syscall"); }\n'),
]


def write(top, files):
    for path, text in files.items():
        full = os.path.join(top, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def red(files):
    """The promises that do not hold in a tree of FILES."""
    with tempfile.TemporaryDirectory() as top:
        write(top, files)
        tree = source.Tree(top)
        return [rule.promise for rule in rules.RULES if list(rule.check(tree))]


def planted(path, text):
    files = dict(CLEAN)
    if path is None:
        for number in range(rules.MAX_CORE // 399 + 1):
            files["src/pool/big%d.c" % number] = "int a;\n" * 399
    elif path.startswith("+"):
        files[path[1:]] = files.get(path[1:], "") + text
    else:
        files[path] = text
    return files


def why(wanted, seen):
    """What is wrong with the rules SEEN red where only one, WANTED, should be."""
    if len(seen) == 1 and wanted in seen[0]:
        return ""
    return "red were: " + (", ".join(seen) or "none")


def tell(promise, problem):
    print("FAIL: %s: %s" % (promise, problem) if problem else "pass: " + promise)
    return 1 if problem else 0


def run():
    failed = tell("a clean tree breaks no rule", ", ".join(red(CLEAN)))
    for rule in rules.RULES:
        own = [fault for fault in FAULTS if fault[0] in rule.promise]
        problem = "" if own else "no fault is planted for it"
        for wanted, path, text in own:
            found = why(wanted, red(planted(path, text)))
            if found and not problem:
                problem = "%s: %r: %s" % (path, (text or "")[-60:], found)
        failed += tell("only its own fault breaks the rule `%s`" % rule.promise, problem)
    lost = [word for word, _, _ in FAULTS if not any(word in rule.promise for rule in rules.RULES)]
    failed += tell("every planted fault belongs to a rule", ", ".join(lost))
    return 1 if failed else 0
