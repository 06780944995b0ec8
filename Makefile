# hakmem. `make run` and `make check` are all that a newcomer needs; README.md says what they do.

CC = gcc
CXX = g++
CROSS =
PREFIX = /usr/local
DESTDIR =
BUILD = build
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
VERSION = 0.1.0

WARN = -Wall -Wextra -Werror -Wshadow -Wundef -Wvla
WARN_C = -Wstrict-prototypes -Wmissing-prototypes
OPT = -O2 -g
# Each function and each table in a section of its own: src/layout.ld orders them.
SECTIONS = -ffunction-sections -fdata-sections
# No builtin: a compiler that knows malloc may turn the inside of calloc into a call of calloc.
CORE = -std=c11 -D_GNU_SOURCE -Isrc -Iinclude -fvisibility=hidden $(SECTIONS) -fno-builtin-malloc \
       -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -pthread
CORE_CXX = -std=c++11 -fno-rtti -Isrc -Iinclude -fvisibility=hidden
TEST = -D_GNU_SOURCE -Isrc -Iinclude -Itest -Ibench -fno-builtin -pthread
# The compiler's one word of data that may be written, the address of the C++ personality, goes
# where it becomes read-only: without such data each process has a page and a mapping less.
PERSONALITY = DW.ref.__gxx_personality_v0
RELRO = --rename-section .data.rel.local.$(PERSONALITY)=.data.rel.ro.$(PERSONALITY) \
        --rename-section .data.$(PERSONALITY)=.data.rel.ro.$(PERSONALITY)

# No start files: there is nothing of theirs to run, and at exit they would touch pages of libc.
LDFLAGS = -nostartfiles -Wl,-Bsymbolic-functions -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro \
          -Wl,-z,noseparate-code \
          -Wl,--hash-style=gnu -Wl,--as-needed -pthread

# make shared POOL_TLS_PHASE1=0: built without magazines above 1 KiB.
ifeq ($(POOL_TLS_PHASE1),0)
override OPT += -DHAK_POOL_TLS_PHASE1=0
endif

