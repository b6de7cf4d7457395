/* operations: what the engine made of writes that nobody waited for. */
#include "api/operations.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "api/api.h"
#include "api/resources.h"
#include "base/mem.h"

enum {
	KEPT_MAX = 1024,
	KEPT_OF_USER = 128,
	KEPT_S = 3600,
	PENDING_S = 3600, /* then it has failed */
	ASK_MS = 1000,
	REST_MS = 1000, /* before an engine that does not run is asked again */
	ID_LEN = 16,
};

enum state {
	STATE_PENDING,
	STATE_DONE,
	STATE_FAILED,
	STATE_CANCELLED,
};

static const char *const states[] = { "pending", "done", "failed", "cancelled" };

struct operation {
	char id[ID_LEN + 1];
	int64_t owner; /* user's id */
	int64_t rev, began, ended;
	enum state state;
	const char *action, *resource; /* "dns.add-record", "record/…"; or NULL */
	const char *type, *reason, *message;
};

struct operations {
	struct api *api;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool is_ending;
	struct operation *v[KEPT_MAX]; /* the oldest first, each a talloc block of its own */
	size_t n;
};

/* Locked, as all with struct operations as their first parameter but the thread's. */

static void drop(struct operations *ops, size_t i)
{
	(void)talloc_free(ops->v[i]);
	memmove(&ops->v[i], &ops->v[i + 1], (--ops->n - i) * sizeof(ops->v[0]));
}

static void forget_old(struct operations *ops)
{
	int64_t now = (int64_t)time(NULL);

	for (size_t i = ops->n; i-- > 0;) {
		if (ops->v[i]->ended && now - ops->v[i]->ended > KEPT_S)
			drop(ops, i);
	}
}

static size_t count(const struct operations *ops, int64_t owner, bool is_pending)
{
	size_t n = 0;

	for (size_t i = 0; i < ops->n; i++)
		n += (!owner || ops->v[i]->owner == owner) &&
		     (!is_pending || ops->v[i]->state == STATE_PENDING);
	return n;
}

static struct operation *find(const struct operations *ops, const char *id, int64_t owner)
{
	for (size_t i = 0; i < ops->n; i++) {
		if (strcmp(ops->v[i]->id, id) == 0 && (!owner || ops->v[i]->owner == owner))
			return ops->v[i];
	}
	return NULL;
}

/* Makes room by forgetting the oldest that has ended, of OWNER if given. False: all wait. */
static bool make_room(struct operations *ops, int64_t owner)
{
	for (size_t i = 0; i < ops->n; i++) {
		if (ops->v[i]->state != STATE_PENDING && (!owner || ops->v[i]->owner == owner)) {
			drop(ops, i);
			return true;
		}
	}
	return false;
}

static void finish(struct operation *op, enum state state, const char *type, const char *reason,
		   const char *message)
{
	op->state = state;
	op->ended = (int64_t)time(NULL);
	op->type = mem_str(op, type);
	op->reason = mem_str(op, reason);
	op->message = mem_str(op, message);
}

size_t operations_pending(struct operations *ops)
{
	size_t n;

	(void)pthread_mutex_lock(&ops->lock);
	n = count(ops, 0, true);
	(void)pthread_mutex_unlock(&ops->lock);
	return n;
}

/* Asking for one */

static bool prefers_async(struct call *c)
{
	const char *prefer = request_header(c->request, "Prefer");
	const char *asked = request_query(c->request, "async");
	size_t len = strlen("respond-async");

	if (asked)
		return strcmp(asked, "0") != 0 && strcmp(asked, "false") != 0;
	for (const char *at = prefer; at && *at; at += strcspn(at, ",")) {
		at += strspn(at, ", \t");
		if (strncasecmp(at, "respond-async", len) == 0 &&
		    (!at[len] || strchr(",; \t", at[len])))
			return true;
	}
	return false;
}

int operation_read(struct call *c, struct err *err)
{
	struct operations *ops = c->api->operations;
	int r = 0;

	/* a preference may be left unheeded: the billing bridge has no user to own it */
	if (c->who.id == 0 || !prefers_async(c))
		return 0;
	(void)pthread_mutex_lock(&ops->lock);
	if (count(ops, c->who.id, true) >= KEPT_OF_USER)
		r = err_set(err, ERR_BUSY,
			    "async: %d of your operations wait for the engine; no more are taken",
			    KEPT_OF_USER);
	else if (count(ops, 0, true) >= KEPT_MAX)
		r = err_set(err, ERR_BUSY,
			    "async: %d operations wait for the engine; no more are taken",
			    KEPT_MAX);
	(void)pthread_mutex_unlock(&ops->lock);
	c->is_async = r >= 0;
	return r;
}

