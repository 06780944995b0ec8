"""source - reads a tree of sources, and finds functions and blocks without a parser.

C is stripped of comments, literals and preprocessor lines; then braces are counted.
"""
import ast
import os
import re

C_LIKE = (".c", ".h", ".cc", ".cpp", ".hh")
CODE = C_LIKE + (".py", ".sh", ".awk", ".mk", ".S")
PROSE = (".md", ".txt", ".1", ".3", ".yml", ".yaml", ".json", ".html", ".css", ".js")
CODE_FOLDERS = ("src", "include", "test", "bench", "tools", "cmd", ".ci")

LITERAL = re.compile(
    r'//(?:[^\\\n]|\\.)*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\\\n]|\\.)*", re.M | re.S)
ATTRIBUTE = re.compile(r"(?:__attribute__|_Alignas|alignas)\s*(\()")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def strip(text, literals):
    """TEXT without comments and, when LITERALS is set, without what stands between quotes."""
    def replace(match):
        found = match.group()
        if found[0] == "/":
            return blank(found)
        return found[0] + blank(found[1:-1]) + found[-1] if literals else found
    return LITERAL.sub(replace, text)


def closing(text, start):
    """The place behind the parenthesis that closes the one at START."""
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "(":
            depth += 1
        elif text[place] == ")":
            depth -= 1
            if depth == 0:
                return place + 1
    return len(text)


def opening(text, end):
    """The place of the parenthesis that the one at END closes."""
    depth = 0
    for place in range(end, -1, -1):
        if text[place] == ")":
            depth += 1
        elif text[place] == "(":
            depth -= 1
            if depth == 0:
                return place
    return 0


def without_attributes(text):
    place = 0
    while True:
        match = ATTRIBUTE.search(text, place)
        if not match:
            return text
        place = closing(text, match.start(1))
        text = text[:match.start()] + blank(text[match.start():place]) + text[place:]


class Function:
    def __init__(self, first, last, depth=0):
        self.first = first  # line of its signature
        self.last = last    # line of its closing brace
        self.depth = depth  # how deep its blocks nest


class File:
    """One file of text; the stripped forms are made when first asked for."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.is_c = path.endswith(C_LIKE)
        self.is_code = self.code_kind()
        self._kept = {}

    def code_kind(self):
        name = os.path.basename(self.path)
        if name in ("Makefile", "GNUmakefile"):
            return True
        if self.path.split("/")[0] not in CODE_FOLDERS:
            return False
        return self.path.endswith(CODE) or self.text.startswith("#!")

    @property
    def room(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None

    @property
    def code(self):
        """Without comments and literals."""
        return self.kept("code", lambda: strip(self.text, True))

    @property
    def spoken(self):
        """Without comments, but with literals."""
        return self.kept("spoken", lambda: strip(self.text, False))

    @property
    def functions(self):
        return self.kept("functions", self.find_functions)

    def kept(self, name, make):
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def search(self, pattern, text):
        """PATTERN's matches in TEXT, a form of this file, as (line number, match)."""
        for match in re.finditer(pattern, text, re.M):
            yield text.count("\n", 0, match.start()) + 1, match

    def find_functions(self):
        if self.is_c:
            return c_functions(self.code)
        if self.text.startswith("#!") and "python" in self.lines[0] or self.path.endswith(".py"):
            return python_functions(self.text)
        if self.text.startswith("#!") and "sh" in self.lines[0] or self.path.endswith(".sh"):
            return shell_functions(self.lines)
        return []


def python_functions(text):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [Function(node.lineno, node.end_lineno) for node in ast.walk(ast.parse(text))
            if isinstance(node, kinds)]


def shell_functions(lines):
    found = []
    first = None
    for number, line in enumerate(lines, 1):
        if re.match(r"(?:function\s+)?[\w-]+\s*\(\)\s*[{(]\s*$", line):
            first = number
        elif first and re.match(r"[})]", line):
            found.append(Function(first, number))
            first = None
    return found


def kind_outside(head):
    """What a brace at file level opens, by the text before it since the last statement."""
    head = head.strip()
    if head.endswith("="):
        return "init"
    if re.search(r"\)\s*(?:const|noexcept|override|final|\s)*$", head):
        return "function"
    return "scope"


def kind_inside(code, place):
    """What a brace within a function opens: a block, or a list of initialisers or of members."""
    before = code[:place].rstrip()
    if before.endswith(")"):
        left = code[:opening(code, len(before) - 1)].rstrip()
        # A compound literal: what stands before its type is no name of a loop or a condition.
        return "init" if re.search(r"(?:[=,(?:&]|\breturn)$", left) else "block"
    if re.search(r"(?:[;{}:(\]]|\b(?:else|do|try))$", before):
        return "block"
    return "init"


def line_at(code, place):
    return code.count("\n", 0, place) + 1


def c_functions(code):
    """The functions of stripped CODE; a file whose braces do not pair raises ValueError."""
    code = without_attributes(DIRECTIVE.sub(lambda match: blank(match.group()), code))
    found = []
    stack = []
    start = 0  # where the text before the next brace at file level begins
    for match in re.finditer(r"[{};]", code):
        place, mark = match.start(), match.group()
        outside = not stack or stack[-1] == "scope"
        if mark == "{":
            if outside:
                stack.append(kind_outside(code[start:place]))
            else:
                stack.append("init" if stack[-1] == "init" else kind_inside(code, place))
            if outside and stack[-1] == "function":
                head = start + len(code[start:place]) - len(code[start:place].lstrip())
                found.append(Function(line_at(code, head), 0))
            elif stack[-1] == "block":
                found[-1].depth = max(found[-1].depth, stack.count("block"))
        elif mark == "}":
            if not stack:
                raise ValueError("line %d: a brace closes nothing" % line_at(code, place))
            if stack.pop() == "function":
                found[-1].last = line_at(code, place)
        if not stack or stack[-1] == "scope":
            start = place + 1
    if stack:
        raise ValueError("a brace is never closed")
    return found


class Tree:
    """Every file of text below ROOT, but what a build or git made."""

    def __init__(self, root):
        self.files = {}
        for folder, folders, names in os.walk(root):
            place = os.path.relpath(folder, root)
            folders[:] = [name for name in folders if not self.is_made(place, name)]
            for name in names:
                path = os.path.normpath(os.path.join(place, name))
                self.read(root, path)

    @staticmethod
    def is_made(place, name):
        top = place == "." and re.match(r"build", name)
        return top or name in (".git", "__pycache__") or (place, name) == ("bench", "out")

    def read(self, root, path):
        full = os.path.join(root, path)
        if os.path.islink(full) or not os.path.isfile(full):
            return
        with open(full, "rb") as file:
            data = file.read()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return
        if "\0" not in text:
            self.files[path] = File(path, text)

    def under(self, *folders):
        """The files of code below FOLDERS, in the order of their names."""
        return [file for path, file in sorted(self.files.items())
                if file.is_code and path.split("/")[0] in folders]

    def code(self):
        return [file for _, file in sorted(self.files.items()) if file.is_code]

    def every(self):
        return [file for _, file in sorted(self.files.items())]
