#include <ctype.h>
#include <regex.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "model/check.h"
#include "model/names.h"
#include "model/rdata.h"

enum {
	CAA_VALUE_MAX = 1024,
	STRING_MAX = 255
};

static int wants(const struct rdata_in *in, const char *shape)
{
	return check_refuse(in->value, in->err, "%zu words; the value is: %s", in->n_words, shape);
}

/* Word I as a number up to MAX, appended and followed by a space. */
static int put_number(struct rdata_in *in, size_t i, const char *what, unsigned max)
{
	uint64_t n = 0;

	if (!check_number(in->words[i], strlen(in->words[i]), max, &n))
		return check_refuse(in->value, in->err, "the %s %s is not a number from 0 to %u",
				    what, text_quoted(in->words[i]).s, max);
	buf_printf(in->out, "%u ", (unsigned)n);
	return 0;
}

static int put_target(struct rdata_in *in, size_t i, unsigned flags, bool may_be_root)
{
	const char *target = NULL;
	int r;

	if (strcmp(in->words[i], ".") == 0 && may_be_root) {
		buf_puts(in->out, ".");
		return 0;
	}
	r = rdata_target_canon(in->tmp, in->zone, in->words[i], flags, &target, in->err);
	if (r == 0)
		buf_puts(in->out, target);
	return r;
}

static int canon_a(struct rdata_in *in)
{
	const char *ip = NULL;
	int r;

	if (in->n_words != 1)
		return wants(in, "one IPv4 address");
	r = canon_ip4(in->tmp, in->words[0], &ip, in->err);
	if (r == 0)
		buf_puts(in->out, ip);
	return r;
}

static int canon_aaaa(struct rdata_in *in)
{
	const char *ip = NULL;
	int r;

	if (in->n_words != 1)
		return wants(in, "one IPv6 address");
	r = canon_ip6(in->tmp, in->words[0], &ip, in->err);
	if (r == 0)
		buf_puts(in->out, ip);
	return r;
}

static int canon_cname(struct rdata_in *in)
{
	return in->n_words == 1 ? put_target(in, 0, NAME_UNDERSCORE, false) : wants(in, "one name");
}

static int canon_ns(struct rdata_in *in)
{
	return in->n_words == 1 ? put_target(in, 0, 0, false) : wants(in, "one host name");
}

/* In a reverse zone BIND wants host names; elsewhere PTR serves DNS-SD (RFC 6763). */
static int canon_ptr(struct rdata_in *in)
{
	size_t len = strlen(in->zone);
	bool is_reverse = len > 5 && strcmp(in->zone + len - 5, ".arpa") == 0;

	return in->n_words == 1 ? put_target(in, 0, is_reverse ? 0 : NAME_UNDERSCORE, false)
				: wants(in, "one name");
}

static int canon_mx(struct rdata_in *in)
{
	uint64_t n;

	if (in->n_words == 2 && check_number(in->words[0], strlen(in->words[0]), 99999, &n))
		return check_refuse(in->value, in->err,
				    "the number in front belongs into the field priority; the "
				    "value is the mail server's name alone");
	return in->n_words == 1 ? put_target(in, 0, 0, true) : wants(in, "the mail server's name");
}

static int canon_srv(struct rdata_in *in)
{
	int r;

	if (in->n_words == 4)
		return check_refuse(in->value, in->err,
				    "four words; the first number belongs into the field "
				    "priority, the value is: weight port target");
	if (in->n_words != 3)
		return wants(in, "weight port target");
	r = put_number(in, 0, "weight", 65535);
	if (r == 0)
		r = put_number(in, 1, "port", 65535);
	return r < 0 ? r : put_target(in, 2, 0, true);
}

