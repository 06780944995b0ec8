# large_c - writes a large C program on standard output: awk -v modules=N -f large_c.awk
#
# N modules of about 100 lines with what real C is made of (tables, enums, a hash table, a state
# machine, a list sort, a matrix, text formatting, bit twiddling), each with constants of its own,
# and a main that calls them all and prints one checksum per module. The same N, the same text.

function next_number(range) {
  seed = (seed * 16807) % 2147483647
  return seed % range
}

function module_types(m,    i, n) {
  printf "/* module %d */\n", m
  n = 6 + next_number(7)
  printf "enum kind_%d {\n", m
  for (i = 0; i < n; i++) printf "  KIND_%d_%d = %d,\n", m, i, i
  printf "  KIND_%d_END\n};\n\n", m
  printf "struct node_%d {\n  struct node_%d *next;\n  uint32_t key;\n", m, m
  printf "  enum kind_%d kind;\n  double weight;\n  char name[%d];\n};\n\n", m, 8 + next_number(40)
  printf "static const uint32_t table_%d[] = {\n", m
  for (i = 0; i < 16; i++)
    printf "  0x%04x%04xu, 0x%04x%04xu,\n", next_number(65536), next_number(65536),
      next_number(65536), next_number(65536)
  printf "};\n\n"
  return n
}

function module_machine(m, kinds,    i) {
  printf "static uint32_t step_%d(enum kind_%d *kind, uint32_t x) {\n  switch (*kind) {\n", m, m
  for (i = 0; i < kinds; i++) {
    printf "  case KIND_%d_%d:\n", m, i
    printf "    *kind = x & %d ? KIND_%d_%d : KIND_%d_%d;\n", 2 ^ next_number(8), m,
      next_number(kinds), m, (i + 1) % kinds
    printf "    return (x << %d | x >> %d) ^ table_%d[(x >> %d) & 31];\n", 1 + next_number(15),
      16 + next_number(15), m, next_number(24)
  }
  printf "  default:\n    *kind = KIND_%d_0;\n    return x + %du;\n  }\n}\n\n", m, next_number(9999)
}

function module_list(m) {
  printf "static struct node_%d *merge_%d(struct node_%d *a, struct node_%d *b) {\n", m, m, m, m
  printf "  struct node_%d head, *tail = &head;\n  while (a && b) {\n", m
  printf "    struct node_%d **least = a->key <= b->key ? &a : &b;\n", m
  printf "    tail->next = *least;\n    tail = tail->next;\n    *least = tail->next;\n  }\n"
  printf "  tail->next = a ? a : b;\n  return head.next;\n}\n\n"
  printf "static struct node_%d *sort_%d(struct node_%d *list) {\n", m, m, m
  printf "  struct node_%d *slow = list, *fast, *rest;\n", m
  printf "  if (!list || !list->next) return list;\n"
  printf "  for (fast = list->next; fast && fast->next; fast = fast->next->next)\n"
  printf "    slow = slow->next;\n  rest = slow->next;\n  slow->next = NULL;\n"
  printf "  return merge_%d(sort_%d(list), sort_%d(rest));\n}\n\n", m, m, m
}

function module_matrix(m,    n, i) {
  n = 4 + next_number(9)
  printf "static double matrix_%d(uint32_t x) {\n  double a[%d][%d], b[%d][%d], sum = 0;\n", m,
    n, n, n, n
  printf "  for (int i = 0; i < %d; i++)\n    for (int j = 0; j < %d; j++) {\n", n, n
  printf "      a[i][j] = (double)((x + %du * i + j) %% %d);\n", next_number(99),
    7 + next_number(90)
  printf "      b[i][j] = (double)table_%d[(i * j + x) & 31] / %d.0;\n    }\n", m,
    1 + next_number(99)
  printf "  for (int i = 0; i < %d; i++)\n    for (int j = 0; j < %d; j++) {\n", n, n
  printf "      double c = 0;\n      for (int k = 0; k < %d; k++) c += a[i][k] * b[k][j];\n", n
  printf "      sum += c > %d.5 ? c : -c;\n    }\n  return sum;\n}\n\n", next_number(1000)
}

function module_text(m,    i) {
  printf "static uint32_t text_%d(const struct node_%d *node) {\n  char line[160];\n", m, m
  printf "  uint32_t hash = %du;\n", next_number(65536)
  printf "  int n = snprintf(line, sizeof line, \"m%d %%s %%u %%d %%.3f\", node->name,\n", m
  printf "                   node->key, (int)node->kind, node->weight);\n"
  printf "  for (int i = 0; i < n && i < (int)sizeof line - 1; i++) {\n"
  printf "    if (line[i] >= '0' && line[i] <= '9') hash = hash * 31 + (uint32_t)(line[i] - '0');\n"
  for (i = 0; i < 4; i++)
    printf "    else if (line[i] == '%c') hash ^= hash >> %d;\n", 97 + 6 * i + next_number(6),
      1 + next_number(20)
  printf "    else hash = (hash ^ (uint32_t)line[i]) * 16777619u;\n  }\n  return hash;\n}\n\n"
}

function module_entry(m, n) {
  n = 16 + next_number(48)
  printf "static uint32_t module_%d(uint32_t x) {\n", m
  printf "  struct node_%d nodes[%d], *list = NULL;\n", m, n
  printf "  enum kind_%d kind = KIND_%d_0;\n  uint32_t sum = 0;\n", m, m
  printf "  for (int i = 0; i < %d; i++) {\n    struct node_%d *node = &nodes[i];\n", n, m
  printf "    memset(node, 0, sizeof *node);\n    x = step_%d(&kind, x + (uint32_t)i);\n", m
  printf "    node->key = x %% %du;\n    node->kind = kind;\n", 1000 + next_number(90000)
  printf "    node->weight = matrix_%d(x & 0xff);\n    node->name[0] = (char)('a' + x %% 26);\n", m
  printf "    node->next = list;\n    list = node;\n  }\n"
  printf "  for (struct node_%d *node = sort_%d(list); node; node = node->next)\n", m, m
  printf "    sum = sum * %du + text_%d(node);\n  return sum;\n}\n\n", 33 + 2 * next_number(50), m
}

BEGIN {
  seed = 20240607
  print "#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n"
  for (m = 0; m < modules; m++) {
    kinds = module_types(m)
    module_machine(m, kinds)
    module_list(m)
    module_matrix(m)
    module_text(m)
    module_entry(m)
  }
  print "static uint32_t (*const entries[])(uint32_t) = {"
  for (m = 0; m < modules; m++) printf "  module_%d,\n", m
  print "};\n\nint main(void) {\n  uint32_t x = 1;"
  printf "  for (int i = 0; i < %d; i++) {\n    x = entries[i](x);\n", modules
  print "    printf(\"%d %08x\\n\", i, x);\n  }\n  return 0;\n}"
}
