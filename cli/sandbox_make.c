/* Making a sandbox: tables of what is copied, what is written and which folders there are. */
#include "cli/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"

#define BEGUN    SANDBOX_MARK ".begun"
#define TLS_CERT "/etc/ssl/certs/ssl-cert-snakeoil.pem"
#define TLS_KEY  "/etc/ssl/private/ssl-cert-snakeoil.key"

enum {
	FILE_MAX = 8 << 20,
	DEPTH_MAX = 8,
	RNDC_KEY_LEN = 32,
};

struct make {
	void *ctx;
	int host, root;
	const char *path; /* of the sandbox, absolute */
};

/* Files and folders of the host's /etc that the daemons, the C library and PAM read. */
static const char *const copied[] = {
	"/etc/alternatives",   "/etc/bind",        "/etc/debian_version",
	"/etc/default/locale", "/etc/dovecot",     "/etc/environment",
	"/etc/gai.conf",       "/etc/group",       "/etc/host.conf",
	"/etc/hosts",          "/etc/ld.so.cache", "/etc/ld.so.conf",
	"/etc/ld.so.conf.d",   "/etc/localtime",   "/etc/login.defs",
	"/etc/mime.types",     "/etc/networks",    "/etc/nginx",
	"/etc/nsswitch.conf",  "/etc/os-release",  "/etc/pam.conf",
	"/etc/pam.d",          "/etc/passwd",      "/etc/php",
	"/etc/postfix",        "/etc/protocols",   "/etc/rpc",
	"/etc/security",       "/etc/services",    "/etc/shells",
	"/etc/skel",           "/etc/ssl",         "/etc/timezone",
};

/* What the host serves itself, and what is written below instead. A slash at the end: the folder stays, empty. */
static const char *const left_out[] = {
	"/etc/bind/named.conf.local", "/etc/bind/named.conf.options",
	"/etc/dovecot/local.conf",    "/etc/dovecot/private/",
	"/etc/nginx/conf.d/",         "/etc/nginx/sites-enabled/",
	"/etc/postfix/main.cf",       "/etc/postfix/master.cf",
	"/etc/postfix/sasl/",         TLS_CERT,
};

struct folder {
	const char *path;
	mode_t mode;
	const char *owner, *group; /* NULL: root; one that the host does not have: root too */
};

static const struct folder folders[] = {
	{ "/etc/cron.d", 0755, NULL, NULL },
	{ "/etc/ssl/private", 0700, NULL, NULL },
	{ "/etc/dovecot/private", 0700, NULL, NULL },
	{ "/home", 0755, NULL, NULL },
	{ "/root", 0700, NULL, NULL },
	{ "/run", 0755, NULL, NULL },
	{ "/run/lock", 01777, NULL, NULL },
	{ "/run/named", 0775, NULL, "bind" },
	{ "/run/php", 0755, "www-data", "www-data" },
	{ "/tmp", 01777, NULL, NULL },
	{ "/var", 0755, NULL, NULL },
	{ "/var/cache/bind", 0775, NULL, "bind" },
	{ "/var/lib/bind", 0775, NULL, "bind" },
	{ "/var/lib/dovecot", 0755, NULL, NULL },
	{ "/var/lib/nginx", 0755, NULL, NULL },
	{ "/var/lib/php/sessions", 01733, NULL, NULL },
	{ "/var/lib/postfix", 0755, "postfix", "postfix" },
	{ "/var/log", 0755, NULL, NULL },
	{ "/var/log/named", 0755, "bind", "bind" },
	{ "/var/log/nginx", 0755, NULL, "adm" },
	{ "/var/mail", 02775, NULL, "mail" },
	{ "/var/spool/cron/crontabs", 01730, NULL, "crontab" },
	{ "/var/spool/postfix/etc", 0755, NULL, NULL },
	{ "/var/spool/postfix/maildrop", 01730, "postfix", "postdrop" },
	{ "/var/spool/postfix/pid", 0755, NULL, NULL },
	{ "/var/spool/postfix/private", 0700, "postfix", NULL },
	{ "/var/spool/postfix/public", 02710, "postfix", "postdrop" },
	{ "/var/tmp", 01777, NULL, NULL },
	{ "/var/www/html", 0755, NULL, NULL },
};

