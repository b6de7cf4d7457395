#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "state/textdiff.h"

const char *cli_colour(const struct cli *c, const char *code)
{
	return c->colour ? code : "";
}

#define RED(c)   cli_colour((c), "\033[31m")
#define GREEN(c) cli_colour((c), "\033[32m")
#define BOLD(c)  cli_colour((c), "\033[1m")
#define DIM(c)   cli_colour((c), "\033[2m")
#define RESET(c) cli_colour((c), "\033[0m")

const char *cli_time(const void *ctx, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		return "?";
	return mem_str(ctx, text);
}

void cli_put_json(struct cli *c, void *json)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	(void)c;
	(void)puts(text ? text : "null");
	free(text);
	json_decref(json);
}

static bool is_live(const struct action *a)
{
	return !a->is_dropped && a->op != ACTION_RECORD && a->op != ACTION_FORGET;
}

static bool has_text(const struct action *a)
{
	return a->art.type == ARTIFACT_FILE || a->art.type == ARTIFACT_BLOCK;
}

/* The unified diff of a text that may be seen; nothing for all else. */
static int put_diff(struct buf *out, const struct action *a)
{
	const char *after =
		a->op == ACTION_DELETE && a->art.type == ARTIFACT_FILE ? NULL : a->art.data;

	if (!has_text(a) || a->art.flags & ARTIFACT_SECRET)
		return 0;
	return text_diff(out, a->before ? a->art.path : "/dev/null", a->before ? a->before : "",
			 a->before_len, after ? a->art.path : "/dev/null", after ? after : "",
			 after ? a->art.len : 0);
}

/* Its content is one word, which can be shown beside its path. */
static bool is_word(enum artifact_type type)
{
	return type == ARTIFACT_MAPROW || type == ARTIFACT_LINK || type == ARTIFACT_QUOTA;
}

/* What a line of its own says of things without a text. */
static void show_detail(const struct action *a)
{
	const struct artifact *art = &a->art;
	bool usual = art->mode == 0644 && !strcmp(art->owner ? art->owner : "root", "root") &&
		     !strcmp(art->group ? art->group : "root", "root");

	if (a->before && is_word(art->type))
		(void)printf("      was %s\n", a->before);
	if (a->op == ACTION_DELETE)
		return;
	if (is_word(art->type))
		(void)printf("      is  %s\n", art->data);
	else if (art->type == ARTIFACT_USER)
		(void)printf("      uid %" PRId64 ", home %s, shell %s%s\n", a->serial, art->home,
			     art->shell, art->flags & ARTIFACT_LOCKED ? ", locked" : "");
	else if (art->type == ARTIFACT_DIR || (art->type == ARTIFACT_FILE && !usual))
		(void)printf("      mode %04o, of %s:%s\n", (unsigned)art->mode,
			     art->owner ? art->owner : "root", art->group ? art->group : "root");
}

/* What changes inside: a diff for texts that may be seen, one line for the rest. */
static void show_text(struct cli *c, const struct action *a)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "diff");
	struct buf out = BUF_ON(ctx);

	show_detail(a);
	if (has_text(a) && a->art.flags & ARTIFACT_SECRET)
		(void)printf("      %s(secret content is not shown)%s\n", DIM(c), RESET(c));
	if (put_diff(&out, a) < 0)
		return;
	for (const char *line = buf_str(&out); *line;) {
		size_t len = strcspn(line, "\n");
		const char *colour = line[0] == '+' ? GREEN(c) : line[0] == '-' ? RED(c) : "";

		(void)printf("      %s%.*s%s\n", colour, (int)len, line, *colour ? RESET(c) : "");
		line += len + (line[len] == '\n');
	}
}

