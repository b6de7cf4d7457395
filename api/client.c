#include "api/client.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"

enum {
	HOPS_MAX = 8
};

/* The last word before END, in canonical form; NULL: it is no address. */
static const char *last_word(const void *ctx, const char *list, const char *end,
			     const char **ret_start)
{
	char text[INET6_ADDRSTRLEN] = "";
	uint8_t bytes[16];
	const char *start;

	while (end > list && end[-1] == ' ')
		end--;
	for (start = end; start > list && start[-1] != ',' && start[-1] != ' ';)
		start--;
	*ret_start = start;
	if (end == start || (size_t)(end - start) >= sizeof(text))
		return NULL;
	memcpy(text, start, (size_t)(end - start));
	if (inet_pton(AF_INET, text, bytes) == 1 && inet_ntop(AF_INET, bytes, text, sizeof(text)))
		return mem_str(ctx, text);
	if (inet_pton(AF_INET6, text, bytes) == 1 && inet_ntop(AF_INET6, bytes, text, sizeof(text)))
		return mem_str(ctx, text);
	return NULL;
}

const char *client_address(struct live *l, struct request *r)
{
	const char *address = request_peer(r), *list = request_header(r, "X-Forwarded-For");
	const char *end = list ? list + strlen(list) : NULL;

	for (int hop = 0; list && hop < HOPS_MAX && live_trusts(l, address); hop++) {
		const char *start, *word = last_word(request_ctx(r), list, end, &start);

		if (!word)
			return address;
		address = word;
		while (start > list && start[-1] == ' ')
			start--;
		if (start == list)
			return address;
		end = start - (start[-1] == ',');
	}
	return address;
}
