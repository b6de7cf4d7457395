/*
 * Secrets in state files: references to them, never they themselves. No
 * message of this file repeats one.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "model/check.h"
#include "model/password.h"
#include "model/settings.h"
#include "state/statefile_internal.h"

enum {
	SECRET_FILE_MAX = 4 << 10,
	KEY_FILE_MAX = 64 << 10,
	NO_OTHERS = 0007
};

struct secret {
	struct mapper *m;
	struct change *c;
	const struct field *f;
	const struct node *node; /* of the map's one member */
};

typedef bool secret_fn(struct secret *s);

static bool is_key(const struct field *f)
{
	return f->canon == canon_pem;
}

static bool refuse(struct secret *s, const char *fmt, ...) format_(2, 3);

static bool refuse(struct secret *s, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = talloc_vasprintf(s->m->sf, fmt, ap);
	va_end(ap);
	if (!text)
		mem_abort();
	mapper_problem(s->m, (struct spot){ .node = s->node }, "%s: %s", s->f->name, text);
	return false;
}

static bool put(struct secret *s, const char *text)
{
	struct value v = { .type = VALUE_STRING, .text = text };
	struct err err = ERR_INIT;

	if (change_set(s->m->puts.ctx, s->c, s->f, &v, &err) >= 0)
		return true;
	mapper_refused(s->m, s->f, s->node, false, &err);
	return false;
}

/* What the store has for the secret, so that an equal password keeps its hash; or NULL. */
static const char *stored(const struct secret *s)
{
	const struct kind *k = ((const struct res *)s->c->res)->kind;
	const char *text = NULL;
	struct err ignored = ERR_INIT;

	if (!s->m->in->store ||
	    store_secret_get(s->m->puts.ctx, s->m->in->store, k->name,
			     res_key(s->m->puts.ctx, s->c->res), s->f->name, &text, &ignored) < 0)
		return NULL;
	return text;
}

static size_t password_min(struct mapper *m)
{
	static const char name[] = "password_min_length";
	struct setting *set = NULL;
	struct err ignored = ERR_INIT;

	if (m->password_min < 0) {
		const char *text = setting_find(name)->dflt;

		if (m->in->store &&
		    store_get(m->sf, m->in->store, &kind_setting, name, &set, &ignored) == 0)
			text = set->value;
		m->password_min = (int64_t)strtoul(text, NULL, 10);
	}
	return (size_t)m->password_min;
}

/* A key's text, a ready hash, or a plain password. */
static bool put_content(struct secret *s, const char *text)
{
	const char *known;
	const char *hash;
	struct err err = ERR_INIT;

	if (is_key(s->f) || password_is_hash(text))
		return put(s, text);
	known = stored(s);
	if (known && password_matches(known, text))
		return put(s, known);
	if (password_hash(s->m->puts.ctx, text, password_min(s->m), &hash, &err) < 0)
		return refuse(s, "%s", err.msg);
	return put(s, hash);
}

static bool from_hash(struct secret *s)
{
	if (is_key(s->f))
		return refuse(s,
			      "a key has no hash; write {file: PATH}, {env: NAME} or {pem: TEXT}");
	return put(s, s->node->text);
}

static bool from_pem(struct secret *s)
{
	if (!is_key(s->f))
		return refuse(s, "a password is no PEM text; write {hash: TEXT}, {file: PATH} or "
				 "{env: NAME}");
	return put(s, s->node->text);
}

static bool from_digest(struct secret *s)
{
	(void)s;
	return true;
}

static bool references_allowed(struct secret *s)
{
	if (!(s->m->in->flags & STATEFILE_NO_REFERENCES))
		return true;
	return refuse(s, "files and variables of this machine cannot be named here; write {hash: "
			 "TEXT}");
}

static bool is_env_name(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	return len > 0 && s[len] == '\0' && !(s[0] >= '0' && s[0] <= '9');
}

static bool from_env(struct secret *s)
{
	const char *text;

	if (!references_allowed(s))
		return false;
	if (!is_env_name(s->node->text))
		return refuse(s, "this is no name of an environment variable");
	text = secure_getenv(s->node->text); /* NOLINT(concurrency-mt-unsafe): one thread */
	if (!text || !*text)
		return refuse(s, "the environment variable %s is %s", s->node->text,
			      text ? "empty" : "not set");
	if (strlen(text) > KEY_FILE_MAX)
		return refuse(s, "the environment variable %s is over %d bytes", s->node->text,
			      KEY_FILE_MAX);
	return put_content(s, text);
}

