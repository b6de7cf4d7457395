#include "cli/cli.h"

const struct option_row option_rows[] = {
	{ OPT_FILE, "-f", "--file", "PATH",
	  "State file or folder; may be given several times; - is standard input." },
	{ OPT_YES, "-y", "--yes", NULL, "Does not ask." },
	{ OPT_EXIT_CODE, NULL, "--exit-code", NULL, "Exits with 2 when the plan has changes." },
	{ OPT_FULL, NULL, "--full", NULL, "Looks at everything, not only at what changed." },
	{ OPT_DRY_RUN, NULL, "--dry-run", NULL, "Shows the plan and changes nothing." },
	{ OPT_FORCE, NULL, "--force", "[DIGEST]",
	  "Approves the plan with this digest although a guard stopped it. Without digest: heals also what is held because something else writes it again and again." },
	{ OPT_OUTPUT, "-o", "--output", "DIR",
	  "Writes a tree of files there instead of one document." },
	{ OPT_SECRETS, NULL, "--secrets", NULL,
	  "With password hashes and keys; guard what you get." },
	{ OPT_PRUNE, NULL, "--prune", NULL, "Deletes what the files do not mention." },
	{ OPT_MESSAGE, "-m", "--message", "TEXT", "Why: stands in the log and in git." },
	{ OPT_LIMIT, "-n", "--limit", "N", "At most so many lines." },
	{ OPT_NO_DIFF, NULL, "--no-diff", NULL,
	  "Shows the actions of the plan without the texts." },
};

const size_t n_option_rows = ARRAY_LEN(option_rows);

#define CHANGING (OPT_YES | OPT_FORCE | OPT_MESSAGE | OPT_NO_DIFF | OPT_DRY_RUN)

const struct command commands[] = {
	{ "plan", "", 0, 0, OPT_FILE | OPT_PRUNE | OPT_EXIT_CODE | OPT_FULL | OPT_NO_DIFF, cmd_plan,
	  "Shows exactly what applying state files would do, checked with the real validators; changes nothing. "
	  "Without files: what a pass would do now." },
	{ "apply", "", 0, 0, OPT_FILE | OPT_PRUNE | OPT_FULL | CHANGING, cmd_apply,
	  "Makes what the state files say the wanted state, shows the plan, asks, and carries it out." },
	{ "pass", "", 0, 0, OPT_FULL | OPT_DRY_RUN | OPT_FORCE | OPT_NO_DIFF, cmd_pass,
	  "Carries out what is wanted and not done yet, and tries again what is not ready; with --full, compares "
	  "the whole machine with the wanted state and mends what differs." },
	{ "status", "[KIND/NAME]", 0, 1, 0, cmd_status,
	  "Shows what is applied, and every resource that is not ready and why." },
	{ "drift", "", 0, 0, OPT_EXIT_CODE | OPT_NO_DIFF, cmd_drift,
	  "Shows what was changed on the machine by somebody else." },
	{ "diff", "[REV [REV]]", 0, 2, 0, cmd_diff,
	  "Shows how the wanted state differs between two revisions." },
	{ "log", "[KIND/NAME]", 0, 1, OPT_LIMIT, cmd_log, "Lists revisions, newest first." },
	{ "show", "REV", 1, 1, 0, cmd_show,
	  "Shows one revision: who, when, why, and what it changed." },
	{ "rollback", "REV", 1, 1, CHANGING, cmd_rollback,
	  "Returns to the wanted state of a revision, as a new revision." },
	{ "revert", "REV", 1, 1, CHANGING, cmd_revert,
	  "Undoes one revision and keeps all later ones." },
	{ "export", "", 0, 0, OPT_OUTPUT | OPT_SECRETS, cmd_export,
	  "Writes the wanted state as state files." },
	{ "explain", "PATH[:LINE]", 1, 1, 0, cmd_explain,
	  "Says which resource a file on the machine is for and which revision wrote it; of one line, which fields "
	  "it comes from, and since which revision and by whom they have their values. Of a map's row: MAP:KEY." },
	{ "get", "KIND[/NAME]", 1, 1, 0, cmd_get, "Shows resources with their fields." },
	{ "set", "KIND/NAME FIELD=VALUE…", 1, 64, CHANGING, cmd_set,
	  "Makes a resource or changes single fields of it." },
	{ "unset", "KIND/NAME [FIELD…]", 1, 64, CHANGING, cmd_unset,
	  "Returns fields to their defaults; without fields, deletes the resource and what belongs to it." },
	{ "schema", "[KIND]", 0, 1, 0, cmd_schema,
	  "Prints the JSON Schema of state files, or the fields of a kind." },
	{ "passwd", "KIND/NAME", 1, 1, CHANGING, cmd_passwd,
	  "Sets a password, or a setting that is a key, read from the terminal or from standard input." },
	{ "trash", "list|restore NAME|purge [NAME]", 1, 2, OPT_YES, cmd_trash,
	  "Data of terminated accounts: lists, restores, removes for good." },
	{ "doctor", "", 0, 0, 0, cmd_doctor,
	  "Says what is installed, what runs, what each daemon would load at its next start, "
	  "and whether disk limits hold." },
	{ "sandbox", "init|start|stop|status", 1, 1, 0, cmd_sandbox,
	  "A folder (--root DIR) as a machine of its own: makes it, runs the installed daemons in it, "
	  "says where to look." },
	{ "man", "", 0, 0, 0, cmd_man, "Prints the manual page." },
	{ "completion", "", 0, 0, 0, cmd_completion, "Prints the completion for bash." },
	{ "reference", "", 0, 0, 0, cmd_reference,
	  "Prints all kinds, settings and commands as Markdown." },
	{ "help", "[COMMAND]", 0, 1, 0, cmd_help, "This." },
};

const size_t n_commands = ARRAY_LEN(commands);
