#include "renderers/syntax_zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "zone file"

enum {
	LABEL_MAX = 63,
	NAME_MAX_LEN = 253, /* as text, without the final dot */
	TYPE_MAX = 16
};

/* Checks the labels of NAME (a final dot is allowed); returns its length without the dot. */
static bool name_ok(struct syntax *s, const char *name, size_t *ret_len)
{
	const char *p = name;

	if (!syntax_text(s, FORMAT, name) || !name)
		return false;
	while (*p) {
		size_t n = syntax_span(p, SYNTAX_ALNUM "-_/");

		if (p == name && p[0] == '*' && (p[1] == '.' || p[1] == '\0'))
			n = 1;
		if (p[n] != '.' && p[n] != '\0')
			return syntax_refuse(
				s, FORMAT, name,
				"is no name: only letters, digits, - _ / and a leading * label");
		if (n == 0 || n > LABEL_MAX)
			return syntax_refuse(s, FORMAT, name,
					     "is no name: a label has 1 to 63 characters");
		p += n;
		if (*p == '.')
			p++;
	}
	if (p == name)
		return syntax_refuse(s, FORMAT, name, "is no name: it is empty");
	*ret_len = (size_t)(p - name) - (p[-1] == '.');
	if (*ret_len > NAME_MAX_LEN)
		return syntax_refuse(s, FORMAT, name, "is longer than 253 characters");
	return true;
}

static bool refuse_number(struct syntax *s, int64_t seconds)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, seconds);
	return syntax_refuse(s, FORMAT, text, "is not between 0 and 2147483647 seconds");
}

static bool ttl_ok(struct syntax *s, int64_t seconds)
{
	if (s->failed)
		return false;
	if (seconds < 0 || seconds > INT32_MAX)
		return refuse_number(s, seconds);
	return true;
}

void zone_begin(struct zonefile *z, struct buf *out, struct err *err, const char *origin)
{
	*z = (struct zonefile){ .s = SYNTAX_ON(out, err) };
	if (name_ok(&z->s, origin, &z->origin_len))
		buf_printf(out, "$ORIGIN %.*s.\n", (int)z->origin_len, origin);
}

void zone_ttl(struct zonefile *z, int64_t ttl)
{
	if (ttl_ok(&z->s, ttl))
		buf_printf(z->s.out, "$TTL %" PRId64 "\n", ttl);
}

/* The local part of an address is the first label; its dots and signs get a backslash. */
static bool rname_split(struct syntax *s, const char *rname, size_t *ret_local, size_t *ret_len)
{
	const char *at = strrchr(rname, '@');

	*ret_local = at ? (size_t)(at - rname) : 0;
	if (!at)
		return name_ok(s, rname, ret_len);
	if (!syntax_text(s, FORMAT, rname))
		return false;
	if (*ret_local == 0 || *ret_local > LABEL_MAX)
		return syntax_refuse(s, FORMAT, rname,
				     "is no address: 1 to 63 characters stand before the @");
	if (strcspn(rname, " \"@") < *ret_local)
		return syntax_refuse(s, FORMAT, rname,
				     "is no address: blank, quote or @ before the @");
	for (size_t i = 0; i < *ret_local; i++) {
		if ((unsigned char)rname[i] >= 0x80)
			return syntax_refuse(s, FORMAT, rname,
					     "is no address for an SOA: only ASCII before the @");
	}
	if (!name_ok(s, at + 1, ret_len))
		return false;
	if (*ret_len + *ret_local + 1 > NAME_MAX_LEN)
		return syntax_refuse(s, FORMAT, rname, "is longer than 253 characters");
	return true;
}

static void put_rname(struct buf *out, const char *rname, size_t local, size_t len)
{
	for (size_t i = 0; i < local; i++) {
		if (!strchr(SYNTAX_ALNUM "-_", rname[i]))
			buf_putc(out, '\\');
		buf_putc(out, rname[i]);
	}
	buf_printf(out, "%s%.*s.", local ? "." : "", (int)len, rname + (local ? local + 1 : 0));
}

