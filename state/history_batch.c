/*
 * A large commit's objects go straight into one pack and its index
 * (gitformat-pack(5), index version 2): hashed, compressed, written, once
 * each. libgit2's packer would look for similar objects to save room, which
 * costs many times the writing; `git gc` does that when somebody wants it.
 *
 * Until the index is in place under its name, nobody sees the pack. What a
 * killed writer leaves is called pack_git2_…, and is swept at the next start.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fs.h"
#include "state/history_impl.h"

enum {
	LEVEL = 1, /* as loose objects: speed */
	HEADER_LEN = 12,
	OUT_MAX = 1 << 18,
	PACK_VERSION = 2,
	IDX_VERSION = 2,
};

struct batched {
	git_oid id;
	uint32_t crc;
	uint64_t at; /* in the pack */
};

struct batch {
	struct history *h;
	int fd;
	z_stream z;
	bool has_z;
	struct buf out; /* not written yet */
	uint64_t len;   /* of the pack so far, what is in `out` included */
	struct batched *v;
	size_t n, cap;
	uint32_t *slots; /* by id: index + 1 into v */
	size_t n_slots;
};

static int batch_free(struct batch *b)
{
	if (b->has_z)
		(void)deflateEnd(&b->z);
	fd_close(&b->fd);
	buf_done(&b->out);
	return 0;
}

static char *pack_path(const void *ctx, const struct history *h, const char *name)
{
	return mem_fmt(ctx, "%s/objects/pack/%s", h->path, name);
}

static int flush(struct batch *b, struct err *err)
{
	if (b->out.len && fs_write_all(b->fd, b->out.data, b->out.len) < 0)
		return err_sys(err, "history: write pack");
	buf_clear(&b->out);
	return 0;
}

int batch_begin(const void *ctx, struct history *h, struct batch **ret, struct err *err)
{
	static const char room[HEADER_LEN];
	cleanup_(mem_freep) struct batch *b = mem_new(ctx, struct batch);
	const char *path = pack_path(b, h, "pack_git2_new");

	b->h = h;
	b->out = (struct buf){ .max = BUF_MAX * 2 };
	b->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	talloc_set_destructor(b, batch_free);
	if (b->fd < 0)
		return err_sys(err, "history: create %s", path);
	if (deflateInit(&b->z, LEVEL) != Z_OK)
		mem_abort();
	b->has_z = true;
	buf_put(&b->out, room, sizeof(room)); /* how many there are is known at the end */
	b->len = sizeof(room);
	*ret = TAKE(b);
	return 0;
}

/* Ids are hashes: any part of them is one. */
static size_t probe(const struct batch *b, const git_oid *id)
{
	size_t i;

	memcpy(&i, id->id, sizeof(i));
	i &= b->n_slots - 1;
	while (b->slots[i] && !git_oid_equal(&b->v[b->slots[i] - 1].id, id))
		i = (i + 1) & (b->n_slots - 1);
	return i;
}

bool batch_has(const struct batch *b, const git_oid *id)
{
	return b->n_slots && b->slots[probe(b, id)];
}

static void remember(struct batch *b, const struct batched *o)
{
	if (b->n * 2 >= b->n_slots) {
		b->n_slots = b->n_slots ? b->n_slots * 2 : 1024;
		if (b->slots)
			(void)talloc_free(b->slots);
		b->slots = mem_zero(b, b->n_slots * sizeof(*b->slots));
		for (size_t i = 0; i < b->n; i++)
			b->slots[probe(b, &b->v[i].id)] = (uint32_t)i + 1;
	}
	mem_room(b, &b->v, &b->cap, b->n, sizeof(*b->v));
	b->v[b->n++] = *o;
	b->slots[probe(b, &o->id)] = (uint32_t)b->n;
}

/* Type and size: four bits of the size beside the type, then seven a byte. */
static void put_head(struct buf *out, git_object_t type, size_t size)
{
	unsigned c = (unsigned)type << 4 | (unsigned)(size & 15);

	for (size >>= 4; size; size >>= 7) {
		buf_putc(out, (char)(c | 0x80));
		c = (unsigned)(size & 0x7f);
	}
	buf_putc(out, (char)c);
}

static void put_deflated(struct batch *b, const void *data, size_t len)
{
	unsigned char part[16384];

	(void)deflateReset(&b->z);
	b->z.next_in = (unsigned char *)(uintptr_t)data;
	b->z.avail_in = (unsigned)len;
	do {
		b->z.next_out = part;
		b->z.avail_out = sizeof(part);
		(void)deflate(&b->z, Z_FINISH); /* to memory: it cannot fail */
		buf_put(&b->out, part, sizeof(part) - b->z.avail_out);
	} while (b->z.avail_out == 0);
}

int batch_put(struct batch *b, const git_oid *id, git_object_t type, const void *data, size_t len,
	      struct err *err)
{
	struct batched o = { .id = *id, .at = b->len };
	size_t start = b->out.len;

	put_head(&b->out, type, len);
	put_deflated(b, data, len);
	if (b->out.over)
		return err_set(err, ERR_TOOBIG, "history: an object is over %zu MiB",
			       BUF_MAX >> 20);
	o.crc = (uint32_t)crc32(0, (const unsigned char *)b->out.data + start,
				(unsigned)(b->out.len - start));
	b->len += b->out.len - start;
	remember(b, &o);
	return b->out.len > OUT_MAX ? flush(b, err) : 0;
}

