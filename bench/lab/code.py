"""code - which code was measured: a fingerprint of src, the commit, the compiler."""
import hashlib
import os
import re
import subprocess

from lab import allocators

ROOT = allocators.ROOT
DIGITS = 16     # of the fingerprint that are written


def sources(root):
    """The files of src by their names in it, in an order of their own."""
    found = []
    for folder, _, names in os.walk(os.path.join(root, "src")):
        found += [os.path.join(folder, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: os.path.relpath(path, root).split(os.sep))


def fingerprint(root=ROOT):
    """The same for the same content of src, whatever git or the clock say."""
    sums = hashlib.sha256()
    for path in sources(root):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        sums.update(("%s %s\n" % (content, os.path.relpath(path, root))).encode())
    return sums.hexdigest()[:DIGITS]


def output(*words):
    """What a command prints; empty where there is none, or where it fails."""
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def commit(root=ROOT):
    """The commit of the tree at ROOT, and whether src has changes on top of it."""
    found = output("git", "-C", root, "rev-parse", "--short=12", "HEAD")
    if not found:
        return "no commit (this is no git repository)"
    changed = output("git", "-C", root, "status", "--porcelain", "--", "src")
    return found + (" with changes in src that are in no commit" if changed else "")


def compiler(library):
    """What built the library, as the compiler itself wrote into it."""
    found = re.findall(r"\]\s+(.*\d)", output("readelf", "-p", ".comment", library))
    return ", ".join(sorted(set(found))) or "an unknown compiler"


def older_than_sources(library, root=ROOT):
    """Was a source written after the library was?"""
    try:
        return os.path.getmtime(library) < max(map(os.path.getmtime, sources(root)))
    except OSError:
        return False


def facts(library, root=ROOT):
    """One sentence: the code behind the figures."""
    late = "; the library is older than src, so it is not of this code" \
        if older_than_sources(library, root) else ""
    return "Code: commit %s, src %s, built by %s%s." % (
        commit(root), fingerprint(root), compiler(library), late)
