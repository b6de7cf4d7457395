/* From a place on the machine to resource, field, revision and actor. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "reconciler/explain.h"

static const char *const effect_names[] = {
	[CAUSE_NONE] = "none",
	[CAUSE_MAKES] = "makes",
	[CAUSE_KEEPS] = "keeps",
	[CAUSE_SHAPES] = "shapes",
};

static const char *const what_names[] = {
	[EXPLAIN_WHOLE] = "whole",       [EXPLAIN_CAUSED] = "caused",
	[EXPLAIN_CONSTANT] = "constant", [EXPLAIN_SERIAL] = "serial",
	[EXPLAIN_NOT_OURS] = "not_ours", [EXPLAIN_EDITED] = "edited",
	[EXPLAIN_ONCE] = "once",         [EXPLAIN_GONE] = "gone",
};

/* A line of a file that anybody may have written, for a terminal. */
static const char *printable(const void *ctx, const char *line)
{
	char *text = mem_str(ctx, line);

	for (char *p = text; *p; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			*p = '?';
	}
	return text;
}

static json_t *text_json(const void *ctx, const char *text)
{
	json_t *j = text ? json_string(text) : json_null();
	char *ascii;

	if (j)
		return j;
	ascii = mem_str(ctx, text); /* no UTF-8 */
	for (char *p = ascii; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	return json_string(ascii);
}

/* Revisions */

static json_t *revision_json(const void *ctx, const struct revision *rev)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s}", "revision", (json_int_t)rev->rev, "time",
			 cli_time(ctx, rev->time), "actor", rev->actor, "source", rev->source,
			 "message", rev->message ? rev->message : "");
}

static void put_revision(struct cli *c, const struct revision *rev)
{
	(void)printf("revision %" PRId64 " (%s, %s, %s)%s%s", rev->rev, cli_time(c->ctx, rev->time),
		     rev->actor, rev->source, rev->message ? ": " : "",
		     rev->message ? rev->message : "");
}

struct revisions {
	struct cli *c;
	json_t *rows; /* NULL: printed */
};

static int take_revision(const struct revision *rev, void *arg, struct err *err)
{
	struct revisions *all = arg;

	(void)err;
	if (all->rows) {
		(void)json_array_append_new(all->rows, revision_json(all->c->ctx, rev));
		return 0;
	}
	(void)printf("    ");
	put_revision(all->c, rev);
	(void)putchar('\n');
	return 0;
}

/* The newest of the resource's; none for what is the server's, of which there is no resource. */
static int each_revision(struct revisions *all, const char *resource, struct err *err)
{
	const struct kind *k;
	const char *key;

	if (cli_resource(all->c, resource, &k, &key, err) < 0) {
		err_clear(err);
		return 0;
	}
	if (!all->rows)
		(void)printf("  revisions that touched %s:\n", resource);
	const struct log_query q = { .kind = k, .key = key, .limit = 5 };

	return store_log(all->c->e->store, &q, take_revision, all, NULL, err);
}

/* Printing */

/* A record's name holds its value. */
static const char *short_name(const void *ctx, const char *resource)
{
	size_t len = 80;

	if (strlen(resource) <= len)
		return resource;
	while (len > 0 && ((unsigned char)resource[len] & 0xc0) == 0x80)
		len--;
	return mem_fmt(ctx, "%.*s…", (int)len, resource);
}

static void put_value(const struct reason *w)
{
	if (!w->field)
		return;
	if (!w->is_set)
		(void)printf(" is not set");
	else
		(void)printf(" %s%s", w->is_secret ? "(secret)" : "= ",
			     w->is_secret ? "" : w->value);
	if (w->is_set && w->is_default)
		(void)printf(", the default");
}

static void put_reason(struct cli *c, const struct reason *w)
{
	(void)printf("    %s%s%s", short_name(c->ctx, w->resource), w->field ? " " : "",
		     w->field ? w->field : "");
	put_value(w);
	(void)putchar('\n');
	if (!w->origin.rev)
		return;
	(void)printf("        since ");
	put_revision(c, &w->rev);
	(void)putchar('\n');
}

/* What the line says, or what it only depends on. */
static bool is_in_text(const struct reason *w)
{
	return w->effect == CAUSE_SHAPES || w->is_named;
}

