/* The certificate of the ports as files: made, renewed, replaced. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/server_cert.h"
#include "api/tls.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tests/support/testing.h"

enum {
	DAY = 24 * 60 * 60
};

struct world {
	void *ctx;
	int root;
	struct server_cert c;
	const char *cert, *key; /* that were loaded */
	struct err err;
};

static void begin(struct world *w, const char *name)
{
	*w = (struct world){ .ctx = mem_ctx(NULL, "certificate"), .err = ERR_INIT };
	w->root = fs_root_open("/", &w->err);
	assert_true(w->root >= 0);
	w->c.path = mem_fmt(w->ctx, "%s/%s.pem", test_tmpdir(), name);
	w->c.host = "panel.example";
}

static void end(struct world *w)
{
	fd_close(&w->root);
	mem_freep(&w->ctx);
}

static int load(struct world *w)
{
	err_clear(&w->err);
	return server_cert_load(w->ctx, &w->c, &w->cert, &w->key, &w->err);
}

static const char *content(struct world *w)
{
	size_t len;
	char *text = NULL;

	assert_ok(fs_read(w->ctx, w->root, w->c.path, 1 << 20, 0, &text, &len, &w->err), &w->err);
	return text;
}

static void put(struct world *w, const char *path, const char *text)
{
	assert_ok(fs_write_atomic(w->root, path, text, strlen(text), 0600, &w->err), &w->err);
}

/* A pair that lives so many days from yesterday on; KEY NULL: a new one. */
static void make(struct world *w, int days, const char *key, const char **ret_cert,
		 const char **ret_key)
{
	const struct tls_self self = { .host = "own.example", .days = days, .key_pem = key };

	assert_ok(tls_make(w->ctx, &self, ret_cert, ret_key, &w->err), &w->err);
}

static int64_t now(void)
{
	return (int64_t)time(NULL);
}

/* Ours as it was made long ago: its first line with a pair that ends soon. */
static const char *old_one(struct world *w, int days)
{
	const char *text = content(w), *cert, *key;
	const char *line = mem_strn(w->ctx, text, strcspn(text, "\n") + 1);

	make(w, days, w->key, &cert, &key);
	put(w, w->c.path, mem_fmt(w->ctx, "%s%s%s", line, cert, key));
	return cert;
}

TEST(one_is_made_and_the_next_start_has_the_same)
{
	struct world w;
	const char *first;

	begin(&w, "made");
	assert_ok(load(&w), &w.err);
	first = w.cert;
	assert_true(w.c.is_own);
	assert_contains(first, "Made by novacpx-api");
	assert_ok(load(&w), &w.err);
	assert_string_equal(w.cert, first);
	assert_false(server_cert_is_due(&w.c, now()));
	assert_false(server_cert_is_due(&w.c, now() + (int64_t)(TLS_SELF_DAYS - 35) * DAY));
	assert_true(server_cert_is_due(&w.c, now() + (int64_t)(TLS_SELF_DAYS - 25) * DAY));
	end(&w);
}

TEST(our_own_is_renewed_before_and_after_its_end_with_the_same_key)
{
	static const int days[] = { 20, 1 }; /* the latter ended a second ago */
	struct world w;

	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		const char *old, *key;
		int64_t left = 0;

		begin(&w, i ? "ended" : "soon");
		assert_ok(load(&w), &w.err);
		key = mem_str(w.ctx, strstr(w.key, "-----BEGIN PRIVATE KEY"));
		old = old_one(&w, days[i]);
		assert_true(server_cert_is_due(&w.c, now()));
		assert_ok(load(&w), &w.err);
		assert_null(strstr(w.cert, old));
		assert_string_equal(strstr(w.key, "-----BEGIN PRIVATE KEY"), key);
		assert_string_equal(content(&w), w.cert);
		assert_ok(tls_seconds_left(w.cert, &left, &w.err), &w.err);
		assert_true(left > (int64_t)(TLS_SELF_DAYS - 3) * DAY);
		assert_false(server_cert_is_due(&w.c, now()));
		end(&w);
	}
}

TEST(somebody_s_own_is_never_written)
{
	struct world w;
	const char *cert, *key, *both;

	begin(&w, "foreign");
	make(&w, 20, NULL, &cert, &key);
	both = mem_fmt(w.ctx, "%s%s", cert, key);
	put(&w, w.c.path, both);
	assert_ok(load(&w), &w.err);
	assert_false(w.c.is_own);
	assert_string_equal(content(&w), both);
	assert_false(server_cert_is_due(&w.c, now() + (int64_t)1000 * DAY));
	make(&w, 1, key, &cert, &key);
	both = mem_fmt(w.ctx, "%s%s", cert, key);
	put(&w, w.c.path, both);
	assert_int_equal(load(&w), -ERR_INVALID);
	assert_contains(w.err.msg, "expired on");
	assert_contains(w.err.msg, w.c.path);
	assert_string_equal(content(&w), both);
	end(&w);
}

TEST(a_file_that_is_dropped_in_place_is_due_and_a_bad_one_only_once)
{
	struct world w;
	const char *cert, *key;

	begin(&w, "dropped");
	assert_ok(load(&w), &w.err);
	make(&w, 100, NULL, &cert, &key);
	put(&w, w.c.path, mem_fmt(w.ctx, "%s%s", cert, key));
	assert_true(server_cert_is_due(&w.c, now()));
	assert_ok(load(&w), &w.err);
	assert_contains(w.cert, cert);
	assert_false(w.c.is_own);
	assert_false(server_cert_is_due(&w.c, now()));
	put(&w, w.c.path, "half a cert");
	assert_true(server_cert_is_due(&w.c, now()));
	assert_int_equal(load(&w), -ERR_INVALID);
	assert_false(server_cert_is_due(&w.c, now()));
	assert_true(w.c.ends > now()); /* of the one that stays in use */
	assert_string_equal(content(&w), "half a cert");
	put(&w, w.c.path, mem_fmt(w.ctx, "%s%s", cert, key));
	assert_true(server_cert_is_due(&w.c, now()));
	assert_ok(load(&w), &w.err);
	assert_int_equal(unlink(w.c.path), 0);
	assert_true(server_cert_is_due(&w.c, now()));
	assert_int_equal(load(&w), -ERR_NOTFOUND); /* none of ours in the place of theirs */
	assert_int_equal(access(w.c.path, F_OK), -1);
	assert_false(server_cert_is_due(&w.c, now()));
	end(&w);
}

TEST(the_key_may_have_a_file_of_its_own)
{
	struct world w;
	const char *cert, *key, *other_cert, *other;

	begin(&w, "two");
	w.c.key_path = mem_fmt(w.ctx, "%s/two.key", test_tmpdir());
	assert_int_equal(load(&w), -ERR_NOTFOUND); /* nothing is made besides a key that is named */
	make(&w, 100, NULL, &cert, &key);
	make(&w, 100, NULL, &other_cert, &other);
	put(&w, w.c.path, cert);
	put(&w, w.c.key_path, other);
	assert_true(server_cert_is_due(&w.c, now()));
	assert_int_equal(load(&w), -ERR_INVALID);
	assert_contains(w.err.msg, "does not belong");
	put(&w, w.c.key_path, key);
	assert_true(server_cert_is_due(&w.c, now()));
	assert_ok(load(&w), &w.err);
	assert_string_equal(w.key, key);
	end(&w);
}
