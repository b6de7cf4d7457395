#include "tests/support/readers.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "renderers/syntax_block.h"
#include "renderers/syntax_cron.h"
#include "renderers/syntax_dovecot.h"
#include "renderers/syntax_ini.h"
#include "renderers/syntax_nginx.h"
#include "renderers/syntax_passwd.h"
#include "renderers/syntax_zone.h"

static void add(const void *ctx, struct ptrs *list, const char *s)
{
	ptrs_add(ctx, list, mem_str(ctx, s));
}

static void add_n(const void *ctx, struct ptrs *list, const char *s, size_t n)
{
	ptrs_add(ctx, list, mem_strn(ctx, s, n));
}

/* The next line without its newline, NULL at the end or if the last one has none. */
static const char *next_line(const void *ctx, const char **text)
{
	const char *nl = strchr(*text, '\n');
	const char *line;

	if (!nl)
		return NULL;
	line = mem_strn(ctx, *text, (size_t)(nl - *text));
	*text = nl + 1;
	return line;
}

/* As ngx_conf_read_token() copies: known escapes are undone, others keep their backslash. */
static const char *nginx_word(const char *p, char quote, struct buf *word)
{
	for (; *p && (quote ? *p != quote : !strchr(" \t\r\n;{", *p)); p++) {
		if (!quote && *p == '$' && p[1] == '{') {
			buf_putc(word, *p++);
		} else if (*p == '\\' && p[1]) {
			static const char from[] = "\"'\\trn";
			static const char to[] = "\"'\\\t\r\n";
			const char *known = strchr(from, *++p);

			if (!known)
				buf_putc(word, '\\');
			buf_putc(word, known ? to[known - from] : *p);
			continue;
		}
		buf_putc(word, *p);
	}
	return p;
}

bool read_nginx(const void *ctx, const char *text, struct ptrs *ret)
{
	for (const char *p = text; *p;) {
		struct buf word = BUF_ON(ctx);
		char quote = '\0';

		if (strchr(" \t\r\n", *p)) {
			p++;
			continue;
		}
		if (*p == '#') {
			p += strcspn(p, "\n");
			continue;
		}
		if (strchr(";{}", *p)) {
			add(ctx, ret, *p == ';' ? READ_END : *p == '{' ? READ_OPEN : READ_CLOSE);
			p++;
			continue;
		}
		if (*p == '"' || *p == '\'')
			quote = *p++;
		p = nginx_word(p, quote, &word);
		add(ctx, ret, buf_str(&word));
		if (quote && (*p != quote || !strchr(" \t\r\n;{)", *++p)))
			return false;
	}
	return true;
}

bool read_zone(const void *ctx, const char *text, struct ptrs *ret)
{
	bool quoted = false;
	int parens = 0;
	const char *start = NULL;

	for (const char *p = text; *p; p++) {
		bool ends = !quoted && strchr(" \t\n;()", *p);

		if (start && ends) {
			add_n(ctx, ret, start, (size_t)(p - start));
			start = NULL;
		}
		if (quoted && *p == '\n')
			return false;
		if (!ends && !start)
			start = p;
		if (*p == '\\') {
			if (*++p == '\0')
				return false;
			continue;
		}
		if (*p == '"')
			quoted = !quoted;
		if (!ends)
			continue;
		if (*p == ';') {
			add(ctx, ret, READ_COMMENT);
			p += strcspn(p, "\n");
			if (!*p)
				return false;
		}
		if (*p == '\n' && parens == 0)
			add(ctx, ret, READ_END);
		if (*p == '(' || *p == ')') {
			add(ctx, ret, READ_PAREN);
			parens += *p == '(' ? 1 : -1;
		}
	}
	return !start && !quoted && parens == 0;
}

/* Quoted parts side by side make one value, as in PHP's grammar. */
static bool ini_value(const void *ctx, const char *p, const char *stop, struct ptrs *ret)
{
	struct buf value = BUF_ON(ctx);

	if (strspn(p, "-0123456789") == strlen(p) || strcmp(p, "yes") == 0 ||
	    strcmp(p, "no") == 0) {
		add(ctx, ret, p);
		return *p != '\0';
	}
	while (*p && !strchr(stop, *p)) {
		size_t n = strcspn(p + 1, *p == '"' ? "\"" : "'");

		if ((*p != '"' && *p != '\'') || n == 0 || p[n + 1] != *p)
			return false;
		if (*p == '"' && strcspn(p + 1, "\\$") < n)
			return false; /* no need for these, so no need to read them */
		buf_put(&value, p + 1, n);
		p += n + 2;
	}
	add(ctx, ret, buf_str(&value));
	return true;
}