/* The text of a TXT-like value, unquoted, without blanks around it. */
static int put_text(struct rdata_in *in)
{
	struct buf text = { .ctx = in->tmp, .max = RDATA_VALUE_MAX };
	const char *s = in->value + strspn(in->value, " \t\r\n");
	int r = 0;

	if (*s == '"')
		r = rdata_read_strings(s, in->value, &text, in->err);
	else
		buf_puts(&text, s);
	if (r < 0)
		return r;
	s = buf_str(&text);
	s += strspn(s, " ");
	size_t len = strlen(s);
	while (len > 0 && s[len - 1] == ' ')
		len--;
	if (len == 0)
		return check_refuse(in->value, in->err, "an empty text");
	if (!text_is_line(s))
		return check_refuse(in->value, in->err,
				    "a line break, control character or bytes that are not UTF-8; "
				    "give one line of plain text");
	if (*s == '"')
		return check_refuse(in->value, in->err,
				    "a text that itself begins with a quotation mark");
	buf_put(in->out, s, len);
	return 0;
}

/* TAG, then the end or one of ENDS. */
static bool begins_with(const char *text, const char *tag, const char *ends)
{
	size_t len = strlen(tag);

	return strncasecmp(text, tag, len) == 0 && (!text[len] || strchr(ends, text[len]));
}

static int canon_spf(struct rdata_in *in)
{
	int r = put_text(in);

	if (r == 0 && !begins_with(buf_str(in->out), "v=spf1", " "))
		return check_refuse(in->value, in->err,
				    "not SPF; it starts with v=spf1, as in \"v=spf1 mx a ~all\"");
	return r;
}

static int canon_dmarc(struct rdata_in *in)
{
	int r = put_text(in);

	if (r == 0 && (!begins_with(buf_str(in->out), "v=DMARC1", "; ") ||
		       strncmp(buf_str(in->out) + 2, "DMARC1", 6) != 0))
		return check_refuse(in->value, in->err,
				    "not DMARC; it starts with v=DMARC1 (in capitals), as in "
				    "\"v=DMARC1; p=quarantine\"");
	return r;
}

static bool has_key_tag(const char *text)
{
	for (const char *p = text; p; p = strchr(p, ';')) {
		p += strspn(p, "; ");
		if (p[0] == 'p' && p[1 + strspn(p + 1, " ")] == '=')
			return true;
	}
	return false;
}

static int canon_dkim(struct rdata_in *in)
{
	int r = put_text(in);

	if (r == 0 && !begins_with(buf_str(in->out), "v=DKIM1", "; ") &&
	    !has_key_tag(buf_str(in->out)))
		return check_refuse(in->value, in->err,
				    "not a DKIM key; it starts with v=DKIM1 or has p=, as in "
				    "\"v=DKIM1; k=rsa; p=MIIB…\"");
	return r;
}

/* Words I to the end as one hexadecimal string, lower-case, of DIGITS digits (0: any even number). */
static int put_hex(struct rdata_in *in, size_t i, size_t digits)
{
	size_t n = 0;

	for (; i < in->n_words; i++) {
		for (const char *p = in->words[i]; *p; p++, n++) {
			if (!isxdigit((unsigned char)*p))
				return check_refuse(in->value, in->err,
						    "%s is not made of hexadecimal digits",
						    text_quoted(in->words[i]).s);
			buf_putc(in->out, (char)tolower((unsigned char)*p));
		}
	}
	if (digits && n != digits)
		return check_refuse(in->value, in->err,
				    "%zu hexadecimal digits; the digest has %zu", n, digits);
	if (n == 0 || n % 2)
		return check_refuse(in->value, in->err,
				    "%zu hexadecimal digits; two make a byte, so an even number "
				    "is wanted",
				    n);
	return 0;
}

