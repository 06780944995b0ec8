/* operator new and new[] of C++20, by their mangled names: the library is C, and must load into
 * programs that have no C++ runtime. What a failing new needs of that runtime is looked up then.
 * Compiled with -fexceptions: an exception of the handler's passes through these frames. */
#include <dlfcn.h>

#include "api/calls.h"
#include "api/names.h"
#include "api/nothrow.h"
#include "base/text.h"

typedef void (*new_handler)(void);

/* std::get_new_handler and std::__throw_bad_alloc of a runtime that is linked, also statically. */
extern new_handler linked_handler(void) __asm__("_ZSt15get_new_handlerv") WEAK;
extern void linked_throw(void) __asm__("_ZSt17__throw_bad_allocv") WEAK;

/* What makes frames of this library ones that exceptions are caught in; 0 where the runtime came
 * after us. */
extern char linked_personality __asm__("__gxx_personality_v0") WEAK;

/* A function that a C++ runtime itself has. */
static void *own_function(const char *name) {
  static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};
  void *function = NULL;
  for (size_t i = 0; !function && i < sizeof libraries / sizeof *libraries; i++) {
    void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
    if (!library) continue;
    function = dlsym(library, name);
    dlclose(library);
  }
  return function;
}

/* Also of a runtime that was loaded after us and out of the global scope. */
static void *runtime_function(const char *name) {
  void *function = dlsym(RTLD_DEFAULT, name);
  return function ? function : own_function(name);
}

static new_handler current_handler(void) {
  new_handler (*get)(void) = linked_handler;
  if (!get) *(void **)&get = runtime_function("_ZSt15get_new_handlerv");
  return get ? get() : NULL;
}

COLD static void throw_bad_alloc(void) {
  void (*throw)(void) = linked_throw;
  if (!throw) *(void **)&throw = runtime_function("_ZSt17__throw_bad_allocv");
  if (throw) throw();
  text_die("operator new: out of memory, and no C++ runtime to throw bad_alloc", NULL);
}

static void *allocate(size_t size, size_t align) {
  return align ? hak_aligned_alloc(align, size) : hak_malloc(size);
}

/* Where no frame of ours can catch what the handler throws, one of the runtime's does: its nothrow
 * new calls new, which is ours, and returns NULL for an exception. */
COLD static void *nothrow_by_runtime(size_t size, size_t align) {
  void *(*plain)(size_t, const void *);
  void *(*aligned)(size_t, size_t, const void *);
  *(void **)&plain = own_function("_ZnwmRKSt9nothrow_t");
  *(void **)&aligned = own_function("_ZnwmSt11align_val_tRKSt9nothrow_t");
  if (align) return aligned ? aligned(size, align, "") : NULL;
  return plain ? plain(size, "") : NULL;
}

/* [new.delete.single]: the handler makes memory, throws, or there is none and we throw. */
COLD static void *new_failed(size_t size, size_t align, bool throws) {
  void *p = NULL;
  while (!p) {
    new_handler handler = current_handler();
    if (!handler) break;
    if (!throws && !&linked_personality) return nothrow_by_runtime(size, align);
    if (throws)
      handler();
    else if (!nothrow_call(handler))
      break;
    p = allocate(size, align);
  }
  if (!p && throws) throw_bad_alloc();
  return p;
}

BY_NAME static void *new_throwing(size_t size) {
  void *p = hak_malloc(size);
  return LIKELY(p != NULL) ? p : new_failed(size, 0, true);
}

BY_NAME static void *new_nothrow(size_t size, const void *tag) {
  void *p = hak_malloc(size);
  (void)tag;
  return LIKELY(p != NULL) ? p : new_failed(size, 0, false);
}

BY_NAME static void *new_aligned(size_t size, size_t align) {
  void *p = hak_aligned_alloc(align, size);
  return LIKELY(p != NULL) ? p : new_failed(size, align, true);
}

BY_NAME static void *new_aligned_nothrow(size_t size, size_t align, const void *tag) {
  void *p = hak_aligned_alloc(align, size);
  (void)tag;
  return LIKELY(p != NULL) ? p : new_failed(size, align, false);
}

LIBC_NAME(_Znwm, new_throwing);
LIBC_NAME(_Znam, new_throwing);
LIBC_NAME(_ZnwmRKSt9nothrow_t, new_nothrow);
LIBC_NAME(_ZnamRKSt9nothrow_t, new_nothrow);
LIBC_NAME(_ZnwmSt11align_val_t, new_aligned);
LIBC_NAME(_ZnamSt11align_val_t, new_aligned);
LIBC_NAME(_ZnwmSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow);
LIBC_NAME(_ZnamSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow);
