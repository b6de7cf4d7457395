/*
 * The schema of model.db: made whole in an empty file, or brought on from an
 * older version, all in one transaction.
 *
 * A migration is text of its own and never looks at the tables of the kinds,
 * which go on changing. It adds columns behind those that are there: the
 * changesets of older revisions hold as many columns as there were then, and
 * undoing them gives the new ones their defaults.
 */
#include "base/buf.h"
#include "model/res_sql.h"
#include "model/store_priv.h"

#define REVISION_TABLE                                                                          \
	"CREATE TABLE revision(rev INTEGER PRIMARY KEY, time INTEGER NOT NULL, "                \
	"actor TEXT NOT NULL, actor_id INTEGER, address TEXT, source TEXT NOT NULL, via TEXT, " \
	"action TEXT, message TEXT, changes INTEGER NOT NULL, changeset BLOB NOT NULL) STRICT;"

/* The index answers counts and filters alone, and lists newest first without sorting. */
#define AUDIT_TABLE                                                                             \
	"CREATE TABLE audit(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, "                    \
	"actor TEXT NOT NULL, actor_id INTEGER, address TEXT, source TEXT NOT NULL, via TEXT, " \
	"action TEXT NOT NULL, outcome TEXT NOT NULL, resource TEXT, rev INTEGER, "             \
	"detail TEXT) STRICT;"                                                                  \
	"CREATE INDEX audit_time ON audit(time, id, actor, action);"

#define AUDIT_TRIGGERS                                                    \
	"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "          \
	"BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;" \
	"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "          \
	"BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"

/* The number is the age: the oldest keys are found without an index over times. */
#define IDEMPOTENCY_TABLE                                                        \
	"CREATE TABLE idempotency(id INTEGER PRIMARY KEY, actor TEXT NOT NULL, " \
	"key TEXT NOT NULL, request TEXT NOT NULL, rev INTEGER NOT NULL, "       \
	"time INTEGER NOT NULL, UNIQUE(actor, key)) STRICT;"

/* Revisions with a deadline; those that wait are few and have an index of their own. */
#define TRIAL_TABLE                                                                   \
	"CREATE TABLE trial(rev INTEGER PRIMARY KEY, until INTEGER NOT NULL, "        \
	"state TEXT NOT NULL, settled INTEGER, undone_in INTEGER, note TEXT) STRICT;" \
	"CREATE INDEX trial_waiting ON trial(until) WHERE state='waiting';"

/* By whom, and of which account: what lists of revisions ask for. */
#define LOG_INDEXES                                       \
	"CREATE INDEX revision_actor ON revision(actor);" \
	"CREATE INDEX change_account ON change(account, rev) WHERE account IS NOT NULL;"

static const char schema_fixed[] = REVISION_TABLE AUDIT_TABLE AUDIT_TRIGGERS IDEMPOTENCY_TABLE
	"CREATE TABLE change(rev INTEGER NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, kind TEXT NOT NULL, "
	"key TEXT NOT NULL, account TEXT, scope TEXT, id INTEGER, PRIMARY KEY(rev, seq)) "
	"STRICT, WITHOUT ROWID;"
	"CREATE INDEX change_resource ON change(kind, key, rev);" TRIAL_TABLE LOG_INDEXES
	"CREATE TABLE secret(kind TEXT NOT NULL, key TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, "
	"rev INTEGER NOT NULL, dropped INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(kind, key, field)) "
	"STRICT, WITHOUT ROWID;";

#define BY_ACCOUNT(table, keys)         \
	"DROP INDEX " table "_account;" \
	"CREATE INDEX " table "_account ON \"" table "\"(account, " keys ");"

/*
 * 2: revisions and audit rows say where a call came from and what it was called; keys of repeated
 * calls belong to their actor and have a table of their own; resellers' limits, packages that are
 * no longer offered, answers to mail; revisions on trial; a change names the row of its changeset;
 * lists by actor and account come in order without being sorted.
 */
