#include "api/server_cert.h"

#include <string.h>
#include <time.h>

#include "api/tls.h"
#include "base/fs.h"
#include "base/mem.h"

enum {
	PEM_MAX = 256 * 1024,
	DAY = 24 * 60 * 60,
};

static const char mark[] =
	"Made by novacpx-api, which renews it. Put a certificate and its key in place of this file "
	"to use your own.\n";

static bool is_marked(const char *pem)
{
	return strncmp(pem, mark, strlen(mark)) == 0;
}

/* Zeros when there is none. */
static void look(int root, const char *path, struct stat *ret)
{
	if (!path || fs_stat(root, path, ret, NULL) < 0)
		*ret = (struct stat){ 0 };
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A new one in the file; with the key in OLD, if given. */
static int make(const void *ctx, int root, const struct server_cert *c, const char *old,
		const char **ret, struct err *err)
{
	const struct tls_self self = { .host = c->host, .key_pem = old };
	const char *cert = NULL;
	const char *key = NULL;
	int r = tls_make(ctx, &self, &cert, &key, err);

	if (r < 0)
		return r;
	*ret = mem_fmt(ctx, "%s%s%s", mark, cert, key);
	r = fs_write_atomic(root, c->path, *ret, strlen(*ret), 0600, err);
	if (!old || r >= 0)
		return r;
	err_clear(err); /* a renewed one serves from memory as well; the next start renews again */
	return 0;
}

static int read_file(const void *ctx, int root, const char *path, const char **ret, struct err *err)
{
	char *text = NULL;
	size_t len;
	int r = fs_read(ctx, root, path, PEM_MAX, 0, &text, &len, err);

	if (r >= 0)
		*ret = text;
	return r;
}

static int64_t now(void)
{
	return (int64_t)time(NULL);
}

static bool ends_soon(const struct server_cert *c, int64_t at)
{
	return c->ends - at < (int64_t)SERVER_CERT_RENEW_DAYS * DAY;
}

static int find_end(struct server_cert *c, const char *pem, struct err *err)
{
	int64_t left = 0;
	int r = tls_seconds_left(pem, &left, err);

	c->ends = r < 0 ? 0 : now() + left;
	return r;
}

/* The text of PATH, made or renewed before if that is ours to do. */
static int settle(const void *ctx, int root, struct server_cert *c, const char **ret,
		  struct err *err)
{
	const char *old = NULL;
	/* while somebody's own serves, a file that is away is about to be replaced */
	bool may_make = !c->key_path && (c->is_own || !c->ends);
	int r = read_file(ctx, root, c->path, &old, err);

	*ret = old;
	c->is_own = false;
	if (r == -ERR_NOTFOUND && may_make) {
		err_clear(err);
		r = make(ctx, root, c, NULL, ret, err);
	}
	if (r < 0)
		return r;
	c->is_own = !c->key_path && is_marked(*ret);
	r = find_end(c, *ret, err);
	if (r < 0 || !c->is_own || !ends_soon(c, now()))
		return r;
	r = make(ctx, root, c, old, ret, err);
	return r < 0 ? r : find_end(c, *ret, err);
}

int server_cert_load(const void *ctx, struct server_cert *c, const char **ret_cert_pem,
		     const char **ret_key_pem, struct err *err)
{
	cleanup_(fd_close) int root = fs_root_open("/", err);
	struct server_cert next = *c;
	const char *cert = NULL;
	const char *key = NULL;
	int r = root;

	if (r < 0)
		return r;
	c->tried = now();
	/* before they are read: what comes in between makes it due again */
	look(root, c->path, &c->seen[0]);
	look(root, c->key_path, &c->seen[1]);
	r = settle(ctx, root, &next, &cert, err);
	key = cert;
	if (r >= 0 && c->key_path)
		r = read_file(ctx, root, c->key_path, &key, err);
	if (r >= 0)
		r = tls_check_pair(cert, key, err);
	if (r < 0)
		return err_wrap(err, "certificate %s", c->path);
	c->is_own = next.is_own;
	c->ends = next.ends;
	if (c->is_own)
		look(root, c->path, &c->seen[0]);
	*ret_cert_pem = cert;
	*ret_key_pem = key;
	return 0;
}

static bool has_changed(const struct server_cert *c)
{
	cleanup_(fd_close) int root = fs_root_open("/", NULL);
	struct stat is[2];

	if (root < 0)
		return false;
	look(root, c->path, &is[0]);
	look(root, c->key_path, &is[1]);
	return !is_same(&is[0], &c->seen[0]) || !is_same(&is[1], &c->seen[1]);
}

bool server_cert_is_due(const struct server_cert *c, int64_t at)
{
	/* one that could not be renewed is tried once a day */
	bool is_old = c->is_own && ends_soon(c, at) && at - c->tried >= DAY;

	return is_old || has_changed(c);
}
