#include "reconciler/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/identity_file.h"

enum {
	PEEK_FIRST = 8192,
	PEEK_MAX = 64 << 20
};

/* Fields by their place in the line: passwd(5), shadow(5), group(5), gshadow(5). */
enum {
	PW_PASSWORD = 1,
	PW_GID = 3,
	PW_GECOS = 4,
	PW_HOME = 5,
	PW_SHELL = 6,
	SP_HASH = 1,
	SP_CHANGED = 2,
	SP_MIN = 3,
	SP_MAX = 4,
	SP_WARN = 5,
	GR_PASSWORD = 1,
	GR_MEMBERS = 3,
	SG_PASSWORD = 1,
	SG_MEMBERS = 3,
};

enum {
	HASH_MAX = 384, /* CRYPT_OUTPUT_SIZE of libxcrypt */
	GECOS_MAX = 512,
	PATH_LEN_MAX = 1024,
	ID_LAST = INT32_MAX - 1, /* some programs keep ids as int */
	ID_NOBODY = 65534,
	ID_NONE_16 = 65535
};

static bool is_name(const char *name)
{
	bool digits_only = true;
	size_t len = 0;

	for (; len <= IDENTITY_NAME_MAX && name[len]; len++) {
		char c = name[len];

		if (c < '0' || c > '9')
			digits_only = false;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')
			continue;
		if (len == 0 || (c != '-' && c != '.'))
			return false;
	}
	return len > 0 && len <= IDENTITY_NAME_MAX && !digits_only;
}

static int check_name(const char *field, const char *name, struct err *err)
{
	if (name && is_name(name))
		return 0;
	return err_at(err, ERR_INVALID, field,
		      "%s is not a system user's name: 1 to %d of a-z, 0-9, '_', and after the "
		      "first also '-' and '.', not digits alone",
		      field, IDENTITY_NAME_MAX);
}

static int check_id(const char *field, uint32_t id, bool is_system, struct err *err)
{
	uint32_t min = is_system ? IDENTITY_SYSTEM_MIN : IDENTITY_ID_MIN;

	if (id >= min && id <= ID_LAST && id != ID_NOBODY && id != ID_NONE_16)
		return 0;
	return err_at(err, ERR_INVALID, field,
		      "%s %u is the system's: %u to %d are allowed, but not %d and %d", field, id,
		      min, ID_LAST, ID_NOBODY, ID_NONE_16);
}

static int check_text(const char *field, const char *s, size_t max, struct err *err)
{
	if (strlen(s) > max)
		return err_at(err, ERR_INVALID, field, "%s is over %zu bytes long", field, max);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == ':')
			return err_at(err, ERR_INVALID, field,
				      "%s holds the byte 0x%02x; ':' and control characters cannot "
				      "stand in /etc/passwd",
				      field, (unsigned)(unsigned char)*p);
	return 0;
}

static int check_path(const char *field, const char *s, struct err *err)
{
	int r = check_text(field, s, PATH_LEN_MAX, err);

	if (r == 0 && !fs_path_is_clean(s))
		r = err_at(err, ERR_INVALID, field,
			   "%s is not an absolute path without '.', '..' and double slashes",
			   field);
	return r;
}

/* Never quotes the hash. An empty one would let everybody in. */
static int check_hash(const char *hash, struct err *err)
{
	size_t len = strnlen(hash, HASH_MAX + 1);
	bool good = hash[0] == '$' && len >= 8 && len <= HASH_MAX;

	for (const char *p = hash; good && *p; p++)
		good = *p > 0x20 && *p < 0x7f && !strchr(":;*!\\", *p);
	return good ? 0
		    : err_at(err, ERR_INVALID, "hash",
			     "hash is not a crypt(5) hash: '$', method, '$', …, at most %d "
			     "printable characters without ':', ';', '*', '!' and '\\'",
			     HASH_MAX);
}