/* Where PATH is: absolute, or in the folder of the state file (not above it). NULL: refused. */
static const char *whole_path(struct secret *s)
{
	const char *path = s->node->text;
	const char *full = path;

	if (path[0] != '/' && !s->m->at->folder) {
		(void)refuse(s, "%s must be an absolute path: this text comes from no folder",
			     text_quoted(path).s);
		return NULL;
	}
	if (path[0] != '/')
		full = mem_fmt(s->m->sf, "%s/%s", s->m->at->folder, path);
	if (fs_path_is_clean(full))
		return full;
	(void)refuse(s,
		     "%s is no clean path: absolute, or relative to the state file's folder, "
		     "without \"..\"",
		     text_quoted(path).s);
	return NULL;
}

/* The descriptor is asked, not the path: what is read is what was checked. */
static int read_private(const void *ctx, struct secret *s, const char *path, char **ret_data,
			size_t *ret_len, struct err *err)
{
	cleanup_(fd_close) int fd =
		fs_open(s->m->in->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, 0, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "%s is not a regular file", path);
	if (st.st_mode & NO_OTHERS)
		return err_set(err, ERR_DENIED,
			       "%s is open to every user of this machine (mode %04o); chmod 600 it",
			       path, (unsigned)(st.st_mode & 07777));
	return fs_read_fd(ctx, fd, path, is_key(s->f) ? KEY_FILE_MAX : SECRET_FILE_MAX, ret_data,
			  ret_len, err);
}

static bool from_file(struct secret *s)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "secret");
	struct err err = ERR_INIT;
	const char *path;
	char *data = NULL;
	size_t len = 0;

	if (!references_allowed(s))
		return false;
	path = whole_path(s);
	if (!path)
		return false;
	if (read_private(tmp, s, path, &data, &len, &err) < 0 || !data)
		return refuse(s, "%s", err.msg);
	if (strlen(data) != len)
		return refuse(s, "%s has a NUL byte", path);
	if (len > 0 && data[len - 1] == '\n')
		data[--len] = '\0';
	if (len > 0 && data[len - 1] == '\r')
		data[--len] = '\0';
	if (len == 0)
		return refuse(s, "%s is empty", path);
	return put_content(s, data);
}

static const struct {
	const char *name;
	secret_fn *fn;
} forms[] = {
	{ "hash", from_hash }, { "file", from_file },     { "env", from_env },
	{ "pem", from_pem },   { "digest", from_digest },
};

static void wrong_form(struct mapper *m, const struct field *f, const struct node *node)
{
	bool is_line = node->line == node->key_line;

	mapper_problem(
		m, (struct spot){ .node = node, .on_key = !is_line },
		is_key(f) ? "%s: write {file: PATH}, {env: NAME} or {pem: TEXT}; a key does "
			    "not stand here as it is"
			  : "%s: write {hash: TEXT}, {file: PATH} or {env: NAME}; passwords in "
			    "clear do not belong in state files",
		f->name);
	if (node->type == NODE_NULL)
		mapper_hint(m, "leave the field out to keep what is stored");
}

/* Does not repeat the word: it may be the password itself. */
static void unknown_form(struct mapper *m, const struct field *f, const struct node *value)
{
	const char *names[ARRAY_LEN(forms)];
	const char *best;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		names[i] = forms[i].name;
	best = nearest(value->members[0].key, names, ARRAY_LEN(names));
	mapper_problem(m, (struct spot){ .node = value->members[0].value, .on_key = true },
		       "%s: a secret is given as {hash: TEXT}, {file: PATH}, {env: NAME}%s",
		       f->name, is_key(f) ? " or {pem: TEXT}" : "");
	if (best)
		mapper_hint(m, "did you mean \"%s\"?", best);
}

bool mapper_secret(struct mapper *m, struct change *c, const struct field *f,
		   const struct node *node)
{
	struct secret s = { .m = m, .c = c, .f = f };

	if (node->type != NODE_MAP || node->n == 0) {
		wrong_form(m, f, node);
		return false;
	}
	s.node = node->members[0].value;
	if (node->n > 1) {
		mapper_problem(m, (struct spot){ .node = node->members[1].value, .on_key = true },
			       "%s: a secret is given in one way, not in %zu", f->name, node->n);
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (strcmp(node->members[0].key, forms[i].name) != 0)
			continue;
		if (s.node->type == NODE_STRING || s.node->type == NODE_INT)
			return forms[i].fn(&s);
		return refuse(&s, "%s: found %s, allowed is a text", forms[i].name,
			      doc_type_name(s.node->type));
	}
	unknown_form(m, f, node);
	return false;
}
