/*
 * The thread that keeps house, each second: settings that changed take effect,
 * the use of tokens is written down; each minute what has expired goes. So no
 * request waits for api.db to be written because it was read.
 */
#ifndef API_KEEPER_H
#define API_KEEPER_H

#include <stdint.h>

#include "base/err.h"

struct api;
struct keeper;

int keeper_start(struct api *api, struct keeper **ret, struct err *err) must_check;
/* Writes down what is left and ends; NULL is fine. */
void keeper_stop(struct keeper **ret);
/* From any thread. Of many tokens at once some are left for their next use. */
void keeper_token_used(struct keeper *k, int64_t token);

#endif
