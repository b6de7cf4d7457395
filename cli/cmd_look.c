/* Commands that only look. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "cli/cli.h"
#include "state/export.h"
#include "state/textdiff.h"

int cli_open(struct cli *c, struct err *err)
{
	return c->e ? 0
		    : (c->dry ? engine_open_dry : engine_open)(c->ctx, c->root_path, &c->e, err);
}

int cli_resource(struct cli *c, const char *name, const struct kind **ret_kind,
		 const char **ret_key, struct err *err)
{
	const char *slash = strchr(name, '/');
	const char *kind = slash ? mem_strn(c->ctx, name, (size_t)(slash - name)) : name;
	struct buf all = BUF_ON(c->ctx);

	*ret_kind = kind_find(kind);
	if (!*ret_kind) {
		KIND_FOREACH(k)
			buf_printf(&all, " %s", k->name);
		return err_set(err, ERR_INVALID, "there is no kind \"%.40s\"; kinds are:%s", kind,
			       buf_str(&all));
	}
	if (!ret_key)
		return 0;
	if (!slash || !slash[1])
		return err_set(err, ERR_INVALID, "\"%.60s\": name a resource as %s/NAME", name,
			       kind);
	*ret_key = slash + 1;
	return 0;
}

/* status */

struct status {
	struct cli *c;
	json_t *rows;
	size_t n;
	bool quarantined;
};

static int status_row(const struct condition *row, void *arg, struct err *err)
{
	struct status *s = arg;

	(void)err;
	s->n++;
	if (s->c->json) {
		(void)json_array_append_new(
			s->rows,
			json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "resource", row->resource,
				  "type", row->type, "reason", row->reason, "message", row->message,
				  "revision", (json_int_t)row->rev, "since", (json_int_t)row->since,
				  "next_try", (json_int_t)row->next_try));
		return 0;
	}
	(void)printf("%s%s%s: %s (%s), since %s\n    %s\n", cli_colour(s->c, "\033[31m"),
		     row->resource, cli_colour(s->c, "\033[0m"), row->type, row->reason,
		     cli_time(s->c->ctx, row->since), row->message);
	return 0;
}

static int status_of(struct cli *c, struct status *s, int64_t applied, struct err *err)
{
	const struct kind *k;
	const char *key;
	struct res *res;
	int r = cli_resource(c, c->args[0], &k, &key, err);

	if (r >= 0)
		r = store_get(c->ctx, c->e->store, k, key, &res, err);
	if (r >= 0)
		r = condition_each(c->e->db, c->args[0], status_row, s, err);
	if (r < 0 || c->json)
		return r;
	if (s->n == 0)
		(void)printf("%s: %s (changed in revision %" PRId64 ", applied %" PRId64 ")\n",
			     c->args[0], res->rev <= applied ? "Ready" : "Progressing", res->rev,
			     applied);
	return k == &kind_account ? cli_show_quota_of(c, (const struct account *)res, err) : 0;
}

int cmd_status(struct cli *c, struct err *err)
{
	struct status s = { .c = c, .rows = json_array() };
	int64_t applied = 0;
	int64_t head = 0;
	int r = cli_open(c, err);

	if (r >= 0)
		r = cursor_get(c->e->db, "applied", &applied, err);
	if (r >= 0)
		r = store_head(c->e->store, &head, err);
	if (r >= 0 && !c->json && !c->n_args)
		(void)printf("Revision %" PRId64 " is wanted, %" PRId64 " is applied.\n", head,
			     applied);
	if (r >= 0)
		r = c->n_args ? status_of(c, &s, applied, err)
			      : condition_each(c->e->db, NULL, status_row, &s, err);
	if (r < 0) {
		json_decref(s.rows);
		return r;
	}
	if (c->json)
		cli_put_json(c, json_pack("{s:I, s:I, s:o}", "head", (json_int_t)head, "applied",
					  (json_int_t)applied, "conditions", s.rows));
	else
		json_decref(s.rows);
	if (!c->json && !c->n_args && s.n == 0)
		(void)puts("Every resource is ready.");
	return s.n ? EXIT_QUARANTINED : EXIT_DONE;
}

/* drift: a full comparison against what is applied */

int cmd_drift(struct cli *c, struct err *err)
{
	struct pass_opts opts = { .full = true, .release = true, .skip_check = true };
	struct plan *p;
	size_t kept = 0;
	int r = cli_open(c, err);

	if (r >= 0)
		r = engine_lock(c->e, CLI_LOCK_WAIT_MS, err);
	if (r >= 0)
		r = pass_plan(c->ctx, c->e, &opts, &p, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].is_drift)
			p->v[kept++] = p->v[i];
	}
	p->n = kept;
	p->n_findings = 0;
	if (kept == 0 && !c->json)
		(void)puts("No drift: everything is as the last pass left it.");
	else
		cli_show_plan(c, p);
	return kept && (c->given & OPT_EXIT_CODE) ? EXIT_CHANGES : EXIT_DONE;
}

