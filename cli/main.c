/* novacpx: the command line. Parses options by the tables, runs one command, turns errors into exit codes. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli/cli.h"

static const struct command *find_command(const char *name, struct err *err)
{
	const char *names[64];
	const char *best;

	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		names[i] = commands[i].name;
	}
	best = nearest(name, names, n_commands);
	(void)err_set(err, ERR_INVALID, "there is no command \"%.40s\"%s%s%s", name,
		      best ? "; did you mean \"" : "", best ? best : "",
		      best ? "\"?" : "; `novacpx help` lists them");
	return NULL;
}

static int take_option(struct cli *c, const struct option_row *o, const char *value,
		       struct err *err)
{
	char *end;

	c->given |= o->bit;
	if (o->bit == OPT_FILE && c->n_files == ARRAY_LEN(c->files))
		return err_set(err, ERR_TOOBIG, "-f: at most %zu paths", ARRAY_LEN(c->files));
	if (o->bit == OPT_FILE)
		c->files[c->n_files++] = value;
	else if (o->bit == OPT_FORCE)
		c->force = value;
	else if (o->bit == OPT_OUTPUT)
		c->output = value;
	else if (o->bit == OPT_MESSAGE)
		c->message = value;
	if (o->bit != OPT_LIMIT || !value)
		return 0;
	c->limit = strtoll(value, &end, 10);
	if (*end || c->limit < 1)
		return err_set(err, ERR_INVALID, "-n: \"%.20s\" is not a number of lines", value);
	return 0;
}

static int parse_option(struct cli *c, const struct command *cmd, int argc, char **argv, int *i,
			struct err *err)
{
	for (size_t k = 0; k < n_option_rows; k++) {
		const struct option_row *o = &option_rows[k];
		size_t len = strlen(o->longopt);
		const char *value = NULL;

		if (strncmp(argv[*i], o->longopt, len) == 0 && argv[*i][len] == '=' && o->arg)
			value = argv[*i] + len + 1;
		else if (strcmp(argv[*i], o->longopt) != 0 &&
			 (!o->shortopt || strcmp(argv[*i], o->shortopt) != 0))
			continue;
		if (!(cmd->options & o->bit))
			return err_set(err, ERR_INVALID, "`novacpx %s` takes no %s", cmd->name,
				       o->longopt);
		if (o->arg && o->arg[0] == '[' && !value &&
		    (*i + 1 == argc || argv[*i + 1][0] == '-'))
			value = "";
		if (o->arg && !value && *i + 1 < argc)
			value = argv[++*i];
		if (o->arg && !value)
			return err_set(err, ERR_INVALID, "%s: needs %s", o->longopt, o->arg);
		return take_option(c, o, value, err);
	}
	return err_set(err, ERR_INVALID, "unknown option \"%.40s\"; see `novacpx help %s`",
		       argv[*i], cmd->name);
}

/* Options that stand before or after the command. */
static int parse_global(struct cli *c, int argc, char **argv, int *i)
{
	if (strcmp(argv[*i], "--json") == 0) {
		c->json = true;
		return 1;
	}
	if (strcmp(argv[*i], "--root") == 0 && *i + 1 < argc) {
		c->root_path = argv[++*i];
		return 1;
	}
	if (strncmp(argv[*i], "--root=", 7) == 0) {
		c->root_path = argv[*i] + 7;
		return 1;
	}
	return 0;
}

static int parse(struct cli *c, int argc, char **argv, const struct command **ret, struct err *err)
{
	const struct command *cmd = NULL;
	int r = 0;

	c->args = mem_zero(c->ctx, (size_t)(argc + 1) * sizeof(*c->args));
	for (int i = 1; i < argc && r >= 0; i++) {
		if (parse_global(c, argc, argv, &i))
			continue;
		if (!cmd) {
			bool help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;

			cmd = find_command(help ? "help" : argv[i], err);
			r = cmd ? 0 : -(int)err->code;
		} else if (argv[i][0] == '-' && argv[i][1]) {
			r = parse_option(c, cmd, argc, argv, &i, err);
		} else {
			c->args[c->n_args++] = argv[i];
		}
	}
	if (r < 0)
		return r;
	*ret = cmd ? cmd : find_command("help", err);
	if (c->n_args < (*ret)->min_args || c->n_args > (*ret)->max_args)
		return err_set(err, ERR_INVALID, "usage: novacpx %s %s", (*ret)->name,
			       (*ret)->args);
	return 0;
}

static int exit_code(int r, const struct err *err)
{
	if (r >= 0)
		return r;
	if (err->code == ERR_GUARD)
		return EXIT_GUARD;
	return err->code == ERR_CONFLICT ? EXIT_CONFLICT : EXIT_ERROR;
}

int main(int argc, char **argv)
{
	struct cli c = { .ctx = mem_ctx(NULL, "cli"), .root_path = "/", .limit = 30 };
	const struct command *cmd = NULL;
	struct rlimit files;
	struct err err = ERR_INIT;
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* nginx -t opens every log there is */
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	c.colour = isatty(STDOUT_FILENO) &&
		   !getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe): one thread */
	r = parse(&c, argc, argv, &cmd, &err);
	c.dry = (c.given & OPT_DRY_RUN) || (cmd && cmd->run == cmd_plan);
	if (r >= 0)
		r = cmd->run(&c, &err);
	if (r < 0)
		(void)fprintf(stderr, "novacpx: %s%s%s\n",
			      err.path[0] && err.path[0] != '/' ? err.path : "",
			      err.path[0] && err.path[0] != '/' ? ": " : "", err.msg);
	mem_freep(&c.ctx);
	return exit_code(r, &err);
}
