#include "reconciler/check_pool.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const char *fault_of_line(const char *line)
{
	line += strspn(line, " \t");
	if (*line == '[')
		return "a section cannot begin here: the lines belong to the account's own pool";
	if (strncasecmp(line, "listen", strlen("listen")) == 0)
		return "a pool's socket cannot be changed: nginx looks for it where it is, and "
		       "php-fpm ends at its reload when it cannot bind another";
	return NULL;
}

const char *check_pool_addition(const void *ctx, const struct artifact *a)
{
	size_t number = 1;

	if (!a->source || !a->data)
		return NULL;
	for (const char *line = a->data; *line; number++) {
		const char *why = fault_of_line(line);

		if (why)
			return mem_fmt(ctx, "%s:%zu: %s", a->path, number, why);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}
