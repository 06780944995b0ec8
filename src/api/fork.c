/* The C library's own name for what registers fork handlers. Each pthread_atfork of the program and
 * of its libraries' constructors comes through here, so that hakmem's handlers are registered
 * before: then its locks are taken last, and a handler of the program's may wait for a thread that
 * waits for memory. Weak: in a program that is all static the C library's own stands. */
#include <dlfcn.h>

#include "api/names.h"
#include "front/start.h"
#include "front/thread.h"

typedef void (*handler)(void);
typedef int (*registrar)(handler prepare, handler parent, handler child, void *object);

static const char name[] = "__register_atfork";

/* Returns 0 or an error number. A program that is all static has no next one if it never forks:
 * what it registers is never called. */
BY_NAME static int hak_register_atfork(handler prepare, handler parent, handler child,
                                       void *object) {
  static registrar next; /* [any] relaxed: all find the same */
  registrar found = ld_rlx(&next);
  if (!start_done()) thread_self(); /* which comes here for hakmem's own */
  if (!found) {
    *(void **)&found = dlsym(RTLD_NEXT, name);
    st_rlx_any(&next, found);
  }
  return found ? found(prepare, parent, child, object) : 0;
}

extern __typeof__(hak_register_atfork) __register_atfork WEAK;
LIBC_NAME(__register_atfork, hak_register_atfork);
