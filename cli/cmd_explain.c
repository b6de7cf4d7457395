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
	for (char *p = ascii; *p; p++)
		*p = (unsigned char)*p < 0x80 ? *p : '?';
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
	return store_log(all->c->e->store, k, key, 5, take_revision, all, err);
}

/* Printing */

static void put_value(const struct reason *w)
{
	if (w->is_secret)
		(void)printf(" (secret)");
	else if (w->field && w->value)
		(void)printf(" = %s", w->value);
	else if (w->field)
		(void)printf(" is not set");
	if (w->field && w->value && w->is_default)
		(void)printf(", the default");
}

static void put_origin(struct cli *c, const struct reason *w)
{
	if (!w->origin.rev)
		return;
	(void)printf("        %s", w->origin.op == '-'                ? "since it was deleted in "
				   : !w->field || w->origin.op == '+' ? "made in "
				   : w->value || w->is_secret         ? "set in "
								      : "unset in ");
	put_revision(c, &w->rev);
	(void)putchar('\n');
}

static void put_reasons(struct cli *c, const struct explanation *x, const char *title,
			enum cause_effect from, enum cause_effect to)
{
	bool any = false;

	for (size_t i = 0; i < x->n_reasons; i++) {
		const struct reason *w = &x->reasons[i];

		if (w->effect < from || w->effect > to)
			continue;
		if (!any)
			(void)printf("  %s\n", title);
		any = true;
		(void)printf("    %s%s%s", w->resource, w->field ? " " : "",
			     w->field ? w->field : "");
		put_value(w);
		(void)putchar('\n');
		put_origin(c, w);
	}
}

/* Of a whole file: the fields by name, a line for each resource. */
static void put_fields(const struct explanation *x)
{
	bool any = false;

	for (size_t i = 0; i < x->n_reasons; i++) {
		const char *resource = x->reasons[i].resource;
		size_t n = 0;

		for (size_t k = 0; k < i; k++) /* told with the first */
			n += x->reasons[k].effect == CAUSE_SHAPES &&
			     strcmp(x->reasons[k].resource, resource) == 0;
		if (n || x->reasons[i].effect != CAUSE_SHAPES)
			continue;
		(void)printf("%s    %s", any ? "" : "  its text comes from\n", resource);
		any = true;
		for (size_t k = i; k < x->n_reasons; k++) {
			const struct reason *w = &x->reasons[k];

			if (w->effect == CAUSE_SHAPES && w->field &&
			    strcmp(w->resource, resource) == 0)
				(void)printf("%s %s", n++ ? "," : "", w->field);
		}
		(void)putchar('\n');
	}
}

static void put_what(struct cli *c, const struct explanation *x)
{
	switch (x->what) {
	case EXPLAIN_WHOLE: put_fields(x); break;
	case EXPLAIN_CAUSED:
		put_reasons(c, x, "the line comes from", CAUSE_SHAPES, CAUSE_SHAPES);
		put_reasons(c, x, "it is there because of", CAUSE_MAKES, CAUSE_KEEPS);
		break;
	case EXPLAIN_CONSTANT:
		(void)printf("  the line is written for every %s; no field changes it\n",
			     x->owned->scope[0] == 's'   ? "server"
			     : x->owned->scope[0] == 'a' ? "account"
							 : "domain");
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
		(void)puts(
			"  (there are too many resources to try them all: others may have a part in it)");
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
	json_t *j = json_pack("{s:s, s:o, s:o, s:s, s:b, s:b, s:b}", "resource", w->resource,
			      "field", text_json(ctx, w->field), "value", text_json(ctx, w->value),
			      "effect", effect_names[w->effect], "in_line", w->is_named, "secret",
			      w->is_secret, "default", w->is_default);

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
