#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/confine.h"
#include "api/tls.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tests/support/testing.h"

enum {
	REFUSED = 42, /* exit statuses of a child: what it tried was not allowed … */
	WENT_ON = 43, /* … it was … */
	NOT_SET = 44, /* … it could not be confined */
	NO_LANDLOCK = 45,
	USER_ID = 4321,
};

/* A folder that is the confined user's, and a root with that user. */
struct place {
	const char *root;
	char mine[256], others[256];
};

static struct place place;

static void put_text(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	fd_close(&fd);
}

static void make_place(void)
{
	const char *dir = test_tmpdir();
	cleanup_(mem_freep) void *ctx = NULL;

	if (geteuid() != 0)
		skip();
	if (place.root)
		return;
	ctx = mem_ctx(NULL, "place");
	place.root = dir;
	(void)snprintf(place.mine, sizeof(place.mine), "%s/mine", dir);
	(void)snprintf(place.others, sizeof(place.others), "%s/others", dir);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(mkdir(mem_fmt(ctx, "%s/etc", dir), 0755), 0);
	put_text(mem_fmt(ctx, "%s/etc/passwd", dir),
		 "root:x:0:0::/:/bin/sh\nnovacpx:x:4321:4321::/:/bin/sh\nbad:x:0:7::/:/bin/sh\n",
		 0644);
	assert_int_equal(mkdir(place.mine, 0700), 0);
	assert_int_equal(chown(place.mine, USER_ID, USER_ID), 0);
	assert_int_equal(mkdir(place.others, 0777), 0);
	assert_int_equal(chmod(place.others, 0777), 0); /* only Landlock keeps from it */
	put_text(mem_fmt(ctx, "%s/readable", place.others), "x", 0666);
}

/* Becomes the API: user, files, calls. False when it could not be done. */
static bool confine(bool calls)
{
	const struct confine_path paths[] = { { place.mine, true } };
	struct err err = ERR_INIT;
	int files;

	if (confine_user(place.root, "novacpx", &err) < 0)
		return false;
	files = confine_files(paths, 1, &err);
	if (files < 0 || (calls && confine_syscalls(&err) < 0))
		return false;
	return true;
}

static bool has_landlock(void)
{
	return syscall(444, NULL, 0, 1) > 0; /* landlock_create_ruleset: which version */
}

