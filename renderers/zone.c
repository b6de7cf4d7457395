/*
 * A zone: its file, and the statement by which the name server takes it in
 * (rndc addzone).
 *
 * The file is the zone, its NS records and its records in a fixed order. All
 * records of one name and type get one TTL, the lowest that any asks for
 * (RFC 2181, 5.2): servers that hand out different ones are told to be wrong.
 * The serial is left for the reconciler, which alone knows what was served.
 */
#include <stdlib.h>
#include <string.h>

#include "model/rdata.h"
#include "renderers/place.h"
#include "renderers/syntax_block.h"
#include "renderers/syntax_zone.h"

#define ZONES "/var/lib/bind/novacpx"

struct row {
	const char *owner, *type, *rdata;
	int64_t ttl;
};

struct rows {
	struct row *v;
	size_t n;
};

/* The zone's own name first, then in byte order; types and data likewise. */
static int by_name_and_type(const struct row *a, const struct row *b)
{
	bool apex_a = strcmp(a->owner, "@") == 0;
	bool apex_b = strcmp(b->owner, "@") == 0;
	int d = strcmp(a->owner, b->owner);

	if (apex_a != apex_b)
		return apex_a ? -1 : 1;
	return d ? d : strcmp(a->type, b->type);
}

static int by_row(const void *va, const void *vb)
{
	const struct row *a = va;
	const struct row *b = vb;
	int d = by_name_and_type(a, b);

	if (d == 0)
		d = strcmp(a->rdata, b->rdata);
	return d ? d : (a->ttl > b->ttl) - (a->ttl < b->ttl);
}

static int add_record(const struct view *v, struct rows *rows, const struct zone *z,
		      const struct record *rec, struct err *err)
{
	const struct rdata_type *type = rec->type ? rdata_type_find(rec->type) : NULL;
	struct buf rdata = BUF_ON(v->ctx);

	if (!type || !rec->name || !rec->value)
		return err_set(err, ERR_INVALID, "record %s: type, name or value is missing",
			       res_key(v->ctx, rec));
	if (type->has_priority && (rec->priority < 0 || rec->priority > RDATA_PRIORITY_MAX))
		return err_set(err, ERR_INVALID, "record %s: the priority is not from 0 to %d",
			       res_key(v->ctx, rec), RDATA_PRIORITY_MAX);
	rdata_put(&rdata, type, rec->value, rec->priority);
	rows->v[rows->n++] = (struct row){
		.owner = rec->name,
		.type = type->wire,
		.rdata = buf_str(&rdata),
		.ttl = rec->ttl == INT_UNSET ? z->ttl : rec->ttl,
	};
	return 0;
}

static bool names_own_servers(const struct ptrs *records)
{
	for (size_t i = 0; i < records->n; i++) {
		const struct record *rec = records->v[i];

		if (rec->name && rec->type && strcmp(rec->name, "@") == 0 &&
		    strcmp(rec->type, "NS") == 0)
			return true;
	}
	return false;
}

static void add_server(const struct view *v, struct rows *rows, const struct zone *z,
		       const char *host)
{
	rows->v[rows->n++] = (struct row){
		.owner = "@", .type = "NS", .rdata = mem_fmt(v->ctx, "%s.", host), .ttl = z->ttl
	};
}

static int collect(const struct view *v, struct rows *rows, const struct zone *z,
		   const char *primary, struct err *err)
{
	const struct ptrs *records = view_all(v, &kind_record);
	const char *second = z->secondary_ns ? z->secondary_ns : view_setting(v, "ns2_hostname");
	int r = 0;

	rows->v = mem_zero(v->ctx, (records->n + 2) * sizeof(*rows->v));
	if (!names_own_servers(records)) {
		add_server(v, rows, z, primary);
		if (strcmp(primary, second) != 0)
			add_server(v, rows, z, second);
	}
	for (size_t i = 0; i < records->n && r >= 0; i++)
		r = add_record(v, rows, z, records->v[i], err);
	if (r >= 0)
		qsort(rows->v, rows->n, sizeof(*rows->v), by_row);
	return r;
}

