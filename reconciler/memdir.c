#include "reconciler/memdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define SHM    "/dev/shm"
#define PREFIX "novacpx-"

enum {
	RANDOM_LEN = 6, /* of mkdtemp(3) */
	TRIES = 10
};

static int remove_folder(const char *path, struct err *err)
{
	cleanup_(fd_close) int root = fs_root_open("/", err);

	return root < 0 ? root : fs_remove_tree(root, path, 0, err);
}

/* A sweep may take a folder in the moment between its making and its lock. */
static bool is_still_there(const char *path, int fd)
{
	struct stat a;
	struct stat b;

	return fstat(fd, &a) >= 0 && lstat(path, &b) >= 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int memdir_make(struct memdir *s, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		(void)snprintf(s->path, sizeof(s->path), SHM "/" PREFIX "XXXXXX");
		if (!mkdtemp(s->path)) {
			s->path[0] = '\0';
			return err_sys(err, "make a folder in " SHM);
		}
		s->lock = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (s->lock >= 0 && flock(s->lock, LOCK_EX) >= 0 &&
		    is_still_there(s->path, s->lock))
			return 0;
		fd_close(&s->lock);
	}
	s->path[0] = '\0';
	return err_set(err, ERR_BUSY, "folders made in " SHM " vanish");
}

int memdir_remove(struct memdir *s, struct err *err)
{
	int r = s->path[0] ? remove_folder(s->path, err) : 0;

	s->path[0] = '\0';
	fd_close(&s->lock);
	return r;
}

static bool is_ours(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	       strlen(name) == strlen(PREFIX) + RANDOM_LEN &&
	       strspn(name + strlen(PREFIX), letters) == RANDOM_LEN;
}

/* The lock is held until it is removed: whoever has just made it sees that it is gone. */
static void sweep_one(int shm, const char *name)
{
	cleanup_(fd_close) int fd =
		openat(shm, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[32];
	struct stat st;
	struct err ignored = ERR_INIT;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
	    (st.st_mode & 07777) != 0700 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	(void)snprintf(path, sizeof(path), SHM "/%.14s", name);
	(void)!remove_folder(path, &ignored);
}

void memdir_sweep(void)
{
	DIR *dir = opendir(SHM);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (is_ours(entry->d_name))
			sweep_one(dirfd(dir), entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
}
