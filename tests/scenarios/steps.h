/*
 * The steps of a scenario, as text: a verb, words, and for some a text that
 * ends at a line END.
 *
 *   machine fresh|bare|NAME    what it starts from: Debian's packages alone; the same with a
 *                              converged server; that with the state of machines/NAME.yaml
 *   apply [prune] [force] <<   desired state (also: apply FILE of the folder machines)
 *   pass [full] [force], rollback N, revert N, restore ACCOUNT, purge ACCOUNT
 *   plan <<                    what would be done; nothing is
 *   write PATH << , append PATH << , delete PATH, mkdir PATH, chmod MODE PATH,
 *   chown UID:GID PATH, link PATH TARGET, adduser NAME UID, replace PATH FROM TO,
 *   row MAP KEY VALUE          (VALUE -: the row is taken out)
 *   sql <<                     on model.db, behind the checks' back
 *   service NAME down|refuse|stale|up
 *   later SECONDS
 *   show PATH [WORD]           the file's lines (with WORD in them) go into plan.txt
 *   unsettled                  what cannot be done stays to be done: a second pass is not empty
 */
#ifndef SCENARIOS_STEPS_H
#define SCENARIOS_STEPS_H

#include "machine.h"

enum {
	STEP_WORDS = 6
};

struct step {
	const char *words[STEP_WORDS]; /* [0]: the verb; NULL-terminated */
	size_t n_words;
	const char *text;
	int line;
};

struct steps {
	void *ctx;
	struct step *v;
	size_t n, cap;
	const char *machine;
	bool is_unsettled;
	const char *folder; /* of scenarios, for machines/ */
};

/* Ends the program with the line when the text is no scenario. */
void steps_parse(struct steps *s, const char *name, const char *text);
/* The clock at the last step. */
int64_t steps_end(const struct steps *s);
/* Whether the step lets the engine work. */
bool step_acts(const struct step *st);
/* Runs step I on the machine ROOT; what there is to see goes to OUT. Returns what the engine did. */
int step_run(const struct steps *s, size_t i, const char *root, struct buf *out);

/* A pass; its plan to OUT unless NULL. Returns as plan_execute. */
int machine_pass(struct engine *e, bool full, struct buf *out, struct err *err);
/* State files' text as one revision. 1: something changed and is committed. */
int machine_state(struct engine *e, const char *text, bool prune, struct buf *out, struct err *err);
/* Likewise for going back to a revision. */
int machine_rollback(struct engine *e, int64_t to, struct err *err);
/* Live actions of a plan of everything; with STRICT, all its actions. To OUT what they are. */
size_t machine_left(struct engine *e, bool full, bool strict, struct buf *out);

#endif