static const char *const links[][2] = {
	{ "/var/run", "/run" },
	{ "/var/lock", "/run/lock" },
	{ "/var/spool/mail", "../mail" },
};

struct text {
	const char *path;
	const char *needs; /* a folder of the host without which it is left out; NULL: none */
	const char *text;
};

static const struct text texts[] = {
	{ "/etc/hostname", NULL, "sandbox\n" },
	{ "/etc/mailname", NULL, "localhost\n" },
	{ "/etc/bind/named.conf.options", "/etc/bind",
	  "// Of the sandbox: answers for its own zones only, on the loopback address.\n"
	  "options {\n"
	  "\tdirectory \"/var/cache/bind\";\n"
	  "\tlisten-on { 127.0.0.1; };\n"
	  "\tlisten-on-v6 { none; };\n"
	  "\trecursion no;\n"
	  "\tdnssec-validation no;\n"
	  "};\n" },
	{ "/etc/bind/named.conf.local", "/etc/bind",
	  "// Of the sandbox.\n"
	  "logging {\n"
	  "\tchannel sandbox { file \"/var/log/named/named.log\"; severity info; print-time yes; };\n"
	  "\tcategory default { sandbox; };\n"
	  "};\n" },
	{ "/etc/dovecot/local.conf", "/etc/dovecot",
	  "# Of the sandbox.\n"
	  "listen = 127.0.0.1\n"
	  "log_path = /var/log/dovecot.log\n" },
	{ "/etc/postfix/main.cf", "/etc/postfix",
	  "# Of the sandbox: nothing leaves it, mail to others stays in the queue.\n"
	  "defer_transports = smtp, relay\n"
	  "compatibility_level = 3.6\n"
	  "myhostname = sandbox.localhost\n"
	  "myorigin = localhost\n"
	  "mydestination = localhost, $myhostname\n"
	  "mynetworks = 127.0.0.0/8\n"
	  "inet_interfaces = loopback-only\n"
	  "inet_protocols = ipv4\n"
	  "alias_maps =\n"
	  "alias_database =\n"
	  "biff = no\n"
	  "append_dot_mydomain = no\n"
	  "readme_directory = no\n"
	  "notify_classes =\n"
	  "maillog_file = /var/log/mail.log\n"
	  "smtpd_tls_cert_file = " TLS_CERT "\n"
	  "smtpd_tls_key_file = " TLS_KEY "\n"
	  "smtpd_tls_security_level = may\n" },
};

/* What Debian's init script shows to Postfix' daemons in their own root. */
static const char *const of_postfix[] = { "/etc/hosts", "/etc/host.conf", "/etc/localtime",
					  "/etc/nsswitch.conf", "/etc/services" };

static uid_t uid_of(const char *name)
{
	const struct passwd *pw = name ? getpwnam(name) : NULL; /* NOLINT(concurrency-mt-unsafe) */

	return pw ? pw->pw_uid : 0;
}

static gid_t gid_of(const char *name)
{
	const struct group *gr = name ? getgrnam(name) : NULL; /* NOLINT(concurrency-mt-unsafe) */

	return gr ? gr->gr_gid : 0;
}

/* Writing into the sandbox. What an interrupted try left behind is replaced. */

static int set_meta(int fd, const char *path, const struct stat *st, struct err *err)
{
	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0)
		return err_sys(err, "set owner and mode of %s", path);
	return 0;
}

static int put_folder(struct make *m, const char *path, const struct stat *st, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	int r = fs_mkdirs(m->root, path, 0755, err);

	if (r < 0)
		return r;
	fd = fs_open(m->root, path, O_RDONLY | O_DIRECTORY, 0, FS_NOLINKS, err);
	return fd < 0 ? fd : set_meta(fd, path, st, err);
}

static int put_file(struct make *m, const char *path, const void *data, size_t len,
		    const struct stat *st, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	int r = fs_remove_tree(m->root, path, FS_NOLINKS, err);

	if (r < 0)
		return r;
	fd = fs_open(m->root, path, O_WRONLY | O_CREAT | O_EXCL, 0600, FS_NOLINKS, err);
	if (fd < 0)
		return fd;
	if (fs_write_all(fd, data, len) < 0)
		return err_sys(err, "write %s", path);
	return set_meta(fd, path, st, err);
}

