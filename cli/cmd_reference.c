/* reference: every kind with its fields, every setting and every command as Markdown, from the tables. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "model/settings.h"
#include "renderers/renderer.h"

/* A cell of a table: "|" would end it. */
static void put_cell(const char *text)
{
	for (; *text; text++)
		(void)printf("%s%c", *text == '|' ? "\\" : "", *text);
	(void)fputs(" | ", stdout);
}

static const char *level_name(enum scope_level level)
{
	static const char *const names[] = { [SCOPE_SERVER] = "the server",
					     [SCOPE_ACCOUNT] = "an account",
					     [SCOPE_DOMAIN] = "a domain name" };

	return names[level];
}

/* What may be written in a state file; secrets never stand there as plain text. */
static const char *allowed(const void *ctx, const struct field *f)
{
	return f->type == FIELD_SECRET ? "{hash}, {file}, {env} or, for keys, {pem}"
				       : field_allowed(ctx, f);
}

static const char *notes(const struct field *f)
{
	if (f->flags & FIELD_PARENT)
		return "parent";
	if (f->flags & FIELD_KEY)
		return "key";
	if (f->flags & FIELD_REQUIRED)
		return f->flags & FIELD_FIXED ? "required, fixed" : "required";
	return f->flags & FIELD_FIXED ? "fixed" : "";
}

static bool is_rendered(const struct kind *k)
{
	for (size_t i = 0; i < n_renderers; i++) {
		if (renderer_reads(renderers[i], k))
			return true;
	}
	return false;
}

static void put_kind(const void *ctx, const struct kind *k)
{
	(void)printf("\n### %s\n\n%s Section `%s`; scope: %s.%s\n\n"
		     "| field | what it is | allowed | default | |\n|---|---|---|---|---|\n",
		     k->name, k->doc, k->section, level_name(k->level),
		     is_rendered(k) ? "" : " No renderer reads it.");
	FIELD_FOREACH(f, k) {
		if (f->flags & FIELD_DERIVED)
			continue;
		(void)printf("| `%s` | ", f->name);
		put_cell(f->doc);
		put_cell(allowed(ctx, f));
		put_cell(f->dflt ? f->dflt : f->type == FIELD_BOOL ? "false" : "");
		(void)printf("%s |\n", notes(f));
	}
}

static void put_settings(const void *ctx)
{
	(void)puts("\n## Settings\n\n| name | what it is | allowed | default |\n|---|---|---|---|");
	for (size_t i = 0; i < n_settings; i++) {
		(void)printf("| `%s` | ", settings[i].name);
		put_cell(settings[i].doc);
		put_cell(setting_allowed(ctx, &settings[i]));
		(void)printf("%s |\n", settings[i].dflt);
	}
}

static void put_commands(void)
{
	(void)puts("\n## Commands\n\n| command | what it does | options |\n|---|---|---|");
	for (size_t i = 0; i < n_commands; i++) {
		(void)printf("| `%s%s%s` | ", commands[i].name, *commands[i].args ? " " : "",
			     commands[i].args);
		put_cell(commands[i].doc);
		for (size_t k = 0; k < n_option_rows; k++) {
			if (commands[i].options & option_rows[k].bit)
				(void)printf("`%s` ", option_rows[k].longopt);
		}
		(void)puts("|");
	}
	(void)puts("\n| option | | what it does |\n|---|---|---|");
	for (size_t k = 0; k < n_option_rows; k++) {
		const struct option_row *o = &option_rows[k];

		(void)printf("| `%s%s%s` | %s | %s |\n", o->longopt, o->arg ? " " : "",
			     o->arg ? o->arg : "", o->shortopt ? o->shortopt : "", o->doc);
	}
}

int cmd_reference(struct cli *c, struct err *err)
{
	(void)err;
	(void)puts(
		"# Reference\n\nWritten by `make reference` from the tables of the code; changes made here are lost.\n\n"
		"## Kinds\n\n`key`: part of the name. `parent`: the resource it belongs to and is deleted with. "
		"`fixed`: cannot change\nafter creation. What no renderer reads is stored, checked, exported and rolled "
		"back; nothing of it is put on the\nmachine.");
	KIND_FOREACH(k)
		put_kind(c->ctx, k);
	put_settings(c->ctx);
	put_commands();
	return 0;
}