static void put_reasons(struct cli *c, const struct explanation *x, const char *title, bool in_text)
{
	bool any = false;

	for (size_t i = 0; i < x->n_reasons; i++) {
		if (is_in_text(&x->reasons[i]) != in_text)
			continue;
		if (!any)
			(void)printf("  %s\n", title);
		any = true;
		put_reason(c, &x->reasons[i]);
	}
}

/* Of a whole file: fields by name, a line for each resource, or for a kind of which there are many. */

enum {
	MANY = 4
};

struct group {
	const struct kind *kind;
	const char *resource; /* NULL: all of the kind */
};

static bool is_of(const struct group *g, const struct reason *w)
{
	size_t len = strlen(g->kind->name);

	if (g->resource)
		return strcmp(g->resource, w->resource) == 0;
	return strncmp(w->resource, g->kind->name, len) == 0 && w->resource[len] == '/';
}

static size_t count_resources(const struct explanation *x, const struct kind *k)
{
	const struct group all = { .kind = k };
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "count");
	struct strmap names = STRMAP_ON(tmp);

	for (size_t i = 0; i < x->n_reasons; i++) {
		if (is_in_text(&x->reasons[i]) && is_of(&all, &x->reasons[i]))
			*strmap_slot(&names, x->reasons[i].resource) = tmp;
	}
	return names.n;
}

/* Settings have one field, so their names tell more. */
static const char *word_of(const struct reason *w, const struct group *g)
{
	return g->kind == &kind_setting ? strchr(w->resource, '/') + 1 : w->field;
}

static void put_group(struct cli *c, const struct explanation *x, const struct group *g, size_t n)
{
	struct strmap words = STRMAP_ON(c->ctx);

	for (size_t i = 0; i < x->n_reasons; i++) {
		const struct reason *w = &x->reasons[i];

		if (is_in_text(w) && w->field && is_of(g, w))
			*strmap_slot(&words, word_of(w, g)) = c;
	}
	if (g->resource)
		(void)printf("    %s", short_name(c->ctx, g->resource));
	else if (g->kind == &kind_setting)
		(void)printf("    %s", g->kind->section);
	else
		(void)printf("    %zu %s", n, g->kind->section);
	for (size_t i = 0; i < words.n; i++)
		(void)printf("%s%s", i ? ", " : ": ", words.entries[i].key);
	(void)putchar('\n');
}

static void put_fields(struct cli *c, const struct explanation *x)
{
	struct strmap told = STRMAP_ON(c->ctx);
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < x->n_reasons; i++) {
		const struct reason *w = &x->reasons[i];
		struct group g = { .resource = w->resource };
		const char *key;
		void **slot;
		size_t n;

		if (!is_in_text(w) || cli_resource(c, w->resource, &g.kind, &key, &ignored) < 0)
			continue;
		n = count_resources(x, g.kind);
		if (n > MANY || g.kind == &kind_setting)
			g.resource = NULL;
		slot = strmap_slot(&told, g.resource ? g.resource : g.kind->name);
		if (*slot)
			continue;
		*slot = c;
		if (told.n == 1)
			(void)puts("  it comes from");
		put_group(c, x, &g, n);
	}
}

static const char *always(const struct explanation *x)
{
	switch (x->owned->scope[0]) {
	case 'a': return "written for every account";
	case 'd': return "written for every domain";
	default: return "always written";
	}
}

static void put_what(struct cli *c, const struct explanation *x)
{
	switch (x->what) {
	case EXPLAIN_WHOLE:
		put_fields(c, x);
		put_reasons(c, x, "it is there because of", false);
		break;
	case EXPLAIN_CAUSED:
		put_reasons(c, x, x->line ? "the line comes from" : "the row comes from", true);
		put_reasons(c, x, "it is there because of", false);
		break;
	case EXPLAIN_CONSTANT:
		(void)printf("  the line is %s; no field changes it\n", always(x));
		break;
	case EXPLAIN_SERIAL:
		(void)puts(
			"  the line holds the zone's serial: it grows whenever the zone's file changes");
		break;
	case EXPLAIN_NOT_OURS:
		(void)puts(
			"  the line is not ours: only what stands between the NovaCPX marker lines is");
		break;
	case EXPLAIN_EDITED:
		(void)puts(
			"  the line is not wanted there: it was edited by hand, or a newer revision is not applied");
		break;
	case EXPLAIN_ONCE:
		(void)puts(
			"  the file was made once and is its owner's since; nothing here changes it");
		break;
	case EXPLAIN_GONE:
		(void)puts("  it is not wanted any more; `novacpx pass` removes it");
		break;
	}
	if (x->is_partial)
		(void)puts("  (too many resources to try them all: others may have a part in it)");
}