static int put_text(struct make *m, const char *path, const char *text, mode_t mode,
		    const char *group, struct err *err)
{
	struct stat st = { .st_mode = mode, .st_gid = gid_of(group) };

	return put_file(m, path, text, strlen(text), &st, err);
}

static int put_link(struct make *m, const char *path, const char *target, struct err *err)
{
	const char *name;
	cleanup_(fd_close) int dir = -1;
	int r = fs_remove_tree(m->root, path, FS_NOLINKS, err);

	if (r < 0)
		return r;
	dir = fs_open_parent(m->root, path, FS_NOLINKS, &name, err);
	if (dir < 0)
		return dir;
	return symlinkat(target, dir, name) < 0 ? err_sys(err, "make link %s", path) : 0;
}

/* Copying from the host */

/* 1: leave it out; 2: make the folder, leave out what is in it. */
static int is_left_out(const char *path)
{
	size_t len = strlen(path);

	if (strstr(path, "novacpx"))
		return 1;
	/* of PHP's pools only Debian's own */
	if (strncmp(path, "/etc/php/", 9) == 0 && strstr(path, "/pool.d/") &&
	    (len < 9 || strcmp(path + len - 9, "/www.conf") != 0))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
		size_t n = strlen(left_out[i]);

		if (left_out[i][n - 1] == '/' && len == n - 1 &&
		    strncmp(path, left_out[i], len) == 0)
			return 2;
		if (strcmp(path, left_out[i]) == 0)
			return 1;
	}
	return 0;
}

static int copy(struct make *m, const char *path, int depth, struct err *err);

static int copy_folder(struct make *m, const char *path, int depth, struct err *err)
{
	struct dirent *e;
	int r = 0;
	int fd = fs_open(m->host, path, O_RDONLY | O_DIRECTORY, 0, FS_NOLINKS, err);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		return fd;
	if (!d) {
		fd_close(&fd);
		return err_sys(err, "read %s", path);
	}
	while (r >= 0 && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = copy(m, mem_fmt(m->ctx, "%s/%s", path, e->d_name), depth + 1, err);
	}
	(void)closedir(d);
	return r;
}

static int copy_file(struct make *m, const char *path, const struct stat *st, struct err *err)
{
	char *data;
	size_t len;
	int r;

	if (!(st->st_mode & S_IROTH)) /* somebody's secret: nothing that a sandbox needs */
		return 0;
	r = fs_read(m->ctx, m->host, path, FILE_MAX, FS_NOLINKS, &data, &len, err);
	return r < 0 ? r : put_file(m, path, data, len, st, err);
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is bounded */
static int copy(struct make *m, const char *path, int depth, struct err *err)
{
	struct stat st;
	char *target;
	int left = is_left_out(path);
	int r;

	if (left == 1 || depth > DEPTH_MAX)
		return 0;
	r = fs_stat(m->host, path, &st, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	if (S_ISLNK(st.st_mode)) {
		r = fs_readlink(m->ctx, m->host, path, &target, err);
		return r < 0 ? r : put_link(m, path, target, err);
	}
	if (S_ISREG(st.st_mode))
		return copy_file(m, path, &st, err);
	if (!S_ISDIR(st.st_mode))
		return 0;
	r = put_folder(m, path, &st, err);
	return r < 0 || left ? r : copy_folder(m, path, depth, err);
}

static int copy_all(struct make *m, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(copied) && r >= 0; i++) {
		const char *slash = strrchr(copied[i], '/');

		r = fs_mkdirs(m->root, mem_strn(m->ctx, copied[i], (size_t)(slash - copied[i])),
			      0755, err);
		if (r >= 0)
			r = copy(m, copied[i], 0, err);
	}
	return r;
}

/* Users as on the host, so that no number is given twice on one disk, but without passwords. */

static int put_passwords(struct make *m, const char *users, const char *path, const char *rest,
			 struct err *err)
{
	struct buf out = BUF_ON(m->ctx);
	char *text;
	size_t len;
	int r = fs_read(m->ctx, m->root, users, FILE_MAX, FS_NOLINKS, &text, &len, err);

	if (r < 0)
		return r;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t n = strcspn(line, ":\n");

		if (n && line[n] == ':')
			buf_printf(&out, "%.*s:%s\n", (int)n, line, rest);
	}
	return put_text(m, path, buf_str(&out), 0640, "shadow", err);
}

