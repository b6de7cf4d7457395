/*
 * Writer for zone files, RFC 1035 section 5.1.
 *
 * Owner names are names of the zone in presentation form: "@", "www",
 * "_dmarc.mail", "*.shop", or absolute with a final dot; anything but letters,
 * digits, hyphen, underscore and slash (RFC 2317) is refused rather than
 * escaped, and "*" stands only as the first label. Host names of the SOA are
 * always absolute: the final dot is added where it is missing.
 *
 * rdata is text that model/rdata.h has made safe; this writer still refuses
 * what could end the record or begin another: newline, an open quote, a
 * parenthesis, a semicolon or a final backslash outside quotes.
 *
 * The serial is not rendered: it is a field of ten characters, "0" padded with
 * blanks, at the byte that zone_soa() returns, for whoever keeps serials.
 */
#ifndef RENDERERS_SYNTAX_ZONE_H
#define RENDERERS_SYNTAX_ZONE_H

#include <stdint.h>

#include "renderers/syntax.h"

enum {
	ZONE_SERIAL_LEN = 10
};

struct zonefile {
	struct syntax s;
	size_t origin_len; /* without the final dot */
};

struct zone_soa {
	const char *mname;
	const char *rname; /* e-mail address, or already a domain name */
	int64_t refresh, retry, expire, minimum;
};

/* Writes $ORIGIN. */
void zone_begin(struct zonefile *z, struct buf *out, struct err *err, const char *origin);
/* Writes $TTL. */
void zone_ttl(struct zonefile *z, int64_t ttl);
/* The SOA at "@"; returns the serial's byte offset in the buffer, 0 if refused. */
size_t zone_soa(struct zonefile *z, int64_t ttl, const struct zone_soa *soa);
void zone_record(struct zonefile *z, const char *owner, int64_t ttl, const char *type,
		 const char *rdata);
void zone_comment(struct zonefile *z, const char *text);
void zone_blank(struct zonefile *z);
int zone_end(struct zonefile *z) must_check;

#endif