static struct operation *operation_new(const struct call *c)
{
	struct operation *op = mem_new(NULL, struct operation);
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		mem_abort();
	(void)snprintf(op->id, sizeof(op->id), "%016" PRIx64, random);
	op->owner = c->who.id;
	op->rev = c->rev;
	op->began = (int64_t)time(NULL);
	op->action = mem_str(op, c->endpoint->audit);
	op->resource = mem_str(op, c->resource);
	return op;
}

void operation_begin(struct call *c)
{
	struct operations *ops = c->api->operations;
	struct operation *op = operation_new(c);
	bool fits;

	(void)pthread_mutex_lock(&ops->lock);
	forget_old(ops);
	fits = count(ops, op->owner, false) < KEPT_OF_USER || make_room(ops, op->owner);
	fits = fits && (ops->n < KEPT_MAX || make_room(ops, 0));
	if (fits) {
		ops->v[ops->n++] = op;
		c->operation = mem_str(c->ctx, op->id);
		c->status = 202;
		c->message = "Accepted";
		(void)pthread_cond_signal(&ops->changed);
	}
	(void)pthread_mutex_unlock(&ops->lock);
	/* taken up by others since it was asked: then it is answered as any write */
	if (!fits)
		(void)talloc_free(op);
}

/* The thread */

struct question {
	char id[ID_LEN + 1];
	int64_t rev, began;
	const char *resource;
};

/* The pending one with the lowest revision: none can be done before it. */
static bool next_question(struct operations *ops, const void *ctx, struct question *ret)
{
	const struct operation *best = NULL;

	for (size_t i = 0; i < ops->n; i++) {
		if (ops->v[i]->state == STATE_PENDING && (!best || ops->v[i]->rev < best->rev))
			best = ops->v[i];
	}
	if (!best)
		return false;
	*ret = (struct question){ .rev = best->rev,
				  .began = best->began,
				  .resource = mem_str(ctx, best->resource) };
	memcpy(ret->id, best->id, sizeof(ret->id));
	return true;
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text ? text : "";
}

/* The engine is through with the revision: what stands of its resource tells how it went. */
static void settle(struct operation *op, const json_t *answer)
{
	const json_t *told = NULL, *o;
	enum state state = STATE_DONE;
	size_t i;

	json_array_foreach(json_object_get(answer, "conditions"), i, o)
	{
		/* an edit of somebody else's is no failure of the write */
		bool is_drift = strcmp(text_of(o, "type"), "Drifted") == 0;

		if (told && (is_drift || state == STATE_FAILED))
			continue;
		told = o;
		state = is_drift ? STATE_DONE : STATE_FAILED;
	}
	if (told)
		finish(op, state, text_of(told, "type"), text_of(told, "reason"),
		       text_of(told, "message"));
	else
		finish(op, STATE_DONE, "Ready", "Applied", "");
}

/* Those that need no more asking go on at once; ms to rest else. */
static int64_t take_answer(struct operations *ops, const struct question *q, int r,
			   const json_t *answer, const struct err *err)
{
	struct operation *op = find(ops, q->id, 0);

	if (!op || op->state != STATE_PENDING)
		return 0;
	if (r >= 0) {
		settle(op, answer);
		return 0;
	}
	if (r == -ERR_GUARD) {
		finish(op, STATE_FAILED, "Blocked", "Guard", err->msg);
		return 0;
	}
	if (r == -ERR_INVALID || r == -ERR_NOTFOUND) {
		finish(op, STATE_FAILED, "Failed", "Refused", err->msg);
		return 0;
	}
	if ((int64_t)time(NULL) - q->began > PENDING_S) {
		finish(op, STATE_FAILED, "Progressing", "TimedOut", err->msg);
		return 0;
	}
	return r == -ERR_TIMEOUT ? 0 : REST_MS;
}

static void rest(struct operations *ops, int64_t ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	while (!ops->is_ending && pthread_cond_timedwait(&ops->changed, &ops->lock, &until) == 0)
		;
}

static void ask(struct operations *ops, const struct question *q)
{
	struct err err = ERR_INIT;
	json_t *answer = NULL;
	json_t *request =
		json_pack("{s:s, s:I, s:I, s:s*}", "op", "wait", "revision", (json_int_t)q->rev,
			  "timeout_ms", (json_int_t)ASK_MS, "resource", q->resource);
	int64_t pause;
	int r;

	(void)pthread_mutex_unlock(&ops->lock);
	r = engine_call(ops->api->engine, request, (int64_t)ASK_MS * 2, &answer, &err);
	json_decref(request);
	(void)pthread_mutex_lock(&ops->lock);
	pause = take_answer(ops, q, r, answer, &err);
	json_decref(answer);
	if (pause)
		rest(ops, pause);
}