static const char to_2[] =
	"ALTER TABLE revision RENAME TO revision_1;" REVISION_TABLE
	"INSERT INTO revision(rev, time, actor, source, message, changes, changeset) "
	"SELECT rev, time, actor, source, message, changes, changeset FROM revision_1 ORDER BY rev;"
	"ALTER TABLE audit RENAME TO audit_1;" AUDIT_TABLE
	"INSERT INTO audit(id, time, actor, source, action, outcome, resource, rev, detail) "
	"SELECT id, time, actor, source, action, 'done', resource, rev, "
	"json_object('text', detail) FROM audit_1 ORDER BY id;" AUDIT_TRIGGERS IDEMPOTENCY_TABLE
	"INSERT INTO idempotency(actor, key, request, rev, time) "
	"SELECT actor, idempotency, '', rev, time FROM revision_1 "
	"WHERE idempotency IS NOT NULL ORDER BY rev;"
	"DROP TABLE revision_1; DROP TABLE audit_1;"
	"ALTER TABLE user ADD max_accounts INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE user ADD package TEXT;"
	"ALTER TABLE package ADD retired INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD suspended_at INTEGER;"
	"CREATE INDEX user_package ON user(package);"
	"CREATE INDEX package_owner ON package(owner);"
	"CREATE TABLE autoresponder(id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, "
	"created INTEGER NOT NULL, address TEXT NOT NULL, account TEXT NOT NULL, domain TEXT, "
	"subject TEXT NOT NULL, body TEXT NOT NULL, starts TEXT, ends TEXT, "
	"enabled INTEGER NOT NULL, UNIQUE(address)) STRICT;"
	"CREATE INDEX autoresponder_account ON autoresponder(account);"
	"CREATE INDEX autoresponder_domain ON autoresponder(domain);"
	"ALTER TABLE change ADD id INTEGER;" TRIAL_TABLE LOG_INDEXES BY_ACCOUNT("domain", "name")
		BY_ACCOUNT("zone", "name") BY_ACCOUNT("mailbox", "address") BY_ACCOUNT(
			"forwarder", "source, destination") BY_ACCOUNT("autoresponder", "address")
			BY_ACCOUNT("dkim_key", "domain, selector")
				BY_ACCOUNT("certificate", "domain") BY_ACCOUNT("database", "name")
					BY_ACCOUNT("database_user", "name")
						BY_ACCOUNT("ftp_account", "username");

/* Each brings the schema one version on. */
static const char *const migrations[SCHEMA_VERSION] = {
	NULL, /* version 0 is an empty file: store_create_schema() makes the newest at once */
	to_2,
};

int store_create_schema(struct sql *db, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "schema");
	struct buf b = BUF_ON(tmp);

	buf_puts(&b, schema_fixed);
	KIND_FOREACH(k)
		buf_puts(&b, res_sql_ddl(tmp, k));
	return sql_exec(db, buf_str(&b), err);
}

static int note_version(struct store *s, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "version");

	return sql_exec(s->db, mem_fmt(tmp, "PRAGMA user_version=%d", SCHEMA_VERSION), err);
}

static int bring_on(struct store *s, int64_t version, struct err *err)
{
	int r = version == 0 ? store_create_schema(s->db, err) : 0;

	for (int64_t v = version; v > 0 && v < SCHEMA_VERSION && r >= 0; v++)
		r = sql_exec(s->db, migrations[v], err);
	return r < 0 ? r : note_version(s, err);
}

/* 1 when the schema is ours, 0 when it is older. */
static int look(struct store *s, int64_t *ret_version, struct err *err)
{
	int r = sql_version(s->db, ret_version, err);

	if (r < 0)
		return r;
	if (*ret_version < 0 || *ret_version > SCHEMA_VERSION)
		return err_set(
			err, ERR_CONFLICT,
			"model.db has schema version %lld; this program knows versions up to %d: "
			"install the newer NovaCPX again",
			(long long)*ret_version, SCHEMA_VERSION);
	return *ret_version == SCHEMA_VERSION;
}

int store_migrate(struct store *s, bool readonly, struct err *err)
{
	int64_t version = 0;
	int r = look(s, &version, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (readonly && version == 0)
		return err_set(err, ERR_NOTFOUND, "model.db has no tables yet");
	if (readonly)
		return err_set(
			err, ERR_CONFLICT,
			"model.db has schema version %lld and this program %d: it is brought "
			"on when the engine or the API is started next",
			(long long)version, SCHEMA_VERSION);
	r = sql_begin(s->db, err);
	if (r < 0)
		return r;
	r = look(s, &version, err); /* again: another process may have done it meanwhile */
	if (r == 0 && s->is_guarded)
		r = store_schema_was_ours(s->db, version, err);
	if (r == 0)
		r = bring_on(s, version, err);
	if (r >= 0)
		r = sql_commit(s->db, err);
	if (r < 0)
		sql_rollback(s->db);
	return r < 0 ? r : 0;
}