static int check_identity(const struct identity *id, struct err *err)
{
	int r = check_name("name", id->name, err);

	if (r == 0)
		r = check_id("uid", id->uid, id->is_system, err);
	if (r == 0)
		r = check_id("gid", id->gid, id->is_system, err);
	if (r == 0 && id->gecos)
		r = check_text("gecos", id->gecos, GECOS_MAX, err);
	if (r == 0 && id->home)
		r = check_path("home", id->home, err);
	if (r == 0 && id->shell)
		r = check_path("shell", id->shell, err);
	if (r == 0 && id->hash)
		r = check_hash(id->hash, err);
	if (r == 0 && (id->today < 0 || id->today > 1000000))
		r = err_at(err, ERR_INVALID, "today", "today is day %lld: 0 to 1000000 are allowed",
			   (long long)id->today);
	return r;
}

static const char *without_lock(const char *hash)
{
	return hash + strspn(hash, "!");
}

/* The password field that counts: shadow's, or what an old passwd line still holds. */
static const char *stored_hash(const struct identity_row *pw, const struct identity_row *sp)
{
	if (sp)
		return sp->f[SP_HASH];
	return pw && pw->f[PW_PASSWORD][0] == '$' ? pw->f[PW_PASSWORD] : "!";
}

static bool fill(const struct identity_db *db, const struct identity_row *pw, struct identity *ret)
{
	const struct identity_row *sp;
	const char *hash;
	uint32_t gid;

	if (!pw || pw->bad || !identity_number(pw->f[PW_GID], &gid))
		return false;
	sp = identity_row_find(&db->files[IDENTITY_SHADOW], pw->f[0]);
	hash = stored_hash(pw, sp && !sp->bad ? sp : NULL);
	*ret = (struct identity){
		.name = pw->f[0],
		.uid = pw->id,
		.gid = gid,
		.gecos = pw->f[PW_GECOS],
		.home = pw->f[PW_HOME],
		.shell = pw->f[PW_SHELL],
		.hash = *without_lock(hash) == '$' ? without_lock(hash) : NULL,
		.locked = *hash == '!',
	};
	return true;
}

bool identity_find(const struct identity_db *db, const char *name, struct identity *ret)
{
	return fill(db, identity_row_find(&db->files[IDENTITY_PASSWD], name), ret);
}

bool identity_find_uid(const struct identity_db *db, uint32_t uid, struct identity *ret)
{
	return fill(db, identity_row_by_id(&db->files[IDENTITY_PASSWD], uid), ret);
}

bool identity_group_find(const struct identity_db *db, const char *name, uint32_t *ret_gid)
{
	const struct identity_row *gr = identity_row_find(&db->files[IDENTITY_GROUP], name);

	if (!gr || gr->bad)
		return false;
	*ret_gid = gr->id;
	return true;
}

bool identity_is_member(const struct identity_db *db, const char *group, const char *user)
{
	const struct identity_file *file = &db->files[IDENTITY_GROUP];
	const struct identity_row *gr = identity_row_find(file, group);

	return gr && identity_list_has(file, gr, GR_MEMBERS, user);
}

static size_t *gid_users(struct identity_db *db, uint32_t gid)
{
	return identity_index_at(db, &db->gid_users, gid, NULL, true);
}

static bool in_files(struct identity_db *db, uint32_t id)
{
	const size_t *users = identity_index_at(db, &db->gid_users, id, NULL, false);

	return identity_row_by_id(&db->files[IDENTITY_PASSWD], id) ||
	       identity_row_by_id(&db->files[IDENTITY_GROUP], id) || (users && *users);
}

uint32_t identity_uid_free(struct identity_db *db, uint32_t min, uint32_t max,
			   identity_taken_fn *taken, void *arg)
{
	uint32_t id = min;

	if (db->free_min == min && db->free_next > min)
		id = db->free_next; /* all below was found taken: each id is asked for once */
	for (; id <= max; id++) {
		if (check_id("uid", id, min >= IDENTITY_SYSTEM_MIN, NULL) == 0 &&
		    !in_files(db, id) && !(taken && taken(id, arg)))
			break;
		if (id == UINT32_MAX)
			return 0;
	}
	db->free_min = min;
	db->free_next = id;
	return id <= max ? id : 0;
}