/* log, show, diff */

static int log_row(const struct revision *rev, void *arg, struct err *err)
{
	struct status *s = arg;

	(void)err;
	if (s->c->json) {
		(void)json_array_append_new(s->rows,
					    json_pack("{s:I, s:s, s:s, s:s, s:s, s:I}", "revision",
						      (json_int_t)rev->rev, "time",
						      cli_time(s->c->ctx, rev->time), "actor",
						      rev->actor, "source", rev->source, "message",
						      rev->message ? rev->message : "", "changes",
						      (json_int_t)rev->changes));
		return 0;
	}
	(void)printf("%s%6" PRId64 "%s  %s  %-10s %-14s %5" PRId64 " changed  %s\n",
		     cli_colour(s->c, "\033[33m"), rev->rev, cli_colour(s->c, "\033[0m"),
		     cli_time(s->c->ctx, rev->time), rev->actor, rev->source, rev->changes,
		     rev->message ? rev->message : "");
	return 0;
}

int cmd_log(struct cli *c, struct err *err)
{
	struct status s = { .c = c, .rows = json_array() };
	struct log_query q;
	const struct kind *k = NULL;
	const char *key = NULL;
	int r = c->n_args ? cli_resource(c, c->args[0], &k, &key, err) : 0;

	q = (struct log_query){ .kind = k, .key = key, .limit = c->limit };
	if (r >= 0)
		r = cli_open(c, err);
	if (r >= 0)
		r = store_log(c->e->store, &q, log_row, &s, NULL, err);
	if (r >= 0 && c->json)
		cli_put_json(c, json_incref(s.rows));
	json_decref(s.rows);
	return r;
}

struct differ {
	struct history *h;
	struct cli *c;
	int files;
};

static int diff_file(const char *path, const char *old, const char *new, void *arg)
{
	struct differ *d = arg;
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "diff");
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;
	char *a = mem_str(ctx, "");
	char *b = a;
	size_t a_len = 0;
	size_t b_len = 0;

	d->files++;
	if ((old && history_read_blob(ctx, d->h, old, &a, &a_len, &err) < 0) ||
	    (new &&history_read_blob(ctx, d->h, new, &b, &b_len, &err) < 0) ||
	    text_diff(&out, old ? path : "/dev/null", a, a_len, new ? path : "/dev/null", b,
		      b_len) < 0) {
		(void)fprintf(stderr, "novacpx: %s: %s\n", path, err.msg);
		return 0;
	}
	(void)fputs(buf_str(&out), stdout);
	return 0;
}

static int diff_between(struct cli *c, int64_t from, int64_t to, struct err *err)
{
	char a[HISTORY_OID_LEN + 1] = "";
	char b[HISTORY_OID_LEN + 1] = "";
	struct differ d = { .c = c };
	struct history_diff what = { .from = a, .to = b, .fn = diff_file, .arg = &d };
	int r = engine_history(c->e, &d.h, err);

	if (r >= 0 && from > 0)
		r = history_find_revision(d.h, "main", from, a, err);
	if (r >= 0)
		r = history_find_revision(d.h, "main", to, b, err);
	if (r >= 0)
		r = history_diff(d.h, &what, err);
	return r < 0 ? r : 0;
}

static int revision_arg(const char *text, int64_t *ret, struct err *err)
{
	char *end;

	*ret = strtoll(text, &end, 10);
	if (end == text || *end || *ret < 0)
		return err_set(err, ERR_INVALID,
			       "\"%.30s\" is not a revision number; `novacpx log` lists them",
			       text);
	return 0;
}

int cmd_diff(struct cli *c, struct err *err)
{
	int64_t from = 0;
	int64_t to = 0;
	int r = cli_open(c, err);

	if (r >= 0)
		r = store_head(c->e->store, &to, err);
	from = to - 1;
	if (r >= 0 && c->n_args > 0)
		r = revision_arg(c->args[0], &from, err);
	if (r >= 0 && c->n_args > 1)
		r = revision_arg(c->args[1], &to, err);
	return r < 0 ? r : diff_between(c, from, to, err);
}

static int show_change(const struct change_row *row, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	(void)printf("  %c %s/%s\n", row->op, row->kind, row->key);
	return 0;
}

