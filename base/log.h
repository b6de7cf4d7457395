/*
 * One line a message: to the journal where systemd runs us, to stderr
 * elsewhere. Only the edges log (mains, the engine's loop); libraries return
 * errors. Control characters of a message are escaped, so no caller can forge
 * a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/macro.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* Messages above LEVEL are dropped. Default: info. */
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *fmt, ...) format_(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
