"""hit_path - reads the hit path of one exported x86-64 function from its disassembly.

    python3 hit_path.py LIBRARY FUNCTION

The hit path is the straight line from the entry to the first ret: conditional branches are not
taken (their targets are the rare cases, out of line), unconditional jumps within the function are
followed. Prints one line `name: value` each:

    against: what on the path keeps it from being a leaf that saves no register; empty if nothing
    size-tests: conditional branches decided by the first argument and constants alone
    branches: all other conditional branches
    path: the instructions, separated by semicolons
"""
import re
import subprocess
import sys

PREFIXES = {"lock", "rep", "repz", "repnz", "bnd", "notrack", "data16", "cs", "ds", "addr32"}
SAVED = {"rsp", "rbx", "rbp", "r12", "r13", "r14", "r15"}
SHORT = {"a": "rax", "b": "rbx", "c": "rcx", "d": "rdx"}
# Sets no flags; whatever else is not a jump may set them.
MOVES = re.compile(r"(mov|lea|cmov|set|prefetch|nop|endbr|xchg|bswap|not|pdep|pext|.*x$)")
LONGEST = 200  # instructions; a hit path has some twenty


class Instruction:
    def __init__(self, text):
        text = re.sub(r"\s*#.*$", "", text)
        words = text.split()
        while len(words) > 1 and words[0] in PREFIXES:
            words.pop(0)
        self.text = " ".join(words)
        self.name = words[0] if words else "(bad)"
        rest = " ".join(words[1:])
        self.operands = re.findall(r"(?:[^,(]|\([^)]*\))+", re.sub(r"\s*<[^>]*>", "", rest))

    def is_ret(self):
        return self.name.startswith("ret")

    def is_jump(self):
        return self.name.startswith("jmp")

    def is_branch(self):
        return not self.is_jump() and (self.name[0] == "j" or self.name.startswith("loop"))

    def target(self):
        match = re.fullmatch(r"(?:0x)?([0-9a-f]+)", self.operands[0]) if self.operands else None
        return int(match.group(1), 16) if match else None


def whole(register):
    """The 64-bit register that REGISTER is a part of."""
    if re.fullmatch(r"r\d+[dwb]?", register):
        return register.rstrip("dwb")
    match = re.fullmatch(r"[er]?([abcd])[xlh]", register)
    if match:
        return SHORT[match.group(1)]
    match = re.fullmatch(r"[er]?(si|di|bp|sp)l?", register)
    return "r" + match.group(1) if match else register


def registers(operand):
    return [whole(name) for name in re.findall(r"%(\w+)", operand)]


def is_memory(operand):
    return "(" in operand or ":" in operand or re.match(r"(0x)?[0-9a-f]+$", operand) is not None


class Derived:
    """Which registers, and whether the flags, come from the first argument and constants alone."""

    def __init__(self):
        self.registers = {"rdi"}
        self.flags = False

    def follow(self, step):
        sources, target = step.operands[:-1], step.operands[-1:]
        used = sources if step.name.startswith(("mov", "lea")) else step.operands
        if step.name.startswith("xor") and len(step.operands) == 2 and sources == target:
            used = []
        known = all(self.knows(operand, step.name) for operand in used)
        if not MOVES.match(step.name):
            self.flags = known
        if step.name.startswith(("cmp", "test", "prefetch", "nop", "endbr")):
            return
        if target and target[0].startswith("%"):
            change = self.registers.add if known else self.registers.discard
            change(whole(target[0][1:]))

    def knows(self, operand, name):
        if is_memory(operand) and not name.startswith("lea"):
            return False
        return all(register in self.registers for register in registers(operand))


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def bounds(library, function):
    """First address of FUNCTION and the one past its last, from the dynamic symbols."""
    for line in output("nm", "-D", "-S", "--defined-only", library).splitlines():
        words = line.split()
        if len(words) == 4 and words[3].partition("@")[0] == function:
            start, size = int(words[0], 16), int(words[1], 16)
            return start, start + size
    raise SystemExit("%s does not export %s" % (library, function))


def disassemble(library, start, end):
    """The instructions between two addresses: address -> (instruction, address of the next)."""
    text = output("objdump", "-d", "--no-show-raw-insn", "--start-address=%d" % start,
                  "--stop-address=%d" % end, library)
    found = re.findall(r"^\s*([0-9a-f]+):\t(.*\S)\s*$", text, re.M)
    following = [int(address, 16) for address, _ in found[1:]] + [end]
    return {int(address, 16): (Instruction(code), after)
            for (address, code), after in zip(found, following)}


def hit_path(code, at):
    """The instructions of the hit path; without a ret at their end when it does not reach one."""
    path = []
    while at in code and len(path) < LONGEST:
        step, after = code[at]
        path.append(step)
        if step.is_ret():
            break
        at = step.target() if step.is_jump() else after
    return path


def against_leaf(path):
    """The first thing that a leaf which saves no register does not do."""
    for step in path:
        if step.name.startswith(("push", "pop", "call", "leave", "enter")):
            return step.text
        if "rsp" in registers(step.text):
            return step.text
        target = step.operands[-1] if step.operands else ""
        if target.startswith("%") and whole(target[1:]) in SAVED:
            return step.text
    if not path or not path[-1].is_ret():
        return "no ret; the path ends with %s" % (path[-1].text if path else "nothing")
    return ""


def count_branches(path):
    """How many conditional branches are size tests, and how many are not."""
    derived = Derived()
    size_tests = others = 0
    for step in path:
        if step.is_branch() and derived.flags:
            size_tests += 1
        elif step.is_branch():
            others += 1
        elif not step.is_jump() and not step.is_ret():
            derived.follow(step)
    return size_tests, others


def main(words):
    if len(words) != 2:
        raise SystemExit(__doc__.strip())
    library, function = words
    start, end = bounds(library, function)
    path = hit_path(disassemble(library, start, end), start)
    size_tests, others = count_branches(path)
    print("against: %s" % against_leaf(path))
    print("size-tests: %d" % size_tests)
    print("branches: %d" % others)
    print("path: %s" % "; ".join(step.text for step in path))


if __name__ == "__main__":
    main(sys.argv[1:])
