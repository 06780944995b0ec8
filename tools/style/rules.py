"""rules - what tools/tidy checks: each rule is a promise and yields the places against it."""
import re

MAX_LINES = 400
MAX_FUNCTION = 60
MAX_COLUMNS = 100
MAX_NESTING = 3
MAX_CORE = 12870

OPTION_TABLE = "src/diag/option.c"
OPTION = r"HAKMEM_[A-Z0-9_]*[A-Z0-9]"
NAMES = re.compile(r"src/api/names\w*\.[ch]$")
MAY_SWITCH = re.compile(r"src/base/config\.h$|src/base/cc\.h$|src/os/|src/api/names\w*\.[ch]$")
BARE_HEADERS = ["src/base/%s.h" % name for name in ("cc", "config", "bits", "atomic", "list")]

# Written in pieces, so that this file is not against its own rules.
UNFINISHED = r"\b(?:TO[D]O|FIX[M]E|XX[X])\b|^\s*#\s*if\s+[0]\b"
ELSEWHERE = r"(?<![\w}.$])/wor[k](?![\w-])|\.\./share[d]\b|\.librar[y]\b"

ALLOCATING = (
    r"malloc|calloc|realloc|reallocarray|free|cfree|aligned_alloc|posix_memalign|memalign|valloc|"
    r"pvalloc|strdup|strndup|v?asprintf|v?f?printf|v?sn?printf|v?dprintf|f?puts|f?putc|putchar|"
    r"perror|fopen|fdopen|fclose|fflush|fwrite|fread|fgets|getline|f?scanf|sscanf|setlocale")
SYSTEM = (
    r"mmap|mmap64|munmap|madvise|posix_madvise|process_madvise|mprotect|mremap|mincore|msync|mlock|"
    r"munlock|brk|sbrk|memfd_create|shm_open|syscall|open|openat|read|pread|write|pwrite|writev|"
    r"close|stat|fstat|getrlimit|setrlimit|prlimit|prctl|sysconf|getpagesize|getauxval")
# The rooms before os cannot ask it: a futex sleeps, and a text is written, where they are defined.
MAY_CALL = {
    "src/base/futex.c": r"syscall\s*\(\s*SYS_futex\b",
    "src/base/text.c": r"syscall\s*\(\s*SYS_(?:write|rt_sig\w+)\b",
}

RULES = []


class Rule:
    def __init__(self, promise, check):
        self.promise = promise
        self.check = check


def rule(promise):
    def add(check):
        RULES.append(Rule(promise, check))
        return check
    return add


def at(file, line, what):
    return "%s:%d: %s" % (file.path, line, what)


def calls(file, names):
    """Calls of NAMES in FILE, but not through a member that bears such a name."""
    code = re.sub(r"__attribute__\s*\(\(.*?\)\)", lambda match: " " * len(match.group()),
                  file.code)
    return file.search(r"(?<![\w.])(?<!->)(%s)\s*\(" % names, code)


def functions(tree):
    for file in tree.under("src", "include", "test", "bench", "tools", "cmd"):
        try:
            for function in file.functions:
                yield file, function, None
        except (ValueError, SyntaxError) as error:
            yield file, None, str(error)


@rule("every room has code to check")
def has_sources(tree):
    if not any(file.path.endswith(".c") for file in tree.under("src")):
        yield "src holds no .c file"
    found = {file.room for file in tree.under("src")}
    for room in layers(tree):
        if room not in found:
            yield "src/LAYERS names the room %s, which has no file" % room


@rule("no file is over %d lines" % MAX_LINES)
def file_length(tree):
    for file in tree.under("src", "include", "test", "bench", "tools", "cmd"):
        if len(file.lines) > MAX_LINES:
            yield "%s: %d lines" % (file.path, len(file.lines))


