#include "model/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

enum {
	QUOTE_CHARS = 60,
	PATH_LEN_MAX = 1024,
	COMMAND_MAX = 998,
	LINES_MAX = 256 << 10
};

size_t utf8_next(const char *s, size_t len, uint32_t *ret_cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xc0 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t cp;

	if (n == 0 || n > len || u[0] >= 0xf8)
		return 0;
	cp = n == 1 ? u[0] : u[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (u[i] & 0x3fU);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return n;
}

bool utf8_is_valid(const char *s, size_t len)
{
	uint32_t cp;

	for (size_t n, i = 0; i < len; i += n) {
		n = utf8_next(s + i, len - i, &cp);
		if (n == 0)
			return false;
	}
	return true;
}

static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x2028 || cp == 0x2029;
}

/* Characters that reorder or hide the text around them in a terminal. */
static bool is_invisible(uint32_t cp)
{
	return cp == 0xad || cp == 0x61c || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff;
}

struct quoted text_quoted(const char *s)
{
	struct quoted q = { .s = "\"" };
	size_t left = strnlen(s, 4 * QUOTE_CHARS + 4);
	size_t at = 1;

	for (size_t shown = 0; left > 0 && shown < QUOTE_CHARS; shown++) {
		uint32_t cp = 0;
		size_t n = utf8_next(s, left, &cp);
		char piece[12];

		if (n == 0)
			(void)snprintf(piece, sizeof(piece), "\\x%02X", (unsigned char)*s);
		else if (cp == '\n' || cp == '\t' || cp == '\r')
			(void)snprintf(piece, sizeof(piece), "\\%c",
				       cp == '\n'   ? 'n'
				       : cp == '\t' ? 't'
						    : 'r');
		else if (cp == '"' || cp == '\\')
			(void)snprintf(piece, sizeof(piece), "\\%c", (char)cp);
		else if (is_control(cp) || is_invisible(cp))
			(void)snprintf(piece, sizeof(piece), n == 1 ? "\\x%02X" : "\\u%04X",
				       (unsigned)cp);
		else
			(void)snprintf(piece, sizeof(piece), "%.*s", (int)n, s);
		n = n ? n : 1;
		memcpy(q.s + at, piece, strlen(piece));
		at += strlen(piece);
		s += n;
		left -= n;
		if (at > sizeof(q.s) - sizeof(piece) - 8)
			break;
	}
	(void)snprintf(q.s + at, sizeof(q.s) - at, "%s\"", *s ? "\xe2\x80\xa6" : "");
	return q;
}

char *text_quote(const void *ctx, const char *s)
{
	struct quoted q = text_quoted(s);

	return mem_str(ctx, q.s);
}