/* Writes the sorted rows, each group with its lowest TTL and each row once. */
static void put_rows(struct zonefile *zf, const struct rows *rows)
{
	for (size_t i = 0; i < rows->n;) {
		int64_t ttl = rows->v[i].ttl;
		size_t end = i + 1;

		for (; end < rows->n && by_name_and_type(&rows->v[i], &rows->v[end]) == 0; end++)
			ttl = MIN(ttl, rows->v[end].ttl);
		for (size_t k = i; k < end; k++) {
			const struct row *row = &rows->v[k];

			if (k == i || strcmp(row->rdata, rows->v[k - 1].rdata) != 0)
				zone_record(zf, row->owner, ttl, row->type, row->rdata);
		}
		i = end;
	}
}

static int put_file(const struct view *v, struct catalog *out, const struct zone *z,
		    const struct artifact *like, struct err *err)
{
	const char *primary = z->primary_ns ? z->primary_ns : view_setting(v, "ns1_hostname");
	struct zone_soa soa = {
		.mname = primary,
		.rname =
			z->admin_email ? z->admin_email : mem_fmt(v->ctx, "hostmaster@%s", z->name),
		.refresh = z->refresh,
		.retry = z->retry,
		.expire = z->expire,
		.minimum = z->minimum,
	};
	struct artifact file = *like;
	struct buf text = BUF_ON(v->ctx);
	struct syntax top = SYNTAX_ON(&text, err);
	struct rows rows = { 0 };
	struct zonefile zf;
	int r = collect(v, &rows, z, primary, err);

	if (r < 0)
		return r;
	syntax_comment(&top, "zone file", ";", view_banner(v, like->resource));
	zone_begin(&zf, &text, err, z->name);
	zone_ttl(&zf, z->ttl);
	file.serial_at = zone_soa(&zf, z->ttl, &soa);
	put_rows(&zf, &rows);
	r = zone_end(&zf);
	if (r < 0)
		return r;
	file.type = ARTIFACT_FILE;
	file.flags = ARTIFACT_SERIAL;
	file.data = buf_str(&text);
	file.len = text.len;
	catalog_add(out, &file);
	return 0;
}

/* `{ type primary; file "…"; };` on one line: it goes out as part of a command. */
static int put_statement(const struct view *v, struct catalog *out, const struct zone *z,
			 const struct artifact *like, struct err *err)
{
	struct artifact zone = *like;
	struct buf text = BUF_ON(v->ctx);
	struct block b;
	int r;

	buf_puts(&text, "{\n");
	block_begin(&b, &text, err);
	block_put(&b, "type", "primary");
	block_put_string(&b, "file", like->path);
	r = block_end(&b);
	if (r < 0)
		return r;
	buf_puts(&text, "};");
	for (char *p = text.data; *p; p++) {
		if (*p == '\n') /* the writer puts none but at the end of a statement */
			*p = ' ';
	}
	zone.type = ARTIFACT_ZONE;
	zone.path = z->name;
	zone.data = buf_str(&text);
	zone.len = text.len;
	catalog_add(out, &zone);
	return 0;
}

static int zone_render(const struct view *v, struct catalog *out, struct err *err)
{
	const struct zone *z = view_one(v, &kind_zone);
	struct artifact like = {
		.service = "bind", .mode = 0644, .owner = "root", .group = "bind"
	};
	char xx[3];
	int r;

	if (!z || !view_setting_is(v, "dns_server", "bind9") ||
	    (z->status && strcmp(z->status, "disabled") == 0))
		return 0;
	r = place_name("name", z->name, err);
	if (r < 0)
		return r;
	shard_of(z->name, xx);
	like.resource = mem_fmt(v->ctx, "zone/%s", z->name);
	like.path = mem_fmt(v->ctx, ZONES "/%s/%s.zone", xx, z->name);
	r = put_file(v, out, z, &like, err);
	if (r >= 0)
		r = put_statement(v, out, z, &like, err);
	return r < 0 ? err_wrap(err, "zone %s", z->name) : 0;
}

static const struct kind *const inputs[] = { &kind_zone, &kind_record, &kind_setting, NULL };

const struct renderer render_zone = {
	.name = "zone",
	.level = SCOPE_DOMAIN,
	.inputs = inputs,
	.render = zone_render,
};