static bool ini_key(const void *ctx, const char *line, const char *equals, struct ptrs *ret)
{
	const char *key = mem_strn(ctx, line, (size_t)(equals - line));
	const char *bracket = strchr(key, '[');

	if (!bracket) {
		add(ctx, ret, key);
		add(ctx, ret, "");
		return true;
	}
	add_n(ctx, ret, key, (size_t)(bracket - key));
	return key[strlen(key) - 1] == ']' &&
	       ini_value(ctx, mem_strn(ctx, bracket + 1, strlen(bracket) - 2), "", ret);
}

bool read_ini(const void *ctx, const char *text, struct ptrs *ret)
{
	const char *line;

	while ((line = next_line(ctx, &text))) {
		size_t len = strlen(line);
		const char *equals = strstr(line, " = ");

		if (len == 0 || *line == ';')
			continue;
		if (*line == '[') {
			add(ctx, ret, READ_OPEN);
			if (line[len - 1] != ']' ||
			    !ini_value(ctx, mem_strn(ctx, line + 1, len - 2), "", ret))
				return false;
		} else if (!equals || !ini_key(ctx, line, equals, ret) ||
			   !ini_value(ctx, equals + 3, ";", ret)) {
			return false;
		}
		add(ctx, ret, READ_END);
	}
	return *text == '\0';
}

bool read_colon(const void *ctx, const char *text, size_t n_max, struct ptrs *ret)
{
	const char *p;

	while ((p = next_line(ctx, &text))) {
		if (*p == '\0' || *p == ':' || *p == '#')
			continue;
		for (size_t n = 1; n < n_max && strchr(p, ':'); n++) {
			add_n(ctx, ret, p, strcspn(p, ":"));
			p = strchr(p, ':') + 1;
		}
		add(ctx, ret, p);
		add(ctx, ret, READ_END);
	}
	return *text == '\0';
}

/* As Debian's cron does before it calls the shell; false if a % would cut the command. */
static bool cron_command(const void *ctx, const char *p, struct ptrs *ret)
{
	struct buf command = BUF_ON(ctx);

	if (strlen(p) >= 1000)
		return false;
	for (; *p; p++) {
		if (*p == '%')
			return false;
		if (*p == '\\' && p[1]) {
			if (p[1] != '%' && p[1] != '\\')
				buf_putc(&command, '\\');
			p++;
		}
		buf_putc(&command, *p);
	}
	add(ctx, ret, buf_str(&command));
	return true;
}

static bool cron_variable(const void *ctx, const char *line, const char *equals, struct ptrs *ret)
{
	size_t len = strlen(equals + 1);
	char quote = equals[1];

	if (len < 2 || (quote != '"' && quote != '\'') ||
	    strcspn(equals + 2, quote == '"' ? "\"" : "'") != len - 2)
		return false;
	add_n(ctx, ret, line, (size_t)(equals - line));
	add_n(ctx, ret, equals + 2, len - 2);
	return true;
}

bool read_cron(const void *ctx, const char *text, struct ptrs *ret)
{
	const char *line;

	while ((line = next_line(ctx, &text))) {
		const char *p = line;
		size_t word = strcspn(line, " =");

		if (*line == '\0' || *line == '#')
			continue;
		if (line[word] == '=') {
			if (!cron_variable(ctx, line, line + word, ret))
				return false;
		} else {
			for (int i = 0; i < (*line == '@' ? 1 : 5); i++)
				p += strcspn(p, " ") + 1;
			add_n(ctx, ret, line, (size_t)(p - line) - 1);
			add_n(ctx, ret, p, strcspn(p, " "));
			p += strcspn(p, " ");
			if (*p != ' ' || !cron_command(ctx, p + strspn(p, " \t"), ret))
				return false;
		}
		add(ctx, ret, READ_END);
	}
	return *text == '\0';
}

bool read_block(const void *ctx, const char *text, struct ptrs *ret)
{
	for (const char *p = text; *p;) {
		size_t n;

		if (strchr(" \t\n", *p)) {
			p++;
		} else if (strchr(";{}", *p)) {
			add(ctx, ret, *p == ';' ? READ_END : *p == '{' ? READ_OPEN : READ_CLOSE);
			p++;
		} else if (*p == '#' || strncmp(p, "//", 2) == 0) {
			p += strcspn(p, "\n");
		} else if (*p == '"') {
			n = strcspn(p + 1, "\"\n\\"); /* backslashes are not written */
			if (p[n + 1] != '"')
				return false;
			add_n(ctx, ret, p + 1, n);
			p += n + 2;
		} else {
			n = strcspn(p, " \t\n;{}\"#\\");
			add_n(ctx, ret, p, n);
			if (n == 0 || strstr(ret->v[ret->n - 1], "/*") ||
			    strstr(ret->v[ret->n - 1], "//"))
				return false;
			p += n;
		}
	}
	return true;
}

