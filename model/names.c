#include "model/names.h"

#include <ctype.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macro.h"
#include "base/mem.h"
#include "model/check.h"

enum {
	NAME_TEXT_MAX = 1024, /* U-labels take more bytes than what they become */
	LOCAL_MAX = 64,
	EMAIL_MAX = 254,
	USERNAME_MAX = 32,
	LABEL_NAME_MAX = 64,
	URL_MAX = 2048
};

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

/*
 * Sorted as strcmp does. Users and groups that Debian's packages make (a new user gets a group of
 * his name), names that configuration files reserve (php-fpm's [global] and [www]), and first
 * words that would make a database name of the server's own (information_schema, pg_…).
 */
/* clang-format off */
const char *const reserved_names[] = {
	"Debian-exim", "Debian-gdm", "Debian-snmp", "abuse", "adm", "admin", "administrator",
	"all", "amavis", "anonymous", "any", "apache", "apt-cacher-ng", "audio", "avahi",
	"avahi-autoipd", "backup", "bin", "bind", "bitlbee", "bluetooth", "caddy", "cdrom",
	"ceph", "chrony", "clamav", "colord", "consul", "couchdb", "courier", "crontab",
	"current_role", "current_user", "cyrus", "daemon", "dante", "dbus", "debian",
	"debian-tor", "debian-transmission", "default", "dhcpd", "dialout", "dip", "disk",
	"dnscrypt-proxy", "dnsdist", "dnsmasq", "docker", "dovecot", "dovenull", "dump",
	"elasticsearch", "etcd", "exim", "fail2ban", "fax", "festival", "fetchmail", "firebird",
	"floppy", "freerad", "frr", "ftp", "ftpuser", "games", "gdm", "geoclue", "git", "gitea",
	"gitlab", "gitlab-runner", "global", "gluster", "gnats", "gnunet", "grafana", "group",
	"hacluster", "halt", "haproxy", "hostmaster", "hplip", "i2pd", "i2psvc", "icinga",
	"identd", "inetd", "influxdb", "information", "innodb", "input", "inspircd", "irc",
	"ircd", "jenkins", "jetty", "kdm", "kea", "kibana", "kmem", "knot", "knot-resolver",
	"kolab", "kvm", "ldap", "letsencrypt", "libuuid", "libvirt", "libvirt-qemu", "lightdm",
	"list", "lldpd", "localhost", "logcheck", "logstash", "lp", "lpadmin", "lxc", "lxd",
	"lxd-client", "mail", "mailman", "man", "mariadb", "master", "mdm", "memcache",
	"memcached", "messagebus", "minidlna", "minio", "mlocate", "mongod", "mongodb", "monit",
	"mosquitto", "mpd", "mumble-server", "munin", "mysql", "mysqld", "nagios", "named",
	"netdata", "netdev", "news", "nextcloud", "nginx", "nobody", "nogroup", "nomad", "none",
	"nova", "nsd", "nslcd", "ntopng", "ntp", "ntpd", "ntpsec", "null", "nut", "ocserv",
	"odoo", "opendkim", "opendmarc", "openldap", "openvpn", "openvswitch", "operator",
	"oracle", "partimag", "pcp", "pcscd", "pdns", "pdns-recursor", "performance", "pg",
	"pgbouncer", "php", "phpmyadmin", "pipewire", "plocate", "plugdev", "policyd-spf",
	"policykit", "polkitd", "postdrop", "postfix", "postgres", "postgresql", "postgrey",
	"postmaster", "powerdev", "powerdns", "privoxy", "proftpd", "prometheus", "proxy",
	"public", "pulse", "puppet", "pure-ftpd", "pureftpd", "qemu", "quagga", "rabbitmq",
	"radvd", "redis", "redsocks", "render", "repmgr", "root", "roundcube", "rpc", "rpcuser",
	"rspamd", "rsync", "rtkit", "rwhod", "sambashare", "saned", "sasl", "saslauth",
	"scanner", "sddm", "security", "self", "session_user", "sgx", "shadow", "shutdown",
	"smmsp", "smmta", "snmp", "sogo", "solr", "spamassassin", "spamd", "speech-dispatcher",
	"squid", "src", "ssh", "sshd", "ssl-cert", "sslh", "sssd", "staff", "statd",
	"strongswan", "stunnel", "stunnel4", "sudo", "support", "svn", "sync", "sys", "syslog",
	"system", "systemd", "tang", "tape", "tcpdump", "telegraf", "template", "template0",
	"template1", "tftp", "tinyproxy", "tomcat", "tomcat10", "tomcat8", "tomcat9", "toor",
	"tor", "transmission", "tss", "tty", "ubuntu", "unbound", "upsmon", "usbmux", "user",
	"users", "utmp", "uucp", "uuidd", "uwsgi", "vagrant", "valkey", "varnish", "varnishlog",
	"vault", "vcache", "vde2-net", "vdr", "video", "virtual", "vmail", "vnstat", "voice",
	"vsftpd", "webmaster", "wheel", "wireshark", "www", "www-data", "wwwrun", "xrdp",
	"zabbix", "znc", "zookeeper",
	NULL,
};