int cmd_show(struct cli *c, struct err *err)
{
	struct revision rev;
	int64_t number;
	int r = revision_arg(c->args[0], &number, err);

	if (r >= 0)
		r = cli_open(c, err);
	if (r >= 0)
		r = store_revision(c->ctx, c->e->store, number, &rev, err);
	if (r < 0)
		return r;
	(void)printf("Revision %" PRId64 "\nTime     %s\nActor    %s\nSource   %s\nMessage  %s\n",
		     rev.rev, cli_time(c->ctx, rev.time), rev.actor, rev.source,
		     rev.message ? rev.message : "");
	r = store_changes(c->e->store, number - 1, number, show_change, c, err);
	(void)putchar('\n');
	return r < 0 ? r : diff_between(c, number - 1, number, err);
}

/* export */

static int write_file(const char *path, const struct buf *text, void *arg, struct err *err)
{
	int root = *(int *)arg;
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "export");
	char *full = mem_fmt(ctx, "/%s", path);
	char *slash = strrchr(full, '/');
	int r = 0;

	*slash = '\0';
	if (*full)
		r = fs_mkdirs(root, full, 0700, err);
	*slash = '/';
	return r < 0 ? r : fs_write_atomic(root, full, buf_str(text), text->len, 0600, err);
}

int cmd_export(struct cli *c, struct err *err)
{
	struct export_options o = { .with_secrets = (c->given & OPT_SECRETS) != 0 };
	cleanup_(fd_close) int root = -1;
	struct buf text = { .ctx = NULL, .max = EXPORT_MAX };
	char *key;
	int r = cli_open(c, err);

	if (r >= 0)
		r = engine_node_key(c->ctx, c->e, &key, &o.node_key_len, err);
	if (r < 0)
		return r;
	o.node_key = key;
	o.store = c->e->store;
	if (c->output) {
		if (mkdir(c->output, 0700) < 0 && errno != EEXIST)
			return err_sys(err, "make folder %s", c->output);
		root = fs_root_open(c->output, err);
		return root < 0 ? root : export_tree(&o, write_file, &root, err);
	}
	r = export_all(&text, &o, err);
	if (r >= 0)
		(void)fwrite(buf_str(&text), 1, text.len, stdout);
	buf_done(&text);
	return r;
}

/* get */

static json_t *field_json(const struct field *f, const void *res)
{
	json_t *list;

	if (!field_is_set(f, res))
		return json_null();
	if (f->type == FIELD_SECRET)
		return json_true();
	if (f->type == FIELD_BOOL)
		return json_boolean(field_int(f, res));
	if (f->type == FIELD_INT)
		return json_integer(field_int(f, res));
	if (f->type != FIELD_LIST)
		return json_string(field_text(f, res));
	list = json_array();
	for (size_t i = 0; i < field_list(f, res)->n; i++)
		(void)json_array_append_new(list, json_string(field_list(f, res)->v[i]));
	return list;
}

static void get_print(struct cli *c, const void *res, json_t *rows)
{
	const struct kind *k = ((const struct res *)res)->kind;

	if (c->json) {
		json_t *row = json_pack("{s:s, s:I, s:I}", "name", res_name(c->ctx, res), "id",
					(json_int_t)((const struct res *)res)->id, "revision",
					(json_int_t)((const struct res *)res)->rev);

		FIELD_FOREACH(f, k)
			(void)json_object_set_new(row, f->name, field_json(f, res));
		(void)json_array_append_new(rows, row);
		return;
	}
	(void)printf("%s  (revision %" PRId64 ")\n", res_name(c->ctx, res),
		     ((const struct res *)res)->rev);
	if (!strchr(c->args[0], '/'))
		return;
	FIELD_FOREACH(f, k) {
		if (field_is_set(f, res))
			(void)printf("  %-20s %s\n", f->name, field_show(c->ctx, f, res));
	}
}

int cmd_get(struct cli *c, struct err *err)
{
	cleanup_(mem_freep) struct cursor *cur = NULL;
	json_t *rows = json_array();
	const struct kind *k;
	const char *key = NULL;
	void *res;
	int r = cli_resource(c, c->args[0], &k, strchr(c->args[0], '/') ? &key : NULL, err);

	if (r >= 0)
		r = cli_open(c, err);
	if (r >= 0 && key) {
		r = store_get(c->ctx, c->e->store, k, key, &res, err);
		if (r >= 0)
			get_print(c, res, rows);
	} else if (r >= 0) {
		r = cursor_open(c->ctx, c->e->store, k, NULL, NULL, &cur, err);
		while (r >= 0 && (r = cursor_next(c->ctx, cur, &res, err)) > 0)
			get_print(c, res, rows);
	}
	if (r >= 0 && c->json)
		cli_put_json(c, json_incref(rows));
	json_decref(rows);
	return r;
}
