/* Git objects: read with libgit2 before, written with OpenSSL and zlib alone. */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <git2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

enum {
	ID_LEN = 20
};

static void git(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "bench: git: %s: %s\n", what,
		      git_error_last() ? git_error_last()->message : "?");
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static void take(struct git_raw *g, git_odb *odb, const git_oid *id)
{
	struct git_raw_object *o;
	git_odb_object *obj;

	git(git_odb_read(&obj, odb, id), "read object");
	mem_room(g->ctx, &g->v, &g->cap, g->n, sizeof(*g->v));
	o = &g->v[g->n++];
	o->kind = git_object_type2string(git_odb_object_type(obj));
	o->len = git_odb_object_size(obj);
	o->data = mem_dup(g->ctx, git_odb_object_data(obj), o->len);
	git_odb_object_free(obj);
}

static void take_tree(struct git_raw *g, git_repository *repo, git_odb *odb, const git_oid *id,
		      const git_oid *before)
{
	git_tree *tree;
	git_tree *old = NULL;

	take(g, odb, id);
	git(git_tree_lookup(&tree, repo, id), "tree");
	if (before)
		git(git_tree_lookup(&old, repo, before), "tree");
	for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *e = git_tree_entry_byindex(tree, i);
		const git_tree_entry *was =
			old ? git_tree_entry_byname(old, git_tree_entry_name(e)) : NULL;
		const git_oid *was_id = was ? git_tree_entry_id(was) : NULL;

		if (was_id && git_oid_equal(was_id, git_tree_entry_id(e)))
			continue;
		if (git_tree_entry_type(e) == GIT_OBJECT_TREE)
			take_tree(g, repo, odb, git_tree_entry_id(e), was_id);
		else
			take(g, odb, git_tree_entry_id(e));
	}
	git_tree_free(old);
	git_tree_free(tree);
}

void git_raw_read(struct git_raw *g, const char *path, const char *branch, bool is_delta)
{
	cleanup_(mem_freep) char *ref = mem_fmt(NULL, "refs/heads/%s", branch);
	git_repository *repo;
	git_commit *commit;
	git_commit *parent = NULL;
	git_odb *odb;
	git_oid id;

	(void)git_libgit2_init();
	git(git_repository_open_bare(&repo, path), path);
	git(git_repository_odb(&odb, repo), "objects");
	git(git_reference_name_to_id(&id, repo, ref), ref);
	git(git_commit_lookup(&commit, repo, &id), ref);
	if (is_delta)
		git(git_commit_parent(&parent, commit, 0), "parent");
	take(g, odb, &id);
	take_tree(g, repo, odb, git_commit_tree_id(commit),
		  parent ? git_commit_tree_id(parent) : NULL);
	git_commit_free(parent);
	git_commit_free(commit);
	git_odb_free(odb);
	git_repository_free(repo);
	(void)git_libgit2_shutdown();
}

struct packer {
	EVP_MD_CTX *hash;
	z_stream z;
	unsigned char *out;
	size_t cap, len;
	unsigned char id[ID_LEN];
};

static void packer_begin(struct packer *p, int level)
{
	*p = (struct packer){ .hash = EVP_MD_CTX_new() };
	if (!p->hash || deflateInit(&p->z, level) != Z_OK)
		abort();
}

static void packer_end(struct packer *p)
{
	EVP_MD_CTX_free(p->hash);
	(void)deflateEnd(&p->z);
	free(p->out);
}

static void deflate_part(struct packer *p, const void *data, size_t len, int flush)
{
	p->z.next_in = (unsigned char *)(uintptr_t)data;
	p->z.avail_in = (unsigned)len;
	(void)deflate(&p->z, flush);
}

/* Hashes and compresses one object; loose ones have their header within. */
static void packer_object(struct packer *p, const struct git_raw_object *o, bool is_loose)
{
	char head[32];
	size_t n = (size_t)snprintf(head, sizeof(head), "%s %zu", o->kind, o->len) + 1;
	size_t most = compressBound(o->len + n) + 64;

	(void)EVP_DigestInit_ex(p->hash, EVP_sha1(), NULL);
	(void)EVP_DigestUpdate(p->hash, head, n);
	(void)EVP_DigestUpdate(p->hash, o->data, o->len);
	(void)EVP_DigestFinal_ex(p->hash, p->id, NULL);
	if (most > p->cap) {
		free(p->out);
		p->cap = most * 2;
		p->out = malloc(p->cap);
	}
	(void)deflateReset(&p->z);
	p->z.next_out = p->out;
	p->z.avail_out = (unsigned)p->cap;
	if (is_loose)
		deflate_part(p, head, n, Z_NO_FLUSH);
	deflate_part(p, o->data, o->len, Z_FINISH);
	p->len = p->cap - p->z.avail_out;
}

static void write_or_die(int fd, const void *data, size_t len, const char *path)
{
	struct err err = ERR_INIT;

	if (fd < 0 || fs_write_all(fd, data, len) < 0)
		must_do(err_sys(&err, "write %s", path), "floor", &err);
}

void git_raw_pack(const struct git_raw *g, const char *path)
{
	cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	cleanup_(buf_done) struct buf out = { .max = SIZE_MAX / 2 };
	struct packer p;

	packer_begin(&p, Z_BEST_SPEED); /* as the engine does */
	for (size_t i = 0; i < g->n; i++) {
		packer_object(&p, &g->v[i], false);
		buf_put(&out, p.out, p.len);
		buf_put(&out, p.id, ID_LEN); /* as its index would have it */
		if (out.len > 1 << 20) {
			write_or_die(fd, out.data, out.len, path);
			buf_clear(&out);
		}
	}
	if (out.len)
		write_or_die(fd, out.data, out.len, path);
	packer_end(&p);
}

void git_raw_loose(const struct git_raw *g, const char *folder)
{
	struct packer p;

	packer_begin(&p, Z_BEST_SPEED);
	for (size_t i = 0; i < g->n; i++) {
		char path[512];
		char temp[512];
		int n;

		packer_object(&p, &g->v[i], true);
		(void)snprintf(temp, sizeof(temp), "%s/%02x/tmp", folder, p.id[0]);
		n = snprintf(path, sizeof(path), "%s/%02x/", folder, p.id[0]);
		for (size_t k = 1; k < ID_LEN; k++)
			n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", p.id[k]);

		cleanup_(fd_close) int fd =
			open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

		write_or_die(fd, p.out, p.len, temp);
		if (rename(temp, path) < 0)
			write_or_die(-1, NULL, 0, path);
	}
	packer_end(&p);
}
