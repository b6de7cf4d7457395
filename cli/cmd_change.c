/* Commands that change desired state. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "model/password.h"
#include "model/settings.h"
#include "reconciler/archive.h"
#include "state/statefile.h"

enum {
	STDIN_MAX = STATEFILE_BYTES_MAX
};

/* plan, apply: state files */

struct files {
	struct statefile_source *sources;
	int root;
	struct statefile *sf;
	struct changeset cs;
};

static int find_sources(struct cli *c, struct files *f, struct err *err)
{
	f->sources = mem_zero(c->ctx, sizeof(*f->sources) * (c->n_files + 1));
	f->root = fs_root_open("/", err);
	if (f->root < 0)
		return f->root;
	for (size_t i = 0; i < c->n_files; i++) {
		struct statefile_source *s = &f->sources[i];
		char *data;
		char *real;
		int r;

		s->name = c->files[i];
		if (strcmp(c->files[i], "-") == 0) {
			r = fs_read_fd(c->ctx, STDIN_FILENO, "standard input", STDIN_MAX, &data,
				       &s->len, err);
			if (r < 0)
				return r;
			s->data = data;
			s->name = "(standard input)";
			continue;
		}
		real = realpath(c->files[i], NULL);
		if (!real)
			return err_sys(err, "%s", c->files[i]);
		s->path = mem_str(c->ctx, real);
		free(real);
	}
	return 0;
}

static void files_problems(struct cli *c, struct intent *i, const struct problems *problems)
{
	struct files *f = i->arg;
	struct buf out = BUF_ON(c->ctx);

	if (problems)
		statefile_add_problems(f->sf, &f->cs, problems);
	statefile_render_problems(&out, f->sf, c->colour ? DOC_COLOUR : 0);
	(void)fputs(buf_str(&out), stderr);
}

static int files_apply(struct cli *c, struct intent *i, struct revision *rev,
		       struct problems *problems, struct err *err)
{
	struct files *f = i->arg;
	struct statefile_input in = { .sources = f->sources,
				      .n_sources = c->n_files,
				      .root_fd = f->root,
				      .store = c->e->store };
	int64_t n = 0;
	int r;

	f->cs = (struct changeset){ .ctx = c->ctx };
	r = statefile_read(c->ctx, &in, &f->cs, &f->sf, err);
	if (r < 0) {
		if (f->sf)
			files_problems(c, i, NULL);
		return r;
	}
	if (c->given & OPT_PRUNE)
		n = statefile_prune(f->sf, c->e->store, &f->cs, err);
	else if (!c->json)
		n = statefile_unmentioned(f->sf, c->e->store, err);
	if (n < 0)
		return (int)n;
	if (n > 0 && !(c->given & OPT_PRUNE) && !c->json)
		(void)fprintf(
			stderr,
			"note: %" PRId64
			" resource%s not mentioned in these files; they stay (--prune deletes them)\n",
			n, n == 1 ? " is" : "s are");
	return store_apply(c->e->store, &f->cs, rev, problems, err);
}

static int nothing_apply(struct cli *c, struct intent *i, struct revision *rev,
			 struct problems *problems, struct err *err)
{
	(void)c;
	(void)i;
	(void)rev;
	(void)problems;
	(void)err;
	return 0;
}

static int files_run(struct cli *c, const char *source, bool dry, struct err *err)
{
	struct files f = { .root = -1 };
	struct intent i = { .source = source,
			    .apply = c->n_files ? files_apply : nothing_apply,
			    .problems = files_problems,
			    .dry = dry,
			    .arg = &f };
	int r = find_sources(c, &f, err);

	if (r >= 0)
		r = change_run(c, &i, err);
	fd_close(&f.root);
	return r;
}

int cmd_plan(struct cli *c, struct err *err)
{
	return files_run(c, "plan", true, err);
}

int cmd_apply(struct cli *c, struct err *err)
{
	if (c->n_files == 0)
		return err_set(
			err, ERR_INVALID,
			"apply: name state files with -f PATH; `novacpx pass` mends the machine without any");
	return files_run(c, "apply", false, err);
}

int cmd_pass(struct cli *c, struct err *err)
{
	struct intent i = { .source = "pass", .apply = nothing_apply, .retry = true };

	c->given |= OPT_YES | OPT_NO_DIFF;
	return change_run(c, &i, err);
}

