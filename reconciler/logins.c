#include "reconciler/logins.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/talk.h"
#include "renderers/mail.h"

#define SOCKET "/run/dovecot/auth-userdb"

enum {
	DEFAULT_ANSWER_MS = 5000,
	DEFAULT_PATIENCE_MS = 3000,
	NAP_MS = 20,
	LINE_SIZE = 16384, /* a user's fields are some hundred bytes */
	USER_MAX = 320,
	SECOND_MARGIN_NS = 5000000,
};

struct logins {
	int root;
	int answer_ms;
	int patience_ms; /* what is left of it */
	struct talk talk;
	bool is_greeted;
	uint32_t id;
	char in[LINE_SIZE]; /* what was read and is not yet used */
	size_t len;
};

/* ---- the connection ---- */

static void hang_up(struct logins *d)
{
	fd_close(&d->talk.fd);
	d->len = 0;
	d->is_greeted = false;
}

static int done(struct logins *d)
{
	hang_up(d);
	return 0;
}

void logins_freep(struct logins **d)
{
	mem_freep(d);
}

static int dial(struct logins *d, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *name;

	hang_up(d);
	dir = fs_open_parent(d->root, SOCKET, 0, &name, err);
	if (dir == -ERR_NOTFOUND)
		return talk_absent(&d->talk, err);
	if (dir < 0)
		return dir;
	/* beneath a root of ours, and longer than an address may be: by way of the folder */
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%s", dir, name);
	return talk_connect(&d->talk, (const struct sockaddr *)&to, sizeof(to), err);
}

int logins_open(const void *ctx, const struct logins_at *at, struct logins **ret, struct err *err)
{
	struct logins *d = mem_new(ctx, struct logins);
	int r;

	d->root = at->root;
	d->answer_ms = at->answer_ms > 0 ? at->answer_ms : DEFAULT_ANSWER_MS;
	d->patience_ms = at->patience_ms > 0 ? at->patience_ms : DEFAULT_PATIENCE_MS;
	d->talk = (struct talk){ .fd = -1, .who = "dovecot", .where = SOCKET };
	talloc_set_destructor(d, done);
	r = dial(d, err);
	if (r < 0)
		mem_freep(&d);
	else
		*ret = d;
	return r;
}

/* ---- lines in, before the deadline ---- */

static int read_more(struct logins *d, struct err *err)
{
	size_t n = 0;
	int r;

	if (d->len == sizeof(d->in))
		return err_set(err, ERR_CORRUPT,
			       "dovecot answers with a line of more than %zu bytes", sizeof(d->in));
	r = talk_read(&d->talk, d->in + d->len, sizeof(d->in) - d->len, &n, err);
	if (r < 0)
		return r;
	d->len += n;
	return n ? 0 : talk_gone(&d->talk, err);
}

/* The next line, without its newline, in LINE. One that never ends its lines meets the deadline too. */
static int read_line(struct logins *d, char line[LINE_SIZE], struct err *err)
{
	const char *end;
	size_t len;

	while (!(end = memchr(d->in, '\n', d->len))) {
		int r = read_more(d, err);

		if (r < 0)
			return r;
	}
	if (talk_now() > d->talk.deadline)
		return err_set(err, ERR_TIMEOUT, "dovecot talks on and does not answer");
	len = (size_t)(end - d->in);
	memcpy(line, d->in, len);
	line[len] = '\0';
	d->len -= len + 1;
	memmove(d->in, d->in + len + 1, d->len);
	if (strlen(line) != len)
		return err_set(err, ERR_CORRUPT, "dovecot answers with a NUL byte");
	return 0;
}

/* ---- one question ---- */

/* The word after *AT, which moves behind it; NULL at the end. */
static char *next_word(char **at)
{
	return *at ? strsep(at, "\t") : NULL;
}

static int check_greeting(char *words, struct err *err)
{
	const char *major = next_word(&words);

	if (!major || strcmp(major, "1") != 0)
		return err_set(err, ERR_CORRUPT,
			       "dovecot speaks version \"%.20s\" of its auth protocol, we speak 1",
			       major ? major : "");
	return 0;
}

static bool has_version(char *words, const char *version)
{
	const char *word;

	while ((word = next_word(&words))) {
		if (strncmp(word, LOGINS_VERSION "=", strlen(LOGINS_VERSION "=")) == 0)
			return strcmp(word + strlen(LOGINS_VERSION "="), version) == 0;
	}
	return false;
}

