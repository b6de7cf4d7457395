#include "tests/support/panel.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/apidb.h"
#include "api/session.h"
#include "api/totp.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "model/kinds.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

enum {
	TOKEN = 64,
};

/* Cheap on purpose: hundreds of tests log in. */
static const char *hash_of(const void *ctx, const char *plain)
{
	struct crypt_data data = { 0 };

	return mem_str(ctx, crypt_r(plain, "$5$rounds=1000$abcdefgh", &data));
}

static void put_user(struct store_fix *f, const char *name, const char *role, const char *reseller)
{
	fix_put(f, &kind_user, "username", name, "role", role, "email",
		mem_fmt(f->ctx, "%s@host.example", name), "password",
		hash_of(f->ctx, PANEL_PASSWORD), reseller ? "reseller" : NULL, reseller, NULL);
}

static void put_people(struct store_fix *f)
{
	put_user(f, "admin", "admin", NULL);
	put_user(f, "resel", "reseller", NULL);
	put_user(f, "other", "reseller", NULL);
	put_user(f, "john", "user", "resel");
	put_user(f, "jane", "user", "other");
	put_user(f, "lone", "user", "resel");
	fix_put(f, &kind_package, "name", "Starter", "max_domains", "20", "max_addon_domains", "10",
		NULL);
	fix_put(f, &kind_package, "name", "Others", "owner", "other", "max_domains", "20", NULL);
	fix_put(f, &kind_package, "name", "Resels", "owner", "resel", "max_domains", "20", NULL);
	fix_put(f, &kind_setting, "name", "whmcs_enabled", "value", "true", NULL);
	fix_put(f, &kind_setting, "name", "whmcs_api_key", "value", PANEL_KEY, NULL);
	fix_put(f, &kind_setting, "name", "server_ipv4", "value", "192.0.2.7", NULL);
	fix_put(f, &kind_firewall_rule, "name", "rule-1", "action", "allow", "port", "22", NULL);
	fix_put(f, &kind_branding, "reseller", "resel", "panel_name", "Ours", NULL);
	fix_put(f, &kind_branding, "reseller", "other", "panel_name", "Theirs", NULL);
}

/* One of each kind. */
static void put_things(struct store_fix *f, const char *name, const char *domain)
{
	const char *db = mem_fmt(f->ctx, "%s_db", name);
	const char *box = mem_fmt(f->ctx, "info@%s", domain);

	fix_put(f, &kind_zone, "name", domain, "account", name, NULL);
	fix_put(f, &kind_record, "zone", domain, "name", "www", "type", "A", "value", "192.0.2.1",
		NULL);
	fix_put(f, &kind_mailbox, "address", box, "account", name, NULL);
	fix_put(f, &kind_forwarder, "source", mem_fmt(f->ctx, "sales@%s", domain), "destination",
		"a@b.example", "account", name, NULL);
	fix_put(f, &kind_autoresponder, "address", box, "account", name, "subject", "Away", "body",
		"Back soon", NULL);
	fix_put(f, &kind_database, "name", db, "account", name, NULL);
	fix_put(f, &kind_database_user, "name", mem_fmt(f->ctx, "%s_user", db), "account", name,
		"databases", db, NULL);
	fix_put(f, &kind_ftp_account, "username", mem_fmt(f->ctx, "%s_ftp", name), "account", name,
		NULL);
	fix_put(f, &kind_cron_job, "account", name, "name", "job", "schedule", "*/5 * * * *",
		"command", "true", NULL);
	fix_put(f, &kind_certificate, "domain", domain, "account", name, "type", "lets_encrypt",
		NULL);
	fix_put(f, &kind_dkim_key, "domain", domain, "selector", "old", "account", name,
		"public_key", "AAAA", NULL);
	fix_put(f, &kind_container, "account", name, "name", "web", "image", "nginx:1", NULL);
}

