#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/service.h"
#include "tests/support/testing.h"

#define PHP "php8.2-fpm"

static const struct service *find(void *ctx, const char *name)
{
	const struct service *svc = NULL;
	struct err err = ERR_INIT;

	assert_ok(service_find(ctx, name, &svc, &err), &err);
	return svc;
}

/* A sandbox NAME with users and folders. */
static struct service_at sandbox(void *ctx, const char *name)
{
	struct service_at at = { .root_path = mem_fmt(ctx, "%s/%s", test_tmpdir(), name) };
	static const char *const dirs[] = { "/etc/nginx", "/run/php",       "/var/log/nginx",
					    "/tmp",       "/var/lib/nginx", "/etc/php/8.2/fpm" };
	static const char passwd[] = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
	static const char group[] = "root:x:0:\nnogroup:x:65534:\n";
	struct err err = ERR_INIT;
	int root = fs_root_open("/", &err);

	assert_ok(root, &err);
	assert_ok(fs_mkdirs(root, at.root_path, 0755, &err), &err);
	fd_close(&root);
	at.root = fs_root_open(at.root_path, &err);
	assert_ok(at.root, &err);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_ok(fs_mkdirs(at.root, dirs[i], 0755, &err), &err);
	assert_ok(fs_write_atomic(at.root, "/etc/passwd", passwd, strlen(passwd), 0644, &err),
		  &err);
	assert_ok(fs_write_atomic(at.root, "/etc/group", group, strlen(group), 0644, &err), &err);
	return at;
}

static void put(const struct service_at *at, const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(fs_write_atomic(at->root, path, text, strlen(text), 0644, &err), &err);
}

TEST(a_service_is_found_by_its_name_and_version)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	const struct service *svc = find(ctx, "php8.2-fpm");

	assert_string_equal(svc->program, "/usr/sbin/php-fpm8.2");
	assert_string_equal(svc->pid_file, "/run/php/php8.2-fpm.pid");
	assert_string_equal(svc->unit, "php8.2-fpm.service");
	assert_string_equal(svc->comm, "php-fpm8.2");
	assert_string_equal(svc->check_argv[0], "/usr/sbin/php-fpm8.2");
	assert_string_equal(svc->check_argv[1], "-t");
	assert_false(svc->survives_bad_reload);
	assert_true(find(ctx, "nginx")->survives_bad_reload);
	assert_string_equal(find(ctx, "bind")->unit, "named.service");
	assert_int_equal(service_n_scratch(find(ctx, "nginx")), 4);
}

TEST(a_name_that_is_no_service_is_refused)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	static const char *const bad[] = { "",
					   "ngin",
					   "nginx2",
					   "php-fpm",
					   "php8-fpm",
					   "php8.-fpm",
					   "php.2-fpm",
					   "php8.2-fpmx",
					   "php8.2.1-fpm",
					   "php8.2/../x-fpm",
					   "php88.222-fpm",
					   "php*-fpm" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct service *svc = NULL;
		struct err err = ERR_INIT;

		if (service_find(ctx, bad[i], &svc, &err) != -ERR_NOTFOUND)
			fail_msg("taken: %s", bad[i]);
		assert_contains(err.msg, "nginx, phpX.Y-fpm");
	}
}

/* A process that calls itself COMM. */
static pid_t start_named(const char *comm)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(30);
		(void)prctl(PR_SET_NAME, comm);
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

TEST(a_pid_file_counts_only_when_its_process_is_the_daemon)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	const struct service *svc = find(ctx, "nginx");
	struct service_at at = sandbox(ctx, "pid");
	struct err err = ERR_INIT;
	pid_t pid = start_named("nginx");
	pid_t got;

	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_ABSENT);
	put(&at, "/run/nginx.pid", "1\n");
	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_CORRUPT);
	put(&at, "/run/nginx.pid", "12x\n");
	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_CORRUPT);
	put(&at, "/run/nginx.pid", "99999999999\n");
	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_CORRUPT);
	put(&at, "/run/nginx.pid", "4194303\n");
	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_ABSENT);
	put(&at, "/run/nginx.pid", mem_fmt(ctx, "%d\n", getpid()));
	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_ABSENT);
	/* the right name, but of another root: this file is not what it sees at /run/nginx.pid */
	put(&at, "/run/nginx.pid", mem_fmt(ctx, "%d\n", pid));
	assert_int_equal(service_pid(&at, svc, &got, &err), -ERR_ABSENT);
	assert_int_equal(service_reload(ctx, &at, svc, &err), -ERR_ABSENT);
	assert_contains(err.msg, "nginx is not running");
	assert_ok(service_stop_child(&at, svc, &err), &err);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	fd_close(&at.root);
}

TEST(the_reload_of_a_service_that_watches_its_files_does_nothing)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct service_at at = sandbox(ctx, "cron");
	struct err err = ERR_INIT;

	assert_ok(service_reload(ctx, &at, find(ctx, "cron"), &err), &err);
	fd_close(&at.root);
}