@rule("no function is over %d lines" % MAX_FUNCTION)
def function_length(tree):
    for file, function, error in functions(tree):
        if error:
            yield "%s: cannot be read: %s" % (file.path, error)
        elif function.last - function.first >= MAX_FUNCTION:
            yield at(file, function.first, "%d lines" % (function.last - function.first + 1))


@rule("no line is over %d columns" % MAX_COLUMNS)
def line_length(tree):
    for file in tree.code():
        for number, line in enumerate(file.lines, 1):
            if len(line) > MAX_COLUMNS:
                yield at(file, number, "%d columns" % len(line))


@rule("blocks nest at most %d deep in a function" % MAX_NESTING)
def nesting(tree):
    for file, function, error in functions(tree):
        if not error and function.depth > MAX_NESTING:
            yield at(file, function.first, "%d blocks deep" % function.depth)


def guard_lines(file):
    """The line of the include guard, if the first two directives are one."""
    found = list(file.search(r"^[ \t]*#[ \t]*(\w+)[ \t]*(\w*)", file.code))[:2]
    if len(found) == 2:
        (line, first), (_, second) = found
        if (first.group(1), second.group(1)) == ("ifndef", "define") and \
                first.group(2) == second.group(2) and file.path.endswith(".h"):
            return [line]
    return []


@rule("conditional compilation only in config.h, cc.h, the os and the libc names")
def conditionals(tree):
    for file in tree.under("src", "include"):
        if not file.is_c or MAY_SWITCH.match(file.path):
            continue
        guard = guard_lines(file)
        for line, match in file.search(r"^[ \t]*#[ \t]*(?:el)?if(?:n?def)?\b.*", file.code):
            public = file.path == "include/hakmem.h"
            if line in guard or public and match.group().split()[1:] == ["__cplusplus"]:
                continue
            yield at(file, line, match.group().strip())


def layers(tree):
    """The rooms in their order, as src/LAYERS lists them."""
    file = tree.files.get("src/LAYERS")
    if not file:
        return []
    words = [line.partition("#")[0].split() for line in file.lines]
    return [found[0] for found in words if found]


def bad_include(rooms, room, name):
    """What is wrong with ROOM including NAME; empty when nothing is."""
    if name == "hakmem.h":
        return "" if room in ("diag", "api") else "only diag and api may include hakmem.h"
    target, slash, _ = name.partition("/")
    if not slash or target not in rooms:
        return "%s is not named ROOM/FILE" % name
    if rooms.index(target) > rooms.index(room):
        return "%s includes %s of a later room" % (room, name)
    return ""


@rule("a room includes only itself and the rooms before it")
def include_order(tree):
    rooms = layers(tree)
    if not rooms:
        yield "src/LAYERS lists no rooms"
        return
    for file in tree.under("src"):
        if not file.is_c:
            continue
        if file.room not in rooms:
            yield "%s: is in no room of src/LAYERS" % file.path
            continue
        for line, match in file.search(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)', file.spoken):
            if match.group(1) == '"' or match.group(2) == "hakmem.h":
                what = bad_include(rooms, file.room, match.group(2))
                if what:
                    yield at(file, line, what)


@rule("no stdio, locale or malloc of libc inside the library")
def no_libc_heap(tree):
    for file in tree.under("src"):
        names = NAMES.match(file.path)
        headers = r"locale\.h" if names else r"(?:stdio|locale|malloc)\.h"
        for line, match in file.search(r"^[ \t]*#[ \t]*include[ \t]*<%s>" % headers, file.spoken):
            yield at(file, line, match.group().strip())
        if file.is_c and not names:
            for line, match in calls(file, ALLOCATING):
                yield at(file, line, "calls %s" % match.group(1))