/* clang-format on */

static int compare_name(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

bool username_is_reserved(const char *name)
{
	static const char *const prefixes[] = { "_", "systemd-", "systemd_", "novacpx" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return bsearch(name, reserved_names, ARRAY_LEN(reserved_names) - 1,
		       sizeof(reserved_names[0]), compare_name) != NULL;
}

int canon_login(const void *ctx, const char *value, const char **ret, struct err *err)
{
	static const char allowed[] = "a user name has 2 to 32 lower-case letters, digits and _, "
				      "and starts with a letter";
	size_t len = strlen(value);
	size_t good = strspn(value, LOWER DIGIT "_");

	(void)ctx;
	if (good < len && strchr(UPPER, value[good]))
		return check_refuse(value, err, "the upper-case %c; %s", value[good], allowed);
	if (good < len || len < 2 || len > USERNAME_MAX || !strchr(LOWER, value[0]))
		return check_refuse(value, err, "not allowed; %s", allowed);
	*ret = value;
	return 0;
}

int canon_username(const void *ctx, const char *value, const char **ret, struct err *err)
{
	const char *login;
	int r = canon_login(ctx, value, &login, err);

	if (r < 0)
		return r;
	if (username_is_reserved(value))
		return check_refuse(value, err,
				    "reserved for the system or a service; choose another name");
	*ret = login;
	return 0;
}

int canon_db_name(const void *ctx, const char *value, const char **ret, struct err *err)
{
	size_t len = strlen(value);

	(void)ctx;
	if (len < 1 || len > 64 || strspn(value, LOWER DIGIT "_") != len ||
	    !strchr(LOWER, value[0]))
		return check_refuse(value, err,
				    "not a database name; 1 to 64 lower-case letters, digits and "
				    "_, and a letter first");
	*ret = value;
	return 0;
}

int canon_label_name(const void *ctx, const char *value, const char **ret, struct err *err)
{
	size_t len = strlen(value);

	(void)ctx;
	if (len < 1 || len > LABEL_NAME_MAX || strspn(value, LOWER UPPER DIGIT " ._-") != len ||
	    strchr("-. ", value[0]) || value[len - 1] == ' ')
		return check_refuse(value, err,
				    "not a name; 1 to %d letters, digits, spaces and . _ -, not "
				    "starting with - . or a space, nor ending in a space",
				    LABEL_NAME_MAX);
	*ret = value;
	return 0;
}

/* A name while it is read: labels are appended to OUT in their canonical form. */
struct name {
	const char *value; /* as the caller wrote it, for messages */
	unsigned flags;
	struct err *err;
	char text[NAME_TEXT_MAX + 1]; /* VALUE with other scripts' full stops as dots */
	char out[NAME_LEN_MAX + NAME_LABEL_MAX + 2];
	size_t len;
	size_t labels;
	size_t last; /* where the last label starts in OUT */
};

/* ASCII only, whatever the locale. */
static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static void idn_freep(char **p)
{
	idn2_free(*p);
}

/* An A-label must decode to a U-label that encodes to it again (RFC 5890 2.3.2.1). */
static int check_a_label(const struct name *n, const char *label)
{
	cleanup_(idn_freep) char *text = NULL;
	cleanup_(idn_freep) char *back = NULL;

	if (idn2_to_unicode_8z8z(label, &text, IDN2_NONTRANSITIONAL) != IDN2_OK ||
	    idn2_to_ascii_8z(text, &back, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK ||
	    strcmp(back, label) != 0)
		return check_refuse(n->value, n->err,
				    "the label \"%s\" is not a valid internationalised label",
				    label);
	return 0;
}

static int check_label(const struct name *n, const char *label, size_t len)
{
	const char *ldh = n->flags & NAME_UNDERSCORE ? LOWER DIGIT "-_" : LOWER DIGIT "-";
	size_t good = strspn(label, ldh);

	if (n->flags & NAME_WILD && n->labels == 0 && strcmp(label, "*") == 0)
		return 0;
	if (good < len)
		return check_refuse(n->value, n->err,
				    "the character %s; a label has letters, digits and -%s",
				    text_quoted((const char[]){ label[good], '\0' }).s,
				    n->flags & NAME_UNDERSCORE ? " and _" : "");
	if (label[0] == '-' || label[len - 1] == '-')
		return check_refuse(n->value, n->err,
				    "the label \"%s\" starts or ends with -, which is not allowed",
				    label);
	return strncmp(label, "xn--", 4) == 0 ? check_a_label(n, label) : 0;
}

/* A label in lower-case ASCII: RET has room for NAME_LABEL_MAX + 1. */
static int label_to_ascii(const struct name *n, const char *s, size_t len, char *ret)
{
	cleanup_(idn_freep) char *ascii = NULL;
	char low[NAME_TEXT_MAX + 1];
	bool is_ascii = true;

	for (size_t i = 0; i < len; i++) {
		low[i] = lower(s[i]);
		is_ascii = is_ascii && !((unsigned char)s[i] & 0x80);
	}
	low[len] = '\0';
	if (!is_ascii) {
		int r = idn2_to_ascii_8z(low, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

		if (r != IDN2_OK)
			return check_refuse(
				n->value, n->err,
				"the label %s is not a valid internationalised label: %s",
				text_quoted(low).s, idn2_strerror(r));
	}
	const char *label = is_ascii ? low : ascii;
	len = strlen(label);
	if (len == 0 || len > NAME_LABEL_MAX)
		return check_refuse(n->value, n->err,
				    "a label of %zu bytes; each has 1 to %d (in ASCII form)", len,
				    NAME_LABEL_MAX);
	memcpy(ret, label, len + 1);
	return 0;
}

static int add_label(struct name *n, const char *s, size_t len)
{
	char label[NAME_LABEL_MAX + 1];
	int r = label_to_ascii(n, s, len, label);

	if (r == 0)
		r = check_label(n, label, strlen(label));
	if (r < 0)
		return r;
	if (n->labels++ > 0)
		n->out[n->len++] = '.';
	n->last = n->len;
	memcpy(n->out + n->len, label, strlen(label));
	n->len += strlen(label);
	n->out[n->len] = '\0';
	if (n->len > NAME_LEN_MAX)
		return check_refuse(n->value, n->err, "too long; a name has at most %d bytes",
				    NAME_LEN_MAX);
	return 0;
}

/* Copies VALUE, with the ideographic full stops that IDNA counts as dots (UTS 46) as dots. */
static void fold_dots(struct name *n)
{
	static const char *const stops[] = { "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1" };
	size_t len = 0;

	for (const char *p = n->value; *p;) {
		bool is_stop = false;

		for (size_t i = 0; i < ARRAY_LEN(stops); i++)
			is_stop = is_stop || strncmp(p, stops[i], 3) == 0;
		n->text[len++] = (char)(is_stop ? '.' : *p);
		p += is_stop ? 3 : 1;
	}
	n->text[len] = '\0';
}

static int check_name_text(struct name *n)
{
	size_t len = strnlen(n->value, NAME_TEXT_MAX + 1);

	if (len == 0)
		return check_refuse(n->value, n->err,
				    "an empty name; one looks like www.example.com");
	if (len > NAME_TEXT_MAX)
		return check_refuse(n->value, n->err, "too long; a name has at most %d bytes",
				    NAME_LEN_MAX);
	if (!utf8_is_valid(n->value, len))
		return check_refuse(n->value, n->err,
				    "bytes that are not UTF-8; give a name in ASCII or UTF-8");
	fold_dots(n);
	if (n->text[0] == '.')
		return check_refuse(n->value, n->err, "a dot at the start; begin with a label");
	if (strstr(n->text, ".."))
		return check_refuse(n->value, n->err,
				    "two dots in a row; between two dots belongs a label");
	return 0;
}

int name_canon(const void *ctx, const char *value, unsigned flags, const char **ret,
	       struct err *err)
{
	struct name n = { .value = value, .flags = flags, .err = err };
	int r = check_name_text(&n);

	if (r < 0)
		return r;
	for (const char *p = n.text; *p;) {
		size_t len = strcspn(p, ".");

		r = add_label(&n, p, len);
		if (r < 0)
			return r;
		p += len + (p[len] == '.');
	}
	if (n.labels < 2 && !(flags & NAME_SINGLE))
		return check_refuse(value, err,
				    "a single label; a full name such as www.example.com is "
				    "wanted");
	if (strspn(n.out + n.last, DIGIT) == strlen(n.out + n.last) && !(flags & NAME_NUMERIC))
		return check_refuse(value, err,
				    "a name cannot end in digits alone%s; one looks like "
				    "www.example.com",
				    n.labels == 4 ? " (is it an address?)" : "");
	return check_same(ctx, value, n.out, ret);
}

int canon_host(const void *ctx, const char *value, const char **ret, struct err *err)
{
	return name_canon(ctx, value, 0, ret, err);
}

int canon_host_wild(const void *ctx, const char *value, const char **ret, struct err *err)
{
	const char *host = NULL;
	int r;

	if (strncmp(value, "*.", 2) != 0)
		return canon_host(ctx, value, ret, err);
	r = canon_host(ctx, value + 2, &host, err);
	if (r < 0)
		return r;
	if (strlen(host) + 2 > NAME_LEN_MAX)
		return check_refuse(value, err, "too long; a name has at most %d bytes",
				    NAME_LEN_MAX);
	*ret = host == value + 2 ? value : mem_fmt(ctx, "*.%s", host);
	return 0;
}

static int canon_local(const char *value, size_t len, char *ret, struct err *err)
{
	if (len < 1 || len > LOCAL_MAX)
		return check_refuse(value, err, "before the @ stand 1 to %d characters, not %zu",
				    LOCAL_MAX, len);
	for (size_t i = 0; i < len; i++)
		ret[i] = lower(value[i]);
	ret[len] = '\0';
	if (strspn(ret, LOWER DIGIT "._-+=&'~") != len)
		return check_refuse(value, err,
				    "before the @ may stand letters, digits and . _ - + = & ' ~");
	if (!strchr(LOWER DIGIT "_", ret[0]) || ret[len - 1] == '.' || strstr(ret, ".."))
		return check_refuse(value, err,
				    "the part before the @ must start with a letter, digit or _, "
				    "not end with a dot and have no two dots in a row");
	return 0;
}

int canon_email(const void *ctx, const char *value, const char **ret, struct err *err)
{
	const char *at = strrchr(value, '@');
	char text[LOCAL_MAX + 1 + NAME_LEN_MAX + 1];
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "email");
	const char *host = NULL;
	int r;

	if (!at)
		return check_refuse(value, err, "no @; an address looks like name@example.com");
	r = canon_local(value, (size_t)(at - value), text, err);
	if (r < 0)
		return r;
	r = canon_host(tmp, at + 1, &host, err);
	if (r < 0)
		return r;
	size_t len = (size_t)(at - value);
	text[len++] = '@';
	if (len + strlen(host) > EMAIL_MAX)
		return check_refuse(value, err, "too long; an address has at most %d bytes",
				    EMAIL_MAX);
	memcpy(text + len, host, strlen(host) + 1);
	return check_same(ctx, value, text, ret);
}

int canon_forward_source(const void *ctx, const char *value, const char **ret, struct err *err)
{
	const char *host = NULL;
	int r;

	if (value[0] != '@')
		return canon_email(ctx, value, ret, err);
	r = canon_host(ctx, value + 1, &host, err);
	if (r < 0)
		return r;
	*ret = host == value + 1 ? value : mem_fmt(ctx, "@%s", host);
	return 0;
}

int canon_forward_target(const void *ctx, const char *value, const char **ret, struct err *err)
{
	return canon_email(ctx, value, ret, err);
}

static bool percent_is_right(const char *s)
{
	for (const char *p = strchr(s, '%'); p; p = strchr(p + 1, '%')) {
		if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
			return false;
	}
	return true;
}

/* HOST of a URL: a name, an IPv4 address, or an IPv6 address in brackets. */
static int put_url_host(struct buf *out, const char *host, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "url");
	size_t len = strlen(host);
	const char *canon = NULL;
	int r;

	if (host[0] == '[' && len > 2 && host[len - 1] == ']') {
		r = canon_ip6(tmp, mem_strn(tmp, host + 1, len - 2), &canon, err);
		if (r == 0)
			buf_printf(out, "[%s]", canon);
		return r;
	}
	if (canon_ip4(tmp, host, &canon, NULL) < 0) {
		r = canon_host(tmp, host, &canon, err);
		if (r < 0)
			return r;
	}
	buf_puts(out, canon);
	return 0;
}

/* host[:port] of LEN bytes at S, within VALUE. */
static int put_authority(struct buf *out, const char *value, const char *s, size_t len,
			 struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "url");
	char *host = mem_strn(tmp, s, len);
	char *colon = strrchr(host, ':');
	uint64_t port = 0;
	int r;

	if (strchr(host, '@'))
		return check_refuse(value, err,
				    "a user name or password in the address; leave out what "
				    "stands before the @");
	if (colon && !strchr(colon, ']')) {
		if (!check_number(colon + 1, strlen(colon + 1), 65535, &port) || port == 0)
			return check_refuse(value, err,
					    "the port after : must be a number from 1 to 65535");
		*colon = '\0';
	}
	r = put_url_host(out, host, err);
	if (r < 0)
		return r;
	if (port)
		buf_printf(out, ":%u", (unsigned)port);
	return 0;
}

int canon_url(const void *ctx, const char *value, const char **ret, struct err *err)
{
	cleanup_(buf_done) struct buf out = { .max = (size_t)2 * URL_MAX };
	bool is_tls = strncasecmp(value, "https://", 8) == 0;
	const char *s = value + (is_tls ? 8 : 7);

	if (strnlen(value, URL_MAX + 1) > URL_MAX)
		return check_refuse(value, err, "too long; a URL has at most %d bytes", URL_MAX);
	if (!is_tls && strncasecmp(value, "http://", 7) != 0)
		return check_refuse(value, err,
				    "not a web address; it starts with http:// or https://");
	size_t len = strcspn(s, "/?#");
	buf_puts(&out, is_tls ? "https://" : "http://");
	int r = put_authority(&out, value, s, len, err);
	if (r < 0)
		return r;
	for (const char *p = s + len; *p; p++) {
		if (*p <= ' ' || *p > '~' || strchr("\"'`\\$<>", *p))
			return check_refuse(
				value, err, "the character %s in the path; write it as %%%02X",
				text_quoted((const char[]){ p[0], '\0' }).s, (unsigned char)*p);
	}
	if (!percent_is_right(s + len))
		return check_refuse(value, err,
				    "a %% that two hexadecimal digits do not follow; write %%25");
	buf_puts(&out, s + len);
	if (out.over || out.len > URL_MAX)
		return check_refuse(value, err, "too long; a URL has at most %d bytes", URL_MAX);
	return check_same(ctx, value, buf_str(&out), ret);
}
