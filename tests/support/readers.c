#include "tests/support/readers.h"

#include <string.h>

#include "base/buf.h"

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

/*
 * As readllines(): a line that begins with a blank continues the one before, also beyond lines that are
 * empty or comments. NULL at the end.
 */
static const char *postfix_line(const void *ctx, const char **text)
{
	struct buf whole = BUF_ON(ctx);

	while (**text) {
		size_t n = strcspn(*text, "\n");
		size_t indent = strspn(*text, " \t");
		bool says_something = indent < n && (*text)[indent] != '#';

		if (says_something && indent == 0 && whole.len > 0)
			break;
		if (says_something)
			buf_put(&whole, *text, n);
		*text += n + ((*text)[n] == '\n');
	}
	return whole.len > 0 ? buf_str(&whole) : NULL;
}

/* As split_nameval(): blanks around both sides are no part of them. */
static bool postfix_pair(const void *ctx, const char *p, struct ptrs *ret)
{
	const char *equals = strchr(p, '=');
	size_t n;

	if (!equals)
		return false;
	p += strspn(p, " \t");
	for (n = (size_t)(equals - p); n > 0 && strchr(" \t", p[n - 1]);)
		n--;
	add_n(ctx, ret, p, n);
	if (n == 0 || strcspn(p, " \t") < n)
		return false; /* "missing attribute name", or "missing '=' after" it */
	p = equals + 1 + strspn(equals + 1, " \t");
	for (n = strlen(p); n > 0 && strchr(" \t", p[n - 1]);)
		n--;
	add_n(ctx, ret, p, n);
	add(ctx, ret, READ_END);
	return true;
}

bool read_main_cf(const void *ctx, const char *text, struct ptrs *ret)
{
	const char *line;

	while ((line = postfix_line(ctx, &text))) {
		if (strchr(" \t", *line) || !postfix_pair(ctx, line, ret))
			return false;
	}
	return true;
}

/* As mystrtokq() with braces: blanks between them do not end a word. NULL at the end. */
static const char *master_word(const void *ctx, const char **p)
{
	int level = 0;
	size_t n = 0;

	*p += strspn(*p, " \t");
	for (; (*p)[n] && (level > 0 || !strchr(" \t", (*p)[n])); n++)
		level += (*p)[n] == '{' ? 1 : (*p)[n] == '}' && level > 0 ? -1 : 0;
	if (n == 0)
		return NULL;
	*p += n;
	return mem_strn(ctx, *p - n, n);
}

/* The word behind "-o", which may be the rest of that word. */
static bool master_option(const void *ctx, const char *word, struct ptrs *ret)
{
	size_t len = word ? strlen(word) : 0;

	if (len == 0)
		return false;
	if (*word != '{')
		return postfix_pair(ctx, word, ret);
	return word[len - 1] == '}' && postfix_pair(ctx, mem_strn(ctx, word + 1, len - 2), ret);
}

static bool master_service(const void *ctx, const char *line, struct ptrs *ret)
{
	const char *word;
	size_t n = 0;
	bool in_options = false;

	for (; (word = master_word(ctx, &line)); n++) {
		if (n < 8 || strncmp(word, "-o", 2) != 0) {
			add(ctx, ret, word);
			continue;
		}
		if (!in_options)
			add(ctx, ret, READ_OPEN);
		in_options = true;
		if (!master_option(ctx, word[2] ? word + 2 : master_word(ctx, &line), ret))
			return false;
	}
	add(ctx, ret, READ_CLOSE);
	return n >= 8;
}

bool read_master_cf(const void *ctx, const char *text, struct ptrs *ret)
{
	const char *line;

	while ((line = postfix_line(ctx, &text))) {
		if (strchr(" \t", *line) || !master_service(ctx, line, ret))
			return false;
	}
	return true;
}