static int canon_sshfp(struct rdata_in *in)
{
	int r;

	if (in->n_words < 3)
		return wants(in, "algorithm type fingerprint");
	if (strlen(in->words[0]) != 1 || !strchr("12346", in->words[0][0]))
		return check_refuse(in->value, in->err,
				    "the algorithm %s; allowed are 1 RSA, 2 DSA, 3 ECDSA, "
				    "4 Ed25519, 6 Ed448",
				    text_quoted(in->words[0]).s);
	if (strcmp(in->words[1], "1") != 0 && strcmp(in->words[1], "2") != 0)
		return check_refuse(in->value, in->err,
				    "the type %s; allowed are 1 SHA-1, 2 SHA-256",
				    text_quoted(in->words[1]).s);
	r = put_number(in, 0, "algorithm", 255);
	if (r == 0)
		r = put_number(in, 1, "type", 2);
	return r < 0 ? r : put_hex(in, 2, in->words[1][0] == '1' ? 40 : 64);
}

static int canon_tlsa(struct rdata_in *in)
{
	static const size_t digits[] = { 0, 64, 128 };
	uint64_t match = 0;
	int r;

	if (in->n_words < 4)
		return wants(in, "usage selector matching data");
	r = put_number(in, 0, "usage", 3);
	if (r == 0)
		r = put_number(in, 1, "selector", 1);
	if (r == 0)
		r = put_number(in, 2, "matching type", 2);
	if (r < 0 || !check_number(in->words[2], strlen(in->words[2]), 2, &match))
		return r;
	return put_hex(in, 3, digits[match]);
}

static int need_ascii(const struct rdata_in *in, const char *word, size_t max)
{
	size_t len = strlen(word);

	if (len > max)
		return check_refuse(in->value, in->err, "a string of %zu bytes; at most %zu", len,
				    max);
	for (; *word; word++) {
		if (*word < 0x20 || *word > 0x7e)
			return check_refuse(in->value, in->err,
					    "a character that is not printable ASCII");
	}
	return 0;
}

/* issuer-domain [";" parameters]; both may be missing: nobody may issue (RFC 8659 4.2). */
static int caa_issuer(struct rdata_in *in, struct buf *out)
{
	const char *s = in->words[2] + strspn(in->words[2], " ");
	size_t len = strcspn(s, ";");
	const char *params = s + len;
	size_t params_len = strlen(params);
	const char *host = "";
	int r = 0;

	while (len > 0 && s[len - 1] == ' ')
		len--;
	if (len > 0)
		r = canon_host(in->tmp, mem_strn(in->tmp, s, len), &host, in->err);
	if (r < 0)
		return r;
	while (params_len > 0 && params[params_len - 1] == ' ')
		params_len--;
	buf_puts(out, host);
	buf_put(out, params, params_len);
	return 0;
}

static int caa_iodef(struct rdata_in *in, struct buf *out)
{
	const char *s = in->words[2];
	const char *canon = NULL;
	int r;

	if (strncasecmp(s, "mailto:", 7) == 0) {
		r = canon_email(in->tmp, s + 7, &canon, in->err);
		if (r == 0)
			buf_puts(out, "mailto:");
	} else {
		r = canon_url(in->tmp, s, &canon, in->err);
	}
	if (r == 0)
		buf_puts(out, canon);
	return r;
}

static int caa_email(struct rdata_in *in, struct buf *out)
{
	const char *canon = NULL;
	int r = canon_email(in->tmp, in->words[2], &canon, in->err);

	if (r == 0)
		buf_puts(out, canon);
	return r;
}

static int caa_phone(struct rdata_in *in, struct buf *out)
{
	const char *s = in->words[2];

	if (!*s || strspn(s, "0123456789+-(). ") != strlen(s))
		return check_refuse(in->value, in->err,
				    "%s is not a telephone number such as +1.555.0100",
				    text_quoted(s).s);
	buf_puts(out, s);
	return 0;
}

static const struct {
	const char *name;
	int (*put)(struct rdata_in *in, struct buf *out);
} caa_tags[] = {
	{ "contactemail", caa_email }, { "contactphone", caa_phone }, { "iodef", caa_iodef },
	{ "issue", caa_issuer },       { "issuemail", caa_issuer },   { "issuevmc", caa_issuer },
	{ "issuewild", caa_issuer },
};