/* ---- the real daemons, each in a sandbox, on sockets of its own ---- */

#define NEEDS(ctx, at, name)                                                               \
	do {                                                                               \
		if (geteuid() != 0 || !service_is_installed(&(at), find((ctx), (name)))) { \
			fd_close(&(at).root);                                              \
			print_message("# skipped: needs root and %s\n", (name));           \
			return;                                                            \
		}                                                                          \
	} while (0)

static int check(void *ctx, const struct service_at *at, const struct service *svc)
{
	struct checkns ns = { .root_path = at->root_path,
			      .scratch = svc->scratch,
			      .n_scratch = service_n_scratch(svc) };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_ok(checkns_run(ctx, &ns, svc->check_argv, &res, &err), &err);
	if (res.status != 0)
		print_message("# %s", res.out);
	return res.status;
}

#define NGINX_CONF                                                 \
	"user root;\nerror_log /var/log/nginx/error.log;\n"        \
	"pid /run/nginx.pid;\nevents {}\nhttp { access_log off;\n" \
	" server { listen unix:/run/web.sock; return 200; }\n}\n"

TEST(nginx_takes_a_good_reload_and_survives_a_bad_one)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct service_at at = sandbox(ctx, "nginx");
	const struct service *svc;
	struct err err = ERR_INIT;
	pid_t first;
	pid_t pid;

	NEEDS(ctx, at, "nginx");
	svc = find(ctx, "nginx");
	put(&at, "/etc/nginx/nginx.conf", NGINX_CONF);
	assert_int_equal(check(ctx, &at, svc), 0);
	assert_false(fs_exists(at.root, "/run/nginx.pid"));
	assert_false(fs_exists(at.root, "/var/log/nginx/error.log"));
	assert_ok(service_start_child(ctx, &at, svc, &err), &err);
	assert_ok(service_pid(&at, svc, &first, &err), &err);
	assert_int_equal(service_start_child(ctx, &at, svc, &err), -ERR_CONFLICT);
	assert_ok(service_reload(ctx, &at, svc, &err), &err);
	assert_ok(service_reload(ctx, &at, svc, &err), &err);
	put(&at, "/etc/nginx/nginx.conf", NGINX_CONF "nonsense;\n");
	assert_int_not_equal(check(ctx, &at, svc), 0);
	at.timeout_ms = 700;
	assert_int_equal(service_reload(ctx, &at, svc, &err), -ERR_CHECK);
	assert_contains(err.msg, "goes on with the old one");
	assert_ok(service_pid(&at, svc, &pid, &err), &err);
	assert_int_equal(pid, first);
	at.timeout_ms = 0;
	put(&at, "/etc/nginx/nginx.conf", NGINX_CONF);
	assert_ok(service_reload(ctx, &at, svc, &err), &err);
	assert_ok(service_stop_child(&at, svc, &err), &err);
	assert_int_equal(service_pid(&at, svc, &pid, &err), -ERR_ABSENT);
	put(&at, "/etc/nginx/nginx.conf", "nonsense;\n");
	assert_int_equal(service_start_child(ctx, &at, svc, &err), -ERR_CHECK);
	assert_contains(err.msg, "unknown directive \"nonsense\"");
	fd_close(&at.root);
}

#define FPM_CONF                                                                  \
	"[global]\npid = /run/php/php8.2-fpm.pid\nerror_log = /var/log/fpm.log\n" \
	"[www]\nuser = nobody\ngroup = nogroup\nlisten = /run/php/www.sock\n"     \
	"pm = ondemand\npm.max_children = 2\n"

TEST(php_fpm_takes_a_good_reload_and_dies_of_a_bad_one)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct service_at at = sandbox(ctx, "fpm");
	const struct service *svc;
	struct err err = ERR_INIT;
	pid_t pid;

	NEEDS(ctx, at, PHP);
	svc = find(ctx, PHP);
	put(&at, "/etc/php/8.2/fpm/php-fpm.conf", FPM_CONF);
	assert_int_equal(check(ctx, &at, svc), 0);
	assert_ok(service_start_child(ctx, &at, svc, &err), &err);
	assert_ok(service_reload(ctx, &at, svc, &err), &err);
	assert_ok(service_reload(ctx, &at, svc, &err), &err);
	assert_ok(service_pid(&at, svc, &pid, &err), &err);
	put(&at, "/etc/php/8.2/fpm/php-fpm.conf", FPM_CONF "[bad]\nuser = no-such-user\n");
	assert_int_not_equal(check(ctx, &at, svc), 0); /* why the check comes first */
	assert_int_equal(service_reload(ctx, &at, svc, &err), -ERR_CHECK);
	assert_contains(err.msg, "has to be started again");
	assert_int_equal(service_pid(&at, svc, &pid, &err), -ERR_ABSENT);
	put(&at, "/etc/php/8.2/fpm/php-fpm.conf", FPM_CONF);
	assert_ok(service_start_child(ctx, &at, svc, &err), &err);
	assert_ok(service_stop_child(&at, svc, &err), &err);
	fd_close(&at.root);
}
