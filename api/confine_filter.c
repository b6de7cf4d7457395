/* The system calls that novacpx-api may make: tables for libseccomp. */
#include <errno.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/confine.h"

#ifndef CLONE_THREAD
#	include <sched.h>
#endif

#define CALL(name) SCMP_SYS(name)

/* With any arguments. */
static const int allowed[] = {
	/* descriptors */
	CALL(read),
	CALL(readv),
	CALL(pread64),
	CALL(preadv),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(close),
	CALL(close_range),
	CALL(lseek),
	CALL(dup),
	CALL(dup3),
	CALL(fcntl),
	CALL(fstat),
	CALL(fsync),
	CALL(fdatasync),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fadvise64),
	CALL(flock),
	CALL(fchmod),
	CALL(sendfile),
	/* files: which, Landlock says */
	CALL(open),
	CALL(openat),
	CALL(openat2),
	CALL(stat),
	CALL(lstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(statfs),
	CALL(fstatfs),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getdents64),
	CALL(getcwd),
	CALL(unlink),
	CALL(unlinkat),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(umask),
	CALL(syncfs),
	/* the sockets that are open, new connections, the engine */
	CALL(accept),
	CALL(accept4),
	CALL(connect),
	CALL(getsockname),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(shutdown),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(recvmmsg),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	/* waiting */
	CALL(poll),
	CALL(ppoll),
	CALL(select),
	CALL(pselect6),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(eventfd2),
	CALL(pipe2),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(restart_syscall),
	/* memory and threads */
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(mlock),
	CALL(munlock),
	CALL(futex),
	CALL(membarrier),
	CALL(set_robust_list),
	CALL(set_tid_address),
	CALL(rseq),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(exit),
	CALL(exit_group),
	/* signals */
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigtimedwait),
	CALL(rt_sigsuspend),
	CALL(sigaltstack),
	CALL(tgkill),
	/* questions */
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(time),
	CALL(times),
	CALL(getrandom),
	CALL(getpid),
	CALL(gettid),
	CALL(getppid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getrusage),
	CALL(getrlimit),
	CALL(sysinfo),
	CALL(uname),
};

/* Nothing of ours ever asks for these: who does has taken the process over. */
static const int deadly[] = {
	CALL(execve),
	CALL(execveat),
	CALL(fork),
	CALL(vfork),
	CALL(ptrace),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(kcmp),
	CALL(mount),
	CALL(umount2),
	CALL(move_mount),
	CALL(open_tree),
	CALL(fsopen),
	CALL(fsmount),
	CALL(pivot_root),
	CALL(chroot),
	CALL(unshare),
	CALL(setns),
	CALL(setuid),
	CALL(setgid),
	CALL(setreuid),
	CALL(setregid),
	CALL(setresuid),
	CALL(setresgid),
	CALL(setgroups),
	CALL(setfsuid),
	CALL(setfsgid),
	CALL(capset),
	CALL(init_module),
	CALL(finit_module),
	CALL(delete_module),
	CALL(kexec_load),
	CALL(bpf),
	CALL(perf_event_open),
	CALL(userfaultfd),
	CALL(keyctl),
	CALL(add_key),
	CALL(request_key),
	CALL(io_uring_setup),
	CALL(memfd_create),
	CALL(open_by_handle_at),
	CALL(name_to_handle_at),
	CALL(reboot),
	CALL(swapon),
	CALL(sethostname),
	CALL(settimeofday),
	CALL(clock_settime),
	CALL(iopl),
	CALL(ioperm),
};

/* One argument decides. Several rows of a call: one that fits is enough. */
struct row {
	int call;
	unsigned arg;
	enum scmp_compare how;
	scmp_datum_t a, b; /* MASKED_EQ: mask and value */
};

static const struct row rows[] = {
	/* to the engine; what listens is open already, and nobody else is called */
	{ CALL(socket), 0, SCMP_CMP_EQ, AF_UNIX, 0 },
	{ CALL(socketpair), 0, SCMP_CMP_EQ, AF_UNIX, 0 },
	/* code is not writable, what is writable is not code */
	{ CALL(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
	{ CALL(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC },
	{ CALL(mprotect), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
	/* threads, no processes; clone3, whose flags cannot be seen, "does not exist" */
	{ CALL(clone), 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD },
	{ CALL(ioctl), 1, SCMP_CMP_EQ, FIONBIO, 0 },
	{ CALL(ioctl), 1, SCMP_CMP_EQ, FIONREAD, 0 },
	{ CALL(prctl), 0, SCMP_CMP_EQ, PR_SET_NAME, 0 },
	/* reading limits; the new ones are the third argument */
	{ CALL(prlimit64), 2, SCMP_CMP_EQ, 0, 0 },
};

static int fill(scmp_filter_ctx f)
{
	int r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

	for (size_t i = 0; i < ARRAY_LEN(allowed) && r >= 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(deadly) && r >= 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(rows) && r >= 0; i++) {
		const struct row *w = &rows[i];
		const struct scmp_arg_cmp cmp = {
			.arg = w->arg, .op = w->how, .datum_a = w->a, .datum_b = w->b
		};

		r = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, w->call, 1, &cmp);
	}
	if (r >= 0)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	return r;
}

int confine_syscalls(struct err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = f ? fill(f) : -ENOMEM;

	if (r >= 0)
		r = seccomp_load(f);
	if (f)
		seccomp_release(f);
	return r < 0 ? err_sys_no(err, -r, "filter of system calls") : 0;
}
