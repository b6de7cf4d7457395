/*
 * A sandbox: a folder that serves as the root of everything, in which the
 * installed daemons run as children on high ports.
 *
 * Making one copies from the host's /etc what daemons of Debian's packages
 * read, with owners and modes, and nothing that is not for everybody to read:
 * keys are made anew, users come without passwords. What a host's own sites,
 * zones, pools and cron jobs are does not come along. Mail, IMAP and DNS
 * listen on the loopback address alone, and no mail leaves the sandbox.
 * Programs are the host's own: /usr is shown read-only.
 */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include "cli/cli.h"

#define SANDBOX_MARK "/etc/novacpx/sandbox"

/*
 * Makes PATH a sandbox. 1: made; 0: it is one already. A folder that holds anything else, and
 * "/", are refused (ERR_CONFLICT, ERR_INVALID). What was interrupted is made again.
 */
int sandbox_make(const void *ctx, const char *path, struct err *err) must_check;
bool sandbox_is_one(int root);

/*
 * Our own programs, novacpxd and novacpx-api, beside this one or where packages have them. The
 * engine works on the sandbox from outside; the API sees the sandbox as its root, as user novacpx.
 */
#define SANDBOX_HTTP_PORT  "18880" /* on 127.0.0.1 */
#define SANDBOX_HTTPS_PORT "18881"

/* Starts those that are there; what it does is printed. An error when one does not come up. */
int sandbox_start_own(struct cli *c, struct err *err) must_check;
/* 1 when one ran. */
int sandbox_stop_own(struct cli *c, struct err *err) must_check;
void sandbox_show_own(struct cli *c);
/* The path of this program, on C. */
const char *sandbox_program(struct cli *c);

/* Prints each site, zone and mailbox of the wanted state with the command that shows it. */
int sandbox_show(struct cli *c, struct err *err) must_check;

/* Of the settings of the wanted state, on CTX. */
int sandbox_setting(struct cli *c, const char *name, const char **ret, struct err *err) must_check;

#endif
