/*
 * Reloading a unit by systemd's bus, waiting for the job's end: what
 * `systemctl reload` does, without a process. Source: org.freedesktop.systemd1(5).
 */
#ifndef RECONCILER_SERVICE_BUS_H
#define RECONCILER_SERVICE_BUS_H

#include <stdbool.h>

#include "base/err.h"

/* Whether systemd runs this machine. */
bool service_bus_is_there(void);
/* ERR_CHECK: the job failed; ERR_ABSENT: no such unit, or it does not run. */
int service_bus_reload(const char *unit, int timeout_ms, struct err *err) must_check;

#endif
