/*
 * Asking the web server whether a server block of ours answers for a host name.
 *
 * Every site of ours serves ACME challenges from one folder, where a file of
 * nginx_server.c's lies for this question: whoever answers with its text for
 * Host: NAME is ours, and as no two of our sites have one name, it is the one.
 * One request of HTTP/1.0 to 127.0.0.1, so that nothing of an answer has to be
 * understood but its first line and where its body begins.
 */
#ifndef RECONCILER_SITE_PROBE_H
#define RECONCILER_SITE_PROBE_H

#include "reconciler/service.h"

/*
 * 0: ours answers. ERR_CHECK: somebody else does; ERR_TIMEOUT: nobody within TIMEOUT_MS, which no file
 * of ours takes; ERR_ABSENT: nothing listens at the port of AT.
 */
int site_probe(const struct service_at *at, const char *host, int timeout_ms,
	       struct err *err) must_check;

#endif
