/* What an administrator may not add to a pool of php-fpm. */
#include "base/mem.h"
#include "reconciler/check_pool.h"
#include "tests/support/testing.h"

static const char *fault(const void *ctx, const char *text)
{
	const struct artifact a = {
		.path = "/etc/php/8.2/fpm/novacpx/00/a/x.conf",
		.source = "/etc/novacpx/php.d/a",
		.data = text,
	};

	return check_pool_addition(ctx, &a);
}

TEST(values_of_a_pool_may_be_added)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");

	assert_null(fault(ctx, ""));
	assert_null(fault(ctx, "; listen = here\npm.max_children = 3\nenv[listen] = x"));
	assert_null(fault(ctx, "php_admin_value[memory_limit] = 1G\n\n"));
}

TEST(its_socket_and_its_section_may_not)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");

	assert_contains(fault(ctx, "listen=/x"), "/x.conf:1: a pool's socket");
	assert_contains(fault(ctx, "; one\n\n \tLISTEN.acl_users = x\n"), "/x.conf:3: a pool's");
	assert_contains(fault(ctx, "pm = static\n  [other]\n"), "/x.conf:2: a section");
}

TEST(what_is_no_copy_is_not_looked_at)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	const struct artifact ours = { .path = "/etc/x.conf", .data = "[pool]\nlisten = /x\n" };

	assert_null(check_pool_addition(ctx, &ours));
}
