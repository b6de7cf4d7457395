/*
 * What may be asked of novacpxd over its socket. Every answer has "ok"; false
 * comes with "error" (a word), "message" and, where one is at fault, "field".
 *
 *   {"op":"wake"}                          a pass soon
 *   {"op":"wait","revision":R,             answers when revision R is applied, at
 *    "timeout_ms":N,"resource":"domain/x"} once when a guard holds it back; with the
 *                                          conditions that outcome.h tells of
 *   {"op":"status","resources":["domain/x",…]} and the conditions of these resources, or of
 *   {"op":"status","kind":"domain"}            a kind, in "list"
 *   {"op":"follow"}                        events from now on (daemon_follow.h)
 *   {"op":"plan","changes":[{"op":"put","kind":"domain","key":"a.example",
 *    "fields":{"php":false}}, …]}          what they would do; nothing is changed
 *   {"op":"drift"}                         what somebody else changed on the machine
 *
 * Plans and drift carry diffs up to 256 KiB in all; then "truncated" is true.
 *
 * Members that are not named here are refused, wrong types too.
 */
#ifndef RECONCILER_DAEMON_REQUEST_H
#define RECONCILER_DAEMON_REQUEST_H

#include "reconciler/daemon.h"

/* server_calls.line and .expired; the argument is the struct daemon. */
void request_line(struct conn *c, const char *line, size_t len, void *daemon);
void request_expired(struct conn *c, void *daemon);
/* After a pass: answers those whose revision is applied, or held back by a guard. */
void request_settle(struct daemon *d);

/* Shared with daemon_plan.c. A text that is not UTF-8 gets question marks. */
void answer_text(json_t *object, const char *key, const char *text);
void answer_int(json_t *object, const char *key, int64_t num);
json_t *answer_error(const struct err *err);
/* Refuses members of OBJECT other than ALLOWED (NULL-terminated); WHERE is its JSON pointer. */
int request_members(const json_t *object, const char *const *allowed, const char *where,
		    struct err *err) must_check;
/* {"op":"plan"}: the answer, or an error. */
int request_plan(struct daemon *d, const json_t *request, json_t **ret, struct err *err) must_check;
/* {"op":"drift"}; asked again soon, the same answer comes with its age. */
int request_drift(struct daemon *d, json_t **ret, struct err *err) must_check;

#endif
