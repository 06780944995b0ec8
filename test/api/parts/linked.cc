// linked - a vector that cannot be: the new_handler is called, then bad_alloc is thrown. A static
// runtime has the function that throws, since vectors refer to it.
#include <cstdio>
#include <new>
#include <vector>

static int calls;

static void handler() {
  calls++;
  std::set_new_handler(nullptr);
}

int main() {
  volatile std::size_t much = std::size_t(1) << 60;
  std::set_new_handler(handler);
  try {
    std::vector<char> v;
    v.reserve(much);
    std::printf("%p\n", static_cast<void *>(v.data()));
  } catch (const std::bad_alloc &) {
    std::printf("handler %d, bad_alloc\n", calls);
  }
  return 0;
}