static void *run(void *arg)
{
	struct operations *ops = arg;

	(void)pthread_mutex_lock(&ops->lock);
	while (!ops->is_ending) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "question");
		struct question q;

		if (next_question(ops, ctx, &q))
			ask(ops, &q);
		else
			(void)pthread_cond_wait(&ops->changed, &ops->lock);
	}
	(void)pthread_mutex_unlock(&ops->lock);
	return NULL;
}

int operations_start(struct api *api, struct operations **ret, struct err *err)
{
	struct operations *ops = mem_new(NULL, struct operations);
	pthread_condattr_t attr;
	int n;

	ops->api = api;
	*ret = ops;
	if (pthread_mutex_init(&ops->lock, NULL) || pthread_condattr_init(&attr) ||
	    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) ||
	    pthread_cond_init(&ops->changed, &attr))
		mem_abort();
	(void)pthread_condattr_destroy(&attr);
	n = pthread_create(&ops->thread, NULL, run, ops);
	if (n)
		return err_sys_no(err, n, "start a thread");
	ops->has_thread = true;
	return 0;
}

void operations_end(struct operations *ops)
{
	if (!ops || !ops->has_thread)
		return;
	(void)pthread_mutex_lock(&ops->lock);
	ops->is_ending = true;
	(void)pthread_cond_broadcast(&ops->changed);
	(void)pthread_mutex_unlock(&ops->lock);
	(void)pthread_join(ops->thread, NULL);
	ops->has_thread = false;
}

void operations_free(struct operations **operations)
{
	struct operations *ops = *operations;

	if (!ops)
		return;
	operations_end(ops);
	while (ops->n)
		drop(ops, ops->n - 1);
	(void)pthread_cond_destroy(&ops->changed);
	(void)pthread_mutex_destroy(&ops->lock);
	(void)talloc_free(ops);
	*operations = NULL;
}

/* Endpoints */

static void put(struct jsonw *w, const struct operation *op)
{
	jsonw_open(w, NULL, '{');
	jsonw_text(w, "id", op->id);
	jsonw_text(w, "state", states[op->state]);
	jsonw_text(w, "action", op->action);
	jsonw_text(w, "resource", op->resource);
	jsonw_int(w, "revision", op->rev);
	jsonw_time(w, "began_at", op->began);
	jsonw_time(w, "ended_at", op->ended);
	if (op->type) {
		jsonw_open(w, "condition", '{');
		jsonw_text(w, "type", op->type);
		jsonw_text(w, "reason", op->reason);
		jsonw_text(w, "message", op->message);
		jsonw_close(w, '}');
	} else {
		jsonw_null(w, "condition");
	}
	jsonw_close(w, '}');
}

static int list(struct call *c, struct err *err)
{
	struct operations *ops = c->api->operations;

	(void)err;
	jsonw_open(&c->w, NULL, '[');
	(void)pthread_mutex_lock(&ops->lock);
	forget_old(ops);
	for (size_t i = ops->n; i-- > 0;) {
		if (ops->v[i]->owner == c->who.id)
			put(&c->w, ops->v[i]);
	}
	(void)pthread_mutex_unlock(&ops->lock);
	jsonw_close(&c->w, ']');
	return 0;
}

static int show(struct call *c, bool is_cancelled, struct err *err)
{
	struct operations *ops = c->api->operations;
	struct operation *op;
	int r = 0;

	(void)pthread_mutex_lock(&ops->lock);
	forget_old(ops);
	op = find(ops, call_text(c, "operation_id", ""), c->who.id);
	if (!op)
		r = err_set(err, ERR_NOTFOUND, "Operation not found");
	else if (is_cancelled && op->state == STATE_PENDING)
		finish(op, STATE_CANCELLED, NULL, NULL, NULL);
	if (op)
		put(&c->w, op);
	(void)pthread_mutex_unlock(&ops->lock);
	return r;
}

static int get(struct call *c, struct err *err)
{
	return show(c, false, err);
}

static int cancel(struct call *c, struct err *err)
{
	return show(c, true, err);
}

static const struct param id_params[] = {
	{ .name = "operation_id",
	  .aliases = { "id" },
	  .flags = PARAM_REQUIRED,
	  .doc = "Its id, from the answer of the write." },
};

#define MEMBERS "id state action resource revision began_at ended_at condition"

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .returns = "[" MEMBERS "]",
	  .run = list,
	  .doc = "The caller's writes with ?async=1, the newest first." },
	{ .action = "get",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(id_params),
	  .returns = MEMBERS,
	  .run = get,
	  .doc = "What the engine made of a write: pending, done, failed or cancelled." },
	{ .action = "cancel",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(id_params),
	  .returns = MEMBERS,
	  .audit = "operation.cancel",
	  .run = cancel,
	  .doc = "Stops watching a write; the write itself stands." },
};

const struct resource resource_operations = RESOURCE(
	"operations", rows, "Writes that the engine is still to apply, and what became of them.");
