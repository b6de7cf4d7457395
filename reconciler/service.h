/*
 * How a daemon is run: one row of a table a service.
 *
 * Where systemd runs the machine and the root is "/", it is asked over the
 * bus; elsewhere (containers, sandboxes) the daemon's own control is used: a
 * signal to the process of its pid file, its control command, or BIND's
 * control channel. Signals go by pidfd to a process that was checked to be
 * this daemon's master (name, not a child of its own kind, sees this very pid
 * file), so a reused pid is never hit.
 * Limits. A reload is told from a refusal by its effect: nginx must start new
 * workers (a worker that crashed and was replaced in these seconds looks the
 * same), php-fpm must write a new pid file. nginx keeps running with the old
 * configuration when it refuses; php-fpm's master DIES (all its sites are
 * 502), so its validator must have passed first; it is ERR_CHECK and the
 * daemon is to be started again. postfix's validator passes unknown
 * parameters and missing maps. BIND's reload is `reconfig`: new zones and
 * options; a changed zone is rndc_zone_reload's. What lies on the machine
 * between check and reload is the caller's to keep still.
 */
#ifndef RECONCILER_SERVICE_H
#define RECONCILER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "reconciler/checkns.h"

enum service_control {
	SERVICE_SIGNAL,  /* reload_signal to the master */
	SERVICE_COMMAND, /* reload_argv */
	SERVICE_RNDC,    /* BIND's control channel */
	SERVICE_NONE,    /* it watches its files */
};

enum service_proof {
	SERVICE_PROOF_NONE,     /* the control's own answer */
	SERVICE_PROOF_CHILDREN, /* a new generation of workers */
	SERVICE_PROOF_PID_FILE, /* a pid file written anew */
};

enum {
	SERVICE_ARGS = 8,
	SERVICE_SCRATCH = 6
};

struct service {
	const char *name;
	const char *unit;
	const char *program;
	const char *comm; /* of the master process */
	const char *pid_file;
	const char *run_user;                  /* owner of the pid file's folder; NULL: root */
	const char *check_argv[SERVICE_ARGS];  /* validator; [0] NULL: there is none */
	const char *start_argv[SERVICE_ARGS];  /* starts it in the background */
	const char *reload_argv[SERVICE_ARGS]; /* of SERVICE_COMMAND */
	enum service_control control;
	enum service_proof proof;
	int reload_signal;
	bool survives_bad_reload;                        /* goes on with the old configuration */
	struct checkns_scratch scratch[SERVICE_SCRATCH]; /* what the validator writes to */
};

/* Where it runs. */
struct service_at {
	int root;              /* descriptor of root_path */
	const char *root_path; /* "/" or the folder of a sandbox */
	int timeout_ms;        /* of a start, stop or reload; 0: 10 s */
	uint16_t rndc_port;    /* BIND's control port there; 0: 953 */
	uint16_t http_port;    /* of the web server; 0: it is another than nginx */
};

/*
 * nginx, php8.2-fpm (any version), bind, postfix, dovecot, cron. The row is made on CTX.
 * ERR_NOTFOUND names the services there are.
 */
int service_find(const void *ctx, const char *name, const struct service **ret,
		 struct err *err) must_check;
size_t service_n_scratch(const struct service *svc);
bool service_is_installed(const struct service_at *at, const struct service *svc);
/* The running master. ERR_ABSENT: not running (no pid file, or its pid is another process now). */
int service_pid(const struct service_at *at, const struct service *svc, pid_t *ret,
		struct err *err) must_check;
/* Returns when the new configuration runs. ERR_CHECK: refused; ERR_ABSENT: it does not run. */
int service_reload(const void *ctx, const struct service_at *at, const struct service *svc,
		   struct err *err) must_check;
/* Starts it in the root of AT and waits for its pid file; ERR_CHECK has the daemon's own words. */
int service_start_child(const void *ctx, const struct service_at *at, const struct service *svc,
			struct err *err) must_check;
/* Ends the process of its pid file (TERM, after the deadline KILL); 0 when none runs. */
int service_stop_child(const struct service_at *at, const struct service *svc,
		       struct err *err) must_check;

#endif
