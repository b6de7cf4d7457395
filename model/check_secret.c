#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/check.h"

enum {
	PEM_MAX = 64 << 10,
	PEM_LINE_MAX = 76,
	PEM_LABEL_MAX = 64
};

#define HASH_CHARS "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define B64_CHARS  "+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* "-----WHAT LABEL-----" of LEN bytes: gives the label. */
static bool pem_mark(const char *line, size_t len, const char *what, char ret[PEM_LABEL_MAX])
{
	size_t head = 5 + strlen(what) + 1;

	if (len < head + 1 + 5 || len - head - 5 >= PEM_LABEL_MAX)
		return false;
	if (strncmp(line, "-----", 5) != 0 || strncmp(line + 5, what, strlen(what)) != 0 ||
	    line[head - 1] != ' ' || strncmp(line + len - 5, "-----", 5) != 0)
		return false;
	memcpy(ret, line + head, len - head - 5);
	ret[len - head - 5] = '\0';
	return strspn(ret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ") == strlen(ret);
}

struct pem {
	char label[PEM_LABEL_MAX];
	bool inside, ended; /* in a block; its = padding was seen */
	size_t chars;       /* base64 characters of the block */
	size_t blocks;
	size_t line;
};

static int pem_data(struct pem *pem, const char *line, size_t len, struct err *err)
{
	size_t plain = strspn(line, B64_CHARS);
	size_t pad;

	plain = plain < len ? plain : len;
	pad = len - plain;
	if (len > PEM_LINE_MAX || pad > 2 || strncmp(line + plain, "==", pad) != 0 || pem->ended)
		return err_set(err, ERR_INVALID,
			       "line %zu of the PEM text is not base64 of at most %d characters",
			       pem->line, PEM_LINE_MAX);
	pem->ended = pad > 0;
	pem->chars += len;
	return 0;
}

static int pem_line(struct pem *pem, const char *line, size_t len, struct err *err)
{
	char label[PEM_LABEL_MAX];

	if (!pem->inside) {
		if (!pem_mark(line, len, "BEGIN", pem->label))
			return err_set(err, ERR_INVALID,
				       "line %zu of the PEM text is outside a block; only "
				       "-----BEGIN X----- to -----END X----- may stand there",
				       pem->line);
		pem->inside = true;
		pem->ended = false;
		pem->chars = 0;
		return 0;
	}
	if (line[0] != '-')
		return pem_data(pem, line, len, err);
	if (!pem_mark(line, len, "END", label) || strcmp(label, pem->label) != 0)
		return err_set(err, ERR_INVALID,
			       "line %zu of the PEM text does not end the block \"%s\"", pem->line,
			       pem->label);
	if (pem->chars == 0 || pem->chars % 4 != 0)
		return err_set(err, ERR_INVALID,
			       "the PEM block that ends in line %zu has %zu base64 characters; a "
			       "whole one has a multiple of 4",
			       pem->line, pem->chars);
	pem->inside = false;
	pem->blocks++;
	return 0;
}

int canon_pem(const void *ctx, const char *value, const char **ret, struct err *err)
{
	cleanup_(buf_done) struct buf out = { .max = PEM_MAX + 2 };
	struct pem pem = { .line = 0 };

	if (strnlen(value, PEM_MAX + 1) > PEM_MAX)
		return err_set(err, ERR_INVALID, "the PEM text is over %d bytes", PEM_MAX);
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, "\n");
		const char *next = p[len] ? p + len + 1 : p + len;

		pem.line++;
		while (len > 0 && strchr(" \t\r", p[len - 1]))
			len--;
		if (len > 0) {
			int r = pem_line(&pem, p, len, err);

			if (r < 0)
				return r;
			buf_put(&out, p, len);
			buf_putc(&out, '\n');
		}
		p = next;
	}
	if (pem.inside)
		return err_set(err, ERR_INVALID, "the PEM block \"%s\" has no END line", pem.label);
	if (pem.blocks == 0)
		return err_set(err, ERR_INVALID,
			       "no PEM block; give text from -----BEGIN X----- to -----END X-----");
	return check_same(ctx, value, buf_str(&out), ret);
}

/* The next part of a hash, up to $ or the end: MIN to MAX of HASH_CHARS. */
static bool hash_part(const char **p, size_t min, size_t max, bool is_last)
{
	size_t n = strspn(*p, HASH_CHARS);

	if (n < min || n > max || (*p)[n] != (is_last ? '\0' : '$'))
		return false;
	*p += is_last ? n : n + 1;
	return true;
}

static bool is_bcrypt(const char *p)
{
	uint64_t cost = 0;

	if (strlen(p) != 56 || !check_number(p, 2, 31, &cost) || cost < 4 || p[2] != '$')
		return false;
	p += 3;
	return hash_part(&p, 53, 53, true);
}

static bool is_sha_crypt(const char *p, size_t digest)
{
	uint64_t rounds = 0;

	if (strncmp(p, "rounds=", 7) == 0) {
		size_t n = strspn(p + 7, "0123456789");

		if (!check_number(p + 7, n, 999999999, &rounds) || rounds < 1000 || p[7] == '0' ||
		    p[7 + n] != '$')
			return false;
		p += 7 + n + 1;
	}
	return hash_part(&p, 1, 16, false) && hash_part(&p, digest, digest, true);
}

static bool is_yescrypt(const char *p)
{
	return hash_part(&p, 3, 32, false) && hash_part(&p, 1, 86, false) &&
	       hash_part(&p, 43, 43, true);
}

int canon_hash(const void *ctx, const char *value, const char **ret, struct err *err)
{
	bool ok = false;

	(void)ctx;
	if (value[0] == '!' || value[0] == '*')
		return err_set(err, ERR_INVALID,
			       "a locked password (\"%c\") is not a hash; suspend instead",
			       value[0]);
	if (strncmp(value, "$y$", 3) == 0)
		ok = is_yescrypt(value + 3);
	else if (strncmp(value, "$6$", 3) == 0)
		ok = is_sha_crypt(value + 3, 86);
	else if (strncmp(value, "$5$", 3) == 0)
		ok = is_sha_crypt(value + 3, 43);
	else if (strncmp(value, "$2a$", 4) == 0 || strncmp(value, "$2b$", 4) == 0 ||
		 strncmp(value, "$2y$", 4) == 0)
		ok = is_bcrypt(value + 4);
	if (!ok)
		return err_set(err, ERR_INVALID,
			       "not a password hash of crypt(3) (its text is not shown); allowed "
			       "are yescrypt $y$, bcrypt $2b$, sha512-crypt $6$, sha256-crypt $5$");
	*ret = value;
	return 0;
}