@rule("every box opens with its contract")
def contracts(tree):
    for file in tree.under("src"):
        if not file.path.endswith(".h") or file.path in BARE_HEADERS:
            continue
        match = re.match(r"\s*(/\*.*?\*/)", file.text, re.S)
        comment = match.group(1) if match else ""
        lacks = [word for word in ("Owns:", "Promise:", "Threads:")
                 if not re.search(r"^\W*%s[ \t]*\S" % word, comment, re.M)]
        if lacks:
            yield at(file, 1, "lacks " + " ".join(lacks))


@rule("no unfinished or retired code")
def unfinished(tree):
    for file in tree.code():
        for line, match in file.search(UNFINISHED, file.text):
            yield at(file, line, match.group().strip())


@rule("no struct hidden behind a typedef")
def typedefs(tree):
    for file in tree.under("src"):
        for line, match in file.search(r"\btypedef\s+(?:const\s+)?struct\b", file.code):
            yield at(file, line, re.sub(r"\s+", " ", match.group()))


@rule("no tab outside a Makefile and no blank at the end of a line")
def blanks(tree):
    for file in tree.every():
        makefile = re.search(r"(?:^|/)(?:GNUm|M)akefile$|\.mk$", file.path)
        for number, line in enumerate(file.lines, 1):
            if line != line.rstrip():
                yield at(file, number, "a blank at the end")
            if "\t" in line and not makefile:
                yield at(file, number, "a tab")


@rule("the core is at most %d lines" % MAX_CORE)
def core_size(tree):
    size = sum(len(file.lines) for file in tree.under("src"))
    if size > MAX_CORE:
        yield "src has %d lines" % size


@rule("the tree names nothing outside itself")
def stands_alone(tree):
    for file in tree.every():
        for line, match in file.search(ELSEWHERE, file.text):
            yield at(file, line, match.group())


def options(tree):
    """The options in the table: name -> line."""
    file = tree.files.get(OPTION_TABLE)
    if not file:
        return {}
    return {match.group(1): line
            for line, match in file.search(r'"(%s)"' % OPTION, file.spoken)}


def documents(tree):
    return [file for file in tree.every()
            if file.path == "README.md" or file.path.startswith("docs/")]


@rule("every option is documented")
def options_documented(tree):
    table = options(tree)
    if not table:
        yield "%s lists no option" % OPTION_TABLE
    texts = [tree.files[path].text for path in ("README.md", "docs/options.md")
             if path in tree.files]
    known = set(re.findall(r"\b%s\b" % OPTION, "\n".join(texts)))
    for name, line in sorted(table.items()):
        if name not in known:
            yield "%s:%d: %s is in neither README.md nor docs/options.md" % (
                OPTION_TABLE, line, name)


@rule("every option that a document names exists")
def documented_exist(tree):
    known = set(options(tree))
    for file in tree.under("include"):
        for _, match in file.search(r"^[ \t]*#[ \t]*define[ \t]+(%s)" % OPTION, file.code):
            known.add(match.group(1))
    for file in tree.under("cmd"):  # variables of the command itself
        known.update(match.group(1) for _, match in file.search(
            r'\bgetenv\("(%s)"\)' % OPTION, file.spoken))
    for file in documents(tree):
        for line, match in file.search(r"\b%s(?![A-Za-z0-9])" % OPTION, file.text):
            # A prefix, as in "the HAKMEM_WMAX_ options", names no option.
            if match.group() not in known and file.text[match.end():match.end() + 1] != "_":
                yield at(file, line, match.group())


@rule("only the os calls the system")
def system_calls(tree):
    for file in tree.under("src"):
        if not file.is_c or file.path.startswith("src/os/"):
            continue
        for line, match in calls(file, SYSTEM):
            allowed = MAY_CALL.get(file.path)
            if not allowed or not re.match(allowed, file.code[match.start():]):
                yield at(file, line, "calls %s" % match.group(1))
        for line, match in file.search(r'\b(?:asm|__asm__)\b[^;]*"[^"]*\b(syscall|svc)\b',
                                       file.spoken):
            yield at(file, line, "has the instruction %s" % match.group(1))