static int canon_caa(struct rdata_in *in)
{
	struct buf text = { .ctx = in->tmp, .max = RDATA_VALUE_MAX };
	int r;

	if (in->n_words != 3)
		return wants(in, "flags tag \"value\", such as 0 issue \"letsencrypt.org\"");
	r = put_number(in, 0, "flags", 255);
	if (r == 0)
		r = need_ascii(in, in->words[2], CAA_VALUE_MAX);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(caa_tags); i++) {
		if (strcasecmp(caa_tags[i].name, in->words[1]) != 0)
			continue;
		r = caa_tags[i].put(in, &text);
		if (r < 0)
			return r;
		buf_printf(in->out, "%s ", caa_tags[i].name);
		rdata_put_string(in->out, buf_str(&text), text.len);
		return 0;
	}
	return check_refuse(in->value, in->err,
			    "the tag %s; allowed are issue issuewild issuemail issuevmc iodef "
			    "contactemail contactphone",
			    text_quoted(in->words[1]).s);
}

/* The parts of delimiter ERE delimiter replacement delimiter [i]. */
static const char *next_delimiter(const char *s, char delimiter)
{
	for (; *s && *s != delimiter; s++) {
		if (s[0] == '\\' && s[1])
			s++;
	}
	return *s ? s : NULL;
}

/* The replacement's \1 to \9 must name groups that the expression has. */
static bool references_exist(const char *s, const char *end, size_t groups)
{
	for (; s < end; s++) {
		if (*s != '\\')
			continue;
		s++;
		if (*s == '0' || (isdigit((unsigned char)*s) && (size_t)(*s - '0') > groups))
			return false;
	}
	return true;
}

/* Repetition counts are refused: nested ones make regcomp() take memory without bound. */
static bool is_naptr_regexp(const struct rdata_in *in, const char *s)
{
	const char *middle = *s ? next_delimiter(s + 1, *s) : NULL;
	const char *end = middle ? next_delimiter(middle + 1, *s) : NULL;
	regex_t re;
	size_t groups;

	if (!*s)
		return true;
	if (isdigit((unsigned char)*s) || strchr("i\\ ", *s) || !end || middle == s + 1 ||
	    strpbrk(s, "{}") || (strcmp(end + 1, "") != 0 && strcmp(end + 1, "i") != 0))
		return false;
	if (regcomp(&re, mem_strn(in->tmp, s + 1, (size_t)(middle - s - 1)), REG_EXTENDED) != 0)
		return false;
	groups = re.re_nsub;
	regfree(&re);
	return references_exist(middle + 1, end, groups);
}

static int canon_naptr(struct rdata_in *in)
{
	int r = 0;

	if (in->n_words != 6)
		return wants(in, "order preference \"flags\" \"service\" \"regexp\" replacement");
	r = put_number(in, 0, "order", 65535);
	if (r == 0)
		r = put_number(in, 1, "preference", 65535);
	for (size_t i = 2; i < 5 && r == 0; i++)
		r = need_ascii(in, in->words[i], STRING_MAX);
	if (r < 0)
		return r;
	for (const char *p = in->words[2]; *p; p++) {
		if (!isalnum((unsigned char)*p))
			return check_refuse(in->value, in->err,
					    "the flags may have only letters and digits");
	}
	if (!is_naptr_regexp(in, in->words[4]))
		return check_refuse(in->value, in->err,
				    "the regexp must be empty or look like !^.*$!sip:a@b.example! "
				    "(no { })");
	if (in->words[4][0] && strcmp(in->words[5], ".") != 0)
		return check_refuse(in->value, in->err,
				    "a regexp and a replacement; with a regexp the replacement is "
				    "a single dot");
	for (size_t i = 2; i < 5; i++) {
		rdata_put_string(in->out, in->words[i], strlen(in->words[i]));
		buf_putc(in->out, ' ');
	}
	return put_target(in, 5, NAME_UNDERSCORE, true);
}