/* What will be there, of which PLAN's reader can see for himself that it came so. */
static void put_result(json_t *row, const struct action *a, const char *diff)
{
	const struct artifact *art = &a->art;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	if (*diff)
		(void)json_object_set_new(row, "diff", json_string(diff));
	if (a->op == ACTION_DELETE && art->type != ARTIFACT_BLOCK)
		return;
	if (is_word(art->type) || art->type == ARTIFACT_ZONE)
		(void)json_object_set_new(row, "value", json_string(art->data));
	if (art->type == ARTIFACT_FILE || art->type == ARTIFACT_DIR)
		(void)json_object_update_new(row,
					     json_pack("{s:o, s:s, s:s}", "mode",
						       json_sprintf("%04o", (unsigned)art->mode),
						       "owner", art->owner ? art->owner : "root",
						       "group", art->group ? art->group : "root"));
	if (art->type == ARTIFACT_USER)
		(void)json_object_update_new(row, json_pack("{s:I, s:s, s:s}", "uid",
							    (json_int_t)a->serial, "home",
							    art->home, "shell", art->shell));
	if ((art->type == ARTIFACT_FILE || art->type == ARTIFACT_BLOCK) &&
	    !(art->flags & ARTIFACT_SECRET)) {
		d = digest_of(art->data ? art->data : "", art->len);
		digest_hex(&d, hex);
		(void)json_object_set_new(row, "sha256", json_string(hex));
	}
}

static json_t *action_json(const struct action *a)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "diff");
	struct buf diff = BUF_ON(ctx);
	json_t *row =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "op", action_op_name(a->op), "type",
			  artifact_type_name(a->art.type), "path", a->art.path, "resource",
			  a->art.resource, "reason", a->reason, "drift", a->is_drift);

	if (put_diff(&diff, a) < 0)
		buf_clear(&diff);
	put_result(row, a, buf_str(&diff));
	return row;
}

static void plan_json(struct cli *c, const struct plan *p)
{
	json_t *actions = json_array();
	json_t *findings = json_array();
	char digest[DIGEST_HEX_LEN + 1];
	struct digest d = plan_digest(p);

	digest_hex(&d, digest);
	for (size_t i = 0; i < p->n; i++) {
		if (is_live(&p->v[i]))
			(void)json_array_append_new(actions, action_json(&p->v[i]));
	}
	for (size_t i = 0; i < p->n_findings; i++) {
		const struct finding *f = &p->findings[i];

		(void)json_array_append_new(
			findings, json_pack("{s:s, s:s, s:s, s:s}", "resource", f->resource, "type",
					    f->type, "reason", f->reason, "message", f->message));
	}
	cli_put_json(c, json_pack("{s:I, s:s, s:o, s:o}", "revision", (json_int_t)p->rev, "digest",
				  digest, "actions", actions, "findings", findings));
}

void cli_show_plan(struct cli *c, const struct plan *p)
{
	static const char marks[] = {
		[ACTION_CREATE] = '+', [ACTION_UPDATE] = '~', [ACTION_DELETE] = '-'
	};
	char digest[DIGEST_HEX_LEN + 1];
	struct digest d = plan_digest(p);
	size_t n = plan_changes(p);

	if (c->json) {
		plan_json(c, p);
		return;
	}
	digest_hex(&d, digest);
	if (n == 0 && p->n_findings == 0) {
		(void)printf("No action: the machine is as wanted.\n");
		return;
	}
	(void)printf("%sPlan for revision %" PRId64 "%s: %zu action%s, digest %.16s\n", BOLD(c),
		     p->rev, RESET(c), n, n == 1 ? "" : "s", digest);
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (!is_live(a))
			continue;
		(void)printf("  %c %-6s %s  %s(%s: %s)%s\n", marks[a->op],
			     artifact_type_name(a->art.type), a->art.path, DIM(c), a->art.resource,
			     a->reason, RESET(c));
		if (!(c->given & OPT_NO_DIFF))
			show_text(c, a);
	}
	cli_show_findings(c, p);
}

void cli_show_findings(struct cli *c, const struct plan *p)
{
	for (size_t i = 0; i < p->n_findings; i++) {
		const struct finding *f = &p->findings[i];

		if (!c->json)
			(void)printf("%s! %s: %s (%s)%s\n    %s\n", RED(c), f->resource, f->type,
				     f->reason, RESET(c), f->message);
	}
}

void cli_show_problems(struct cli *c, const struct problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		(void)fprintf(stderr, "%s%s%s: %s\n", RED(c), p->v[i].resource, RESET(c),
			      p->v[i].msg);
}
