/*
 * Password hashes for crypt(3), by libxcrypt: what /etc/shadow, the mail
 * server and the panel compare with.
 *
 * A plain password comes in here once and is not kept: hashing is yescrypt
 * with the library's cost and a salt from the kernel. Messages never repeat
 * the password. Hashing and comparing cost some 50 ms each, on purpose.
 */
#ifndef MODEL_PASSWORD_H
#define MODEL_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	PASSWORD_MAX = 128 /* bytes; limits the work that one hash can ask for */
};

/*
 * The hash of PLAIN on CTX. Refused: shorter than MIN_LEN characters, longer than PASSWORD_MAX
 * bytes, not UTF-8, with control characters (no login form could send them).
 */
int password_hash(const void *ctx, const char *plain, size_t min_len, const char **ret,
		  struct err *err) must_check;
/*
 * A hash of PLAIN that is the same each time under SEED: to tell whether a request with a password is the one that came before.
 * It costs as much to guess from as password_hash()'s. On CTX.
 */
int password_tag(const void *ctx, const char *plain, const char *seed, const char **ret,
		 struct err *err) must_check;
/* Whether PLAIN is the password behind HASH. */
bool password_matches(const char *hash, const char *plain);
/* Whether TEXT has the form of a hash that canon_hash() takes. */
bool password_is_hash(const char *text);

#endif
