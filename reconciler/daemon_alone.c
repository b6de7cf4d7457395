#include "reconciler/daemon_alone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fs.h"

/* Hands a descriptor out of a cleanup_ local. */
static int hand_out(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

int daemon_alone(int root, int *ret_fd, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	char text[32] = "";
	ssize_t n;
	int len;
	int r = fs_mkdirs(root, "/run/novacpx", 0755, err);

	if (r < 0)
		return r;
	fd = fs_open(root, DAEMON_PID, O_RDWR | O_CREAT, 0644, 0, err);
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(err, "lock " DAEMON_PID);
		n = pread(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
		return err_set(err, ERR_BUSY,
			       "novacpxd runs already for this root: process %s (" DAEMON_PID ")",
			       text[0] ? text : "unknown");
	}
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return err_sys(err, "write " DAEMON_PID);
	*ret_fd = hand_out(&fd);
	return 0;
}
