#include "base/fault.h"

#ifndef NOVACPX_FAULTS
typedef int fault_none; /* a file with nothing in it is not C */
#else

#	include <errno.h>
#	include <signal.h>
#	include <stdbool.h>
#	include <stdio.h>
#	include <stdlib.h>
#	include <string.h>
#	include <unistd.h>

/* The one place in the project with state of its own: it counts for the tests. */
static long reached;

static void note(const char *name)
{
	const char *path = getenv("NOVACPX_FAULT_COUNT");  /* NOLINT(concurrency-mt-unsafe) */
	const char *trace = getenv("NOVACPX_FAULT_TRACE"); /* NOLINT(concurrency-mt-unsafe) */
	FILE *f = path ? fopen(path, "we") : NULL;

	if (f) {
		(void)fprintf(f, "%ld\n", reached);
		(void)fclose(f);
	}
	f = trace ? fopen(trace, "ae") : NULL;
	if (f) {
		(void)fprintf(f, "%ld %s\n", reached, name);
		(void)fclose(f);
	}
}

int fault_point(const char *name)
{
	const char *spec = getenv("NOVACPX_FAULT"); /* NOLINT(concurrency-mt-unsafe) */
	char *what = NULL;
	long at;

	reached++;
	note(name);
	if (!spec)
		return 0;
	at = strtol(spec, &what, 10);
	if (at != reached || *what != ':')
		return 0;
	what++;
	if (strcmp(what, "kill") == 0)
		(void)kill(getpid(), SIGKILL);
	errno = strcmp(what, "ENOSPC") == 0 ? ENOSPC : strcmp(what, "EINTR") == 0 ? EINTR : EIO;
	return errno;
}

#endif
