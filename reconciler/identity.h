/*
 * System users and groups: /etc/passwd, shadow, group and gshadow beneath a
 * root, read once, edited in memory, written once, as systemd-sysusers does;
 * never a process per user.
 *
 * Only what an identity names is ours: fields we do not own (aging, member
 * lists, group passwords), lines we did not make, comments, NIS lines ('+',
 * '-') and malformed lines keep every byte and their place. New lines go to
 * the end, but before the first NIS line, as shadow's tools put them. A
 * malformed or doubled line of a name is never edited: -ERR_CONFLICT.
 *
 * Reading takes no lock. Writing takes the lock of lckpwdf(3) and the tools'
 * own lock files (passwd.lock, …), then refuses (-ERR_CONFLICT) if any file is
 * another than the one read: load again and repeat. All strings handed out
 * belong to the database and stay until it is freed. Ids below IDENTITY_ID_MIN
 * are the system's and are refused. Formats: passwd(5), shadow(5), group(5),
 * gshadow(5). Extended attributes and ACLs of the files are not carried over.
 *
 * `is_system` is for the one user that is no tenant's and no mail's: ours.
 */
#ifndef RECONCILER_IDENTITY_H
#define RECONCILER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct identity_db;

enum {
	IDENTITY_NAME_MAX = 32,
	IDENTITY_ID_MIN = 1000,
	IDENTITY_SYSTEM_MIN =
		100, /* to 999, handed out when software is installed (Debian policy 9.2.2) */
	IDENTITY_LOCK_MS = 15000, /* as long as lckpwdf(3) waits */
};

struct identity {
	const char *name;
	uint32_t uid, gid; /* the group of the same name has this gid */
	/* NULL: as it is; for a new user empty, "/nonexistent", "/usr/sbin/nologin" */
	const char *gecos, *home, *shell;
	const char *hash; /* crypt(5); NULL: as it is; for a new user none, so no password fits */
	bool locked;      /* the hash is kept behind a '!' */
	bool is_system;   /* put: the ids may be from IDENTITY_SYSTEM_MIN on */
	int64_t today;    /* days since 1970, noted when the hash changes; 0: not known */
};

/*
 * Reads the four files, at most 64 MiB each. Without gshadow none is made; without any of the
 * files (a new sandbox) the others are. -ERR_CORRUPT if passwd or group alone is missing.
 */
int identity_load(const void *ctx, int root, struct identity_db **ret_db,
		  struct err *err) must_check;

/*
 * The number of one name in FILE, /etc/passwd or /etc/group, without reading anything into memory
 * that stays: 1, or 0 when it is not there.
 */
int identity_peek(int root, const char *file, const char *name, uint32_t *ret,
		  struct err *err) must_check;

/* False when there is none. RET->hash is without '!', NULL if there is no password hash. */
bool identity_find(const struct identity_db *db, const char *name, struct identity *ret);
bool identity_find_uid(const struct identity_db *db, uint32_t uid, struct identity *ret);
bool identity_group_find(const struct identity_db *db, const char *name, uint32_t *ret_gid);
bool identity_is_member(const struct identity_db *db, const char *group, const char *user);

/* True for an id that must not be handed out although the files do not have it. */
typedef bool(identity_taken_fn)(uint32_t id, void *arg);
/*
 * The lowest id from MIN to MAX that is neither uid nor gid of anybody nor TAKEN (may be NULL);
 * 0 when there is none. The same until it is put; what TAKEN refused once is not offered again.
 */
uint32_t identity_uid_free(struct identity_db *db, uint32_t min, uint32_t max,
			   identity_taken_fn *taken, void *arg);

/*
 * Makes or changes the user, its group and its shadow lines. Nothing is changed on failure:
 * -ERR_INVALID for what a line cannot hold, -ERR_CONFLICT when the name has another uid or the
 * id another name.
 */
int identity_put(struct identity_db *db, const struct identity *id, struct err *err) must_check;
/* Removes all lines of the user and its own group, and its memberships. Absent is fine. */
int identity_del(struct identity_db *db, const char *name, struct err *err) must_check;
/* Puts USER into the member list of GROUP, or takes it out. */
int identity_member(struct identity_db *db, const char *group, const char *user, bool member,
		    struct err *err) must_check;

bool identity_is_dirty(const struct identity_db *db);
/* How long identity_write waits for the lock; IDENTITY_LOCK_MS at first. */
void identity_set_lock_ms(struct identity_db *db, int ms);
/*
 * Writes the files that changed: each a temporary file with the owner and mode of the old one, all
 * made durable by one syncfs, then renamed, the old content kept as "passwd-". When something was
 * put, in the order group, gshadow, shadow, passwd: whoever is killed between leaves a group
 * without a user, never a user without its group or password. When things were only deleted, the
 * other way round. Loading, putting and deleting again completes what was cut short. The database
 * can be edited and written again.
 */
/* Removes what a killed identity_write() left in /etc; nobody else may be writing for us. */
int identity_recover(int root, struct err *err) must_check;
int identity_write(struct identity_db *db, int root, struct err *err) must_check;

/* Writes the files that would change into the folder STAGE, under their names: to check what follows from them. */
int identity_stage(struct identity_db *db, int stage, struct err *err) must_check;

/* Steps taken in all look-ups so far: for a test that cost grows with the number of edits only. */
uint64_t identity_steps(const struct identity_db *db);

#endif