/* Postfix' services as in the package, but for the one that would listen on port 25. */
static int put_master_cf(struct make *m, struct err *err)
{
	struct buf out = BUF_ON(m->ctx);
	char *text;
	size_t len;
	int r = fs_read(m->ctx, m->host, "/usr/share/postfix/master.cf.dist", FILE_MAX, 0, &text,
			&len, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t n = strcspn(line, "\n");
		size_t name = strcspn(line, " \t\n");
		const char *type = line + name + strspn(line + name, " \t");

		buf_printf(&out, "%s%.*s\n",
			   name == 4 && strncmp(line, "smtp", 4) == 0 &&
					   strncmp(type, "inet", 4) == 0
				   ? "#"
				   : "",
			   (int)n, line);
	}
	return put_text(m, "/etc/postfix/master.cf", buf_str(&out), 0644, NULL, err);
}

static int put_rndc_key(struct make *m, struct err *err)
{
	unsigned char key[RNDC_KEY_LEN];
	unsigned char base64[RNDC_KEY_LEN * 2];

	if (!fs_exists(m->host, "/etc/bind"))
		return 0;
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return err_sys(err, "random number");
	(void)EVP_EncodeBlock(base64, key, sizeof(key));
	return put_text(
		m, "/etc/bind/rndc.key",
		mem_fmt(m->ctx,
			"key \"rndc-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"%s\";\n};\n",
			(const char *)base64),
		0640, "bind", err);
}

/* One for all daemons, under the names that Debian's configurations know. */
static int put_certificate(struct make *m, struct err *err)
{
	const char *const argv[] = { "openssl",
				     "req",
				     "-x509",
				     "-newkey",
				     "ec",
				     "-pkeyopt",
				     "ec_paramgen_curve:prime256v1",
				     "-nodes",
				     "-days",
				     "3650",
				     "-subj",
				     "/CN=localhost",
				     "-addext",
				     "subjectAltName=DNS:localhost,IP:127.0.0.1",
				     "-keyout",
				     mem_fmt(m->ctx, "%s" TLS_KEY, m->path),
				     "-out",
				     mem_fmt(m->ctx, "%s" TLS_CERT, m->path),
				     NULL };
	struct proc p = { .argv = argv };
	struct proc_result res;
	int r;

	if (!fs_exists(m->host, "/etc/dovecot") && !fs_exists(m->host, "/etc/postfix"))
		return 0;
	r = fs_mkdirs(m->root, "/etc/ssl/certs", 0755, err);
	if (r >= 0)
		r = proc_run(m->ctx, &p, &res, err);
	if (r >= 0 && res.status != 0)
		r = err_set(err, ERR_SYSTEM, "openssl made no certificate: %.500s", res.out);
	if (r >= 0 && fs_exists(m->root, "/etc/dovecot/private"))
		r = put_link(m, "/etc/dovecot/private/dovecot.pem", TLS_CERT, err);
	if (r >= 0 && fs_exists(m->root, "/etc/dovecot/private"))
		r = put_link(m, "/etc/dovecot/private/dovecot.key", TLS_KEY, err);
	return r < 0 ? err_wrap(err, "certificate") : 0;
}

static int put_postfix_etc(struct make *m, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(of_postfix) && r >= 0; i++) {
		struct stat st = { .st_mode = 0644 };
		char *data;
		size_t len;

		r = fs_read(m->ctx, m->host, of_postfix[i], FILE_MAX, 0, &data, &len, err);
		if (r == -ERR_NOTFOUND) {
			err_clear(err);
			r = 0;
			continue;
		}
		if (r >= 0)
			r = put_file(m, mem_fmt(m->ctx, "/var/spool/postfix%s", of_postfix[i]),
				     data, len, &st, err);
	}
	return r;
}

