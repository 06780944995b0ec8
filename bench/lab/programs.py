"""programs - the rows of real programs: what they run, and how their input is made.

Work is chosen so that a run takes one to two seconds here with libc's malloc.
"""
from lab import real
from lab.real import Program, Server

C_FILE = "awk -v modules=30 -f $test/large_c.awk"
LINES = "awk -v lines=%d -v form=%s -f $own/lines.awk"

# name -> the shell command that makes it in the current directory
real.INPUTS.update({
    "large.i": C_FILE + " | gcc -std=gnu11 -E -P -o large.i -x c -",
    "plain.c": C_FILE + " > plain.c",
    "templates.ii": "g++ -std=c++17 -DWIDTH=1 -E -o templates.ii -x c++ $test/templates.cpp",
    "few-lines": LINES % (30000, "text") + " > few-lines",
    "lines": LINES % (150000, "text") + " > lines",
    "many-lines": LINES % (300000, "text") + " > many-lines",
    "items.xml": LINES % (400000, "xml") + " > items.xml",
    "items.json": LINES % (120000, "json") + " > items.json",
    "commands": "awk -f $test/commands.awk > commands",
    "history": """
        git init -q -b main history
        awk -v commits=7000 -f $own/history.awk | git -C history fast-import --quiet
        git -C history -c pack.threads=2 gc --quiet""",
})

HISTORY = ["git", "-C", "{made}/history"]
ROCKS = ["db_bench", "--benchmarks=fillrandom,readrandom,overwrite,seekrandom", "--num=100000",
         "--reads=60000", "--value_size=200", "--seed=7", "--threads=1", "--db=.",
         "--compression_type=none", "--write_buffer_size=8388608"]

ROWS = [
    Program("cc1", "gcc", ["gcc:cc1", "-quiet", "-fpreprocessed", "-O2", "{made}/large.i", "-o",
                           "large.s"], needs=["large.i"]),
    Program("cc1plus", "g++", ["g++:cc1plus", "-quiet", "-fpreprocessed", "-std=c++17", "-O2",
                               "{made}/templates.ii", "-o", "templates.s"], needs=["templates.ii"]),
    Program("clang", "clang", ["clang", "-std=gnu11", "-O2", "-c", "{made}/plain.c", "-o",
                               "plain.o"], needs=["plain.c"]),
    Program("clang-syntax", "clang", ["clang", "-std=c++17", "-x", "c++", "-DWIDTH=8", "-O2",
                                      "-fsyntax-only", "{test}/templates.cpp"]),
    Program("python", "python3", ["python3", "{own}/objects.py"],
            env=["PYTHONMALLOC=malloc", "PYTHONHASHSEED=1", "PYTHONDONTWRITEBYTECODE=1"]),
    Program("perl", "perl", ["perl", "{test}/words.pl"],
            env=["PERL_HASH_SEED=0", "PERL_PERTURB_KEYS=0"]),
    Program("ruby", "ruby", ["ruby", "{own}/objects.rb"]),
    Program("lua", "lua5.4", ["lua5.4", "{own}/objects.lua"]),
    # Without -n it loads its extensions so that they call libc's free, whatever is preloaded.
    Program("php", "php-cli", ["php", "-n", "{own}/objects.php"], env=["USE_ZEND_ALLOC=0"]),
    Program("node", "nodejs", ["node", "{test}/work.js"]),
    Program("sqlite3", "sqlite3", ["sqlite3", "-batch", "-lookaside", "0", "0", ":memory:",
                                   ".read {test}/orders.sql"]),
    Server("redis", "redis-server",
           ["redis-server", "--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly",
            "no", "--enable-debug-command", "local", "--logfile", "/dev/null"],
           "{own}/redis.sh", "{made}/commands", ("redis-benchmark", "redis-tools"),
           needs=["commands"]),
    Program("rocksdb", "rocksdb-tools", ROCKS, keep=r"\(\d+ of \d+ found\)"),
    Program("ghostscript", "ghostscript",
            ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=png16m", "-r200",
             "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-o", "page%d.png",
             "{test}/figure.ps"]),
    Program("z3", "z3", ["z3", "{test}/puzzle.smt2"]),
    Program("git-log", "git", HISTORY + ["log", "-p", "--stat", "--no-color"], needs=["history"]),
    Program("git-pack", "git", HISTORY + ["pack-objects", "--all", "--no-reuse-delta",
                                          "--no-reuse-object", "--threads=1", "--stdout", "-q"],
            needs=["history"]),
    Program("xmllint", "libxml2-utils", ["xmllint", "--format", "{made}/items.xml"],
            needs=["items.xml"]),
    Program("jq", "jq", ["jq", "-c", "group_by(.kind) | map({{kind: .[0].kind, "
                         "sum: (map(.list[0]) | add), names: (map(.name) | join(\",\"))}})",
                         "{made}/items.json"], needs=["items.json"]),
    Program("gawk", "gawk", ["gawk", "-f", "{own}/words.awk", "{made}/lines"], needs=["lines"]),
    Program("mawk", "mawk", ["mawk", "-f", "{own}/words.awk", "{made}/lines"], needs=["lines"]),
    Program("bash", "bash", ["bash", "{own}/words.sh"], needs=["few-lines"],
            stdin="{made}/few-lines"),
    Program("xz", "xz-utils", ["xz", "-T2", "-2", "--block-size=2MiB", "-c", "{made}/many-lines"],
            needs=["many-lines"]),
    Program("zstd", "zstd", ["zstd", "-q", "-T2", "-11", "-c", "{made}/many-lines"],
            needs=["many-lines"]),
]