# What counts shared writes is in that build alone.
COUNTING_ONLY = $(if $(findstring HAK_COUNT_SHARED=1,$(OPT)),,src/base/shared.c)
SOURCES := $(filter-out $(COUNTING_ONLY),$(sort $(wildcard src/*/*.c)))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/api/nothrow.o
ROOMS := $(shell cat src/LAYERS)
BENCHES := $(filter-out %/null_malloc,$(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c)))
API_NAMES := $(basename $(notdir $(wildcard test/api/*.c test/api/*.cc)))
API_TESTS := $(API_NAMES:%=$(BUILD)/api-bin/%) $(API_NAMES:%=$(BUILD)/api-static/%)
RACE_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard test/race/*.c test/abuse/*.c))
ROOM_TESTS := $(foreach room,$(ROOMS) oom,$(patsubst test/%.c,$(BUILD)/test/%,\
                $(if $(filter api,$(room)),,$(wildcard test/$(room)/*.c))))

CMD_OBJECTS := $(patsubst cmd/%.c,$(BUILD)/obj/cmd/%.o,$(sort $(wildcard cmd/*.c)))
CMD_PARTS := $(foreach room,base os diag,$(filter $(BUILD)/obj/$(room)/%,$(OBJECTS))) \
             $(BUILD)/obj/ace/verdict.o

export HAK_BUILD = $(abspath $(BUILD))
export HAK_LIB = $(HAK_BUILD)/libhakmem.so

.PHONY: all shared static command debug counting tsan asan run check bench release-check soak fuzz \
        install uninstall clean tests benches FORCE
.DELETE_ON_ERROR:

all: shared static command

shared: $(BUILD)/libhakmem.so

static: $(BUILD)/libhakmem.a

command: $(BUILD)/hakmem

# What the objects were built with: another compiler or other options build them anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CXX) $(OPT)' | cmp -s - $@ || echo '$(CC) $(CXX) $(OPT)' >$@

FORCE:

$(BUILD)/obj/%.o: src/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	@$(CC) $(OPT) $(CORE) $(WARN) $(WARN_C) $(EXTRA) -fPIC -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: src/%.cc Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	@$(CXX) $(OPT) $(CORE_CXX) $(WARN) -fPIC -MMD -MP -c -o $@ $<
	@$(CROSS)objcopy $(RELRO) $@

# What runs once, or when something failed, is compiled for size: what is read into memory with the
# library counts in every process.
COLD = api/ledger% api/stats api/names_info api/hakmem ace/refuse ace/verdict os/limits os/smaps \
       os/pages os/lines diag/% base/text base/sort super/check super/thp front/validate \
       front/background front/start
RARE = $(COLD:%=$(BUILD)/obj/%.o)
$(filter $(RARE),$(OBJECTS)): EXTRA += -Os

# An exception of a C++ new_handler passes through operator new.
$(BUILD)/obj/api/cxx.o: EXTRA += -fexceptions

$(BUILD)/obj/cmd/%.o: cmd/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	@$(CC) $(OPT) -std=c11 -D_GNU_SOURCE -Isrc -Iinclude $(WARN) $(WARN_C) -MMD -MP -c -o $@ $<

$(BUILD)/hakmem: $(CMD_OBJECTS) $(CMD_PARTS)
	@$(CC) $(OPT) -pthread -o $@ $(CMD_OBJECTS) $(CMD_PARTS)

$(BUILD)/libhakmem.so: $(OBJECTS) src/layout.ld
	@$(CC) $(OPT) $(EXTRA) -shared -static-libgcc $(LDFLAGS) -Wl,-soname,libhakmem.so \
	  -Wl,-T,src/layout.ld -o $@ $(filter-out $(RARE),$(OBJECTS)) $(filter $(RARE),$(OBJECTS)) \
	  -ldl

# One object: whoever needs one of libc's names gets all of them, and inner names stay inside.
# Groups end here: a local copy of the C++ personality's address must not be discarded later.
$(BUILD)/libhakmem.a: $(OBJECTS)
	@$(CROSS)ld -r --force-group-allocation -o $(BUILD)/hakmem.o $(OBJECTS)
	@$(CROSS)objcopy --localize-hidden $(BUILD)/hakmem.o
	@rm -f $@
	@$(CROSS)ar rcs $@ $(BUILD)/hakmem.o

# --- variants: another compiler's checks over the same sources, under build/NAME ---

debug:
	@$(MAKE) --no-print-directory BUILD=build/debug OPT="-O1 -g -DHAK_DEBUG=2" all

counting:
	@$(MAKE) --no-print-directory BUILD=build/counting OPT="-O2 -g -DHAK_COUNT_SHARED=1" shared

# A sanitizer's own malloc must stay in force, so these builds export the hak_* names alone.
TSAN = OPT="-O1 -g -fsanitize=thread -DHAK_PREFIXED" BUILD=build/tsan CC=clang
ASAN = OPT="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -DHAK_PREFIXED" \
       BUILD=build/asan CC=clang

tsan:
	@$(MAKE) --no-print-directory $(TSAN) static build/tsan/test/race/stress \
	  build/tsan/test/race/collect

asan:
	@$(MAKE) --no-print-directory $(ASAN) static build/asan/test/race/stress

# --- tests ---

# up_to ROOM: the objects of the rooms from the lowest up to it.
take_to = $(if $(2),$(firstword $(2)) $(if $(filter $(1),$(firstword $(2))),,\
            $(call take_to,$(1),$(wordlist 2,99,$(2)))))
up_to = $(foreach room,$(call take_to,$(1),$(ROOMS)),$(filter $(BUILD)/obj/$(room)/%,$(OBJECTS)))

# What headers a test was made of, beside it, so that it is made anew when one changes.
NOTED = -MMD -MP -MF $@.d

define room_rule
$(BUILD)/test/$(1)/%: test/$(1)/%.c test/test.h $(call up_to,$(1))
	@mkdir -p $$(@D)
	@$$(CC) $$(OPT) -std=c11 $$(TEST) $$(WARN) $$(NOTED) -o $$@ $$< $(call up_to,$(1))
endef
$(foreach room,$(filter-out api,$(ROOMS)),$(eval $(call room_rule,$(room))))

# The rooms up to front with an os whose every n-th system call fails.
FAULTY = -Dmmap=faulty_mmap -Dmunmap=faulty_munmap -Dmadvise=faulty_madvise -Dmremap=faulty_mremap
FRONT_OBJECTS = $(filter-out $(BUILD)/obj/os/map.o,$(call up_to,front))

$(BUILD)/test/oom/%: test/oom/%.c test/oom/parts/faulty_os.c src/os/map.c $(FRONT_OBJECTS)
	@mkdir -p $(@D)
	@$(CC) $(OPT) $(CORE) $(WARN) $(FAULTY) -c -o $@.map.o src/os/map.c
	@$(CC) $(OPT) -std=c11 $(TEST) $(WARN) -o $@ $< test/oom/parts/faulty_os.c $@.map.o \
	  $(FRONT_OBJECTS)
	@rm -f $@.map.o

STATIC_LINK = $(BUILD)/libhakmem.a -ldl

$(BUILD)/api-bin/%: test/api/%.c test/test.h test/api/api.h include/hakmem.h
	@mkdir -p $(@D)
	@$(CC) $(OPT) -std=c11 $(TEST) $(WARN) $(NOTED) -o $@ $<

$(BUILD)/api-static/%: test/api/%.c test/test.h test/api/api.h include/hakmem.h $(BUILD)/libhakmem.a
	@mkdir -p $(@D)
	@$(CC) $(OPT) -std=c11 $(TEST) $(WARN) $(NOTED) -o $@ $< $(STATIC_LINK)

$(BUILD)/api-bin/%: test/api/%.cc test/test.h test/api/api.h include/hakmem.h
	@mkdir -p $(@D)
	@$(CXX) $(OPT) -std=c++20 $(TEST) $(WARN) $(NOTED) -o $@ $<

$(BUILD)/api-static/%: test/api/%.cc test/test.h test/api/api.h include/hakmem.h \
                       $(BUILD)/libhakmem.a
	@mkdir -p $(@D)
	@$(CXX) $(OPT) -std=c++20 $(TEST) $(WARN) $(NOTED) -o $@ $< $(STATIC_LINK)

# Prefixed builds link the library; the others preload it themselves.
PREFIXED_LIB = $(if $(findstring PREFIXED,$(OPT)),$(BUILD)/libhakmem.a)

$(BUILD)/test/race/%: test/race/%.c test/test.h test/api/api.h include/hakmem.h $(PREFIXED_LIB)
	@mkdir -p $(@D)
	@$(CC) $(OPT) -std=c11 $(TEST) $(WARN) $(NOTED) -o $@ $< $(PREFIXED_LIB)

$(BUILD)/test/abuse/%: test/abuse/%.c test/test.h test/api/api.h include/hakmem.h
	@mkdir -p $(@D)
	@$(CC) $(OPT) -std=c11 $(TEST) $(WARN) $(NOTED) -o $@ $<

$(BUILD)/bench/%: bench/%.c $(wildcard bench/*.h) Makefile
	@mkdir -p $(@D)
	@$(CC) -O2 -g -std=c11 $(TEST) $(WARN) -o $@ $<

$(BUILD)/bench/null_malloc.so: bench/null_malloc.c Makefile
	@mkdir -p $(@D)
	@$(CC) -O2 -g -std=c11 $(TEST) $(WARN) -shared -fPIC -o $@ $<

benches: $(BENCHES) $(BUILD)/bench/null_malloc.so

tests: all $(API_TESTS) $(RACE_TESTS) $(ROOM_TESTS) benches

check:
	@tools/deps check
	@$(MAKE) --no-print-directory -j2 tests tsan asan debug counting
	@tools/check --also "lint=tools/lint" --also "tsan=build/tsan/test/race/stress" \
	  --also "tsan-idle=HAKMEM_BACKGROUND=1 HAKMEM_DECAY_MS=5 build/tsan/test/race/stress 8 5s" \
	  --also "tsan-collect=build/tsan/test/race/collect" \
	  --also "asan=build/asan/test/race/stress" \
	  --also "debug=HAK_LIB=$(abspath build/debug/libhakmem.so) $(BUILD)/test/race/stress"

# --- for people ---

run:
	@tools/deps run
	@$(MAKE) --no-print-directory -j2 all
	@tools/demo

bench:
	@tools/deps bench
	@$(MAKE) --no-print-directory -j2 all benches
	@bench/run; status=$$?; bench/run --age; exit $$status

# What must hold before a release, beside make check: no figure is older than the code.
release-check:
	@bench/run --age

# An hour of patterns that make heaps grow, plotted, and then random work by 64 threads for a sixth
# of that; `make soak TIME=600s` is shorter.
TIME = 3600s
soak:
	@tools/deps soak
	@$(MAKE) --no-print-directory -j2 all tests
	@tools/soak $(TIME)

# The same with other seeds for each round, until stopped or until ROUNDS are done.
ROUNDS = 100
fuzz: all tests
	@for seed in $$(od -An -v -w4 -tu4 -N $$((4 * $(ROUNDS))) /dev/urandom); do \
	  $(BUILD)/test/race/stress 8 5s $$seed || exit 1; done

# What programs that link hakmem ask for by pkg-config.
define PC_FILE
Name: hakmem
Description: memory allocator that says why an allocation failed and why memory grew
Version: $(VERSION)
Libs: -L$(LIBDIR) -lhakmem
Libs.private: -ldl -pthread
Cflags: -I$(INCLUDEDIR)
endef

install: export PC_TEXT = $(PC_FILE)
install: all
	install -d "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(INCLUDEDIR)"
	install -m 755 $(BUILD)/libhakmem.so "$(DESTDIR)$(LIBDIR)/libhakmem.so"
	install -m 644 $(BUILD)/libhakmem.a "$(DESTDIR)$(LIBDIR)/libhakmem.a"
	echo "$$PC_TEXT" >"$(DESTDIR)$(LIBDIR)/pkgconfig/hakmem.pc"
	install -m 644 include/hakmem.h "$(DESTDIR)$(INCLUDEDIR)/hakmem.h"
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(MANDIR)/man1"
	install -m 755 $(BUILD)/hakmem "$(DESTDIR)$(BINDIR)/hakmem"
	install -m 644 docs/hakmem.1 "$(DESTDIR)$(MANDIR)/man1/hakmem.1"

uninstall:
	rm -f "$(DESTDIR)$(LIBDIR)/libhakmem.so" "$(DESTDIR)$(LIBDIR)/libhakmem.a"
	rm -f "$(DESTDIR)$(LIBDIR)/pkgconfig/hakmem.pc" "$(DESTDIR)$(INCLUDEDIR)/hakmem.h"
	rm -f "$(DESTDIR)$(BINDIR)/hakmem" "$(DESTDIR)$(MANDIR)/man1/hakmem.1"

clean:
	rm -rf "$(BUILD)"

-include $(OBJECTS:.o=.d) $(CMD_OBJECTS:.o=.d)
-include $(wildcard $(BUILD)/test/*/*.d $(BUILD)/api-*/*.d)