/* In quotes a backslash takes itself away before any character. */
static bool dovecot_value(const void *ctx, const char *p, const char **ret_end, struct ptrs *ret)
{
	struct buf value = BUF_ON(ctx);

	if (*p != '"') {
		size_t n = strcspn(p, " #{}\"'$<\\");

		add_n(ctx, ret, p, n);
		*ret_end = p + n;
		return n > 0;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && *++p == '\0')
			return false;
		buf_putc(&value, *p);
	}
	add(ctx, ret, buf_str(&value));
	*ret_end = p + 1;
	return *p == '"';
}

static bool dovecot_line(const void *ctx, const char *p, struct ptrs *ret)
{
	size_t n = strcspn(p, " ");

	if (strcmp(p, "}") == 0) {
		add(ctx, ret, READ_CLOSE);
		return true;
	}
	add_n(ctx, ret, p, n);
	p += n;
	if (strncmp(p, " = ", 3) == 0) {
		bool ok = dovecot_value(ctx, p + 3, &p, ret) && *p == '\0';

		add(ctx, ret, READ_END);
		return ok;
	}
	if (strcmp(p, " {") != 0 && (*p != ' ' || !dovecot_value(ctx, p + 1, &p, ret)))
		return false;
	add(ctx, ret, READ_OPEN);
	return strcmp(p, " {") == 0;
}

bool read_dovecot(const void *ctx, const char *text, struct ptrs *ret)
{
	const char *line;

	while ((line = next_line(ctx, &text))) {
		line += strspn(line, "\t");
		if (*line && *line != '#' && !dovecot_line(ctx, line, ret))
			return false;
	}
	return *text == '\0';
}

static bool same(const struct ptrs *a, const struct ptrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return true;
}

static void expect(const void *ctx, struct ptrs *want, const char *const *words, size_t n,
		   const char *mark)
{
	for (size_t i = 0; i < n; i++)
		add(ctx, want, words[i]);
	add(ctx, want, mark);
}

/* CODE is what x_end() gave: a refusal must be of the value, whatever else was put. */
static enum trip outcome(const void *ctx, int code, read_fn *read, const struct buf *text,
			 const struct ptrs *want)
{
	struct ptrs got = { 0 };

	if (code < 0)
		return code == -ERR_INVALID ? TRIP_REFUSED : TRIP_BROKEN;
	return read(ctx, buf_str(text), &got) && same(want, &got) ? TRIP_SAME : TRIP_BROKEN;
}

enum trip trip_nginx(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *list[17] = { NULL };
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct nginx c;

	memcpy(list, words, MIN(n, 16) * sizeof(*list));
	nginx_begin(&c, &text, &err);
	nginx_comment(&c, words[0]);
	nginx_open_words(&c, false, list);
	nginx_put_words(&c, true, list);
	nginx_close(&c);
	nginx_put(&c, "after");
	expect(ctx, &want, words, n, READ_OPEN);
	expect(ctx, &want, words, n, READ_END);
	expect(ctx, &want, NULL, 0, READ_CLOSE);
	expect(ctx, &want, (const char *const[]){ "after" }, 1, READ_END);
	return outcome(ctx, nginx_end(&c), read_nginx, &text, &want);
}

enum trip trip_block(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *list[17] = { NULL };
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct block b;

	memcpy(list, words, MIN(n, 16) * sizeof(*list));
	block_begin(&b, &text, &err);
	block_comment(&b, words[0]);
	block_open_words(&b, true, list);
	block_put_words(&b, false, list);
	block_close(&b);
	block_put(&b, "after");
	expect(ctx, &want, words, n, READ_OPEN);
	expect(ctx, &want, words, n, READ_END);
	add(ctx, &want, READ_CLOSE);
	add(ctx, &want, READ_END);
	expect(ctx, &want, (const char *const[]){ "after" }, 1, READ_END);
	return outcome(ctx, block_end(&b), read_block, &text, &want);
}

enum trip trip_dovecot(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct dovecot d;

	dovecot_begin(&d, &text, &err);
	dovecot_comment(&d, words[0]);
	if (n > 1) {
		dovecot_open(&d, "section", words[1]);
		expect(ctx, &want, (const char *const[]){ "section", words[1] }, 2, READ_OPEN);
	}
	dovecot_put(&d, "key", words[0]);
	expect(ctx, &want, (const char *const[]){ "key", words[0] }, 2, READ_END);
	if (n > 1) {
		dovecot_close(&d);
		add(ctx, &want, READ_CLOSE);
	}
	return outcome(ctx, dovecot_end(&d), read_dovecot, &text, &want);
}

