#include "super/spare.h"

#include "os/map.h"
#include "os/process.h"
#include "super/meta.h"

/* Remembers a descriptor whose memory is zeros. */
struct purged {
  struct purged *next;
  struct superslab *super;
  uint8_t *states;
};

enum { BATCH = 128 };

static struct lock spare_lock;
static struct superslab *spare; /* [lock spare] with their pages, linked through `base` */
static unsigned spares;         /* [lock spare] of these */
static struct purged *purged;   /* [lock spare] without */
static struct purged *unused;   /* [lock spare] */

static struct superslab *next_of(const struct superslab *super) {
  return (struct superslab *)(void *)super->base;
}

/* Whole pages, so that they can be given back. */
static size_t descriptor_bytes(void) {
  return round_up(sizeof(struct superslab), os_page_size());
}

static void forget_locked(struct purged *p) {
  p->next = unused;
  unused = p;
}

static struct superslab *take_purged_locked(void) {
  struct purged *p = purged;
  struct superslab *super;
  if (!p) return NULL;
  purged = p->next;
  super = p->super;
  super->states = p->states;
  forget_locked(p);
  return super;
}

struct superslab *spare_take(int *error) {
  struct superslab *super;
  lock_take(&spare_lock);
  super = spare;
  if (super) {
    spare = next_of(super);
    spares--;
  } else {
    super = take_purged_locked();
  }
  lock_drop(&spare_lock);
  return super ? super : meta_alloc(descriptor_bytes(), os_page_size(), error);
}

/* A place to remember one in; NULL when the system has no memory for more. */
static struct purged *place_take(void) {
  struct purged *p;
  int error;
  lock_take(&spare_lock);
  p = unused;
  if (p) unused = p->next;
  lock_drop(&spare_lock);
  if (p) return p;
  p = meta_alloc(BATCH * sizeof *p, sizeof(void *), &error);
  if (!p) return NULL;
  lock_take(&spare_lock);
  for (unsigned i = 1; i < BATCH; i++) forget_locked(&p[i]);
  lock_drop(&spare_lock);
  return p;
}

/* Returns false when the system refuses, the descriptor being as it was. */
static bool purge(struct superslab *super) {
  struct purged *p = place_take();
  bool done;
  if (!p) return false;
  *p = (struct purged){NULL, super, super->states};
  if (p->states) os_purge(p->states, STATES_BYTES);
  done = os_purge(super, descriptor_bytes());
  lock_take(&spare_lock);
  if (done) {
    p->next = purged;
    purged = p;
  } else {
    forget_locked(p);
  }
  lock_drop(&spare_lock);
  return done;
}

static void keep(struct superslab *super) {
  lock_take(&spare_lock);
  super->base = (char *)(void *)spare;
  spare = super;
  spares++;
  lock_drop(&spare_lock);
}

static bool enough(void) {
  bool many;
  lock_take(&spare_lock);
  many = spares >= SPARES_RESIDENT;
  lock_drop(&spare_lock);
  return many;
}

void spare_give(struct superslab *super) {
  if (!enough() || !purge(super)) keep(super);
}

void spare_purge(void) {
  struct superslab *all;
  lock_take(&spare_lock);
  all = spare;
  spare = NULL;
  spares = 0;
  lock_drop(&spare_lock);
  while (all) {
    struct superslab *super = all;
    all = next_of(super);
    if (!purge(super)) keep(super);
  }
}

void spare_fork_take(void) {
  lock_fork_take(&spare_lock);
}

void spare_fork_drop(void) {
  lock_fork_drop(&spare_lock);
}