/* rollback, revert */

static int64_t revision_of(const char *text, struct err *err)
{
	char *end;
	int64_t rev;

	errno = 0;
	rev = strtoll(text, &end, 10);
	if (errno || end == text || *end || rev < 0)
		return err_set(err, ERR_INVALID,
			       "\"%.30s\" is not a revision number; `novacpx log` lists them",
			       text);
	return rev;
}

static int rollback_apply(struct cli *c, struct intent *i, struct revision *rev,
			  struct problems *problems, struct err *err)
{
	return store_rollback_to(c->e->store, *(int64_t *)i->arg, rev, problems, err);
}

static int revert_apply(struct cli *c, struct intent *i, struct revision *rev,
			struct problems *problems, struct err *err)
{
	return store_revert(c->e->store, *(int64_t *)i->arg, rev, problems, err);
}

int cmd_rollback(struct cli *c, struct err *err)
{
	int64_t to = revision_of(c->args[0], err);
	struct intent i = { .source = "rollback",
			    .apply = rollback_apply,
			    .arg = &to,
			    .message = mem_fmt(c->ctx, "rollback to revision %" PRId64, to) };

	return to < 0 ? (int)to : change_run(c, &i, err);
}

int cmd_revert(struct cli *c, struct err *err)
{
	int64_t which = revision_of(c->args[0], err);
	struct intent i = { .source = "revert",
			    .apply = revert_apply,
			    .arg = &which,
			    .message = mem_fmt(c->ctx, "revert of revision %" PRId64, which) };

	return which < 0 ? (int)which : change_run(c, &i, err);
}

/* set, unset */

static const struct field *field_named(const struct kind *k, const char *name, struct err *err)
{
	const struct field *f = kind_field(k, name);
	const char *names[64];
	const char *best;
	size_t n = 0;

	if (f && !(f->flags & FIELD_DERIVED))
		return f;
	FIELD_FOREACH(g, k) {
		if (!(g->flags & FIELD_DERIVED))
			names[n++] = g->name;
	}
	best = nearest(name, names, n);
	(void)err_set(err, ERR_INVALID, "%s has no field \"%.40s\"%s%s%s", k->name, name,
		      best ? "; did you mean \"" : "", best ? best : "", best ? "\"?" : "");
	return NULL;
}

/* One change of the resource that the first argument names. */
static int begin_change(struct cli *c, struct changeset *cs, enum change_op op,
			const char **ret_key, struct change **ret, struct err *err)
{
	const struct kind *k;
	int r = cli_resource(c, c->args[0], &k, ret_key, err);

	if (r < 0)
		return r;
	*ret = changeset_add(cs, op, k);
	return res_set_key(c->ctx, (*ret)->res, *ret_key, err);
}

static const struct kind *kind_of(const struct change *ch)
{
	return ((const struct res *)ch->res)->kind;
}

static int set_apply(struct cli *c, struct intent *i, struct revision *rev,
		     struct problems *problems, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	const char *key;
	struct change *ch;
	int r = begin_change(c, &cs, CHANGE_PUT, &key, &ch, err);

	(void)i;
	if (r >= 0)
		change_mark_key(ch);
	for (size_t a = 1; a < c->n_args && r >= 0; a++) {
		size_t len = strcspn(c->args[a], "=");
		const struct field *f;
		struct value v;

		if (!c->args[a][len])
			return err_set(err, ERR_INVALID, "\"%.60s\": write FIELD=VALUE",
				       c->args[a]);
		f = field_named(kind_of(ch), mem_strn(c->ctx, c->args[a], len), err);
		if (!f)
			return -(int)err->code;
		if (f->type == FIELD_SECRET)
			return err_set(
				err, ERR_INVALID,
				"%s: secrets do not belong on a command line; use `novacpx passwd` or a state file",
				f->name);
		v = field_value_of_text(c->ctx, f, c->args[a] + len + 1);
		r = change_set(c->ctx, ch, f, &v, err);
	}
	return r < 0 ? r : store_apply(c->e->store, &cs, rev, problems, err);
}

