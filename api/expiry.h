/*
 * The clock of revisions on trial: those that nobody confirmed in time are
 * reverted, by the writer, as any other change.
 *
 * One thread that sleeps until the next deadline, which it reads from the
 * model: nothing is lost when the process ends, and what ran out meanwhile is
 * reverted at the start. A revert that the model refuses is logged with the
 * resources in its way, and stands in revisions/get.
 */
#ifndef API_EXPIRY_H
#define API_EXPIRY_H

#include "api/api.h"

struct expiry;

int expiry_start(struct api *api, struct expiry **ret, struct err *err) must_check;
/* Before the writer ends: what was begun is finished. */
void expiry_end(struct expiry *e);
/* After it. */
void expiry_free(struct expiry **ret);
/* Of calls that the writer has carried out: one may have a deadline. E may be NULL. */
void expiry_tell(struct expiry *e, struct call **calls, size_t n);
/* Looks now, whatever the deadlines were. */
void expiry_look(struct expiry *e);

/* Of the writer: ends the trial of revision c->expires, and what comes after the commit. */
int expiry_run(struct call *c, struct err *err) must_check;
void expiry_done(struct call *c, int r);

#endif