static int check_row(const struct identity_file *file, const struct identity_row *row,
		     const char *name, struct err *err)
{
	if (!row || !row->bad)
		return 0;
	return err_at(
		err, ERR_CONFLICT, file->spec->path,
		"%s: the line of %s is malformed or stands twice; it has to be mended by hand",
		file->spec->path, name);
}

/* NAME's row in FILE, if it has one, may be edited. */
static int check_rows(const struct identity_db *db, const char *name, struct err *err)
{
	for (int i = 0; i < IDENTITY_FILES; i++) {
		const struct identity_file *file = &db->files[i];
		int r = check_row(file, identity_row_find(file, name), name, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The row of NAME in FILE and the id ID belong together, or are both new. */
static int check_owner(const struct identity_file *file, const char *what, const char *name,
		       uint32_t id, struct err *err)
{
	const struct identity_row *mine = identity_row_find(file, name);
	const struct identity_row *other = identity_row_by_id(file, id);

	if (mine && mine->id != id)
		return err_at(err, ERR_CONFLICT, what,
			      "%s: %s has %s %u and not %u; it is not taken over", file->spec->path,
			      name, what, mine->id, id);
	if (other && other != mine)
		return err_at(err, ERR_CONFLICT, what, "%s: %s %u wanted for %s belongs to %s",
			      file->spec->path, what, id, name,
			      other->f[0] ? other->f[0] : "a malformed line");
	return 0;
}

static void put_group(struct identity_db *db, const struct identity *id)
{
	struct identity_file *file = &db->files[IDENTITY_GROUP];
	struct identity_row *row = identity_row_find(file, id->name);

	if (!row) {
		row = identity_row_add(db, file, id->name);
		identity_row_set(db, file, row, GR_PASSWORD, "x");
		identity_row_set_id(db, file, row, id->gid);
	}
	file = &db->files[IDENTITY_GSHADOW];
	if (file->exists && !identity_row_find(file, id->name)) {
		row = identity_row_add(db, file, id->name);
		identity_row_set(db, file, row, SG_PASSWORD, "!");
	}
}

/* Unlocking what has no hash leaves it without one: an empty field would admit everybody. */
static void put_shadow(struct identity_db *db, const struct identity *id,
		       const struct identity_row *pw)
{
	struct identity_file *file = &db->files[IDENTITY_SHADOW];
	struct identity_row *row = identity_row_find(file, id->name);
	const char *old = without_lock(stored_hash(pw, row));
	const char *hash = id->hash ? id->hash : old;
	bool is_new = !row;
	char text[HASH_MAX + 1024];
	char day[24] = "";

	if (is_new) {
		row = identity_row_add(db, file, id->name);
		identity_row_set(db, file, row, SP_MIN, "0");
		identity_row_set(db, file, row, SP_MAX, "99999");
		identity_row_set(db, file, row, SP_WARN, "7");
	}
	if (id->today) /* a 0 would ask for a new password at the next login */
		(void)snprintf(day, sizeof(day), "%lld", (long long)id->today);
	if (is_new || strcmp(hash, old) != 0)
		identity_row_set(db, file, row, SP_CHANGED, day);
	if ((size_t)snprintf(text, sizeof(text), "%s%s", id->locked || !*hash ? "!" : "", hash) <
	    sizeof(text))
		identity_row_set(db, file, row, SP_HASH, text);
	else /* a foreign monster of a hash, kept as it is but for the lock */
		identity_row_set(db, file, row, SP_HASH,
				 mem_fmt(db, "%s%s", id->locked ? "!" : "", hash));
}

static void set_gid(struct identity_db *db, struct identity_row *pw, uint32_t gid)
{
	char text[16];
	uint32_t old;

	if (identity_number(pw->f[PW_GID], &old)) {
		if (old == gid)
			return;
		--*gid_users(db, old);
		if (old >= db->free_min && old < db->free_next)
			db->free_next = old;
	}
	++*gid_users(db, gid);
	(void)snprintf(text, sizeof(text), "%u", gid); /* fits any id */
	identity_row_set(db, &db->files[IDENTITY_PASSWD], pw, PW_GID, text);
}

static void put_passwd(struct identity_db *db, const struct identity *id)
{
	struct identity_file *file = &db->files[IDENTITY_PASSWD];
	struct identity_row *row = identity_row_find(file, id->name);
	const char *gecos = id->gecos;
	const char *home = id->home;
	const char *shell = id->shell;

	if (!row) {
		row = identity_row_add(db, file, id->name);
		home = home ? home : "/nonexistent";
		shell = shell ? shell : "/usr/sbin/nologin";
	}
	identity_row_set(db, file, row, PW_PASSWORD, "x");
	identity_row_set_id(db, file, row, id->uid);
	set_gid(db, row, id->gid);
	if (gecos)
		identity_row_set(db, file, row, PW_GECOS, gecos);
	if (home)
		identity_row_set(db, file, row, PW_HOME, home);
	if (shell)
		identity_row_set(db, file, row, PW_SHELL, shell);
}

int identity_put(struct identity_db *db, const struct identity *id, struct err *err)
{
	const struct identity_row *pw;
	int r = check_identity(id, err);

	if (r == 0)
		r = check_rows(db, id->name, err);
	if (r == 0)
		r = check_owner(&db->files[IDENTITY_PASSWD], "uid", id->name, id->uid, err);
	if (r == 0)
		r = check_owner(&db->files[IDENTITY_GROUP], "gid", id->name, id->gid, err);
	if (r < 0)
		return r;
	pw = identity_row_find(&db->files[IDENTITY_PASSWD], id->name);
	put_group(db, id);
	put_shadow(db, id, pw); /* before passwd, whose old line may hold the hash */
	put_passwd(db, id);
	return 0;
}

static void row_del(struct identity_db *db, enum identity_which which, const char *name)
{
	struct identity_file *file = &db->files[which];
	struct identity_row *row = identity_row_find(file, name);

	if (!row)
		return;
	if (row->has_id && row->id >= db->free_min && row->id < db->free_next)
		db->free_next = row->id;
	identity_row_del(db, file, row);
}

/* The group of a user that is going may go with it: no system group, nobody else's primary one. */
static int check_group_del(struct identity_db *db, const char *name, const struct identity_row *pw,
			   struct err *err)
{
	const struct identity_row *gr = identity_row_find(&db->files[IDENTITY_GROUP], name);
	uint32_t gid;
	size_t mine = 0;

	if (!gr)
		return 0;
	if (check_id("gid", gr->id, false, err) < 0)
		return err_wrap(err, "delete group %s", name);
	if (pw && identity_number(pw->f[PW_GID], &gid) && gid == gr->id)
		mine = 1;
	if (*gid_users(db, gr->id) > mine)
		return err_at(err, ERR_CONFLICT, "gid",
			      "group %s (gid %u) is the primary group of other users; they have to "
			      "go first",
			      name, gr->id);
	return 0;
}

int identity_del(struct identity_db *db, const char *name, struct err *err)
{
	const struct identity_row *pw = identity_row_find(&db->files[IDENTITY_PASSWD], name);
	uint32_t gid;
	int r = check_name("name", name, err);

	if (r == 0)
		r = check_rows(db, name, err);
	if (r == 0 && pw)
		r = check_id("uid", pw->id, false, err);
	if (r == 0)
		r = check_group_del(db, name, pw, err);
	if (r < 0)
		return r;
	if (pw && identity_number(pw->f[PW_GID], &gid)) {
		--*gid_users(db, gid);
		if (gid >= db->free_min && gid < db->free_next)
			db->free_next = gid;
	}
	row_del(db, IDENTITY_PASSWD, name);
	row_del(db, IDENTITY_SHADOW, name);
	row_del(db, IDENTITY_GROUP, name);
	row_del(db, IDENTITY_GSHADOW, name);
	identity_list_del(&db->files[IDENTITY_GROUP], NULL, 0, name);
	identity_list_del(&db->files[IDENTITY_GSHADOW], NULL, 0, name);
	return 0;
}

int identity_member(struct identity_db *db, const char *group, const char *user, bool member,
		    struct err *err)
{
	struct identity_file *grs = &db->files[IDENTITY_GROUP];
	struct identity_file *sgs = &db->files[IDENTITY_GSHADOW];
	struct identity_row *gr = identity_row_find(grs, group);
	struct identity_row *sg = identity_row_find(sgs, group);
	int r = check_name("user", user, err);

	if (r < 0)
		return r;
	if (!gr)
		return err_at(err, ERR_NOTFOUND, "group", "there is no group %s", group);
	r = check_row(grs, gr, group, err);
	if (r == 0)
		r = check_row(sgs, sg, group, err);
	if (r < 0)
		return r;
	if (!member) {
		identity_list_del(grs, gr, GR_MEMBERS, user);
		if (sg)
			identity_list_del(sgs, sg, SG_MEMBERS, user);
		return 0;
	}
	if (gr->id == 0)
		return err_at(err, ERR_DENIED, "group", "nobody is put into the group %s (gid 0)",
			      group);
	if (!identity_row_find(&db->files[IDENTITY_PASSWD], user))
		return err_at(err, ERR_NOTFOUND, "user", "there is no user %s", user);
	identity_list_add(db, grs, gr, GR_MEMBERS, user);
	if (sg)
		identity_list_add(db, sgs, sg, SG_MEMBERS, user);
	return 0;
}

bool identity_is_dirty(const struct identity_db *db)
{
	for (int i = 0; i < IDENTITY_FILES; i++)
		if (db->files[i].dirty)
			return true;
	return false;
}

void identity_set_lock_ms(struct identity_db *db, int ms)
{
	db->lock_ms = ms;
}

uint64_t identity_steps(const struct identity_db *db)
{
	uint64_t steps = db->gid_users.steps;

	for (int i = 0; i < IDENTITY_FILES; i++)
		steps += db->files[i].names.steps + db->files[i].ids.steps +
			 db->files[i].member_names.steps;
	return steps;
}

/* The number of NAME in whole lines of TEXT: 1, or 0. */
static int number_in(const char *text, const char *name, uint32_t *ret)
{
	cleanup_(mem_freep) char *start = mem_fmt(NULL, "\n%s:", name);
	const char *line =
		strncmp(text, start + 1, strlen(name) + 1) == 0 ? text : strstr(text, start);
	unsigned long id;
	char *end;

	if (!line)
		return 0;
	line = strchr(line, ':') + 1; /* name:password:number:… */
	line += strcspn(line, ":\n");
	if (*line != ':')
		return 0;
	id = strtoul(line + 1, &end, 10);
	if (end == line + 1 || *end != ':' || id >= UINT32_MAX)
		return 0;
	*ret = (uint32_t)id;
	return 1;
}

int identity_peek(int root, const char *file, const char *name, uint32_t *ret, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "peek");
	cleanup_(fd_close) int fd = -1;
	char head[PEEK_FIRST + 1]; /* the system's own names come first: most are found in it */
	char *data;
	size_t len;
	ssize_t n;
	int r;

	if (!*name || strpbrk(name, ":\n"))
		return 0;
	fd = fs_open(root, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, 0, err);
	if (fd == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return fd;
	n = pread(fd, head, PEEK_FIRST, 0);
	if (n < 0)
		return err_sys(err, "read %s", file);
	while (n > 0 && head[n - 1] != '\n')
		n--; /* up to the end of a line */
	head[n] = '\0';
	if (number_in(head, name, ret) > 0)
		return 1;
	r = fs_read_fd(tmp, fd, file, PEEK_MAX, &data, &len, err);
	return r < 0 ? r : number_in(data, name, ret);
}