static int put_text(struct cli *c, const struct explanation *x, struct err *err)
{
	struct revisions all = { .c = c };
	const struct owned *o = x->owned;

	(void)printf("%s", x->path);
	if (x->line)
		(void)printf(":%zu", x->line);
	(void)putchar('\n');
	if (x->include_of) {
		(void)printf("  is the administrator's own, read for %s; NovaCPX never writes it\n",
			     x->include_of);
		return 0;
	}
	if (x->text)
		(void)printf("    %s\n", printable(c->ctx, x->text + strspn(x->text, " \t")));
	else if (x->line && o->flags & ARTIFACT_SECRET && !x->source)
		(void)puts("    (lines with secrets are not shown)");
	if (x->wanted)
		(void)printf("  differs from what is wanted:\n    %s\n",
			     printable(c->ctx, x->wanted + strspn(x->wanted, " \t")));
	if (x->source)
		(void)printf("  is a copy of the administrator's own %s, made for %s\n", x->source,
			     o->resource);
	else
		(void)printf("  is the %s of %s, rendered by %s%s%s\n", artifact_type_name(o->type),
			     o->resource, o->renderer, o->service ? " for " : "",
			     o->service ? o->service : "");
	(void)printf("  written at ");
	put_revision(c, &x->written);
	(void)putchar('\n');
	if (x->source)
		return 0;
	put_what(c, x);
	return x->what == EXPLAIN_CAUSED ? 0 : each_revision(&all, o->resource, err);
}

/* JSON */

static json_t *reason_json(const void *ctx, const struct reason *w)
{
	json_t *j = json_pack("{s:s, s:o, s:o, s:s, s:b, s:b, s:b, s:b}", "resource", w->resource,
			      "field", text_json(ctx, w->field), "value", text_json(ctx, w->value),
			      "effect", effect_names[w->effect], "in_line", w->is_named, "set",
			      w->is_set, "secret", w->is_secret, "default", w->is_default);

	(void)json_object_set_new(j, "since",
				  w->origin.rev ? revision_json(ctx, &w->rev) : json_null());
	return j;
}

static int put_json(struct cli *c, const struct explanation *x, struct err *err)
{
	const struct owned *o = x->owned;
	struct revisions all = { .c = c, .rows = json_array() };
	json_t *causes = json_array();
	json_t *j = json_pack("{s:o, s:o}", "path", text_json(c->ctx, x->path), "administrators",
			      json_boolean(x->include_of || x->source));
	int r = 0;

	for (size_t i = 0; i < x->n_reasons; i++)
		(void)json_array_append_new(causes, reason_json(c->ctx, &x->reasons[i]));
	if (x->include_of) {
		(void)json_object_set_new(j, "resource", json_string(x->include_of));
	} else {
		(void)json_object_update_new(
			j, json_pack("{s:s, s:s, s:s, s:o, s:o}", "resource", o->resource, "type",
				     artifact_type_name(o->type), "renderer", o->renderer,
				     "service", text_json(c->ctx, o->service), "written",
				     revision_json(c->ctx, &x->written)));
		r = each_revision(&all, o->resource, err);
	}
	if (x->source)
		(void)json_object_set_new(j, "source", text_json(c->ctx, x->source));
	if (x->line)
		(void)json_object_update_new(j, json_pack("{s:I, s:o, s:o}", "line",
							  (json_int_t)x->line, "text",
							  text_json(c->ctx, x->text), "wanted",
							  text_json(c->ctx, x->wanted)));
	if (o && !x->source)
		(void)json_object_update_new(j, json_pack("{s:s, s:b}", "what", what_names[x->what],
							  "partial", x->is_partial));
	(void)json_object_set_new(j, "causes", causes);
	(void)json_object_set_new(j, "revisions", all.rows);
	if (r < 0)
		json_decref(j);
	else
		cli_put_json(c, j);
	return r;
}

int cmd_explain(struct cli *c, struct err *err)
{
	struct explanation x;
	int r = cli_open(c, err);

	if (r >= 0)
		r = explain_place(c->ctx, c->e, c->args[0], &x, err);
	if (r < 0)
		return r;
	return c->json ? put_json(c, &x, err) : put_text(c, &x, err);
}