size_t zone_soa(struct zonefile *z, int64_t ttl, const struct zone_soa *soa)
{
	struct buf *out = z->s.out;
	size_t mname_len;
	size_t local = 0;
	size_t len = 0;
	size_t serial_at;

	if (!ttl_ok(&z->s, ttl) || !ttl_ok(&z->s, soa->refresh) || !ttl_ok(&z->s, soa->retry) ||
	    !ttl_ok(&z->s, soa->expire) || !ttl_ok(&z->s, soa->minimum) ||
	    !name_ok(&z->s, soa->mname, &mname_len))
		return 0;
	if (!soa->rname) {
		(void)syntax_refuse(&z->s, FORMAT, NULL, "the SOA needs an address");
		return 0;
	}
	if (!rname_split(&z->s, soa->rname, &local, &len))
		return 0;
	buf_printf(out, "@ %" PRId64 " IN SOA %.*s. ", ttl, (int)mname_len, soa->mname);
	put_rname(out, soa->rname, local, len);
	buf_puts(out, " (\n\t");
	serial_at = out->len;
	buf_printf(out, "%-*s ; serial\n", ZONE_SERIAL_LEN, "0");
	buf_printf(out, "\t%-10" PRId64 " ; refresh\n\t%-10" PRId64 " ; retry\n", soa->refresh,
		   soa->retry);
	buf_printf(out, "\t%-10" PRId64 " ; expire\n\t%-10" PRId64 " ) ; minimum\n", soa->expire,
		   soa->minimum);
	return serial_at;
}

/* One record's worth of text: quotes closed, nothing outside them that ends or joins lines. */
static bool rdata_ok(struct syntax *s, const char *rdata)
{
	bool quoted = false;

	if (!syntax_text(s, FORMAT, rdata))
		return false;
	if (rdata[strspn(rdata, " ")] == '\0')
		return syntax_refuse(s, FORMAT, rdata, "is no record data: it is empty");
	for (const char *p = rdata; *p; p++) {
		if (*p == '\\') {
			if (*++p == '\0')
				return syntax_refuse(s, FORMAT, rdata, "ends in a backslash");
			continue; /* what is escaped neither ends nor begins anything */
		}
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && strchr("();", *p))
			return syntax_refuse(s, FORMAT, rdata,
					     "holds ( ) or ; outside quotes without a backslash");
	}
	if (quoted)
		return syntax_refuse(s, FORMAT, rdata, "opens a quote that is not closed");
	return true;
}

static bool owner_ok(struct zonefile *z, const char *owner)
{
	size_t len = 0;

	if (owner && strcmp(owner, "@") == 0)
		return true;
	if (!name_ok(&z->s, owner, &len))
		return false;
	if (owner[len] != '.' && len + 1 + z->origin_len > NAME_MAX_LEN)
		return syntax_refuse(&z->s, FORMAT, owner,
				     "and its zone are longer than 253 characters");
	return true;
}

void zone_record(struct zonefile *z, const char *owner, int64_t ttl, const char *type,
		 const char *rdata)
{
	if (!owner_ok(z, owner) || !ttl_ok(&z->s, ttl) || !syntax_text(&z->s, FORMAT, type))
		return;
	if (!syntax_only(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ" SYNTAX_DIGITS) ||
	    strlen(type) > TYPE_MAX) {
		(void)syntax_refuse(&z->s, FORMAT, type,
				    "is no record type: capitals and digits only");
		return;
	}
	if (!rdata_ok(&z->s, rdata))
		return;
	buf_puts(z->s.out, owner);
	buf_putc(z->s.out, ' ');
	buf_int(z->s.out, ttl);
	buf_puts(z->s.out, " IN ");
	buf_puts(z->s.out, type);
	buf_putc(z->s.out, ' ');
	buf_puts(z->s.out, rdata);
	buf_putc(z->s.out, '\n');
}

void zone_comment(struct zonefile *z, const char *text)
{
	syntax_comment(&z->s, FORMAT, ";", text);
}

void zone_blank(struct zonefile *z)
{
	syntax_blank(&z->s);
}

int zone_end(struct zonefile *z)
{
	return syntax_end(&z->s, FORMAT);
}
