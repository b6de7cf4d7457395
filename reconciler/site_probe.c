#include "reconciler/site_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/talk.h"
#include "renderers/web.h"

enum {
	HOST_MAX = 253,
	ANSWER_SIZE = 4096 /* headers of a static file are some 300 bytes */
};

/* As much of the answer as ANSWER holds, with a NUL behind; one that is longer is not ours. */
static int read_answer(const struct talk *t, char answer[ANSWER_SIZE], struct err *err)
{
	size_t len = 0, n = 1;

	while (n && len < ANSWER_SIZE - 1) {
		int r = talk_read(t, answer + len, ANSWER_SIZE - 1 - len, &n, err);

		if (r < 0)
			return r;
		len += n;
	}
	answer[len] = '\0';
	return 0;
}

static int judge(const char *answer, struct err *err)
{
	const char *body = strstr(answer, "\r\n\r\n");

	if (strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 8, " 200 ", 5) == 0 && body &&
	    strcmp(body + 4, SITE_PROBE_TEXT) == 0)
		return 0;
	return err_set(err, ERR_CHECK, "another server block answers (%.*s)",
		       (int)MIN(strcspn(answer, "\r\n"), (size_t)80), answer);
}

int site_probe(const struct service_at *at, const char *host, int timeout_ms, struct err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(at->http_port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char where[32];
	struct talk t = { .fd = -1, .who = "the web server", .where = where };
	char request[HOST_MAX + 256];
	char answer[ANSWER_SIZE] = "";
	size_t len = strlen(host);
	int r;

	if (!len || len > HOST_MAX ||
	    strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len)
		return err_set(err, ERR_INVALID, "\"%.80s\" is no host name to ask for", host);
	(void)snprintf(where, sizeof(where), "127.0.0.1 port %u", at->http_port);
	(void)snprintf(request, sizeof(request),
		       "GET " SITE_PROBE_URI " HTTP/1.0\r\nHost: %s\r\nUser-Agent: NovaCPX\r\n\r\n",
		       host);
	talk_until(&t, timeout_ms);
	r = talk_connect(&t, (const struct sockaddr *)&to, sizeof(to), err);
	if (r >= 0)
		r = talk_send(&t, request, strlen(request), err);
	if (r >= 0)
		r = read_answer(&t, answer, err);
	fd_close(&t.fd);
	return r < 0 ? r : judge(answer, err);
}
