/* list - intrusive doubly linked rings. A node that is in no list points to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/cc.h"

struct link {
  struct link *next;
  struct link *prev;
};

#define LINK_OWNER(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

ALWAYS_INLINE void list_init(struct link *head) {
  head->next = head->prev = head;
}

/* A zeroed head is an empty list too, so that static lists need no set-up. */
ALWAYS_INLINE bool list_empty(const struct link *head) {
  return head->next == head || !head->next;
}

ALWAYS_INLINE void list_add_after(struct link *at, struct link *node) {
  if (!at->next) list_init(at);
  node->next = at->next;
  node->prev = at;
  at->next->prev = node;
  at->next = node;
}

ALWAYS_INLINE void list_push(struct link *head, struct link *node) {
  list_add_after(head, node);
}

ALWAYS_INLINE void list_append(struct link *head, struct link *node) {
  if (!head->next) list_init(head);
  list_add_after(head->prev, node);
}

ALWAYS_INLINE void list_remove(struct link *node) {
  node->next->prev = node->prev;
  node->prev->next = node->next;
  node->next = node->prev = node;
}

#define LIST_EACH(link, head) \
  for (struct link *link = (head)->next; link && link != (head); link = link->next)

#endif
