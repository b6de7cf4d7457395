#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	/* sd-daemon's prefixes: the journal reads the level from them */
	static const char *const prefix[] = { "<3>", "<4>", "<6>", "<7>" };
	char msg[2048];
	char out[4 * sizeof(msg) + 8];
	size_t n = 0;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (getenv("JOURNAL_STREAM")) /* NOLINT(concurrency-mt-unsafe): set before main */
		n = (size_t)snprintf(out, sizeof(out), "%s", prefix[level]);
	for (const char *p = msg; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "\\x%02x", c);
		else
			out[n++] = *p;
	}
	out[n++] = '\n';
	if (write(STDERR_FILENO, out, n) < 0)
		return; /* nowhere left to say it */
}
