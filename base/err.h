/*
 * Errors are values with context.
 *
 * A caller owns a `struct err` on its stack and passes it down; a fallible
 * function returns 0 (or a documented positive value) or a negative code
 * -ERR_*, and then ERR holds a sentence for the person who reads it, the
 * field or file at fault in `path`, and errno (if any) in `sys`. Nothing is
 * allocated, nothing has to be freed. Library code does not log errors.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#include "base/macro.h"

enum err_code {
	ERR_OK = 0,
	ERR_INVALID,  /* the caller's data is wrong; `path` names the field */
	ERR_NOTFOUND, /* what was named does not exist */
	ERR_CONFLICT, /* somebody else changed it, or it exists already */
	ERR_DENIED,   /* not allowed: limit, ownership, permission */
	ERR_GUARD,    /* a guard on destruction stopped it */
	ERR_BUSY,     /* locked by somebody else; may go through later */
	ERR_TIMEOUT,  /* a deadline passed */
	ERR_TOOBIG,   /* over a size cap */
	ERR_SYSTEM,   /* a system call failed; `sys` has errno */
	ERR_CHECK,    /* a daemon's own validator refused */
	ERR_CORRUPT,  /* stored data that cannot be right */
	ERR_ABSENT,   /* a program or service that is not installed or not running */
};

enum {
	ERR_PATH_MAX = 256,
	ERR_MSG_MAX = 1024
};

struct err {
	enum err_code code;
	int sys;                 /* errno of the failed call, or 0 */
	char path[ERR_PATH_MAX]; /* JSON pointer or file path at fault, or "" */
	char msg[ERR_MSG_MAX];
};

#define ERR_INIT               \
	{                      \
		.code = ERR_OK \
	}

/* Raise: sets code and message, returns -CODE. ERR may be NULL (the code is still returned). */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) format_(3, 4);
/* Raise with the field or file at fault. */
int err_at(struct err *err, enum err_code code, const char *path, const char *fmt, ...)
	format_(4, 5);
/* Raise from errno: "WHAT: No such file or directory". ENOENT maps to ERR_NOTFOUND, else ERR_SYSTEM. */
int err_sys(struct err *err, const char *fmt, ...) format_(2, 3);
/* Raise from the errno value SYS instead of the global one. */
int err_sys_no(struct err *err, int sys, const char *fmt, ...) format_(3, 4);
/* Pass on with a prefix: "PREFIX: old message". Returns -err->code. */
int err_wrap(struct err *err, const char *fmt, ...) format_(2, 3);
/* Puts PREFIX before err->path (a JSON pointer such as "/domains/x"). */
void err_prefix_path(struct err *err, const char *prefix);
void err_clear(struct err *err);
/* The name of a code for machines: "invalid", "notfound", … */
const char *err_code_name(enum err_code code);

/* An analyzer sees one file at a time: it has to be told that what is raised is negative. */
#if defined(__clang_analyzer__) && !defined(ERR_IS_DEFINED_HERE)
static inline int err_is_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}

#	define err_set(...)    err_is_negative(err_set(__VA_ARGS__))
#	define err_at(...)     err_is_negative(err_at(__VA_ARGS__))
#	define err_sys(...)    err_is_negative(err_sys(__VA_ARGS__))
#	define err_sys_no(...) err_is_negative(err_sys_no(__VA_ARGS__))
#	define err_wrap(...)   err_is_negative(err_wrap(__VA_ARGS__))
#endif

#endif