int(check_refuse)(const char *value, struct err *err, const char *fmt, ...)
{
	char why[ERR_MSG_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(err, ERR_INVALID, "%s: %s", text_quoted(value).s, why);
}

int check_same(const void *ctx, const char *value, const char *canon, const char **ret)
{
	*ret = strcmp(value, canon) == 0 ? value : mem_str(ctx, canon);
	return 0;
}

bool check_number(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (len == 0 || len > 18)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	if (n > max)
		return false;
	*ret = n;
	return true;
}

bool text_is_line(const char *s)
{
	size_t len = strlen(s);
	uint32_t cp = 0;

	for (size_t n, i = 0; i < len; i += n) {
		n = utf8_next(s + i, len - i, &cp);
		if (n == 0 || is_control(cp))
			return false;
	}
	return true;
}

int canon_text(const void *ctx, const char *value, const char **ret, struct err *err)
{
	(void)ctx;
	if (!utf8_is_valid(value, strlen(value)))
		return check_refuse(value, err, "bytes that are not UTF-8; give text in UTF-8");
	if (!text_is_line(value))
		return check_refuse(
			value, err,
			"a control character or line break; give one line of plain text");
	*ret = value;
	return 0;
}

static int check_lines(const char *value, struct err *err)
{
	size_t len = strlen(value);
	uint32_t cp = 0;

	if (len > LINES_MAX)
		return err_set(err, ERR_INVALID, "%zu bytes of text; at most %d are allowed", len,
			       LINES_MAX);
	for (size_t n, i = 0; i < len; i += n) {
		n = utf8_next(value + i, len - i, &cp);
		if (n == 0)
			return check_refuse(value + i, err,
					    "bytes that are not UTF-8; give text in UTF-8");
		if (cp == '\n' || cp == '\t' || (cp == '\r' && value[i + 1] == '\n'))
			continue;
		if (is_control(cp))
			return check_refuse(value + i, err,
					    "a control character; lines may have only newline and "
					    "tab besides plain text");
	}
	return 0;
}

int canon_lines(const void *ctx, const char *value, const char **ret, struct err *err)
{
	int r = check_lines(value, err);
	char *text;
	size_t n = 0;

	if (r < 0)
		return r;
	if (!strchr(value, '\r')) {
		*ret = value;
		return 0;
	}
	text = mem_str(ctx, value);
	for (const char *p = value; *p; p++) {
		if (*p != '\r')
			text[n++] = *p;
	}
	text[n] = '\0';
	*ret = text;
	return 0;
}

int canon_path(const void *ctx, const char *value, const char **ret, struct err *err)
{
	(void)ctx;
	if (value[0] != '/')
		return check_refuse(value, err, "not an absolute path; it must start with /");
	if (strnlen(value, PATH_LEN_MAX + 1) > PATH_LEN_MAX)
		return check_refuse(value, err, "too long; a path has at most %d bytes",
				    PATH_LEN_MAX);
	if (!text_is_line(value))
		return check_refuse(value, err,
				    "a control character or bytes that are not UTF-8; a path "
				    "here is plain UTF-8 text");
	if (!fs_path_is_clean(value))
		return check_refuse(value, err,
				    "not a plain path; leave out //, /./, /../ and a / at the end");
	*ret = value;
	return 0;
}

int canon_absfile(const void *ctx, const char *value, const char **ret, struct err *err)
{
	if (strcmp(value, "/") == 0)
		return check_refuse(value, err,
				    "the root folder; a file beneath it is wanted, such as "
				    "/srv/site/robots.txt");
	return canon_path(ctx, value, ret, err);
}

int canon_docroot(const void *ctx, const char *value, const char **ret, struct err *err)
{
	const char *bad = strpbrk(value, "\"\\;{}$");

	if (bad)
		return check_refuse(
			value, err,
			"the character %c; a document root must not contain \" \\ ; { } $", *bad);
	return canon_path(ctx, value, ret, err);
}

int canon_cron_command(const void *ctx, const char *value, const char **ret, struct err *err)
{
	const char *start = value + strspn(value, " ");
	size_t len = strlen(start);

	while (len > 0 && start[len - 1] == ' ')
		len--;
	if (len == 0)
		return check_refuse(value, err, "no command; give one line of 1 to %d bytes",
				    COMMAND_MAX);
	if (len > COMMAND_MAX)
		return check_refuse(value, err, "%zu bytes; a cron command has at most %d", len,
				    COMMAND_MAX);
	if (!text_is_line(value))
		return check_refuse(value, err,
				    "a line break, tab, other control character or bytes that are "
				    "not UTF-8; give one line of plain text");
	*ret = start == value && value[len] == '\0' ? value : mem_strn(ctx, start, len);
	return 0;
}

static int canon_addr(const void *ctx, int family, const char *value, const char **ret)
{
	unsigned char addr[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(family, value, addr) != 1 || !inet_ntop(family, addr, text, sizeof(text)))
		return -ERR_INVALID;
	return check_same(ctx, value, text, ret);
}

int canon_ip4(const void *ctx, const char *value, const char **ret, struct err *err)
{
	return canon_addr(ctx, AF_INET, value, ret) == 0
		       ? 0
		       : check_refuse(value, err, "not an IPv4 address; one looks like 192.0.2.1");
}

int canon_ip6(const void *ctx, const char *value, const char **ret, struct err *err)
{
	return canon_addr(ctx, AF_INET6, value, ret) == 0
		       ? 0
		       : check_refuse(value, err,
				      "not an IPv6 address; one looks like 2001:db8::1");
}

int canon_ip(const void *ctx, const char *value, const char **ret, struct err *err)
{
	if (canon_addr(ctx, AF_INET, value, ret) == 0 || canon_addr(ctx, AF_INET6, value, ret) == 0)
		return 0;
	return check_refuse(value, err,
			    "not an IP address; one looks like 192.0.2.1 or 2001:db8::1");
}

/* Clears the bits after PREFIX; true if there were any. */
static bool mask_host_bits(unsigned char *addr, size_t size, size_t prefix)
{
	bool any = false;

	for (size_t i = prefix; i < size * 8; i++) {
		unsigned char bit = (unsigned char)(0x80U >> i % 8);

		if (addr[i / 8] & bit)
			any = true;
		addr[i / 8] = (unsigned char)(addr[i / 8] & ~bit);
	}
	return any;
}

int canon_cidr(const void *ctx, const char *value, const char **ret, struct err *err)
{
	int family = strchr(value, ':') ? AF_INET6 : AF_INET;
	size_t size = family == AF_INET ? 4 : 16;
	const char *slash = strchr(value, '/');
	unsigned char addr[16];
	char text[INET6_ADDRSTRLEN];
	char net[INET6_ADDRSTRLEN + 5];
	uint64_t prefix = 0;

	if (!slash)
		return canon_ip(ctx, value, ret, err);
	if ((size_t)(slash - value) >= sizeof(text))
		return check_refuse(value, err, "not a network; one looks like 192.0.2.0/24");
	(void)snprintf(text, sizeof(text), "%.*s", (int)(slash - value), value);
	if (inet_pton(family, text, addr) != 1)
		return check_refuse(value, err,
				    "not a network; one looks like 192.0.2.0/24 or 2001:db8::/32");
	if (!check_number(slash + 1, strlen(slash + 1), size * 8, &prefix))
		return check_refuse(value, err, "the prefix after / must be a number from 0 to %zu",
				    size * 8);
	bool stray = mask_host_bits(addr, size, prefix);
	if (!inet_ntop(family, addr, text, sizeof(text)))
		return check_refuse(value, err, "not a network");
	if (stray)
		return check_refuse(value, err,
				    "an address inside the network, not the network; did you mean "
				    "%s/%u?",
				    text, (unsigned)prefix);
	if (prefix == size * 8)
		return check_same(ctx, value, text, ret);
	(void)snprintf(net, sizeof(net), "%s/%u", text, (unsigned)prefix);
	return check_same(ctx, value, net, ret);
}

int canon_php_version(const void *ctx, const char *value, const char **ret, struct err *err)
{
	(void)ctx;
	if (strlen(value) != 3 || value[0] < '5' || value[0] > '9' || value[1] != '.' ||
	    value[2] < '0' || value[2] > '9')
		return check_refuse(value, err, "not a PHP version; one looks like 8.3");
	*ret = value;
	return 0;
}

int canon_php_size(const void *ctx, const char *value, const char **ret, struct err *err)
{
	static const char units[] = "KMG";
	const uint64_t max = (uint64_t)16 << 30;
	size_t len = strlen(value);
	char unit = (char)(len ? toupper((unsigned char)value[len - 1]) : 0);
	const char *u = unit ? strchr(units, unit) : NULL;
	unsigned shift = u ? 10 * (unsigned)(u - units + 1) : 0;
	uint64_t n = 0;
	char text[32];

	if (strcmp(value, "-1") == 0)
		return check_refuse(value, err,
				    "no limit at all; give a size such as 256M, at most 16G");
	if (!check_number(value, u ? len - 1 : len, max, &n))
		return check_refuse(value, err,
				    "not a size; give a number with K, M or G, such as 64M, at "
				    "most 16G");
	if (n == 0 || n > max >> shift)
		return check_refuse(value, err, "out of range; a size is from 1 to 16G");
	(void)snprintf(text, sizeof(text), "%llu%.1s", (unsigned long long)n, u ? u : "");
	return check_same(ctx, value, text, ret);
}

int canon_color(const void *ctx, const char *value, const char **ret, struct err *err)
{
	size_t len = strlen(value);
	char text[8] = "";

	if (value[0] != '#' || (len != 4 && len != 7) ||
	    strspn(value + 1, "0123456789abcdefABCDEF") != len - 1)
		return check_refuse(value, err,
				    "not a colour; give #rgb or #rrggbb in hexadecimal digits");
	for (size_t i = 0; i < len; i++)
		text[i] = (char)tolower((unsigned char)value[i]);
	return check_same(ctx, value, text, ret);
}
