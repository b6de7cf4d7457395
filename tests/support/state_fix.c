#include "tests/support/state_fix.h"

#include <string.h>

#include "base/fs.h"
#include "tests/support/testing.h"

void state_setup(struct state_fix *f)
{
	*f = (struct state_fix){ .ctx = mem_ctx(NULL, "fix") };
	assert_ok(store_open(f->ctx, ":memory:", false, &f->store, &f->err), &f->err);
	f->root = fs_root_open("/", &f->err);
	assert_ok(f->root, &f->err);
}

void state_done(struct state_fix *f)
{
	mem_freep(&f->ctx);
	fd_close(&f->root);
}

static int apply(struct state_fix *f, const struct statefile_source *source)
{
	struct statefile_input in = { .sources = source,
				      .n_sources = 1,
				      .root_fd = f->root,
				      .store = f->store,
				      .flags = f->flags };
	struct revision rev = { .actor = "test", .source = "unit", .time = 1700000000 };
	int r;

	f->err = (struct err)ERR_INIT;
	f->cs = (struct changeset){ .ctx = f->ctx };
	f->problems = (struct problems){ .ctx = f->ctx };
	r = statefile_read(f->ctx, &in, &f->cs, &f->sf, &f->err);
	if (r < 0) {
		assert_int_equal(f->cs.n, 0);
		return r;
	}
	if (f->prune && statefile_prune(f->sf, f->store, &f->cs, &f->err) < 0)
		return -(int)f->err.code;
	r = store_apply(f->store, &f->cs, &rev, &f->problems, &f->err);
	if (r < 0)
		statefile_add_problems(f->sf, &f->cs, &f->problems);
	if (r > 0)
		assert_ok(store_commit(f->store, &f->err), &f->err);
	return r;
}

int state_apply_path(struct state_fix *f, const char *path)
{
	struct statefile_source source = { .path = path, .name = strrchr(path, '/') + 1 };

	return apply(f, &source);
}

int state_apply_text(struct state_fix *f, const char *text)
{
	struct statefile_source source = { .data = text, .len = strlen(text) };

	return apply(f, &source);
}

void state_must_apply(struct state_fix *f, const char *text)
{
	int r = state_apply_text(f, text);

	if (r != 1)
		print_error("%d %s\n%s\n", r, f->err.msg, state_problems(f));
	assert_int_equal(r, 1);
}

const char *state_problems(struct state_fix *f)
{
	struct buf *out = mem_new(f->ctx, struct buf);

	*out = (struct buf)BUF_ON(f->ctx);
	statefile_render_problems(out, f->sf, 0);
	return buf_str(out);
}

int64_t state_head(struct state_fix *f)
{
	int64_t head = -1;

	assert_ok(store_head(f->store, &head, &f->err), &f->err);
	return head;
}
