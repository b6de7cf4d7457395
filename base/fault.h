/*
 * Named points at which tests kill the program or make a call fail.
 *
 * NOVACPX_FAULT=N:kill ends the process (SIGKILL) at the N-th point reached,
 * NOVACPX_FAULT=N:ENOSPC (EIO, EINTR) makes the N-th point report that errno.
 * NOVACPX_FAULT_COUNT=FILE writes how many points were passed, NOVACPX_FAULT_TRACE=FILE
 * appends their names. Release builds have none of it.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef NOVACPX_FAULTS
/* 0, or the errno that the caller shall behave as if it had got (errno is set too). */
int fault_point(const char *name);
#else
#	define fault_point(name) 0
#endif

#endif
