/*
 * Checks of single values, one function a kind of value.
 *
 * Each takes VALUE as it came from a caller (hostile, NUL-terminated, any
 * bytes) and gives its canonical form in *RET: VALUE itself when it is
 * canonical already, else a new string on CTX. A canonical form is its own
 * canonical form, so stored values can be checked again with the same code.
 * Refusals are -ERR_INVALID with one sentence: what was found (escaped and
 * cut), then what is allowed. The message names no field: the caller knows it.
 * Secrets (canon_hash, canon_pem) are never repeated in messages.
 *
 * Host names and e-mail: names.c. Schedules: check_cron.c. Secrets: check_secret.c.
 * Sources: RFC 1123, 5321, 5322, 5890-5893, UTS 46, 3986, 7468; crontab(5), crypt(5).
 */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef int canon_fn(const void *ctx, const char *value, const char **ret, struct err *err);

/*
 * A fully qualified name: lower-case, U-labels become A-labels (IDNA2008, non-transitional), no
 * dot at the end (one is accepted), two labels or more, at most 253 bytes, never an address.
 */
canon_fn canon_host;
canon_fn canon_host_wild; /* canon_host with an optional leading "*." */
/*
 * local@host, lower-case. The local part is a dot-atom of letters, digits and _ + - = & ' ~ that
 * starts with a letter, digit or _: the rest of RFC 5322's atext (/ | ! % # $ ` { } * ? ^) is
 * path, pipe, routing or comment syntax in mail software and is refused.
 */
canon_fn canon_email;
canon_fn canon_forward_source; /* an address, or @domain: every address of the domain */
canon_fn canon_forward_target;

canon_fn canon_login;      /* 2-32 of a-z 0-9 _, a letter first: a login of the panel alone */
canon_fn canon_username;   /* the same, not reserved: also a user of the system; never altered */
canon_fn canon_label_name; /* packages, cron jobs, containers: 1-64 of letters digits space . _ - */
canon_fn canon_db_name;    /* 1-64 of a-z 0-9 _, a letter first */

canon_fn canon_path;    /* clean absolute path, UTF-8, no control characters, <= 1024 bytes */
canon_fn canon_absfile; /* canon_path that names something beneath / */
canon_fn canon_docroot; /* canon_path without " \ ; { } $ */

/* Five fields, or @daily and the like, which become five fields. Names of months and days stay
 * (lower-case) where they stand alone, in lists and ranges they become numbers: crontab(5). */
canon_fn canon_cron_schedule;

enum {
	CRON_FIELDS = 5 /* minute, hour, day, month, weekday */
};

/* The five fields of a canonical schedule. On CTX. */
int cron_split(const void *ctx, const char *schedule, const char *ret[CRON_FIELDS],
	       struct err *err) must_check;
/* The canonical schedule of five fields; a field that is NULL or empty is "*". */
int cron_join(const void *ctx, const char *const fields[CRON_FIELDS], const char **ret,
	      struct err *err) must_check;
canon_fn canon_cron_command; /* one line of 1-998 bytes; % keeps cron's meaning */

canon_fn canon_ip;
canon_fn canon_ip4;
canon_fn canon_ip6;
canon_fn canon_cidr; /* address or network/prefix; a full-length prefix becomes the bare address */
canon_fn canon_url;  /* http or https, for redirects, <= 2048 bytes */

canon_fn canon_php_version; /* 8.3 */
canon_fn canon_php_size;    /* 64M; 1 byte to 16G */
canon_fn canon_color;       /* #rgb or #rrggbb */
canon_fn canon_text;        /* UTF-8, no control characters */
canon_fn canon_lines;       /* UTF-8 with newline and tab; CR LF becomes LF; <= 256 KiB */
canon_fn canon_pem;         /* PEM blocks and nothing else, <= 64 KiB; newline at the end */
canon_fn canon_hash;        /* crypt(3): yescrypt, bcrypt, sha512-crypt, sha256-crypt */

/* Names of system users, groups and daemons, and words that configuration files reserve. */
bool username_is_reserved(const char *name);

bool utf8_is_valid(const char *s, size_t len);
/* Reads one character of LEN > 0 bytes at S; returns its bytes, 0 if they are not UTF-8. */
size_t utf8_next(const char *s, size_t len, uint32_t *ret_cp);
/* UTF-8 in one line: no C0, C1, DEL, U+2028, U+2029. */
bool text_is_line(const char *s);

/* VALUE between quotes for a message: escaped, cut to about 60 characters. */
struct quoted {
	char s[264];
};
struct quoted text_quoted(const char *s);
char *text_quote(const void *ctx, const char *s);

/* Raises ERR_INVALID: the quoted VALUE, a colon, and the text. */
int check_refuse(const char *value, struct err *err, const char *fmt, ...) format_(3, 4);

#ifdef __clang_analyzer__ /* as in base/err.h */
#	define check_refuse(...) err_is_negative(check_refuse(__VA_ARGS__))
#endif
/* Gives VALUE if it equals CANON, else a copy of CANON on CTX. */
int check_same(const void *ctx, const char *value, const char *canon, const char **ret);
/* A decimal number without sign, at most MAX; false for anything else. */
bool check_number(const char *s, size_t len, uint64_t max, uint64_t *ret);

#endif
