# hakmem. `make run` and `make check` are all that a newcomer needs; README.md says what they do.

CC = gcc
CXX = g++
PREFIX = /usr/local
DESTDIR =
BUILD = build
LIBDIR = $(PREFIX)/lib

WARN = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
# No builtin: a compiler that knows malloc may turn the inside of calloc into a call of calloc.
CORE = -std=c11 -D_GNU_SOURCE -Isrc -Iinclude -fvisibility=hidden -fno-builtin-malloc \
       -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -pthread
OPT = -O2 -g
CFLAGS = $(OPT) $(CORE) $(WARN) $(EXTRA)
LDFLAGS = -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--hash-style=gnu -Wl,--as-needed -pthread

SOURCES = $(sort $(wildcard src/*/*.c))
OBJECTS = $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
TIDY_SOURCES = $(SOURCES)

export HAK_BUILD = $(abspath $(BUILD))
export HAK_LIB = $(HAK_BUILD)/libhakmem.so

.PHONY: all shared static run check bench install clean deps-build

all: shared static

shared: $(BUILD)/libhakmem.so

static: $(BUILD)/libhakmem.a

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

# An exception of a C++ new_handler passes through operator new.
$(BUILD)/obj/api/cxx.o: EXTRA += -fexceptions

$(BUILD)/libhakmem.so: $(OBJECTS)
	@$(CC) $(OPT) -shared $(LDFLAGS) -Wl,-soname,libhakmem.so -o $@ $(OBJECTS)

$(BUILD)/libhakmem.a: $(OBJECTS)
	@rm -f $@
	@ar rcs $@ $(OBJECTS)

clean:
	rm -rf build

-include $(OBJECTS:.o=.d)
