/*
 * The writer: the one thread that changes desired state. It takes all calls
 * that wait, carries each out, and commits them together; an answer leaves
 * only when its revision is on the disk.
 */
#ifndef API_WRITE_H
#define API_WRITE_H

#include "api/call.h"

/* work_fn of the writer's queue; the items are calls, the argument is the api. */
void write_calls(void **items, size_t n, void *arg);
/* A change set as the engine takes it for a dry run; secrets are left out. */
json_t *write_plan_of(const struct changeset *cs);

#endif
