/*
 * What novacpx-api could do if somebody took it over: a program that gives up its rights by the
 * same functions, in the same order, with the same options, and then tries.
 *
 *   confined [OPTION OF novacpx-api]... -- ACT [ARGUMENT]
 *
 *   read PATH, list PATH, write PATH, remove PATH, exec PATH, unix PATH, connect ADDRESS,
 *   kill PID, ptrace PID, fork, root, mount, listen, packet
 *
 * Prints "went on", or "refused: " and why. What only an attack asks for ends the process (SIGSYS).
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/config.h"
#include "api/confine.h"
#include "base/log.h"
#include "base/mem.h"

static bool read_file(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &c, 1) >= 0;
}

static bool list(const char *path)
{
	return opendir(path) != NULL;
}

static bool write_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool remove_file(const char *path)
{
	return unlink(path) == 0;
}

static bool execute(const char *path)
{
	(void)execl(path, path, (char *)NULL);
	return false;
}

static bool connect_unix(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

static bool connect_to(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1 &&
	       connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

static bool end_process(const char *pid)
{
	return kill((pid_t)atoi(pid), SIGTERM) == 0;
}

static bool trace(const char *pid)
{
	return ptrace(PTRACE_ATTACH, (pid_t)atoi(pid), NULL, NULL) == 0;
}

static bool make_process(const char *none)
{
	pid_t pid = fork();

	(void)none;
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool become_root(const char *none)
{
	(void)none;
	return setresuid(0, 0, 0) == 0;
}

static bool mount_there(const char *path)
{
	return mount("none", path, "tmpfs", 0, NULL) == 0;
}

static bool listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0;
}

static bool packets(const char *none)
{
	(void)none;
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static const struct act {
	const char *name;
	bool (*act)(const char *argument);
} acts[] = {
	{ "read", read_file },     { "list", list },        { "write", write_file },
	{ "remove", remove_file }, { "exec", execute },     { "unix", connect_unix },
	{ "connect", connect_to }, { "kill", end_process }, { "ptrace", trace },
	{ "fork", make_process },  { "root", become_root }, { "mount", mount_there },
	{ "listen", listen_at },   { "packet", packets },
};

static const struct act *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (strcmp(acts[i].name, name) == 0)
			return &acts[i];
	return NULL;
}

int main(int argc, char **argv)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "confined");
	const struct act *act = NULL;
	struct err err = ERR_INIT;
	struct config config;
	int n = 1;
	int r;

	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	if (n + 1 < argc)
		act = find(argv[n + 1]);
	if (!act)
		return 2;
	argv[n] = NULL;
	config_parse(ctx, n, argv, &config);
	r = config.is_confined ? config_confine(ctx, &config, &err) : 0;
	if (r >= 0 && config.is_confined)
		r = confine_syscalls(&err);
	if (r < 0) {
		log_error("%s", err.msg);
		return 1;
	}
	errno = 0;
	if (act->act(n + 2 < argc ? argv[n + 2] : ""))
		(void)puts("went on");
	else
		(void)printf("refused: %s\n", strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
	return 0;
}
