"""allocators - who competes: hakmem, libc's own malloc, and the libraries found on this machine."""
import os
import platform
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("HAK_BUILD") or os.path.join(ROOT, "build"))
HAKMEM = os.path.abspath(os.environ.get("HAK_LIB") or os.path.join(BUILD, "libhakmem.so"))

# name -> the shared objects that may hold it, best first, and the Debian package to name if missing
KNOWN = {
    "jemalloc": (("libjemalloc.so.2",), "libjemalloc2"),
    "mimalloc": (("libmimalloc.so.3", "libmimalloc.so.2"), "libmimalloc2.0"),
    "tcmalloc": (("libtcmalloc_minimal.so.4",), "libtcmalloc-minimal4"),
    "tbb": (("libtbbmalloc_proxy.so.2",), "libtbbmalloc2"),
}
MACHINE = {"x86_64": "x86-64", "aarch64": "AArch64"}


class Allocator:
    def __init__(self, name, path, preload=True):
        self.name = name
        self.path = path        # the object that must turn out to have served
        self.preload = preload  # False for what the program gets anyway

    def environment(self):
        return ["LD_PRELOAD=" + self.path] if self.preload else []

    def place(self):
        """Where it lies, as a report names it: within the tree without the tree's own place."""
        path = os.path.realpath(self.path)
        inside = os.path.commonpath([path, os.path.realpath(ROOT)]) == os.path.realpath(ROOT)
        return os.path.relpath(path, os.path.realpath(ROOT)) if inside else path

    def served(self, where):
        """Is the object WHERE, which a program named as the one that served it, this allocator?"""
        try:
            return os.path.samefile(where, self.path)
        except OSError:
            return False


def libraries():
    """The linker's cache: name -> path, for this machine's own architecture."""
    listing = ""
    for command in ("ldconfig", "/sbin/ldconfig"):
        try:
            listing = subprocess.run([command, "-p"], stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, text=True, check=False).stdout
            break
        except OSError:
            continue
    found = {}
    kind = MACHINE.get(platform.machine(), "")
    for line in listing.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow and kind in name:
            found.setdefault(name.split()[0], path)
    return found


def own_libc():
    """The C library of this process, which benchmarks without a preload get as well."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.split()[-1]
            base = os.path.basename(path)
            if base.startswith(("libc.so", "libc-", "ld-musl-")):
                return path
    return ""


def find():
    """The allocators to run, hakmem first, and a sentence for each one that is missing."""
    there, missing = [], []
    cache = libraries()

    def add(name, path, lack):
        if path and os.path.exists(path):
            there.append(Allocator(name, path))
        else:
            missing.append("%s is left out: %s" % (name, lack))

    add("hakmem", HAKMEM, "there is no %s" % HAKMEM)
    there.append(Allocator("glibc" if os.confstr_names.get("CS_GNU_LIBC_VERSION") else "libc",
                           own_libc(), preload=False))
    for name, (objects, package) in KNOWN.items():
        path = next((cache[o] for o in objects if o in cache), None)
        add(name, path, "no %s here (Debian package %s)" % (objects[-1], package))
    for word in os.environ.get("PEERS", "").split():
        name, equals, path = word.partition("=")
        if not equals:
            raise SystemExit("bench: PEERS wants NAME=PATH, not %s" % word)
        add(name, os.path.abspath(path), "there is no %s" % path)
    return there, missing
