/* thread_local - allocation in the destructors of C++ thread_local objects. */
#include "api.h"

#include <map>
#include <memory>
#include <pthread.h>
#include <string>
#include <thread>
#include <vector>

static int destroyed, broken;

static void count(int *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/* Its destructor checks its content, allocates and frees in all tiers. */
struct owner {
  struct block held[6];
  owner() {
    for (size_t i = 0; i < COUNT_OF(held); i++) {
      struct block b = {static_cast<unsigned char *>(malloc(opaque(api_tiers[i]))), api_tiers[i],
                        api_tiers[i], i + 1};
      api_fill(b.p, b.usable, b.key);
      held[i] = b;
    }
  }
  ~owner() {
    std::vector<std::string> more;
    for (struct block &b : held) {
      if (!api_intact(b.p, b.usable, b.usable, b.key)) count(&broken);
      free(b.p);
      more.push_back(std::string(b.size, 'm'));
    }
    if (more.back().size() != api_tiers[5]) count(&broken);
    count(&destroyed);
  }
};

/* Made for the first time in another object's destructor, so destroyed after it. */
struct late {
  std::unique_ptr<std::string> text{new std::string(300, 'l')};
  ~late() {
    if (*text != std::string(300, 'l')) count(&broken);
    count(&destroyed);
  }
};

static late &late_of_thread() {
  static thread_local late object;
  return object;
}

struct early {
  std::map<int, std::string> map;
  ~early() {
    if (map.size() != 100 || late_of_thread().text->size() != 300) count(&broken);
    count(&destroyed);
  }
};

static thread_local owner first;
static thread_local early second;

static void use() {
  if (!first.held[0].p) count(&broken);
  for (int i = 0; i < 100; i++) second.map[i] = std::string(static_cast<size_t>(i), 'e');
}

static void many_threads() {
  test_begin("thread_local destructors allocate and free, also in objects made late: no leak");
  size_t before = 0;
  for (int i = 0; i < 3000; i++) {
    if (i == 200) before = api_resident();
    std::thread(use).join();
  }
  size_t after = api_resident();
  CHECK_MSG(destroyed == 3 * 3000, "%d destructors ran", destroyed);
  CHECK_MSG(broken == 0, "%d objects were broken", broken);
  CHECK_MSG(after < before + 4 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  test_end();
}

static pthread_key_t key;

static void key_destructor(void *p) {
  delete static_cast<std::string *>(p);
  std::string after(5000, 'k');
  if (after.back() != 'k') count(&broken);
}

static void with_keys() {
  test_begin("thread-specific data dies after thread_local objects and still allocates");
  broken = 0;
  CHECK(pthread_key_create(&key, key_destructor) == 0);
  for (int i = 0; i < 500; i++) {
    std::thread([] {
      pthread_setspecific(key, new std::string(700, 's'));
      use();
    }).join();
  }
  CHECK_MSG(broken == 0, "%d objects were broken", broken);
  test_end();
}

static void leave_early() {
  use();
  pthread_exit(nullptr);
}

static void of_main_thread() {
  api_note_open();
  test_begin("thread_local objects of the main thread die at exit without harm");
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    use();
    exit(broken ? 1 : 0);
  }
  api_child_join(child);
  test_end();
  test_begin("a main thread that ends by pthread_exit leaves the others working");
  child = fork();
  if (child == 0) {
    alarm(20);
    std::thread([] {
      usleep(50000);
      use();
      exit(broken ? 1 : 0);
    }).detach();
    leave_early();
  }
  api_child_join(child);
  test_end();
}

int main() {
  api_served();
  many_threads();
  with_keys();
  of_main_thread();
  return api_close();
}
