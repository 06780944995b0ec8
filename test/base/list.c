/* list - intrusive rings against an array. */
#include "base/list.h"

#include "helpers/box.h"

enum { NODES = 40 };

struct node {
  int value;
  struct link link;
};

static struct node nodes[NODES];
static int model[NODES]; /* values in the order of the list */
static int model_length;

static void model_insert(int at, int value) {
  for (int i = model_length; i > at; i--) model[i] = model[i - 1];
  model[at] = value;
  model_length++;
}

static void model_remove(int at) {
  model_length--;
  for (int i = at; i < model_length; i++) model[i] = model[i + 1];
}

static bool agrees(struct link *head) {
  int i = 0;
  LIST_EACH(link, head) {
    if (i == model_length || LINK_OWNER(link, struct node, link)->value != model[i]) return false;
    if (link->prev->next != link || link->next->prev != link) return false;
    i++;
  }
  return i == model_length && list_empty(head) == (i == 0);
}

static void round_trip(void) {
  struct link head;
  struct node one = {1, {NULL, NULL}};
  test_begin("what was pushed is there, and what was removed is not, and points to itself");
  list_init(&head);
  CHECK(list_empty(&head));
  list_push(&head, &one.link);
  CHECK(!list_empty(&head) && head.next == &one.link && head.prev == &one.link);
  list_remove(&one.link);
  CHECK(list_empty(&head) && head.next == &head && head.prev == &head);
  CHECK(one.link.next == &one.link && one.link.prev == &one.link);
  list_remove(&one.link);
  CHECK(list_empty(&head));
  test_end();
}

static void zeroed_heads(void) {
  struct link head = {NULL, NULL};
  struct node a = {1, {NULL, NULL}};
  struct node b = {2, {NULL, NULL}};
  int seen = 0;
  test_begin("a zeroed head is an empty list that takes nodes at either end");
  CHECK(list_empty(&head));
  LIST_EACH(link, &head) {
    seen++;
  }
  CHECK(seen == 0);
  list_append(&head, &b.link);
  list_remove(&b.link);
  head = (struct link){NULL, NULL};
  list_push(&head, &b.link);
  list_push(&head, &a.link);
  CHECK(head.next == &a.link && head.prev == &b.link);
  test_end();
}

/* One random step; returns whether list and model still agree. */
static bool step(uint64_t *state, struct link *head) {
  int value = (int)random_below(state, NODES);
  int at = 0;
  while (at < model_length && model[at] != value) at++;
  if (at < model_length) {
    list_remove(&nodes[value].link);
    model_remove(at);
  } else if (random_below(state, 2)) {
    list_push(head, &nodes[value].link);
    model_insert(0, value);
  } else if (model_length && random_below(state, 2)) {
    at = (int)random_below(state, (uint64_t)model_length);
    list_add_after(&nodes[model[at]].link, &nodes[value].link);
    model_insert(at + 1, value);
  } else {
    list_append(head, &nodes[value].link);
    model_insert(model_length, value);
  }
  return agrees(head);
}

static void random_steps(void) {
  uint64_t state = 2;
  struct link head;
  test_begin("push, append, add_after and remove agree with an array over 50,000 random steps");
  list_init(&head);
  for (int i = 0; i < NODES; i++) nodes[i].value = i;
  for (int i = 0; i < 50000 && !test_bad; i++)
    CHECK_MSG(step(&state, &head), "step %d, %d in the list", i, model_length);
  test_end();
}

int main(void) {
  round_trip();
  zeroed_heads();
  random_steps();
  return test_status();
}