/* resolv.conf is a link into /run on many hosts. */
static int put_resolv_conf(struct make *m, struct err *err)
{
	char *data;
	size_t len;
	int r = fs_read(m->ctx, m->host, "/etc/resolv.conf", FILE_MAX, 0, &data, &len, err);

	if (r < 0) {
		err_clear(err);
		data = mem_str(m->ctx, "nameserver 127.0.0.1\n");
	}
	r = put_text(m, "/etc/resolv.conf", data, 0644, NULL, err);
	return r < 0 ? r : put_text(m, "/var/spool/postfix/etc/resolv.conf", data, 0644, NULL, err);
}

static int fill(struct make *m, struct err *err)
{
	int r = copy_all(m, err);

	for (size_t i = 0; i < ARRAY_LEN(folders) && r >= 0; i++) {
		const struct folder *f = &folders[i];
		struct stat st = { .st_mode = f->mode,
				   .st_uid = uid_of(f->owner),
				   .st_gid = gid_of(f->group) };

		r = put_folder(m, f->path, &st, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(links) && r >= 0; i++)
		r = put_link(m, links[i][0], links[i][1], err);
	for (size_t i = 0; i < ARRAY_LEN(texts) && r >= 0; i++) {
		const struct text *t = &texts[i];

		if (!t->needs || fs_exists(m->host, t->needs))
			r = put_text(m, t->path, t->text, 0644, NULL, err);
	}
	if (r >= 0)
		r = put_passwords(m, "/etc/passwd", "/etc/shadow", "*:19000:0:99999:7:::", err);
	if (r >= 0)
		r = put_passwords(m, "/etc/group", "/etc/gshadow", "*::", err);
	if (r >= 0)
		r = put_master_cf(m, err);
	if (r >= 0)
		r = put_rndc_key(m, err);
	if (r >= 0)
		r = put_postfix_etc(m, err);
	if (r >= 0)
		r = put_resolv_conf(m, err);
	return r < 0 ? r : put_certificate(m, err);
}

/* Whose folder it is */

bool sandbox_is_one(int root)
{
	return fs_exists(root, SANDBOX_MARK);
}

static int is_empty(int root, struct err *err)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	bool any = false;

	if (!d)
		return err_sys(err, "read the folder");
	while (!any && (e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): one thread */
		any = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(d);
	return !any;
}

static int open_folder(struct make *m, const char *path, struct err *err)
{
	char *real;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "make %s", path);
	real = realpath(path, NULL);
	if (!real)
		return err_sys(err, "find %s", path);
	m->path = mem_str(m->ctx, real);
	free(real);
	if (strcmp(m->path, "/") == 0)
		return err_set(err, ERR_INVALID,
			       "/ is the machine itself; a sandbox is a folder: "
			       "--root DIR");
	m->host = fs_root_open("/", err);
	if (m->host < 0)
		return m->host;
	m->root = fs_root_open(m->path, err);
	return m->root < 0 ? m->root : 0;
}

static int make_in(struct make *m, struct err *err)
{
	int r = open_folder(m, m->path, err);

	if (r < 0)
		return r;
	if (sandbox_is_one(m->root))
		return 0;
	if (!fs_exists(m->root, BEGUN)) {
		r = is_empty(m->root, err);
		if (r == 0)
			return err_set(err, ERR_CONFLICT,
				       "%s is neither empty nor a sandbox; name another folder",
				       m->path);
	}
	if (r >= 0)
		r = fs_mkdirs(m->root, "/etc/novacpx", 0755, err);
	if (r >= 0)
		r = put_text(m, BEGUN, "", 0644, NULL, err);
	if (r >= 0)
		r = fill(m, err);
	if (r >= 0)
		r = put_text(m, SANDBOX_MARK, "made by novacpx sandbox init\n", 0644, NULL, err);
	if (r >= 0)
		r = fs_remove_tree(m->root, BEGUN, FS_NOLINKS, err);
	return r < 0 ? r : 1;
}

int sandbox_make(const void *ctx, const char *path, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(ctx, "sandbox");
	struct make m = { .ctx = tmp, .host = -1, .root = -1, .path = path };
	int r;

	if (geteuid() != 0)
		return err_set(err, ERR_DENIED,
			       "only root can make a sandbox: its files have many owners");
	r = make_in(&m, err);
	fd_close(&m.host);
	fd_close(&m.root);
	return r;
}
