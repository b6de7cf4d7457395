/* help, man, completion, schema: written from the tables. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "model/settings.h"
#include "state/schema.h"

static void show_options(unsigned options)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *o = &option_rows[i];

		if (options & o->bit)
			(void)printf("  %s%s%s%s%-*s %s\n", o->shortopt ? o->shortopt : "  ",
				     o->shortopt ? ", " : "  ", o->longopt, o->arg ? " " : "",
				     (int)(22 - strlen(o->longopt) - (o->arg != NULL)),
				     o->arg ? o->arg : "", o->doc);
	}
}

static int help_one(const char *name, struct err *err)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		(void)printf("Usage: novacpx %s %s\n\n%s\n\n", name, commands[i].args,
			     commands[i].doc);
		show_options(commands[i].options);
		return 0;
	}
	return err_set(err, ERR_NOTFOUND, "there is no command \"%.40s\"", name);
}

int cmd_help(struct cli *c, struct err *err)
{
	if (c->n_args)
		return help_one(c->args[0], err);
	(void)puts("novacpx keeps a hosting server in the state that somebody asked for.\n\n"
		   "Usage: novacpx [--root DIR] [--json] COMMAND [OPTION…] [ARGUMENT…]\n");
	for (size_t i = 0; i < n_commands; i++)
		(void)printf("  %-11s %-20s %s\n", commands[i].name, commands[i].args,
			     commands[i].doc);
	(void)puts(
		"\n  --root DIR   A sandbox folder instead of the real machine.\n"
		"  --json       Answers for programs.\n\n"
		"Exit codes: 0 nothing to do or done; 1 error; 2 the plan has changes (--exit-code);\n"
		"3 stopped by a guard; 4 conflict; 5 done, but something is quarantined.");
	return 0;
}

int cmd_man(struct cli *c, struct err *err)
{
	(void)c;
	(void)err;
	(void)puts(
		".TH NOVACPX 8 \"\" \"NovaCPX\" \"System administration\"\n.SH NAME\nnovacpx \\- keep a hosting server in the "
		"state that was asked for\n.SH SYNOPSIS\n.B novacpx\n[\\-\\-root DIR] [\\-\\-json] COMMAND [OPTION...] "
		"[ARGUMENT...]\n.SH COMMANDS");
	for (size_t i = 0; i < n_commands; i++) {
		(void)printf(".TP\n.B %s %s\n%s\n", commands[i].name, commands[i].args,
			     commands[i].doc);
		for (size_t k = 0; k < n_option_rows; k++) {
			if (commands[i].options & option_rows[k].bit)
				(void)printf(".br\n.B \\%s%s%s\n%s\n", option_rows[k].longopt,
					     option_rows[k].arg ? " " : "",
					     option_rows[k].arg ? option_rows[k].arg : "",
					     option_rows[k].doc);
		}
	}
	(void)puts(
		".SH EXIT STATUS\n0 nothing to do or done, 1 error, 2 the plan has changes (with \\-\\-exit\\-code), 3 stopped "
		"by a guard, 4 conflict, 5 done but something is quarantined.\n.SH FILES\n/var/lib/novacpx/model/model.db, "
		"/var/lib/novacpx/engine/engine.db, history.git");
	return 0;
}

int cmd_completion(struct cli *c, struct err *err)
{
	(void)c;
	(void)err;
	(void)printf("_novacpx()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]}\n"
		     "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W \"");
	for (size_t i = 0; i < n_commands; i++)
		(void)printf("%s ", commands[i].name);
	(void)printf("--root --json\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $cmd in\n");
	for (size_t i = 0; i < n_commands; i++) {
		(void)printf("\t%s) COMPREPLY=($(compgen -W \"", commands[i].name);
		for (size_t k = 0; k < n_option_rows; k++) {
			if (commands[i].options & option_rows[k].bit)
				(void)printf("%s ", option_rows[k].longopt);
		}
		if (strstr(commands[i].args, "KIND")) {
			KIND_FOREACH(kind)
				(void)printf("%s%s ", kind->name,
					     strstr(commands[i].args, "KIND/") ? "/" : "");
		}
		(void)printf("\" -- \"$cur\")) ;;\n");
	}
	(void)puts(
		"\tesac\n\t[ ${#COMPREPLY[@]} = 0 ] && COMPREPLY=($(compgen -f -- \"$cur\"))\n}\ncomplete -F _novacpx novacpx");
	return 0;
}

static void show_kind(struct cli *c, const struct kind *k)
{
	(void)printf("%s: %s\n\n", k->section, k->doc);
	FIELD_FOREACH(f, k) {
		if (f->flags & FIELD_DERIVED)
			continue;
		(void)printf("  %-20s %s\n  %-20s %s%s%s%s%s\n", f->name, f->doc, "",
			     field_allowed(c->ctx, f), f->dflt ? "; default " : "",
			     f->dflt ? f->dflt : "", f->flags & FIELD_REQUIRED ? "; required" : "",
			     f->flags & FIELD_FIXED ? "; fixed at creation" : "");
	}
}

static void show_settings(struct cli *c)
{
	(void)puts("\nThe settings there are:\n");
	for (size_t i = 0; i < n_settings; i++)
		(void)printf("  %-20s %s\n  %-20s %s; default %s\n", settings[i].name,
			     settings[i].doc, "", setting_allowed(c->ctx, &settings[i]),
			     settings[i].dflt);
}

int cmd_schema(struct cli *c, struct err *err)
{
	const struct kind *k = NULL;
	int r = c->n_args ? cli_resource(c, c->args[0], &k, NULL, err) : 0;

	if (r < 0)
		return r;
	if (k && !c->json)
		show_kind(c, k);
	if (k == &kind_setting && !c->json)
		show_settings(c);
	if (!k || c->json)
		(void)puts(k ? schema_kind(c->ctx, k) : schema_all(c->ctx));
	return 0;
}
