#include "model/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "model/check.h"

static const char yescrypt[] = "$y$";

static void free_crypt(void **data)
{
	free(*data);
}

static void free_text(char **text)
{
	free(*text);
}

static int check_plain(const char *plain, size_t min_len, struct err *err)
{
	size_t chars = 0;

	if (strnlen(plain, PASSWORD_MAX + 1) > PASSWORD_MAX)
		return err_set(err, ERR_INVALID, "the password is over %d bytes", PASSWORD_MAX);
	if (!text_is_line(plain))
		return err_set(err, ERR_INVALID,
			       "the password is not one line of UTF-8 without control characters");
	for (const char *p = plain; *p; p++)
		chars += ((unsigned char)*p & 0xc0) != 0x80;
	if (chars == 0)
		return err_set(err, ERR_INVALID, "the password is empty");
	if (chars < min_len)
		return err_set(err, ERR_INVALID,
			       "the password has %zu characters, at least %zu are needed "
			       "(setting password_min_length)",
			       chars, min_len);
	return 0;
}

/* crypt_ra() keeps its work area, with the password in it, in DATA: wiped before it is freed. */
static char *hashed(const void *ctx, const char *plain, const char *setting)
{
	cleanup_(free_crypt) void *data = NULL;
	int size = 0;
	const char *out = crypt_ra(plain, setting, &data, &size);
	char *copy = out && out[0] != '*' ? mem_str(ctx, out) : NULL;

	if (data)
		explicit_bzero(data, (size_t)size);
	return copy;
}

/* SALT: bytes for it, or NULL for some of the kernel's. */
static int hash_with(const void *ctx, const char *plain, const struct digest *salt,
		     const char **ret, struct err *err)
{
	cleanup_(free_text) char *setting = crypt_gensalt_ra(
		yescrypt, 0, salt ? (const char *)salt->b : NULL, salt ? DIGEST_LEN : 0);
	const char *hash;

	if (!setting)
		return err_sys(err, "make a salt");
	hash = hashed(ctx, plain, setting);
	if (!hash)
		return err_sys(err, "hash the password");
	*ret = hash;
	return 0;
}

int password_hash(const void *ctx, const char *plain, size_t min_len, const char **ret,
		  struct err *err)
{
	int r = check_plain(plain, min_len, err);

	return r < 0 ? r : hash_with(ctx, plain, NULL, ret, err);
}

int password_tag(const void *ctx, const char *plain, const char *seed, const char **ret,
		 struct err *err)
{
	struct digest salt = digest_of(seed, strlen(seed));
	int r = check_plain(plain, 0, err);

	return r < 0 ? r : hash_with(ctx, plain, &salt, ret, err);
}

bool password_matches(const char *hash, const char *plain)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "password");
	const char *again;
	unsigned char differs = 0;

	if (strnlen(plain, PASSWORD_MAX + 1) > PASSWORD_MAX || !password_is_hash(hash))
		return false;
	again = hashed(tmp, plain, hash);
	if (!again || strlen(again) != strlen(hash))
		return false;
	for (size_t i = 0; hash[i]; i++)
		differs |= (unsigned char)(hash[i] ^ again[i]);
	return differs == 0;
}

bool password_is_hash(const char *text)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "password");
	const char *canon;
	struct err err = ERR_INIT;

	return canon_hash(tmp, text, &canon, &err) == 0;
}