/* What WORD and its WORDS say: 0, ERR_CHECK, or ERR_NOTFOUND: nothing about this question. */
static int judge_line(const struct logins *d, const char *word, char *words, const char *version,
		      struct err *err)
{
	bool is_user = strcmp(word, "USER") == 0;
	bool is_unknown = strcmp(word, "NOTFOUND") == 0;
	const char *id;

	if (!is_user && !is_unknown && strcmp(word, "FAIL") != 0)
		return -ERR_NOTFOUND; /* SPID and what later versions may say */
	id = next_word(&words);
	if (!d->is_greeted || !id || strtoul(id, NULL, 10) != d->id)
		return err_set(err, ERR_CORRUPT, "dovecot answers what was not asked");
	if (is_unknown)
		return err_set(err, ERR_CHECK, "it does not know this user");
	if (!is_user)
		return err_set(err, ERR_CHECK, "it failed to look the user up (%.200s)",
			       words && *words ? words : "its log says why");
	if (!has_version(words, version))
		return err_set(err, ERR_CHECK, "it answers from what was there before");
	return 0;
}

static int ask(struct logins *d, const char *user, const char *version, struct err *err)
{
	char line[LINE_SIZE];
	char request[USER_MAX + 64];
	int r = d->talk.fd < 0 ? dial(d, err) : 0;

	if (r < 0)
		return r;
	talk_until(&d->talk, d->answer_ms);
	(void)snprintf(request, sizeof(request), "%sUSER\t%" PRIu32 "\t%s\tservice=doveadm\n",
		       d->is_greeted ? "" : "VERSION\t1\t1\n", ++d->id, user);
	r = talk_send(&d->talk, request, strlen(request), err);
	while (r >= 0) {
		char *words = line;
		const char *word;

		r = read_line(d, line, err);
		if (r < 0)
			return r;
		word = next_word(&words);
		if (strcmp(word, "VERSION") == 0) {
			r = check_greeting(words, err);
			d->is_greeted = r >= 0;
			continue;
		}
		r = judge_line(d, word, words, version, err);
		if (r != -ERR_NOTFOUND)
			return r;
		r = 0;
	}
	return r;
}

static int check_user(const char *user, struct err *err)
{
	size_t len = strlen(user);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)user[i] <= ' ' || user[i] == 0x7f)
			return err_set(err, ERR_INVALID, "a user's name holds a blank or worse");
	}
	return len && len <= USER_MAX
		       ? 0
		       : err_set(err, ERR_INVALID, "a user's name has %zu characters, not 1 to %d",
				 len, USER_MAX);
}

int logins_await(struct logins *d, const char *user, const char *version, struct err *err)
{
	int r = check_user(user, err);

	if (r < 0)
		return r;
	for (;;) {
		r = ask(d, user, version, err);
		if (r >= 0)
			return 0;
		/* anew each time: after a reload the process at the other end may be one that is leaving */
		hang_up(d);
		if ((r != -ERR_CHECK && r != -ERR_ABSENT) || d->patience_ms <= 0)
			return r;
		err_clear(err);
		(void)poll(NULL, 0, NAP_MS);
		d->patience_ms -= NAP_MS;
	}
}

void logins_await_second(const struct timespec *since)
{
	struct timespec now;
	struct timespec rest = { .tv_sec = 0 };

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || now.tv_sec != since->tv_sec)
		return;
	rest.tv_nsec = MIN(999999999L - now.tv_nsec + SECOND_MARGIN_NS, 999999999L);
	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		continue;
}

/* ---- files ---- */

int logins_version_in(const void *ctx, const char *text, const char **ret_user,
		      const char **ret_version, struct err *err)
{
	static const char field[] = ":userdb_" LOGINS_VERSION "=";
	const char *row = text;
	const char *version;
	char *line;

	while (*row == '#' || *row == '\n') {
		row += strcspn(row, "\n");
		row += *row == '\n';
	}
	line = mem_strn(ctx, row, strcspn(row, "\n"));
	version = strstr(line, field);
	if (!version || !strchr(line, ':'))
		return err_set(err, ERR_NOTFOUND, "no row with a version");
	version += strlen(field);
	*ret_version = mem_strn(ctx, version, strcspn(version, " :"));
	*ret_user = mem_strn(ctx, line, strcspn(line, ":"));
	return 0;
}
