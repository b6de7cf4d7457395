/*
 * Checks of single values: the first byte chooses one, the rest is the value.
 * What is taken is its own canonical form, and is UTF-8 without control
 * characters; what is refused leaves a message of one line.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static canon_fn *const fns[] = {
	canon_host,
	canon_host_wild,
	canon_email,
	canon_forward_source,
	canon_username,
	canon_label_name,
	canon_db_name,
	canon_path,
	canon_absfile,
	canon_docroot,
	canon_cron_schedule,
	canon_cron_command,
	canon_ip,
	canon_ip4,
	canon_ip6,
	canon_cidr,
	canon_url,
	canon_php_version,
	canon_php_size,
	canon_color,
	canon_text,
	canon_lines,
	canon_pem,
	canon_hash,
	canon_forward_target,
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void try_value(canon_fn *fn, const char *value)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct err err = ERR_INIT;
	const char *once = NULL;
	const char *twice = NULL;
	int r = fn(ctx, value, &once, &err);

	if (r < 0) {
		require(r == -ERR_INVALID && !once && err.msg[0] && text_is_line(err.msg));
		return;
	}
	require(fn(ctx, once, &twice, &err) == 0 && strcmp(once, twice) == 0);
	require(utf8_is_valid(once, strlen(once)));
	require(fn == canon_lines || fn == canon_pem || text_is_line(once));
	if (fn == canon_host)
		require(strspn(once, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(once));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value;

	if (size == 0 || size > 8192)
		return 0;
	value = strndup((const char *)data + 1, size - 1);
	require(value);
	try_value(fns[data[0] % ARRAY_LEN(fns)], value);
	free(value);
	return 0;
}
