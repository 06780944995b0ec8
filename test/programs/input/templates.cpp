// templates - C++ that makes a compiler instantiate a lot: containers, variants,
// compile-time arithmetic and lambdas over many types. It prints a few sums, so that
// the program that was compiled can be run as well. Compiled with -std=c++17 -O2.
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

// A number as a type, so that each N below is a family of types of its own.
template <int N>
struct Tag {
  int value = N;
  friend bool operator<(const Tag &a, const Tag &b) { return a.value < b.value; }
  friend bool operator==(const Tag &a, const Tag &b) { return a.value == b.value; }
};

template <int N>
struct TagHash {
  size_t operator()(const Tag<N> &tag) const { return size_t(tag.value) * 2654435761u; }
};

// Containers of containers of Tag<N>.
template <int N>
long containers() {
  std::map<Tag<N>, std::vector<std::pair<std::string, Tag<N>>>> index;
  std::unordered_map<Tag<N>, std::set<Tag<N>>, TagHash<N>> sets;
  for (int i = 0; i < 200; i++) {
    Tag<N> tag{i % (N + 3)};
    index[tag].emplace_back(std::to_string(i * N), Tag<N>{i});
    sets[tag].insert(Tag<N>{i * 7 % 31});
  }
  long sum = 0;
  for (auto &[tag, list] : index) {
    std::stable_sort(list.begin(), list.end(), [](auto &a, auto &b) { return a.first < b.first; });
    sum += std::accumulate(list.begin(), list.end(), long(tag.value),
                           [](long s, auto &e) { return s * 3 % 1000003 + e.second.value; });
    sum += long(sets[tag].size());
  }
  return sum;
}

// A small expression language; the visitor is instantiated for each number type.
template <typename Number>
struct Expression {
  struct Binary {
    char op;
    std::shared_ptr<Expression> left, right;
  };
  std::variant<Number, std::string, Binary> node;

  std::optional<Number> evaluate(const std::map<std::string, Number> &names) const {
    return std::visit(
        [&](const auto &n) -> std::optional<Number> {
          using T = std::decay_t<decltype(n)>;
          if constexpr (std::is_same_v<T, Number>) {
            return n;
          } else if constexpr (std::is_same_v<T, std::string>) {
            auto found = names.find(n);
            return found == names.end() ? std::nullopt : std::optional<Number>(found->second);
          } else {
            auto a = n.left->evaluate(names), b = n.right->evaluate(names);
            if (!a || !b) return std::nullopt;
            return Number(n.op == '+' ? *a + *b : n.op == '-' ? *a - *b : *a * *b);
          }
        },
        node);
  }
};

template <typename Number>
long expressions() {
  using E = Expression<Number>;
  auto tree = std::make_shared<E>(E{Number(1)});
  for (int i = 0; i < 40; i++) {
    auto name = std::make_shared<E>(E{std::string(1, char('a' + i % 5))});
    tree = std::make_shared<E>(E{typename E::Binary{"+-"[i % 2], tree, name}});
  }
  std::map<std::string, Number> names;
  for (char c = 'a'; c < 'f'; c++) names[std::string(1, c)] = Number(c - 'a' + 1);
  return long(tree->evaluate(names).value_or(Number(0)));
}

// Compile-time arithmetic: primes by trial division, as a type list.
template <int N, int D = 2>
constexpr bool is_prime() {
  if constexpr (D * D > N) return N > 1;
  else if constexpr (N % D == 0) return false;
  else return is_prime<N, D + 1>();
}

template <int... N>
constexpr std::array<bool, sizeof...(N)> sieve(std::integer_sequence<int, N...>) {
  return {is_prime<N>()...};
}

template <typename... T>
std::string joined(const std::tuple<T...> &values) {
  std::ostringstream text;
  std::apply([&](const auto &...v) { ((text << v << ' '), ...); }, values);
  return text.str();
}

template <int... N>
long all_containers(std::integer_sequence<int, N...>) {
  return (containers<N + 1>() + ...);
}

template <typename... Number>
long all_expressions() {
  return (expressions<Number>() + ...);
}

int main() {
  std::function<long(long)> twice = [](long x) { return 2 * x; };
  constexpr auto primes = sieve(std::make_integer_sequence<int, 400>());
  std::cout << all_containers(std::make_integer_sequence<int, WIDTH>()) << '\n';
  std::cout << all_expressions<int, long, double, float, unsigned, short>() << '\n';
  std::cout << std::count(primes.begin(), primes.end(), true) << '\n';
  std::cout << joined(std::make_tuple(1, 2.5, "three", 'c', std::string("five"))) << '\n';
  std::cout << twice(21) << '\n';
}
