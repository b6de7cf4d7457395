/*
 * An engine's socket without an engine: "follow" is answered and its
 * connection kept, to be told what a test likes; all else is answered
 * {"ok":true,"applied":1}.
 */
#ifndef TESTS_SUPPORT_ENGINE_FAKE_H
#define TESTS_SUPPORT_ENGINE_FAKE_H

#include <pthread.h>
#include <stdbool.h>

struct engine_fake {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	int follower; /* -1: none; locked */
};

void engine_fake_start(struct engine_fake *f, const char *path);
void engine_fake_stop(struct engine_fake *f);
/* Waits for a follower, tells it LINE. */
void engine_fake_tell(struct engine_fake *f, const char *line);

#endif