static void put_account(struct store_fix *f, const char *name, const char *domain,
			const char *package)
{
	fix_put(f, &kind_account, "username", name, "user", name, "package", package, NULL);
	fix_put(f, &kind_domain, "name", domain, "account", name, "type", "primary", NULL);
}

static void seed_model(struct panel *p)
{
	struct store_fix f = { .ctx = mem_ctx(NULL, "seed") };

	f.cs.ctx = f.problems.ctx = f.ctx;
	assert_ok(store_open(f.ctx, p->model, false, &f.s, &f.err), &f.err);
	put_people(&f);
	put_account(&f, "john", "example.com", "Starter");
	put_account(&f, "jane", "jane.example", "Others");
	fix_put(&f, &kind_domain, "name", "two.example", "account", "john", "type", "addon", NULL);
	put_things(&f, "john", "example.com");
	put_things(&f, "jane", "jane.example");
	fix_put(&f, &kind_mailbox, "address", "box@example.com", "account", "john", NULL);
	fix_committed(&f);
	fix_done(&f);
}

static void token_of(enum panel_who who, char ret[TOKEN + 1])
{
	memset(ret, "0123456789abcdef"[who], TOKEN);
	ret[TOKEN] = '\0';
}

const char *panel_session(struct panel *p, enum panel_who who)
{
	char token[TOKEN + 1], hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	token_of(who, token);
	d = digest_of(token, TOKEN);
	digest_hex(&d, hex);
	return mem_str(p->ctx, hex);
}

void panel_log_in_all(struct panel *p)
{
	struct err err = ERR_INIT;
	struct sql *db = NULL;

	assert_ok(apidb_open(p->ctx, p->db, &db, &err), &err);
	for (enum panel_who who = AS_ADMIN; who <= AS_LONE; who++)
		assert_ok(
			sql_exec(
				db,
				mem_fmt(p->ctx,
					"INSERT OR REPLACE INTO session VALUES('%s',%d,'192.0.2.9','test',"
					"unixepoch(),unixepoch()+3600,unixepoch())",
					panel_session(p, who), (int)who + 1),
				&err),
			&err);
	(void)talloc_free(db);
}

static const char *token_text(const void *ctx, enum panel_who who)
{
	char digits[TOKEN + 1];

	token_of(who, digits);
	return mem_fmt(ctx, TOKEN_PREFIX "%s", digits);
}

static const char *digest_text(const void *ctx, const char *text)
{
	struct digest d = digest_of(text, strlen(text));
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&d, hex);
	return mem_str(ctx, hex);
}

static void seed_tokens(struct panel *p)
{
	for (enum panel_who who = AS_ADMIN; who <= AS_LONE; who++)
		panel_db(p, mem_fmt(p->ctx,
				    "INSERT INTO token(id, digest, user_id, name, hint, scopes, "
				    "created) VALUES(%d,'%s',%d,'test','ncpx_','*',unixepoch())",
				    (int)who + 1, panel_session(p, who), (int)who + 1));
}

const char *panel_token(struct panel *p, enum panel_who who, const char *scopes)
{
	panel_db(p,
		 mem_fmt(p->ctx, "UPDATE token SET scopes='%s' WHERE id=%d", scopes, (int)who + 1));
	return token_text(p->ctx, who);
}

const char *panel_factor(struct panel *p, bool is_on)
{
	static const uint8_t secret[TOTP_SECRET_LEN + 1] = "12345678901234567890";

	for (enum panel_who who = AS_ADMIN; who <= AS_LONE; who++) {
		panel_db(p,
			 mem_fmt(p->ctx,
				 "REPLACE INTO totp(user_id, %s, last_step) "
				 "VALUES(%d,CAST('%s' AS BLOB),0); "
				 "REPLACE INTO recovery VALUES(%d,'%s')",
				 is_on ? "secret" : "pending", (int)who + 1, (const char *)secret,
				 (int)who + 1, digest_text(p->ctx, "ABCDEFGHABCDEFGH")));
	}
	if (is_on)
		return "abcd-efgh-abcd-efgh";
	return mem_fmt(p->ctx, "%06u",
		       (unsigned)totp_code(secret, TOTP_SECRET_LEN, time(NULL) / TOTP_STEP_S));
}

