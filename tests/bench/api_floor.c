/*
 * The floor of a list: a handler of the same library in the same mode, which
 * runs the same SQL and prints the same JSON, and knows nothing else: no
 * session, no roles, no limits. /hello answers what auth/me does, from memory.
 */
#include <dlfcn.h>
#include <microhttpd.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/shapes.h"
#include "base/mem.h"
#include "tests/bench/api.h"

#define HELLO                                                                                       \
	"{\"success\":true,\"message\":\"OK\",\"data\":{\"id\":1,\"username\":\"admin\",\"email\":" \
	"\"admin@host.example\",\"role\":\"admin\",\"theme\":\"nova-dark\"}}"

typedef enum MHD_Result queue_fn(struct MHD_Connection *mhd, unsigned status,
				 struct MHD_Response *answer);

struct floor {
	const char *path, *list, *count;
	queue_fn *queue; /* the library's own: api/server_reply.c stands before it */
};

/* One a thread. */
struct place {
	sqlite3 *db;
	sqlite3_stmt *list, *count;
	char text[API_ANSWER_MAX];
	size_t len;
};

static void check(sqlite3 *db, int rc, const char *what)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		bench_die(mem_fmt(NULL, "%s: %s", what, sqlite3_errmsg(db)), NULL);
}

static void put(struct place *p, const char *text, size_t len)
{
	memcpy(p->text + p->len, text, len);
	p->len += len;
}

#define PUT(p, literal) put((p), (literal), sizeof(literal) - 1)

static void put_string(struct place *p, const char *s)
{
	p->text[p->len++] = '"';
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			p->text[p->len++] = '\\';
		p->text[p->len++] = *s;
	}
	p->text[p->len++] = '"';
}

static void put_number(struct place *p, int64_t n)
{
	char digits[24];
	int at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	put(p, digits + at, sizeof(digits) - (size_t)at);
}

static void put_time(struct place *p, int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return;
	p->text[p->len++] = '"';
	p->len += strftime(p->text + p->len, 32, "%Y-%m-%d %H:%M:%S", &tm);
	p->text[p->len++] = '"';
}

static void put_column(struct place *p, const struct column *col, int i)
{
	if (i)
		PUT(p, ",");
	put_string(p, col->name);
	PUT(p, ":");
	if (sqlite3_column_type(p->list, i) == SQLITE_NULL)
		PUT(p, "null");
	else if (col->type == COLUMN_INT)
		put_number(p, sqlite3_column_int64(p->list, i));
	else if (col->type == COLUMN_TIME)
		put_time(p, sqlite3_column_int64(p->list, i));
	else
		put_string(p, (const char *)sqlite3_column_text(p->list, i));
}

static void put_rows(struct place *p)
{
	const struct shape *s = &shape_account;

	(void)sqlite3_bind_int64(p->list, 6, 25);
	(void)sqlite3_bind_int64(p->list, 7, 0);
	for (int n = 0; sqlite3_step(p->list) == SQLITE_ROW; n++) {
		if (n)
			PUT(p, ",");
		PUT(p, "{");
		for (size_t i = 0; i < s->n; i++)
			put_column(p, &s->columns[i], (int)i);
		PUT(p, "}");
	}
	(void)sqlite3_reset(p->list);
}

static void put_meta(struct place *p, int64_t total)
{
	PUT(p, "\"meta\":{\"total\":");
	put_number(p, total);
	PUT(p, ",\"page\":1,\"per_page\":25,\"pages\":");
	put_number(p, (total + 24) / 25);
	PUT(p, "}");
}

static void list(struct place *p)
{
	int64_t total;

	p->len = 0;
	check(p->db, sqlite3_step(p->count), "count");
	total = sqlite3_column_int64(p->count, 0);
	(void)sqlite3_reset(p->count);
	PUT(p, "{\"success\":true,\"message\":\"OK\",\"data\":{\"items\":[");
	put_rows(p);
	PUT(p, "],");
	put_meta(p, total);
	PUT(p, "},");
	put_meta(p, total);
	PUT(p, "}");
}

static struct place *place_new(const struct floor *f)
{
	struct place *p = mem_new(NULL, struct place);

	check(NULL,
	      sqlite3_open_v2(f->path, &p->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL),
	      f->path);
	check(p->db, sqlite3_busy_timeout(p->db, 10000), "timeout");
	check(p->db,
	      sqlite3_exec(p->db, "PRAGMA journal_mode=WAL; PRAGMA cache_size=-8192", NULL, NULL,
			   NULL),
	      "pragma");
	check(p->db, sqlite3_prepare_v2(p->db, f->list, -1, &p->list, NULL), f->list);
	check(p->db, sqlite3_prepare_v2(p->db, f->count, -1, &p->count, NULL), f->count);
	return p;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **con_cls)
{
	static _Thread_local struct place *place;
	struct MHD_Response *answer;
	enum MHD_Result res;

	(void)method;
	(void)version;
	(void)data;
	(void)size;
	if (!*con_cls) {
		*con_cls = cls;
		return MHD_YES;
	}
	if (!place)
		place = place_new(cls);
	if (strncmp(url, "/hello", 6) == 0) {
		answer = MHD_create_response_from_buffer(strlen(HELLO), (void *)HELLO,
							 MHD_RESPMEM_PERSISTENT);
	} else {
		list(place);
		answer = MHD_create_response_from_buffer(place->len, place->text,
							 MHD_RESPMEM_MUST_COPY);
	}
	(void)MHD_add_response_header(answer, "Content-Type", "application/json");
	res = ((const struct floor *)cls)->queue(mhd, 200, answer);
	MHD_destroy_response(answer);
	return res;
}

static const char *list_text(const void *ctx)
{
	struct buf b = BUF_ON(ctx);

	buf_puts(&b, "SELECT ");
	for (size_t i = 0; i < shape_account.n; i++)
		buf_printf(&b, "%s%s", i ? "," : "", shape_account.columns[i].sql);
	buf_printf(&b, " FROM account t WHERE 1 ORDER BY %s LIMIT ?6 OFFSET ?7",
		   shape_account.order);
	return buf_str(&b);
}

void api_run_floor(const char *dir)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "floor");
	struct floor f = { .path = mem_fmt(ctx, "%s/model.db", dir),
			   .list = list_text(ctx),
			   .count = "SELECT count(*) FROM account t WHERE 1" };
	struct MHD_Daemon *d;

	*(void **)&f.queue = dlsym(RTLD_NEXT, "MHD_queue_response");
	d = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
			     handle, &f, MHD_OPTION_THREAD_POOL_SIZE, 2U,
			     MHD_OPTION_CONNECTION_LIMIT, 256U, MHD_OPTION_END);

	if (!d || !f.queue)
		bench_die("floor: no server", NULL);
	api_say_ready(MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port, 0);
	MHD_stop_daemon(d);
}

/* SQLite alone: the smallest durable commits there are. */
int64_t api_floor_commits_ns(const char *path, int count)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	struct cost t;
	int64_t ns;

	check(NULL, sqlite3_open(path, &db), path);
	check(db,
	      sqlite3_exec(db,
			   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
			   "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, value TEXT)",
			   NULL, NULL, NULL),
	      "pragma");
	check(db, sqlite3_prepare_v2(db, "INSERT INTO t(value) VALUES('192.0.2.1')", -1, &st, NULL),
	      "insert");
	t = cost_now();
	for (int i = 0; i < count; i++) {
		check(db, sqlite3_step(st), "insert");
		check(db, sqlite3_reset(st), "insert");
	}
	ns = cost_now().wall_ns - t.wall_ns;
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return ns;
}