/* The wait status of a child that is confined and then calls FN. */
static int confined(int (*fn)(void))
{
	int status = 0;
	pid_t pid;

	make_place();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(30);
		_exit(confine(true) ? fn() : NOT_SET);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_refused(int (*fn)(void))
{
	int status = confined(fn);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

static void assert_killed(int (*fn)(void))
{
	int status = confined(fn);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void assert_works(int (*fn)(void))
{
	int status = confined(fn);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int verdict(bool worked)
{
	return worked ? WENT_ON : REFUSED;
}

/* Files */

static int read_shadow(void)
{
	return verdict(open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0);
}

static int read_passwd(void)
{
	return verdict(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
}

static int read_others(void)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/readable", place.others);
	return verdict(open(path, O_RDONLY | O_CLOEXEC) >= 0);
}

static int write_others(void)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/new", place.others);
	return verdict(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
}

static int list_home(void)
{
	return verdict(open("/home", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
}

static int change_mode(void)
{
	return verdict(chmod("/etc/passwd", 0666) == 0);
}

static int link_out(void)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/link", place.mine);
	return verdict(symlink("/etc/shadow", path) == 0);
}

static int make_set_uid(void)
{
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/suid", place.mine);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return verdict(fd < 0 || chown(path, 0, 0) == 0);
}

TEST(files_outside_of_what_was_given_are_closed)
{
	if (!has_landlock())
		skip();
	assert_refused(read_shadow);
	assert_refused(read_passwd);
	assert_refused(read_others);
	assert_refused(write_others);
	assert_refused(list_home);
	assert_refused(change_mode);
	assert_refused(link_out);
	assert_refused(make_set_uid);
}

/* Calls */

static int run_program(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
	return WENT_ON;
}

static int run_by_descriptor(void)
{
	int fd = open("/usr/lib/os-release", O_RDONLY | O_CLOEXEC);

	(void)fexecve(fd, (char *[]){ NULL }, (char *[]){ NULL });
	return WENT_ON;
}

static int fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return verdict(pid > 0);
}

static int become_root(void)
{
	(void)!setuid(0);
	return WENT_ON;
}

static int become_other(void)
{
	(void)!setresgid(0, 0, 0);
	return WENT_ON;
}

static int trace(void)
{
	(void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
	return WENT_ON;
}

static int mount_something(void)
{
	(void)mount("none", "/mnt", "tmpfs", 0, NULL);
	return WENT_ON;
}

static int new_namespace(void)
{
	(void)unshare(CLONE_NEWUSER);
	return WENT_ON;
}

TEST(what_only_an_attack_asks_for_ends_the_process)
{
	assert_killed(run_program);
	assert_killed(run_by_descriptor);
	assert_killed(become_root);
	assert_killed(become_other);
	assert_killed(trace);
	assert_killed(mount_something);
	assert_killed(new_namespace);
}

static int packet_socket(void)
{
	return verdict(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
}

static int netlink_socket(void)
{
	return verdict(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

static int vsock(void)
{
	return verdict(socket(AF_VSOCK, SOCK_STREAM, 0) >= 0);
}

static int internet_socket(void)
{
	return verdict(socket(AF_INET, SOCK_STREAM, 0) >= 0 ||
		       socket(AF_INET, SOCK_DGRAM, 0) >= 0 ||
		       socket(AF_INET6, SOCK_STREAM, 0) >= 0);
}

static int listen_again(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return verdict(fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ||
		       listen(fd, 1) == 0);
}

static int writable_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NOT_SET;
	return verdict(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ||
		       mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int kill_parent(void)
{
	return verdict(kill(getppid(), 0) == 0);
}

static int raise_limit(void)
{
	const struct rlimit core = { .rlim_cur = 1, .rlim_max = 1 };

	return verdict(setrlimit(RLIMIT_CORE, &core) == 0);
}

static int dump_again(void)
{
	return verdict(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

TEST(other_calls_are_refused)
{
	assert_refused(fork_child);
	assert_refused(packet_socket);
	assert_refused(netlink_socket);
	assert_refused(vsock);
	assert_refused(internet_socket);
	assert_refused(listen_again);
	assert_refused(writable_code);
	assert_refused(kill_parent);
	assert_refused(raise_limit);
	assert_refused(dump_again);
}

/* What a server does */

static void *in_thread(void *arg)
{
	int *n = arg;

	*n = *n + 1;
	return malloc(1 << 20); /* an arena of its own */
}

static int use_threads(void)
{
	int n = 0;

	for (int i = 0; i < 20; i++) {
		pthread_t t;
		void *p = NULL;

		if (pthread_create(&t, NULL, in_thread, &n) || pthread_join(t, &p) || !p)
			return 1;
		free(p);
	}
	return n != 20;
}

static int write_database(void)
{
	char path[4096];
	sqlite3 *db;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/x.db", place.mine);
	rc = sqlite3_open(path, &db);
	rc = rc ? rc
		: sqlite3_exec(db,
			       "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS t(x); "
			       "INSERT INTO t VALUES(1); PRAGMA wal_checkpoint(TRUNCATE); VACUUM",
			       NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return rc;
}

static int replace_file(void)
{
	struct err err = ERR_INIT;
	int root = fs_root_open(place.mine, &err);

	return fs_write_atomic(root, "/a.pem", "x", 1, 0600, &err) < 0 ||
	       fs_write_atomic(root, "/a.pem", "y", 1, 0600, &err) < 0;
}

static int talk_to_a_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/nowhere.sock" };
	int pair[2];
	char c = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 || errno == EPERM)
		return 1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || send(pair[0], "x", 1, 0) != 1 ||
	    recv(pair[1], &c, 1, 0) != 1)
		return 2;
	return c != 'x';
}

/* Both ends of a TLS connection over a pair of sockets, with a certificate of our own. */
struct end {
	gnutls_certificate_credentials_t cred;
	int fd;
	unsigned flags;
};

static void *shake_hands(void *arg)
{
	const struct end *end = arg;
	gnutls_session_t session;
	int r;

	(void)gnutls_init(&session, end->flags);
	(void)gnutls_set_default_priority(session);
	(void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, end->cred);
	gnutls_transport_set_int(session, end->fd);
	do {
		r = gnutls_handshake(session);
	} while (r < 0 && !gnutls_error_is_fatal(r));
	gnutls_deinit(session);
	return r < 0 ? (void *)"bad" : NULL;
}

static int speak_tls(void)
{
	void *ctx = mem_ctx(NULL, "tls");
	const char *cert, *key;
	struct err err = ERR_INIT;
	struct end ends[2] = { { .flags = GNUTLS_SERVER }, { .flags = GNUTLS_CLIENT } };
	pthread_t server;
	void *r = NULL;
	int pair[2];

	if (tls_self_signed(ctx, "localhost", &cert, &key, &err) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		(void)gnutls_certificate_allocate_credentials(&ends[i].cred);
		ends[i].fd = pair[i];
	}
	if (gnutls_certificate_set_x509_key_mem(
		    ends[0].cred,
		    &(gnutls_datum_t){ (unsigned char *)cert, (unsigned)strlen(cert) },
		    &(gnutls_datum_t){ (unsigned char *)key, (unsigned)strlen(key) },
		    GNUTLS_X509_FMT_PEM) < 0)
		return 2;
	if (pthread_create(&server, NULL, shake_hands, &ends[0]))
		return 3;
	if (shake_hands(&ends[1]) || pthread_join(server, &r) || r)
		return 4;
	return 0;
}

TEST(what_a_server_needs_still_works)
{
	assert_works(use_threads);
	assert_works(write_database);
	assert_works(replace_file);
	assert_works(talk_to_a_socket);
	assert_works(speak_tls);
}

/* A thread that ran before the filter was loaded. */

struct early {
	int start[2];
	int result;
};

static void *wait_then_execute(void *arg)
{
	struct early *e = arg;
	char c;

	(void)!read(e->start[0], &c, 1);
	e->result = socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? WENT_ON : REFUSED;
	return NULL;
}

TEST(threads_that_run_already_are_confined_too)
{
	int status;
	pid_t pid;

	make_place();
	pid = fork();
	if (pid == 0) {
		struct err err = ERR_INIT;
		struct early e;
		pthread_t t;

		/* root still: only the filter keeps it from a packet socket */
		if (pipe(e.start) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    pthread_create(&t, NULL, wait_then_execute, &e) || confine_syscalls(&err) < 0)
			_exit(NOT_SET);
		(void)!write(e.start[1], "x", 1);
		(void)pthread_join(t, NULL);
		_exit(e.result);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

/* The user alone */

static bool status_has(const char *text, const char *line)
{
	return strstr(text, line) != NULL;
}

static int look_at_self(void)
{
	struct err err = ERR_INIT;
	int root = fs_root_open("/", &err);
	struct rlimit core;
	char *text;
	size_t len;
	int fd;

	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (root < 0 || fd < 0 || fs_read_fd(NULL, fd, "status", 65536, &text, &len, &err) < 0)
		return 1;
	if (!status_has(text, "\nUid:\t4321\t4321\t4321\t4321\n") ||
	    !status_has(text, "\nGid:\t4321\t4321\t4321\t4321\n") ||
	    !status_has(text, "\nGroups:\t4321 \n") || !status_has(text, "\nNoNewPrivs:\t1\n"))
		return 2;
	for (const char *const *set =
		     (const char *const[]){ "Inh", "Prm", "Eff", "Bnd", "Amb", NULL };
	     *set; set++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "\nCap%s:\t0000000000000000\n", *set);
		if (!status_has(text, line))
			return 3;
	}
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || getrlimit(RLIMIT_CORE, &core) < 0 ||
	    core.rlim_max != 0 || umask(0) != 077)
		return 4;
	return 0;
}

TEST(the_user_has_one_group_no_capability_and_no_way_back)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	make_place();
	pid = fork();
	if (pid == 0)
		_exit(confine_user(place.root, "novacpx", &err) < 0 ? NOT_SET : look_at_self());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

TEST(a_user_that_is_not_there_or_is_root_is_refused)
{
	struct err err = ERR_INIT;

	make_place();
	assert_int_equal(confine_user(place.root, "nobody-here", &err), -ERR_NOTFOUND);
	assert_contains(err.msg, "start novacpxd once");
	assert_int_equal(confine_user(place.root, "bad", &err), -ERR_DENIED);
	assert_int_equal(geteuid(), 0);
}