const struct rdata_type rdata_types[] = {
	{ .name = "A",
	  .wire = "A",
	  .shape = "an IPv4 address such as 192.0.2.1",
	  .owner = RDATA_OWNER_HOST,
	  .canon = canon_a,
	  .doc = "IPv4 address of a host." },
	{ .name = "AAAA",
	  .wire = "AAAA",
	  .shape = "an IPv6 address such as 2001:db8::1",
	  .owner = RDATA_OWNER_HOST,
	  .canon = canon_aaaa,
	  .doc = "IPv6 address of a host." },
	{ .name = "CNAME",
	  .wire = "CNAME",
	  .shape = "a name such as www.example.com",
	  .has_target = true,
	  .canon = canon_cname,
	  .doc = "Another name whose records count; nothing else may stand beside it." },
	{ .name = "MX",
	  .wire = "MX",
	  .shape = "a mail server's name such as mail.example.com",
	  .has_priority = true,
	  .default_priority = 10,
	  .has_target = true,
	  .owner = RDATA_OWNER_HOST,
	  .canon = canon_mx,
	  .doc = "Mail server; lowest priority first. A single dot: no mail at all." },
	{ .name = "TXT",
	  .wire = "TXT",
	  .shape = "a text",
	  .is_text = true,
	  .canon = put_text,
	  .doc = "Any text, of any length up to 4096 bytes." },
	{ .name = "SRV",
	  .wire = "SRV",
	  .shape = "weight port target, such as 5 5060 sip.example.com",
	  .has_priority = true,
	  .default_priority = 0,
	  .has_target = true,
	  .canon = canon_srv,
	  .doc = "Host and port of a service; a target of a single dot: not offered." },
	{ .name = "NS",
	  .wire = "NS",
	  .shape = "a name server's name such as ns1.example.com",
	  .has_target = true,
	  .owner = RDATA_OWNER_NOT_WILD,
	  .canon = canon_ns,
	  .doc = "Name server of the zone or of a part that is delegated." },
	{ .name = "PTR",
	  .wire = "PTR",
	  .shape = "a name such as host.example.com",
	  .has_target = true,
	  .canon = canon_ptr,
	  .doc = "Name that belongs to an address." },
	{ .name = "CAA",
	  .wire = "CAA",
	  .shape = "flags tag \"value\", such as 0 issue \"letsencrypt.org\"",
	  .canon = canon_caa,
	  .doc = "Who may issue certificates." },
	{ .name = "SSHFP",
	  .wire = "SSHFP",
	  .shape = "algorithm type fingerprint",
	  .canon = canon_sshfp,
	  .doc = "Fingerprint of a host's SSH key." },
	{ .name = "TLSA",
	  .wire = "TLSA",
	  .shape = "usage selector matching data",
	  .canon = canon_tlsa,
	  .doc = "Certificate or key that a TLS service shows." },
	{ .name = "NAPTR",
	  .wire = "NAPTR",
	  .shape = "order preference \"flags\" \"service\" \"regexp\" replacement",
	  .canon = canon_naptr,
	  .doc = "Rewriting rule of a name, for telephony." },
	{ .name = "DKIM",
	  .wire = "TXT",
	  .shape = "a key such as v=DKIM1; k=rsa; p=…",
	  .is_text = true,
	  .canon = canon_dkim,
	  .doc = "Public key for mail signatures; TXT on the wire." },
	{ .name = "SPF",
	  .wire = "TXT",
	  .shape = "a policy such as v=spf1 mx a ~all",
	  .is_text = true,
	  .canon = canon_spf,
	  .doc = "Who may send mail for the name; TXT on the wire." },
	{ .name = "DMARC",
	  .wire = "TXT",
	  .shape = "a policy such as v=DMARC1; p=quarantine",
	  .is_text = true,
	  .canon = canon_dmarc,
	  .doc = "What receivers do with forged mail; TXT on the wire." },
	{ .name = NULL },
};
