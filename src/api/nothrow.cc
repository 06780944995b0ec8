/* The one thing of operator new that C cannot do: to catch what a new_handler throws.
 *
 * The names of the C++ runtime are weak, so that the library loads into programs that have none, or
 * load one later; those never come here.
 */
#include "api/nothrow.h"

__asm__(".weak __gxx_personality_v0\n\t"
        ".weak __cxa_begin_catch\n\t"
        ".weak __cxa_end_catch\n\t"
        ".weak _Unwind_Resume");

extern "C" bool nothrow_call(void (*handler)(void)) {
  try {
    handler();
    return true;
  } catch (...) {
    return false;
  }
}
