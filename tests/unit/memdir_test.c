#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/memdir.h"
#include "tests/support/testing.h"

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) >= 0;
}

/* The folder of a run that was killed. */
static void leave_behind(struct memdir *m)
{
	struct err err = ERR_INIT;
	int status;
	int pipes[2];
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		char file[64];

		if (memdir_make(m, &err) < 0)
			_exit(1);
		(void)snprintf(file, sizeof(file), "%s/sub", m->path);
		_exit(mkdir(file, 0755) < 0 || write(pipes[1], m, sizeof(*m)) != sizeof(*m));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(pipes[0], m, sizeof(*m)), sizeof(*m));
	m->lock = -1; /* the child's */
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

TEST(what_a_dead_run_left_is_removed_and_what_is_used_stays)
{
	struct memdir dead = MEMDIR_NONE;
	struct memdir used = MEMDIR_NONE;
	struct err err = ERR_INIT;

	assert_ok(memdir_make(&used, &err), &err);
	leave_behind(&dead);
	assert_true(is_there(dead.path));
	memdir_sweep();
	assert_false(is_there(dead.path));
	assert_true(is_there(used.path));
	assert_ok(memdir_remove(&used, &err), &err);
	assert_string_equal(used.path, "");
	assert_ok(memdir_remove(&used, &err), &err);
}

TEST(only_what_is_surely_ours_is_removed)
{
	static const char *const kept[] = { "/dev/shm/novacpx-t1e2s3-", "/dev/shm/novacpx-dry-t1",
					    "/dev/shm/xnovacpx-t1e2s" };
	static const char open_mode[] = "/dev/shm/novacpx-t1e2s3";
	static const char file[] = "/dev/shm/novacpx-t1e2s4";
	static const char linked[] = "/dev/shm/novacpx-t1e2s5";
	static const char foreign[] = "/dev/shm/novacpx-t1e2s6";
	const char *target = test_tmpdir();
	char inside[4200];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_int_equal(mkdir(kept[i], 0700), 0);
	assert_int_equal(mkdir(open_mode, 0755), 0);
	(void)close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0700));
	(void)snprintf(inside, sizeof(inside), "%s/inside", target);
	assert_int_equal(mkdir(inside, 0700), 0);
	assert_int_equal(symlink(target, linked), 0);
	assert_int_equal(mkdir(foreign, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(foreign, 1234, 1234), 0);
	memdir_sweep();
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_int_equal(rmdir(kept[i]), 0);
	assert_int_equal(rmdir(open_mode), 0);
	assert_int_equal(unlink(file), 0);
	assert_true(is_there(inside));
	assert_int_equal(unlink(linked), 0);
	if (geteuid() == 0)
		assert_int_equal(rmdir(foreign), 0);
}

TEST(links_in_what_is_removed_are_not_followed)
{
	struct memdir dead = MEMDIR_NONE;
	const char *target = test_tmpdir();
	char link[64];
	char inside[4200];

	(void)snprintf(inside, sizeof(inside), "%s/kept", target);
	assert_int_equal(mkdir(inside, 0700), 0);
	leave_behind(&dead);
	(void)snprintf(link, sizeof(link), "%s/link", dead.path);
	assert_int_equal(symlink(target, link), 0);
	memdir_sweep();
	assert_false(is_there(dead.path));
	assert_true(is_there(inside));
}
