#include "reconciler/service_bus.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static const char manager[] = "org.freedesktop.systemd1";
static const char manager_path[] = "/org/freedesktop/systemd1";
static const char manager_iface[] = "org.freedesktop.systemd1.Manager";

struct job {
	char path[128]; /* "" until the call has returned */
	char result[32];
};

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool service_bus_is_there(void)
{
	return sd_booted() > 0;
}

static int on_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct job *job = arg;
	const char *path;
	const char *unit;
	const char *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 &&
	    strcmp(path, job->path) == 0)
		(void)stpncpy(job->result, result, sizeof(job->result) - 1);
	return 0;
}

static int start_job(sd_bus *bus, const char *unit, struct job *job, struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;
	int r = sd_bus_call_method(bus, manager, manager_path, manager_iface, "ReloadUnit", &error,
				   &reply, "ss", unit, "replace");

	if (r < 0) {
		bool is_absent =
			sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit");

		r = err_set(err, is_absent ? ERR_ABSENT : ERR_CHECK, "systemd, reload %s: %s", unit,
			    error.message ? error.message : "no answer");
	} else if (sd_bus_message_read(reply, "o", &path) < 0) {
		r = err_set(err, ERR_CORRUPT, "systemd, reload %s: answer without a job", unit);
	} else {
		(void)stpncpy(job->path, path, sizeof(job->path) - 1);
		r = 0;
	}
	sd_bus_error_free(&error);
	(void)sd_bus_message_unref(reply);
	return r;
}

static int wait_job(sd_bus *bus, const char *unit, const struct job *job, int timeout_ms,
		    struct err *err)
{
	uint64_t deadline = now_us() + (uint64_t)timeout_ms * 1000;

	while (!job->result[0]) {
		int r = sd_bus_process(bus, NULL);

		if (r == 0) {
			if (now_us() >= deadline)
				return err_set(err, ERR_TIMEOUT,
					       "systemd, reload %s: not done within %d ms", unit,
					       timeout_ms);
			r = sd_bus_wait(bus, deadline - now_us());
		}
		if (r < 0 && r != -EINTR)
			return err_sys_no(err, -r, "systemd, reload %s", unit);
	}
	return strcmp(job->result, "done") == 0
		       ? 0
		       : err_set(err, ERR_CHECK, "systemd, reload %s: %s; its journal says why",
				 unit, job->result);
}

int service_bus_reload(const char *unit, int timeout_ms, struct err *err)
{
	struct job job = { .path = "" };
	sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r < 0)
		return err_sys_no(err, -r, "connect to the system bus");
	/* before the job exists, so that its end cannot be missed */
	r = sd_bus_match_signal(bus, NULL, manager, manager_path, manager_iface, "JobRemoved",
				on_removed, &job);
	if (r >= 0)
		r = sd_bus_call_method(bus, manager, manager_path, manager_iface, "Subscribe", NULL,
				       NULL, NULL);
	r = r < 0 ? err_sys_no(err, -r, "listen to systemd") : start_job(bus, unit, &job, err);
	if (r == 0)
		r = wait_job(bus, unit, &job, timeout_ms, err);
	(void)sd_bus_flush_close_unref(bus);
	return r;
}
