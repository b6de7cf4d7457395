#include "api/login_log.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/portal.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	NAME_MAX_SHOWN = 64
};

static const char *portal_of(uint16_t port)
{
	const struct portal *portal = portal_of_port(port);

	return portal ? portal->name : portal_of_role(ROLE_USER)->name;
}

static void put_name(struct buf *line, const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789.@_+-";

	for (size_t i = 0; i < NAME_MAX_SHOWN && name[i]; i++) {
		if (strchr(plain, name[i]))
			buf_putc(line, name[i]);
		else
			buf_printf(line, "\\x%02x", (unsigned)(unsigned char)name[i]);
	}
}

void login_log_failure(const char *path, const char *address, uint16_t port, const char *name)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "login");
	cleanup_(fd_close) int fd = -1;
	struct buf line = BUF_ON(ctx);
	time_t now = time(NULL);
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	buf_printf(&line, "%s FAILED LOGIN from %s [%s] ", when, address, portal_of(port));
	put_name(&line, name);
	if (path)
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) {
		log_warn("%s", buf_str(&line));
		return;
	}
	buf_putc(&line, '\n');
	if (fs_write_all(fd, line.data, line.len) < 0)
		log_warn("%s: cannot be written; %s", path, buf_str(&line));
}
