/*
 * Child processes: always an argument vector, never a shell; output captured
 * and capped; a deadline after which the child's whole group is killed.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct proc {
	const char *const *argv; /* argv[0] is an absolute path or found in the fixed PATH */
	const void *input;       /* written to the child's stdin; NULL: /dev/null */
	size_t input_len;
	int timeout_ms;    /* 0: 60 s */
	size_t output_max; /* 0: 1 MiB; what comes after is dropped */
	/* Runs in the child after fork, before exec: namespaces, privileges. Non-zero: the child ends with 126. */
	int (*in_child)(void *arg);
	void *arg;
};

struct proc_result {
	int status; /* exit status, or 128 + signal */
	bool timed_out;
	char *out; /* stdout and stderr together, NUL-terminated, on CTX */
	size_t out_len;
};

/*
 * Runs to the end. 0 when the child could be started (look at status), -ERR_ABSENT when the
 * program is not there, -ERR_TIMEOUT after the deadline.
 */
int proc_run(const void *ctx, const struct proc *p, struct proc_result *ret,
	     struct err *err) must_check;

/* The environment children get: a fixed PATH, LANG=C.UTF-8, HOME=/root; nothing of ours. */
extern const char *const proc_env[];

#endif
