#include "renderers/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const type_names[] = {
	[ARTIFACT_USER] = "user", [ARTIFACT_DIR] = "folder",     [ARTIFACT_FILE] = "file",
	[ARTIFACT_LINK] = "link", [ARTIFACT_BLOCK] = "block",    [ARTIFACT_MAPROW] = "row",
	[ARTIFACT_ZONE] = "zone", [ARTIFACT_COPYDIR] = "copies", [ARTIFACT_QUOTA] = "quota",
};

const char *artifact_type_name(enum artifact_type t)
{
	return type_names[t];
}

struct digest artifact_content_digest(const struct artifact *a)
{
	static const char blank[SERIAL_LEN] = "          ";
	size_t after = a->serial_at + SERIAL_LEN;

	if (!(a->flags & ARTIFACT_SERIAL) || !a->data || a->serial_at + SERIAL_LEN > a->len)
		return digest_of(a->data ? a->data : "", a->len);
	return digest_of_parts((const struct digest_part[]){ { a->data, a->serial_at },
							     { blank, SERIAL_LEN },
							     { a->data + after, a->len - after } },
			       3);
}

static void put_part(struct buf *b, char before, const char *text)
{
	buf_putc(b, before);
	buf_puts(b, text ? text : "");
}

static void put_octal(struct buf *b, unsigned num)
{
	if (num > 7)
		put_octal(b, num >> 3);
	buf_putc(b, (char)('0' + (num & 7)));
}

/* Of "TYPE FLAGS MODE OWNER:GROUP HOME SHELL GECOS HASH ANCHOR " and the data; engine.db holds such digests. */
static struct digest whole_digest(const struct artifact *a)
{
	struct buf b = { .max = BUF_MAX };
	struct digest d;

	if (a->type == ARTIFACT_FILE)
		return artifact_content_digest(a);
	buf_int(&b, (int)a->type);
	buf_putc(&b, ' ');
	buf_int(&b, a->flags);
	buf_putc(&b, ' ');
	put_octal(&b, (unsigned)a->mode);
	put_part(&b, ' ', a->owner ? a->owner : "root");
	put_part(&b, ':', a->group ? a->group : "root");
	put_part(&b, ' ', a->home);
	put_part(&b, ' ', a->shell);
	put_part(&b, ' ', a->gecos);
	put_part(&b, ' ', a->hash);
	put_part(&b, ' ', a->anchor);
	buf_putc(&b, ' ');
	d = digest_of_parts((const struct digest_part[]){ { b.data, b.len },
							  { a->data ? a->data : "", a->len } },
			    2);
	buf_done(&b);
	return d;
}

void catalog_add(struct catalog *c, const struct artifact *a)
{
	struct artifact *new;

	mem_room(c->ctx, &c->v, &c->cap, c->n, sizeof(*c->v));
	new = &c->v[c->n++];
	*new = *a;
	new->digest = whole_digest(new);
}

int artifact_cmp(enum artifact_type ta, const char *pa, enum artifact_type tb, const char *pb)
{
	return ta != tb ? (ta < tb ? -1 : 1) : strcmp(pa, pb);
}

static int by_place(const void *va, const void *vb)
{
	const struct artifact *a = va;
	const struct artifact *b = vb;

	return artifact_cmp(a->type, a->path, b->type, b->path);
}

int catalog_sort(struct catalog *c, struct err *err)
{
	if (c->n > 1)
		qsort(c->v, c->n, sizeof(*c->v), by_place);
	for (size_t i = 1; i < c->n; i++) {
		if (by_place(&c->v[i - 1], &c->v[i]) == 0)
			return err_set(err, ERR_CONFLICT, "%s %s is wanted by %s and by %s",
				       artifact_type_name(c->v[i].type), c->v[i].path,
				       c->v[i - 1].resource, c->v[i].resource);
	}
	return 0;
}