void panel_db(struct panel *p, const char *text)
{
	struct err err = ERR_INIT;
	struct sql *db = NULL;

	assert_ok(apidb_open(p->ctx, p->db, &db, &err), &err);
	assert_ok(sql_exec(db, text, &err), &err);
	(void)talloc_free(db);
}

/* In memory where there is such a place: what is asked of a disk here is only that it waits. */
static const char *new_dir(const void *ctx)
{
	char *dir = mem_str(ctx, "/dev/shm/ncpx-panel-XXXXXX");

	if (mkdtemp(dir))
		return dir;
	dir = mem_fmt(ctx, "%s/panel-XXXXXX", test_tmpdir());
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void remove_dir(const char *dir)
{
	cleanup_(fd_close) int root = fs_root_open("/", NULL);

	assert_true(root >= 0);
	assert_int_equal(fs_remove_tree(root, dir, 0, NULL), 0);
}

void panel_seed(struct panel *p)
{
	const char *dir;

	p->ctx = mem_ctx(NULL, "panel");
	p->web.ctx = p->ctx;
	p->fd = -1;
	dir = p->dir = new_dir(p->ctx);
	p->opts.model = p->model = mem_fmt(p->ctx, "%s/model.db", dir);
	p->opts.db = p->db = mem_fmt(p->ctx, "%s/api.db", dir);
	p->opts.access_log = p->access_log = mem_fmt(p->ctx, "%s/access.log", dir);
	p->opts.engine = mem_fmt(p->ctx, "%s/engine.sock", dir);
	seed_model(p);
	panel_log_in_all(p);
	seed_tokens(p);
}

void panel_remove(struct panel *p)
{
	remove_dir(p->dir);
	mem_freep(&p->ctx);
}

void panel_start(struct panel *p)
{
	struct err err = ERR_INIT;

	panel_seed(p);
	p->opts.http.n_ports = 1;
	p->opts.http.threads = 1;
	p->opts.http.ports[0] = (struct http_port){ .address = "127.0.0.1", .fd = -1 };
	p->opts.waiters = 2;
	for (size_t i = 0; i < RATE_CLASSES; i++)
		p->opts.rate.limit[i] = p->opts.rate.limit[i] ? p->opts.rate.limit[i] : 1000000;
	assert_ok(api_start(p->ctx, &p->opts, &p->api, &err), &err);
	p->web.port = http_port_of(p->api->http, 0);
}

void panel_stop(struct panel *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	api_stop(&p->api);
	panel_remove(p);
}

/* Asking */

const char *panel_proof(struct panel *p, enum panel_who who)
{
	char token[TOKEN + 1];

	if (who == AS_NOBODY)
		return "";
	if (who == AS_BILLING)
		return "X-WHMCS-Key: " PANEL_KEY "\r\n";
	token_of(who, token);
	return mem_fmt(p->ctx, "Cookie: ncpx_session=%s\r\n", token);
}

static int drop_json(json_t **j)
{
	json_decref(*j);
	return 0;
}

static struct panel_answer answer_of(struct panel *p, char *text)
{
	struct panel_answer a = { .status = web_status(text), .head = text, .body = "" };
	char *end = strstr(text, "\r\n\r\n");
	json_t **keep = mem_new(p->ctx, json_t *);

	if (!end)
		fail_msg("no answer: %s", text);
	end[2] = '\0';
	a.body = end + 4;
	*keep = json_loads(a.body, JSON_REJECT_DUPLICATES, NULL);
	talloc_set_destructor(keep, drop_json);
	a.json = *keep;
	a.data = json_object_get(*keep, "data");
	return a;
}

struct panel_answer panel_upload(struct panel *p, enum panel_who who, const char *path,
				 const char *name, const void *data, size_t len)
{
	static const char end[] = "\r\n--XX--\r\n";
	int fd = web_connect(&p->web);
	const char *part = mem_fmt(p->ctx,
				   "--XX\r\nContent-Disposition: form-data; name=\"%s\"; "
				   "filename=\"../../a.html\"\r\nContent-Type: text/html\r\n\r\n",
				   name);
	struct panel_answer a;

	web_send(fd, mem_fmt(p->ctx,
			     "POST /api/%s HTTP/1.1\r\nHost: panel.example:8882\r\n%s"
			     "Content-Type: multipart/form-data; boundary=XX\r\n"
			     "Content-Length: %zu\r\n\r\n%s",
			     path, panel_proof(p, who), strlen(part) + len + strlen(end), part));
	/* a server that has heard enough may close */
	for (size_t n = 0; n < len;) {
		ssize_t put = send(fd, (const char *)data + n, len - n, MSG_NOSIGNAL);

		if (put <= 0)
			break;
		n += (size_t)put;
	}
	(void)send(fd, end, strlen(end), MSG_NOSIGNAL);
	a = answer_of(p, web_read_one(&p->web, fd));
	(void)close(fd);
	return a;
}

struct panel_answer panel_ask(struct panel *p, enum panel_who who, const char *method,
			      const char *path, const char *body, const char *lines)
{
	bool is_last = strcmp(method, "HEAD") == 0; /* says how long a body would be, has none */
	const char *bar = path[0] == '/' ? "" : "/api/";
	char *text = mem_fmt(p->ctx,
			     "%s %s%s HTTP/1.1\r\n%s%s%s%s"
			     "Content-Length: %zu\r\n\r\n%s",
			     method, bar, path,
			     strstr(lines, "Host: ") ? "" : "Host: panel.example:8882\r\n",
			     panel_proof(p, who), lines, is_last ? "Connection: close\r\n" : "",
			     body ? strlen(body) : 0, body ? body : "");
	char *got;

	if (is_last)
		return answer_of(p, web_ask(&p->web, text));
	if (p->fd < 0)
		p->fd = web_connect(&p->web);
	web_send(p->fd, text);
	got = web_read_one(&p->web, p->fd);
	if (strstr(got, "Connection: close")) {
		(void)close(p->fd);
		p->fd = -1;
	}
	return answer_of(p, got);
}

struct panel_answer panel_get(struct panel *p, enum panel_who who, const char *path)
{
	return panel_ask(p, who, "GET", path, NULL, "");
}

struct panel_answer panel_post(struct panel *p, enum panel_who who, const char *path,
			       const char *body)
{
	return panel_ask(p, who, "POST", path, body, "Content-Type: application/json\r\n");
}

const char *panel_header(struct panel *p, const struct panel_answer *a, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(a->head, "\r\n"); at; at = strstr(at + 2, "\r\n")) {
		if (strncasecmp(at + 2, name, len) == 0 && at[2 + len] == ':')
			return mem_strn(p->ctx, at + 4 + len, strcspn(at + 4 + len, "\r"));
	}
	return NULL;
}

const char *panel_message(const struct panel_answer *a)
{
	const char *text = json_string_value(json_object_get(a->json, "message"));

	return text ? text : "";
}

bool panel_blames(const struct panel_answer *a, const char *path)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(a->json, "errors"), i, one)
	{
		const char *at = json_string_value(json_object_get(one, "path"));

		if (at && strcmp(at, path) == 0)
			return true;
	}
	return false;
}

const char *panel_sql(struct panel *p, const char *text)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err err = ERR_INIT;
	struct seat *seat = NULL;

	assert_ok(api_seat(p->api, &seat, &err), &err);
	assert_ok(sql_get(store_sql(seat->store), text, &st, &err), &err);
	if (sql_step(st, &err) <= 0)
		return "";
	return mem_str(p->ctx, sql_text(st, 0) ? sql_text(st, 0) : "");
}
