#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"

static const char *const folders[] = {
	"/etc/bind",
	"/etc/cron.d",
	"/etc/dovecot/conf.d",
	"/etc/nginx/conf.d",
	"/etc/php/8.2/fpm/pool.d",
	"/etc/postfix",
	"/etc/logrotate.d",
	"/home",
	"/var/lib/bind",
	"/var/log",
	"/var/mail",
	"/var/spool/postfix/private",
};

static const struct {
	const char *path, *text;
	mode_t mode;
} files[] = {
	{ "/etc/passwd",
	  "root:x:0:0:root:/root:/bin/bash\n"
	  "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
	  "bind:x:104:107::/var/cache/bind:/usr/sbin/nologin\n"
	  "postfix:x:105:108::/var/spool/postfix:/usr/sbin/nologin\n"
	  "dovecot:x:106:110::/usr/lib/dovecot:/usr/sbin/nologin\n"
	  "dovenull:x:107:111::/nonexistent:/usr/sbin/nologin\n",
	  0644 },
	{ "/etc/group",
	  "root:x:0:\nmail:x:8:\nwww-data:x:33:\nbind:x:107:\npostfix:x:108:\n"
	  "dovecot:x:110:\ndovenull:x:111:\n",
	  0644 },
	{ "/etc/shadow",
	  "root:*:19700:0:99999:7:::\nwww-data:*:19700:0:99999:7:::\nbind:!:19700::::::\n"
	  "postfix:!:19700::::::\ndovecot:!:19700::::::\ndovenull:!:19700::::::\n",
	  0640 },
	{ "/etc/gshadow",
	  "root:*::\nmail:*::\nwww-data:*::\nbind:!::\npostfix:!::\ndovecot:!::\ndovenull:!::\n",
	  0640 },
	{ "/etc/bind/named.conf.options", "options {\n\tdirectory \"/var/cache/bind\";\n};\n",
	  0644 },
	{ "/etc/postfix/main.cf", "myorigin = /etc/mailname\n", 0644 },
	{ "/etc/postfix/master.cf",
	  "smtp      inet  n       -       y       -       -       smtpd\n", 0644 },
};

void machine_make(const char *root_path)
{
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = fs_root_open(root_path, &err);

	must_do(root, root_path, &err);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		must_do(fs_mkdirs(root, folders[i], 0755, &err), folders[i], &err);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		must_do(fs_write_atomic(root, files[i].path, files[i].text, strlen(files[i].text),
					files[i].mode, &err),
			files[i].path, &err);
}
