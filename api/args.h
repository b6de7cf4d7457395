/*
 * From a request's query, JSON body or parts to the arguments of an endpoint.
 *
 * A parameter is looked for in the body first, then in the query, under its
 * name, then its aliases. Unknown ones are ignored, as the original did: web
 * panels send more than is asked for. Missing required ones are 400, wrong
 * ones 422, each with its path; ids that name nothing of the caller's are 404.
 */
#ifndef API_ARGS_H
#define API_ARGS_H

#include "api/call.h"

enum {
	ARGS_DEPTH_MAX = 32,      /* of a JSON body */
	ARGS_TEXT_MAX = 64 * 1024 /* of a value */
};

/* Reads all parameters of the call's endpoint: their form, nothing of the model. */
int args_read(struct call *c, struct err *err) must_check;
/*
 * Finds what ids name. To be called on each thread that goes on to use it: what was found before
 * may have changed.
 */
int args_resolve(struct call *c, struct err *err) must_check;

#endif
