#include "reconciler/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int lockfile_wait(int fd, short type, int timeout_ms, const char *name, struct err *err)
{
	int nap_ms = 1;
	int waited_ms = 0;

	/* polled: a blocking wait could only be ended by a signal, which is the process's, not ours */
	for (;;) {
		struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
		struct timespec nap = { .tv_nsec = nap_ms * 1000000L };

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return err_sys(err, "lock %s", name);
		if (waited_ms >= timeout_ms)
			return err_at(err, ERR_BUSY, name,
				      "%s: still locked by another program after %d ms", name,
				      timeout_ms);
		(void)nanosleep(&nap, NULL); /* waking early only polls early */
		waited_ms += nap_ms;
		nap_ms = nap_ms < 16 ? nap_ms * 2 : 20;
	}
}

void lockfile_drop(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	(void)fcntl(fd, F_OFD_SETLK, &lock); /* cannot fail for a lock that is held */
}
