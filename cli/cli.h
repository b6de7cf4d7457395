/*
 * The command line: one table of commands, from which dispatch, help, the
 * manual page and the shell completion come.
 *
 * Exit codes: 0 nothing to do or done, 1 error, 2 the plan has changes (with
 * --exit-code), 3 a guard stopped it, 4 conflict, 5 done but something is
 * quarantined.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "reconciler/engine.h"
#include "reconciler/pass.h"

enum cli_exit {
	EXIT_DONE = 0,
	EXIT_ERROR = 1,
	EXIT_CHANGES = 2,
	EXIT_GUARD = 3,
	EXIT_CONFLICT = 4,
	EXIT_QUARANTINED = 5,
};

enum {
	CLI_LOCK_WAIT_MS = 60000 /* for another process that converges this machine */
};

enum cli_option {
	OPT_FILE = 1 << 0,      /* -f PATH */
	OPT_YES = 1 << 1,       /* --yes */
	OPT_EXIT_CODE = 1 << 2, /* --exit-code */
	OPT_FULL = 1 << 3,      /* --full */
	OPT_DRY_RUN = 1 << 4,   /* --dry-run */
	OPT_FORCE = 1 << 5,     /* --force [DIGEST]; force is "" without */
	OPT_OUTPUT = 1 << 6,    /* -o DIR */
	OPT_SECRETS = 1 << 7,   /* --secrets */
	OPT_PRUNE = 1 << 8,     /* --prune */
	OPT_MESSAGE = 1 << 9,   /* -m TEXT */
	OPT_LIMIT = 1 << 10,    /* -n N */
	OPT_NO_DIFF = 1 << 11,  /* --no-diff */
};

struct cli {
	void *ctx;
	const char *root_path;
	bool json, colour;
	bool dry; /* nothing may change, not even a database be made */
	struct engine *e;
	unsigned given; /* options on the command line */
	const char *files[32];
	size_t n_files;
	const char *force, *output, *message;
	int64_t limit;
	const char **args;
	size_t n_args;
};

struct command {
	const char *name, *args;
	size_t min_args, max_args;
	unsigned options;
	int (*run)(struct cli *c, struct err *err); /* an exit code, or -ERR_* */
	const char *doc;
};

extern const struct command commands[];
extern const size_t n_commands;

struct option_row {
	enum cli_option bit;
	const char *shortopt, *longopt, *arg, *doc;
};

extern const struct option_row option_rows[];
extern const size_t n_option_rows;

int cli_open(struct cli *c, struct err *err) must_check;

/* Printing */
const char *cli_colour(const struct cli *c, const char *code); /* "" without colour */
void cli_show_plan(struct cli *c, const struct plan *p);
void cli_show_problems(struct cli *c, const struct problems *p);
void cli_show_findings(struct cli *c, const struct plan *p);
/* Whether disk limits are enforced, per folder of homes; of one account only if they are not. */
int cli_show_quotas(struct cli *c, struct err *err) must_check;
int cli_show_quota_of(struct cli *c, const struct account *a, struct err *err) must_check;
const char *cli_time(const void *ctx, int64_t seconds); /* 2026-11-23 17:04:05 UTC */
void cli_put_json(struct cli *c, void *json);           /* prints and releases a json_t */

/* "kind/key" into its parts. */
int cli_resource(struct cli *c, const char *name, const struct kind **ret_kind,
		 const char **ret_key, struct err *err) must_check;

/* Changing: one way for all commands that change desired state (change.c). */
struct intent {
	const char *source; /* "apply", "set", … */
	/* Applies the change in a transaction; as store_apply(). May be called twice. */
	int (*apply)(struct cli *c, struct intent *i, struct revision *rev,
		     struct problems *problems, struct err *err);
	/* Shows problems in the caller's own way; NULL: as a list. */
	void (*problems)(struct cli *c, struct intent *i, const struct problems *problems);
	const char *message;
	bool dry;
	bool retry; /* what is not ready is tried again, too */
	void *arg;
};

int change_run(struct cli *c, struct intent *i, struct err *err) must_check;

/* Commands */
int cmd_plan(struct cli *c, struct err *err), cmd_apply(struct cli *c, struct err *err),
	cmd_pass(struct cli *c, struct err *err), cmd_status(struct cli *c, struct err *err),
	cmd_drift(struct cli *c, struct err *err), cmd_diff(struct cli *c, struct err *err),
	cmd_log(struct cli *c, struct err *err), cmd_show(struct cli *c, struct err *err),
	cmd_rollback(struct cli *c, struct err *err), cmd_revert(struct cli *c, struct err *err),
	cmd_export(struct cli *c, struct err *err), cmd_explain(struct cli *c, struct err *err),
	cmd_get(struct cli *c, struct err *err), cmd_set(struct cli *c, struct err *err),
	cmd_unset(struct cli *c, struct err *err), cmd_schema(struct cli *c, struct err *err),
	cmd_passwd(struct cli *c, struct err *err), cmd_trash(struct cli *c, struct err *err),
	cmd_doctor(struct cli *c, struct err *err), cmd_sandbox(struct cli *c, struct err *err),
	cmd_man(struct cli *c, struct err *err), cmd_completion(struct cli *c, struct err *err),
	cmd_reference(struct cli *c, struct err *err), cmd_help(struct cli *c, struct err *err);

#endif