/* owner, type, rdata: a record must stay one record and hold no comment and no parenthesis. */
enum trip trip_zone(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *rdata = n > 2 ? words[2] : words[0];
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct ptrs tokens = { 0 };
	struct err err = ERR_INIT;
	struct zonefile z;

	zone_begin(&z, &text, &err, "example.com");
	zone_record(&z, n > 1 ? words[0] : "@", 60, n > 1 ? words[1] : "TXT", rdata);
	zone_record(&z, "after", 60, "A", "192.0.2.1");
	expect(ctx, &want, (const char *const[]){ "$ORIGIN", "example.com." }, 2, READ_END);
	expect(ctx, &want,
	       (const char *const[]){ n > 1 ? words[0] : "@", "60", "IN",
				      n > 1 ? words[1] : "TXT" },
	       4, READ_END);
	want.n--;
	if (read_zone(ctx, mem_fmt(ctx, "%s\n", rdata), &tokens)) {
		for (size_t i = 0; i + 1 < tokens.n; i++) {
			if (*(const char *)tokens.v[i] != '\1') /* a mark cannot be expected */
				ptrs_add(ctx, &want, tokens.v[i]);
		}
	}
	add(ctx, &want, READ_END);
	expect(ctx, &want, (const char *const[]){ "after", "60", "IN", "A", "192.0.2.1" }, 5,
	       READ_END);
	return outcome(ctx, zone_end(&z), read_zone, &text, &want);
}

/* value, pool name, subscript */
enum trip trip_ini(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *pool = n > 1 ? words[1] : "www";
	const char *at = n > 2 ? words[2] : "PATH";
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct ini i;

	ini_begin(&i, &text, &err);
	ini_comment(&i, words[0]);
	ini_section(&i, pool);
	ini_put(&i, "user", words[0]);
	ini_put_at(&i, "env", at, words[0]);
	ini_put_int(&i, "pm.max_children", 5);
	add(ctx, &want, READ_OPEN);
	expect(ctx, &want, &pool, 1, READ_END);
	expect(ctx, &want, (const char *const[]){ "user", "", words[0] }, 3, READ_END);
	expect(ctx, &want, (const char *const[]){ "env", at, words[0] }, 3, READ_END);
	expect(ctx, &want, (const char *const[]){ "pm.max_children", "", "5" }, 3, READ_END);
	return outcome(ctx, ini_end(&i), read_ini, &text, &want);
}

enum trip trip_colon(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *list[17] = { NULL };
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct ptrs got = { 0 };
	struct err err = ERR_INIT;
	struct colon w;

	memcpy(list, words, MIN(n, 16) * sizeof(*list));
	colon_begin(&w, &text, &err);
	colon_comment(&w, words[0]);
	colon_fields(&w, n > 1, list);
	colon_row(&w, "after");
	expect(ctx, &want, words, n, READ_END);
	expect(ctx, &want, (const char *const[]){ "after" }, 1, READ_END);
	if (colon_end(&w) < 0)
		return err.code == ERR_INVALID ? TRIP_REFUSED : TRIP_BROKEN;
	return read_colon(ctx, buf_str(&text), n, &got) && same(&want, &got) ? TRIP_SAME
									     : TRIP_BROKEN;
}

/* command, schedule, user, value of a variable */
enum trip trip_cron(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *schedule = n > 1 ? words[1] : "0 5 * * *";
	const char *user = n > 2 ? words[2] : "web1";
	const char *value = n > 3 ? words[3] : "";
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct cron c;

	cron_begin(&c, &text, &err);
	cron_env(&c, "MAILTO", value);
	cron_job(&c, schedule, user, words[0]);
	cron_job(&c, "@daily", "root", "after");
	expect(ctx, &want, (const char *const[]){ "MAILTO", value }, 2, READ_END);
	expect(ctx, &want, (const char *const[]){ schedule, user, words[0] }, 3, READ_END);
	expect(ctx, &want, (const char *const[]){ "@daily", "root", "after" }, 3, READ_END);
	return outcome(ctx, cron_end(&c), read_cron, &text, &want);
}

int trip_fuzz(trip_fn *fn, const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	const char *text = mem_dup(ctx, data, size); /* ends in NUL */
	const char *words[16];
	size_t n = 0;

	for (size_t at = 0; n < ARRAY_LEN(words) && at <= size; n++) {
		words[n] = text + at;
		at += strlen(text + at) + 1;
	}
	if (fn(words, n) == TRIP_BROKEN)
		abort();
	return 0;
}
