#define ERR_IS_DEFINED_HERE
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put(struct err *err, enum err_code code, int sys, const char *fmt, va_list ap)
	format_(4, 0);

static void put(struct err *err, enum err_code code, int sys, const char *fmt, va_list ap)
{
	if (!err)
		return;
	err->code = code;
	err->sys = sys;
	err->path[0] = '\0';
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	if (sys) {
		size_t len = strlen(err->msg);
		const char *what = strerrordesc_np(sys);

		(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
			       what ? what : "unknown error");
	}
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(err, code, 0, fmt, ap);
	va_end(ap);
	return -(int)code;
}

int err_at(struct err *err, enum err_code code, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(err, code, 0, fmt, ap);
	va_end(ap);
	if (err)
		(void)snprintf(err->path, sizeof(err->path), "%s", path);
	return -(int)code;
}

static enum err_code code_of_errno(int sys)
{
	switch (sys) {
	case ENOENT: return ERR_NOTFOUND;
	case EEXIST: return ERR_CONFLICT;
	case EAGAIN: return ERR_BUSY;
	case ETIMEDOUT: return ERR_TIMEOUT;
	default: return ERR_SYSTEM;
	}
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	put(err, code_of_errno(sys), sys, fmt, ap);
	va_end(ap);
	return -(int)code_of_errno(sys);
}

int err_sys_no(struct err *err, int sys, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(err, code_of_errno(sys), sys, fmt, ap);
	va_end(ap);
	return -(int)code_of_errno(sys);
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char prefix[ERR_MSG_MAX];
	char old[ERR_MSG_MAX];
	va_list ap;

	if (!err)
		return -(int)ERR_SYSTEM;
	va_start(ap, fmt);
	(void)vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	memcpy(old, err->msg, sizeof(old));
	if ((size_t)snprintf(err->msg, sizeof(err->msg), "%s: %s", prefix, old) >= sizeof(err->msg))
		err->msg[sizeof(err->msg) - 1] = '\0'; /* cut: the start tells most */
	return -(int)err->code;
}

void err_prefix_path(struct err *err, const char *prefix)
{
	char old[ERR_PATH_MAX];

	if (!err)
		return;
	memcpy(old, err->path, sizeof(old));
	if ((size_t)snprintf(err->path, sizeof(err->path), "%s%s", prefix, old) >=
	    sizeof(err->path))
		err->path[sizeof(err->path) - 1] = '\0';
}

void err_clear(struct err *err)
{
	if (!err)
		return;
	err->code = ERR_OK;
	err->sys = 0;
	err->path[0] = '\0';
	err->msg[0] = '\0';
}

const char *err_code_name(enum err_code code)
{
	switch (code) {
	case ERR_OK: return "ok";
	case ERR_INVALID: return "invalid";
	case ERR_NOTFOUND: return "notfound";
	case ERR_CONFLICT: return "conflict";
	case ERR_DENIED: return "denied";
	case ERR_GUARD: return "guard";
	case ERR_BUSY: return "busy";
	case ERR_TIMEOUT: return "timeout";
	case ERR_TOOBIG: return "toobig";
	case ERR_SYSTEM: return "system";
	case ERR_CHECK: return "check";
	case ERR_CORRUPT: return "corrupt";
	case ERR_ABSENT: return "absent";
	}
	return "unknown";
}
