/*
 * The log of failed logins, in the form that the original's fail2ban filters
 * match, a line each:
 *
 *   2026-11-23 20:05:19 FAILED LOGIN from 192.0.2.7 [admin] name
 *
 * Nobody can forge a line: what is not a plain letter, digit or one of .@_+-
 * in the name is written as \xNN, and it is cut at 64 characters.
 */
#ifndef API_LOGIN_LOG_H
#define API_LOGIN_LOG_H

#include <stdint.h>

/* PATH NULL: to the process's log. The word in brackets is the portal of PORT. */
void login_log_failure(const char *path, const char *address, uint16_t port, const char *name);

#endif
