/* containers - the standard library at work: containers, strings, pointers, threads, streams. */
#include "api.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

/* Sum of 0..N-1. */
static uint64_t triangle(uint64_t n) { return n * (n - 1) / 2; }

static void vectors() {
  test_begin("vector: grows to 3,000,000 elements by push_back, shrinks to fit, keeps them");
  std::vector<uint64_t> v;
  for (uint64_t i = 0; i < 3000000; i++) v.push_back(i);
  CHECK(std::accumulate(v.begin(), v.end(), uint64_t{0}) == triangle(3000000));
  v.resize(1000);
  v.shrink_to_fit();
  CHECK(v.capacity() == 1000 && std::accumulate(v.begin(), v.end(), uint64_t{0}) == triangle(1000));
  std::vector<std::vector<char>> nested(500);
  for (size_t i = 0; i < nested.size(); i++) nested[i].assign(i * 97, static_cast<char>(i));
  for (size_t i = 1; i < nested.size(); i++)
    CHECK(nested[i].front() == static_cast<char>(i) && nested[i].back() == static_cast<char>(i));
  test_end();
}

static void maps() {
  test_begin("map, unordered_map, set: 200,000 keys in, half out, the rest found");
  std::map<uint64_t, std::string> tree;
  std::unordered_map<uint64_t, std::string> table;
  std::set<std::string> words;
  for (uint64_t i = 0; i < 200000; i++) {
    tree[i * 2654435761U % 1000003] = std::to_string(i);
    table[i] = std::string(static_cast<size_t>(i % 60), 'x');
    if (i < 50000) words.insert("a longer word, beyond the short string " + std::to_string(i));
  }
  for (uint64_t i = 0; i < 200000; i += 2) {
    tree.erase(i * 2654435761U % 1000003);
    table.erase(i);
  }
  for (uint64_t i = 1; i < 200000; i += 2) {
    auto found = tree.find(i * 2654435761U % 1000003);
    CHECK(found != tree.end() && found->second == std::to_string(i));
    CHECK(table.at(i).size() == i % 60);
  }
  CHECK(words.size() == 50000 && table.size() == 100000 && tree.size() == 100000);
  test_end();
}

static void lists() {
  test_begin("list and deque: sorted, spliced and emptied");
  std::list<uint64_t> a, b;
  std::deque<std::string> q;
  uint64_t seed = 3;
  for (int i = 0; i < 50000; i++) (i % 2 ? a : b).push_back(api_random(&seed));
  a.sort();
  b.sort();
  a.merge(b);
  CHECK(a.size() == 50000 && b.empty() && std::is_sorted(a.begin(), a.end()));
  for (int i = 0; i < 100000; i++) {
    q.push_back(std::string(40, static_cast<char>('a' + i % 26)));
    if (i % 3 == 0) q.pop_front();
  }
  CHECK(q.back() == std::string(40, static_cast<char>('a' + 99999 % 26)));
  test_end();
}

static void strings() {
  test_begin("string and stringstream: one text of 5 MB built by pieces");
  std::string s;
  std::ostringstream stream;
  for (int i = 0; i < 500000; i++) {
    s += "0123456789";
    stream << "0123456789";
  }
  CHECK(s.size() == 5000000 && s == stream.str());
  test_end();
}

struct node {
  std::shared_ptr<node> next;
  std::weak_ptr<node> back;
  std::function<int()> call;
};

static void pointers() {
  test_begin("shared_ptr, unique_ptr, function: chains of 20,000 built and taken down");
  auto head = std::make_shared<node>();
  auto last = head;
  for (int i = 0; i < 20000; i++) {
    std::string held(static_cast<size_t>(i % 100), 'y');
    last->next = std::make_shared<node>();
    last->next->back = last;
    last->next->call = [held] { return static_cast<int>(held.size()); };
    last = last->next;
  }
  CHECK(last->call() == 19999 % 100);
  int steps = 0;
  while (head->next) {
    head = head->next;
    steps++;
  }
  CHECK(steps == 20000 && head == last && last->back.expired());
  std::vector<std::unique_ptr<int[]>> owners;
  for (size_t i = 1; i < 3000; i++) owners.emplace_back(new int[i]());
  CHECK(owners.back()[2998] == 0);
  test_end();
}

/* Built by one thread, changed by the next, destroyed by a third. */
static void threads() {
  test_begin("containers handed from thread to thread are whole");
  for (int round = 0; round < 50; round++) {
    std::map<int, std::string> shared;
    std::thread([&] {
      for (int i = 0; i < 2000; i++) shared[i] = std::string(static_cast<size_t>(i % 300), 'z');
    }).join();
    std::thread([&] {
      for (int i = 0; i < 2000; i += 2) shared.erase(i);
    }).join();
    CHECK(shared.size() == 1000 && shared.at(1999) == std::string(1999 % 300, 'z'));
    std::thread([&] { std::map<int, std::string>().swap(shared); }).join();
    CHECK(shared.empty());
  }
  test_end();
}

static void exceptions() {
  test_begin("100,000 exceptions with messages thrown through frames that own memory");
  int caught = 0;
  for (int i = 0; i < 100000; i++) {
    try {
      std::vector<std::string> local(3, std::string(50, 'q'));
      throw std::runtime_error(local[2] + std::to_string(i));
    } catch (const std::exception &e) {
      caught += strcmp(e.what() + 50, std::to_string(i).c_str()) == 0;
    }
  }
  CHECK(caught == 100000);
  test_end();
}

int main() {
  api_served();
  vectors();
  maps();
  lists();
  strings();
  pointers();
  threads();
  exceptions();
  return api_close();
}