static void put_u32(struct buf *out, uint32_t n)
{
	const unsigned char be[] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
				     (unsigned char)(n >> 8), (unsigned char)n };

	buf_put(out, be, sizeof(be));
}

/* SHA-1 of the file so far, appended to it: its number of objects came last into it. */
static int sign_pack(struct batch *b, struct buf *head, git_oid *ret, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "sign");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *chunk = mem_zero(tmp, OUT_MAX);
	ssize_t n = -1;
	unsigned len;

	if (!md || EVP_DigestInit_ex(md, EVP_sha1(), NULL) != 1)
		mem_abort();
	if (pwrite(b->fd, head->data, head->len, 0) == (ssize_t)head->len)
		n = lseek(b->fd, 0, SEEK_SET) == 0 ? 1 : -1;
	while (n > 0 && (n = read(b->fd, chunk, OUT_MAX)) > 0)
		(void)EVP_DigestUpdate(md, chunk, (size_t)n);
	(void)EVP_DigestFinal_ex(md, ret->id, &len);
	EVP_MD_CTX_free(md);
	if (n < 0 || fs_write_all(b->fd, ret->id, sizeof(ret->id)) < 0)
		return err_sys(err, "history: write pack");
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return git_oid_cmp(&((const struct batched *)a)->id, &((const struct batched *)b)->id);
}

static void put_offsets(struct buf *out, const struct batch *b)
{
	uint32_t large = 0;

	for (size_t i = 0; i < b->n; i++)
		put_u32(out,
			b->v[i].at < 0x80000000U ? (uint32_t)b->v[i].at : 0x80000000U | large++);
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].at < 0x80000000U)
			continue;
		put_u32(out, (uint32_t)(b->v[i].at >> 32));
		put_u32(out, (uint32_t)b->v[i].at);
	}
}

static int write_idx(struct batch *b, const git_oid *pack, const char *path, struct err *err)
{
	cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	cleanup_(buf_done) struct buf out = { .max = SIZE_MAX / 2 };
	unsigned char sum[GIT_OID_RAWSZ];
	size_t i = 0;

	if (fd < 0)
		return err_sys(err, "history: create %s", path);
	qsort(b->v, b->n, sizeof(*b->v), by_id);
	buf_puts(&out, "\377tOc");
	put_u32(&out, IDX_VERSION);
	for (unsigned first = 0; first < 256; first++) {
		while (i < b->n && b->v[i].id.id[0] <= first)
			i++;
		put_u32(&out, (uint32_t)i);
	}
	for (i = 0; i < b->n; i++)
		buf_put(&out, b->v[i].id.id, GIT_OID_RAWSZ);
	for (i = 0; i < b->n; i++)
		put_u32(&out, b->v[i].crc);
	put_offsets(&out, b);
	buf_put(&out, pack->id, GIT_OID_RAWSZ);
	if (EVP_Digest(out.data, out.len, sum, NULL, EVP_sha1(), NULL) != 1)
		mem_abort();
	buf_put(&out, sum, sizeof(sum));
	return fs_write_all(fd, out.data, out.len) < 0 ? err_sys(err, "history: write %s", path)
						       : 0;
}

static int sync_file(int fd, struct err *err)
{
	return fsync(fd) < 0 ? err_sys(err, "history: fsync pack") : 0;
}

int batch_end(struct batch *b, struct err *err)
{
	cleanup_(fd_close) int dir =
		open(pack_path(b, b->h, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_(fd_close) int idx = -1;
	struct buf head = BUF_ON(b);
	char name[64];
	git_oid sum;
	int r = dir < 0 ? err_sys(err, "history: open pack folder") : flush(b, err);

	buf_puts(&head, "PACK");
	put_u32(&head, PACK_VERSION);
	put_u32(&head, (uint32_t)b->n);
	if (r >= 0)
		r = sign_pack(b, &head, &sum, err);
	if (r >= 0)
		r = write_idx(b, &sum, pack_path(b, b->h, "pack_git2_new_idx"), err);
	if (r >= 0)
		r = sync_file(b->fd, err);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "pack-%s.pack", git_oid_tostr_s(&sum));
	if (renameat(dir, "pack_git2_new", dir, name) < 0)
		return err_sys(err, "history: name pack");
	idx = openat(dir, "pack_git2_new_idx", O_RDONLY | O_CLOEXEC);
	r = idx < 0 ? err_sys(err, "history: open index") : sync_file(idx, err);
	(void)snprintf(name, sizeof(name), "pack-%s.idx", git_oid_tostr_s(&sum));
	if (r >= 0 && renameat(dir, "pack_git2_new_idx", dir, name) < 0)
		r = err_sys(err, "history: name index");
	if (r >= 0)
		r = sync_file(dir, err);
	if (r >= 0 && git_odb_refresh(b->h->odb) < 0)
		r = history_raise(err, ERR_SYSTEM, "history: read pack folder");
	return r;
}

void batch_drop(struct batch *b)
{
	(void)unlink(pack_path(b, b->h, "pack_git2_new")); /* else swept at the next start */
}
