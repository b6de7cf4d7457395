#include "api/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum {
	CAPS_MAX = 64 /* numbers that a kernel may know */
};

/* The user */

static int find_user(const char *root, const char *name, uid_t *ret_uid, gid_t *ret_gid,
		     struct err *err)
{
	cleanup_(mem_freep) char *path =
		mem_fmt(NULL, "%s/etc/passwd", strcmp(root, "/") == 0 ? "" : root);
	FILE *file = fopen(path, "re");
	const struct passwd *pw = NULL;
	int r = 0;

	if (!file)
		return err_sys(err, "read %s", path);
	while ((pw = fgetpwent(file)) && strcmp(pw->pw_name, name) != 0) /* NOLINT: one thread */
		;
	if (!pw)
		r = err_set(err, ERR_NOTFOUND,
			    "there is no user %s in %s: start novacpxd once, which makes it", name,
			    path);
	else if (pw->pw_uid == 0 || pw->pw_gid == 0)
		r = err_set(err, ERR_DENIED, "the user %s in %s is root", name, path);
	if (r >= 0) {
		*ret_uid = pw->pw_uid;
		*ret_gid = pw->pw_gid;
	}
	(void)fclose(file);
	return r;
}

/* What a program that is run later could get; needs a capability itself. */
static int drop_bounding(struct err *err)
{
	for (int cap = 0; cap < CAPS_MAX; cap++) {
		if (prctl(PR_CAPBSET_READ, cap) <= 0)
			continue; /* not there, or not known here */
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return err_sys(err, "drop capability %d", cap);
	}
	return 0;
}

static int become(uid_t uid, gid_t gid, struct err *err)
{
	if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_sys(err, "become user id %u", (unsigned)uid);
	return 0;
}

static int clear_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { .effective = 0 } };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, sets) < 0)
		return err_sys(err, "drop all capabilities");
	if (syscall(SYS_capget, &head, sets) < 0 || sets[0].effective || sets[1].effective ||
	    sets[0].permitted || sets[1].permitted || sets[0].inheritable || sets[1].inheritable)
		return err_set(err, ERR_DENIED, "some capability could not be dropped");
	return 0;
}

int confine_user(const char *root, const char *name, struct err *err)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
	uid_t uid = 0;
	gid_t gid = 0;
	int r = 0;

	if (geteuid() == 0 || getuid() == 0) {
		r = find_user(root, name, &uid, &gid, err);
		if (r >= 0)
			r = drop_bounding(err);
		if (r >= 0)
			r = become(uid, gid, err);
	}
	if (r >= 0)
		r = clear_capabilities(err);
	if (r < 0)
		return r;
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0)
		return err_set(err, ERR_DENIED, "root could be had back");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return err_sys(err, "give up privileges");
	(void)umask(077);
	return 0;
}

/* Files */

/* What the C library, GnuTLS and OpenSSL read while they run. */
static const char *const of_libraries[] = {
	"/usr/lib",       "/lib",
	"/lib64",         "/usr/share/zoneinfo",
	"/etc/localtime", "/etc/ld.so.cache",
	"/etc/gnutls",    "/etc/ssl/openssl.cnf",
	"/dev/urandom",   "/dev/null",
	"/proc/self",     "/sys/devices/system/cpu",
};

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_REG | RIGHTS_TRUNCATE)
#define RIGHTS_OF_FILES \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHTS_TRUNCATE)
/* Of version 3, which Debian 12's headers do not know. */
#define RIGHTS_TRUNCATE ((uint64_t)1 << 14)
#define RIGHTS_ALL_1    (((uint64_t)1 << 13) - 1)
#define RIGHTS_REFER    ((uint64_t)1 << 13)

static uint64_t known_rights(long version)
{
	uint64_t rights = RIGHTS_ALL_1;

	if (version >= 2)
		rights |= RIGHTS_REFER;
	if (version >= 3)
		rights |= RIGHTS_TRUNCATE;
	return rights;
}

static int allow(int rules, const char *path, uint64_t rights, struct err *err)
{
	cleanup_(fd_close) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr row = { .parent_fd = fd, .allowed_access = rights };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : err_sys(err, "open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISDIR(st.st_mode))
		row.allowed_access &= RIGHTS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &row, 0) < 0)
		return err_sys(err, "allow %s", path);
	return 0;
}

int confine_files(const struct confine_path *paths, size_t n, struct err *err)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = { .handled_access_fs = known_rights(version) };
	cleanup_(fd_close) int rules = -1;
	int r = 0;

	if (version < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_sys(err, "Landlock");
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return err_sys(err, "rules of Landlock");
	for (size_t i = 0; i < ARRAY_LEN(of_libraries) && r >= 0; i++)
		r = allow(rules, of_libraries[i], RIGHTS_READ, err);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = allow(rules, paths[i].path,
			  paths[i].is_writable
				  ? (RIGHTS_READ | RIGHTS_WRITE) & attr.handled_access_fs
				  : RIGHTS_READ,
			  err);
	if (r >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(err, "no new privileges");
	if (r >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = err_sys(err, "restrict files");
	return r < 0 ? r : 1;
}
