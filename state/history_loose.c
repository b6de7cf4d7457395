/*
 * Loose objects (gitrepository-layout(5)): a zlib stream of "TYPE SIZE\\0DATA"
 * in objects/xx/, written under a temporary name and renamed. libgit2 does the
 * same with three times the calls and a new compressor each time, and a change
 * of one record writes fifteen of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fs.h"
#include "state/history_impl.h"

enum {
	BLOCK = 4096,
	LEVEL = 1, /* they are packed again soon: speed */
};

/* Swept when a killed writer leaves it; one writer at a time holds the lock. */
#define TEMP "tmp_object_novacpx"

/*
 * Two kinds of stream. Stored is what would take a block of the disk in any case, and trees: ids
 * do not compress.
 */
struct deflater {
	z_stream packed, stored;
};

static int deflater_free(struct deflater *d)
{
	(void)deflateEnd(&d->packed);
	(void)deflateEnd(&d->stored);
	return 0;
}

static z_stream *stream_for(struct history *h, git_object_t type, size_t len)
{
	z_stream *z;

	if (!h->z) {
		h->z = mem_new(h, struct deflater);
		if (deflateInit(&h->z->packed, LEVEL) != Z_OK ||
		    deflateInit(&h->z->stored, Z_NO_COMPRESSION) != Z_OK)
			mem_abort();
		talloc_set_destructor(h->z, deflater_free);
	}
	z = type == GIT_OBJECT_TREE || len < BLOCK ? &h->z->stored : &h->z->packed;
	(void)deflateReset(z);
	return z;
}

static void deflate_all(struct buf *out, z_stream *z, const void *data, size_t len, int flush)
{
	unsigned char part[4096];

	z->next_in = (unsigned char *)(uintptr_t)data;
	z->avail_in = (unsigned)len;
	do {
		z->next_out = part;
		z->avail_out = sizeof(part);
		(void)deflate(z, flush); /* to memory: it cannot fail */
		buf_put(out, part, sizeof(part) - z->avail_out);
	} while (z->avail_out == 0);
}

static int put_temp(const struct history *h, const struct buf *out, struct err *err)
{
	cleanup_(fd_close) int fd = openat(
		h->objects, TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0444);

	if (fd < 0 || fs_write_all(fd, out->data, out->len) < 0 ||
	    ((h->flags & HISTORY_FSYNC) && fsync(fd) < 0))
		return err_sys(err, "history: write object");
	return 0;
}

static int sync_folders(const struct history *h, const char *shard, struct err *err)
{
	cleanup_(fd_close) int dir = -1;

	if (!(h->flags & HISTORY_FSYNC))
		return 0;
	dir = openat(h->objects, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) < 0 || fsync(h->objects) < 0)
		return err_sys(err, "history: sync objects");
	return 0;
}

int loose_write(struct history *h, const git_oid *id, git_object_t type, const void *data,
		size_t len, struct err *err)
{
	cleanup_(buf_done) struct buf out = { .max = BUF_MAX * 2 };
	z_stream *z = stream_for(h, type, len);
	char path[GIT_OID_HEXSZ + 2];
	char head[32];
	int n = snprintf(head, sizeof(head), "%s %zu", git_object_type2string(type), len);
	int r;

	deflate_all(&out, z, head, (size_t)n + 1, Z_NO_FLUSH);
	deflate_all(&out, z, data, len, Z_FINISH);
	if (out.over)
		return err_set(err, ERR_TOOBIG, "history: an object is over %zu MiB",
			       BUF_MAX >> 20);
	r = put_temp(h, &out, err);
	if (r < 0)
		return r;
	git_oid_nfmt(path, 3, id);
	path[2] = '/';
	memcpy(path + 3, git_oid_tostr_s(id) + 2, GIT_OID_HEXSZ - 1);
	if (renameat(h->objects, TEMP, h->objects, path) == 0) {
		path[2] = '\0';
		return sync_folders(h, path, err);
	}
	path[2] = '\0';
	if (errno != ENOENT || (mkdirat(h->objects, path, 0777) < 0 && errno != EEXIST))
		return err_sys(err, "history: make folder of objects");
	path[2] = '/';
	if (renameat(h->objects, TEMP, h->objects, path) < 0)
		return err_sys(err, "history: name object");
	path[2] = '\0';
	return sync_folders(h, path, err);
}