static int unset_apply(struct cli *c, struct intent *i, struct revision *rev,
		       struct problems *problems, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	const char *key;
	struct change *ch;
	int r = begin_change(c, &cs, c->n_args > 1 ? CHANGE_PUT : CHANGE_DELETE, &key, &ch, err);

	(void)i;
	for (size_t a = 1; a < c->n_args && r >= 0; a++) {
		const struct field *f = field_named(kind_of(ch), c->args[a], err);
		struct value v = { .type = VALUE_NULL };

		r = f ? change_set(c->ctx, ch, f, &v, err) : -(int)err->code;
	}
	return r < 0 ? r : store_apply(c->e->store, &cs, rev, problems, err);
}

int cmd_set(struct cli *c, struct err *err)
{
	struct intent i = { .source = "set", .apply = set_apply };

	return change_run(c, &i, err);
}

int cmd_unset(struct cli *c, struct err *err)
{
	struct intent i = { .source = "unset", .apply = unset_apply };

	return change_run(c, &i, err);
}

/* passwd */

static int read_secret(const char *what, char *text, size_t size, struct err *err)
{
	struct termios old;
	bool tty = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
	bool got;

	if (tty) {
		struct termios quiet = old;

		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		(void)fprintf(stderr, "New %s: ", what);
	}
	got = fgets(text, (int)size, stdin) != NULL;
	if (tty) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputc('\n', stderr);
	}
	if (!got)
		return err_set(err, ERR_INVALID, "no %s was given", what);
	if (!strchr(text, '\n') && strlen(text) == size - 1)
		return err_set(err, ERR_TOOBIG, "the %s is longer than %zu bytes", what, size - 2);
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

static int passwd_apply(struct cli *c, struct intent *i, struct revision *rev,
			struct problems *problems, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	struct value v = { .type = VALUE_STRING, .text = i->arg };
	const struct field *f;
	const char *key;
	void *existing;
	struct change *ch;
	int r = begin_change(c, &cs, CHANGE_PUT, &key, &ch, err);

	if (r < 0)
		return r;
	f = kind_field(kind_of(ch), kind_of(ch) == &kind_setting ? "value" : "password");
	if (!f)
		return err_set(err, ERR_INVALID, "a %s has no password", kind_of(ch)->name);
	if (kind_of(ch) == &kind_setting)
		change_mark_key(ch); /* it need not be there yet */
	r = kind_of(ch) == &kind_setting
		    ? 0
		    : store_get(c->ctx, c->e->store, kind_of(ch), key, &existing, err);
	if (r >= 0)
		r = change_set(c->ctx, ch, f, &v, err);
	return r < 0 ? r : store_apply(c->e->store, &cs, rev, problems, err);
}

enum {
	SECRET_MAX = 1024
};

/* A key that another program shows us, or we show it: kept as it is, and never an argument that ps shows. */
static int set_key(struct cli *c, const char *name, struct err *err)
{
	struct intent i = { .source = "passwd", .apply = passwd_apply };
	const struct setting_row *row = setting_find(name);
	char text[SECRET_MAX];
	int r;

	if (row && !row->is_secret)
		return err_set(err, ERR_INVALID,
			       "setting/%s is no secret; use `novacpx set setting/%s value=…`",
			       name, name);
	r = read_secret("key", text, sizeof(text), err);
	i.arg = text;
	if (r >= 0)
		r = change_run(c, &i, err);
	explicit_bzero(text, sizeof(text));
	return r;
}

static const char *setting_named(const char *resource)
{
	return strncmp(resource, "setting/", 8) == 0 ? resource + 8 : NULL;
}

int cmd_passwd(struct cli *c, struct err *err)
{
	struct intent i = { .source = "passwd", .apply = passwd_apply };
	char text[SECRET_MAX];
	const char *hash;
	struct setting *s = NULL;
	size_t least = 6;
	int r = cli_open(c, err);

	if (r >= 0 && setting_named(c->args[0]))
		return set_key(c, setting_named(c->args[0]), err);
	if (r >= 0)
		r = read_secret("password", text, sizeof(text), err);
	if (r < 0)
		return r;
	if (store_get(c->ctx, c->e->store, &kind_setting, "password_min_length", &s, err) < 0)
		err_clear(err);
	if (s)
		least = strtoul(s->value, NULL, 10); /* a number: checked when stored */
	r = password_hash(c->ctx, text, least, &hash, err);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return r;
	i.arg = (void *)(uintptr_t)hash;
	return change_run(c, &i, err);
}
