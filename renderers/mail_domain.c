/*
 * A domain's mail: rows of Postfix' maps, Dovecot's passwd file, the mailboxes'
 * folders.
 *
 * Rules that Postfix imposes: the map of aliases is asked before the mailboxes,
 * so with a catch-all each mailbox needs a row that leads to itself; the map of
 * refused addresses sees the address as the sender gave it, so a suspended
 * mailbox must also vanish from the destinations of others, and an address that
 * leads nowhere any more is refused itself. Refused rows name addresses, never
 * the domain: Postfix would apply that to its subdomains, whoever owns them.
 */
#include <inttypes.h>
#include <string.h>

#include "base/strmap.h"
#include "renderers/mail.h"
#include "renderers/place.h"
#include "renderers/syntax_passwd.h"

#define NO_PASSWORD       "*" /* no password fits, nowhere: IMAP, POP3 and SMTP alike */
#define MAILBOX_SUSPENDED "550 5.2.1 Mailbox suspended"
#define NO_MAILBOX        "550 5.1.1 No mailbox here" /* a forwarder that leads to itself */
#define ACCOUNT_SUSPENDED "550 5.2.1 Account suspended"

enum {
	VALUE_MAX = 60000, /* of a map */
	VERSION_LEN = 16   /* enough to tell two states of a file from each other */
};

struct mail {
	const struct view *v;
	struct catalog *out;
	const char *domain;
	const char *resource;
	bool suspended; /* the account */
	const struct ptrs *boxes, *forwarders;
	struct strmap ways; /* address → struct way */
	bool catch_all;
};

static bool is_off(const struct mail *m, const struct mailbox *box)
{
	return m->suspended || (box->status && strcmp(box->status, "suspended") == 0);
}

static void put_row(const struct mail *m, const char *resource, const char *map, const char *key,
		    const char *value)
{
	catalog_add(m->out, &(struct artifact){
				    .type = ARTIFACT_MAPROW,
				    .path = mem_fmt(m->v->ctx, "%s:%s", map, key),
				    .resource = resource,
				    .data = value,
				    .len = strlen(value),
			    });
}

/* smtpd keeps for a hundred connections what it found for an address: a domain that came would stay unknown. */
static void put_domain(const struct mail *m)
{
	catalog_add(m->out, &(struct artifact){
				    .type = ARTIFACT_MAPROW,
				    .flags = ARTIFACT_RELOAD,
				    .path = mem_fmt(m->v->ctx, "%s:%s", MAP_DOMAINS, m->domain),
				    .resource = m->resource,
				    .service = "postfix",
				    .data = "-",
				    .len = 1,
			    });
}

/* Mailboxes */

static int put_folder(const struct mail *m, const struct mailbox *box, const char *resource,
		      const char **ret_home, struct err *err)
{
	const char *local = NULL;
	char xx[3];
	int r = place_address(m->v, "address", box->address, m->domain, &local, err);

	if (r < 0)
		return r;
	shard_of(m->domain, xx);
	*ret_home = mem_fmt(m->v->ctx, MAIL_STORE "/%s/%s/%s", xx, m->domain, local);
	place_dir(m->out,
		  &(struct artifact){
			  .flags = ARTIFACT_DATA,
			  .resource = resource,
			  .mode = 0700,
			  .owner = MAIL_USER,
			  .group = MAIL_USER,
		  },
		  *ret_home);
	return 0;
}

/* Mail is data: it stays when the server is switched off. */
static int put_folders(const struct mail *m, struct err *err)
{
	const char *home = NULL;
	int r = 0;

	for (size_t i = 0; i < m->boxes->n && r >= 0; i++) {
		const struct mailbox *box = m->boxes->v[i];

		r = put_folder(m, box, mem_fmt(m->v->ctx, "mailbox/%s", box->address), &home, err);
	}
	return r;
}

static void put_login(const struct mail *m, const struct mailbox *box, const char *home,
		      struct colon *file)
{
	const char *extra[] = { "userdb_mail=maildir:~/Maildir", NULL, NULL };
	struct passwd_row row = {
		.user = box->address,
		.hash = is_off(m, box) || !box->password ? NO_PASSWORD : box->password,
		.uid = MAIL_USER,
		.gid = MAIL_USER,
		.home = home,
		.extra = extra,
	};

	if (box->quota_mb > 0)
		extra[1] = mem_fmt(m->v->ctx, "userdb_quota_rule=*:storage=%" PRId64 "M",
				   box->quota_mb);
	colon_passwd(file, &row);
}

/*
 * A user that no mailbox can be and no password fits, to be asked for. In a row of a mailbox the
 * version would make each line come from all mailboxes (`explain`).
 */
static void put_version(const struct mail *m, const char *version, struct colon *file)
{
	const char *extra[] = { mem_fmt(m->v->ctx, "userdb_" LOGINS_VERSION "=%s", version), NULL };

	colon_passwd(file, &(struct passwd_row){
				   .user = mem_fmt(m->v->ctx, LOGINS_USER "@%s", m->domain),
				   .hash = NO_PASSWORD,
				   .uid = MAIL_USER,
				   .gid = MAIL_USER,
				   .extra = extra,
			   });
}

/* VERSION: NULL for the rows alone, of which it is made. */
static int put_logins(const struct mail *m, const struct ptrs *homes, const char *version,
		      struct buf *text, struct err *err)
{
	struct colon file;

	colon_begin(&file, text, err);
	if (version) {
		colon_comment(&file, view_banner(m->v, m->resource));
		put_version(m, version, &file);
	}
	for (size_t i = 0; i < m->boxes->n; i++)
		put_login(m, m->boxes->v[i], homes->v[i], &file);
	return colon_end(&file);
}

static const char *version_of(const struct mail *m, struct buf *text)
{
	struct digest d = digest_of(buf_str(text), text->len);
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&d, hex);
	return mem_strn(m->v->ctx, hex, VERSION_LEN);
}

static int put_mailbox(const struct mail *m, const struct mailbox *box, struct ptrs *homes,
		       struct err *err)
{
	const char *resource = mem_fmt(m->v->ctx, "mailbox/%s", box->address ? box->address : "");
	const char *home = NULL;
	int r = put_folder(m, box, resource, &home, err);

	if (r < 0)
		return r;
	ptrs_add(m->v->ctx, homes, home);
	put_row(m, resource, MAP_MAILBOXES, box->address, "-");
	if (is_off(m, box))
		put_row(m, resource, MAP_REFUSED, box->address,
			m->suspended ? ACCOUNT_SUSPENDED : MAILBOX_SUSPENDED);
	return 0;
}

static int put_mailboxes(const struct mail *m, struct err *err)
{
	struct artifact like = {
		.flags = ARTIFACT_SECRET | ARTIFACT_LOGINS,
		.resource = m->resource,
		.mode = 0640,
		.owner = "root",
		.group = "dovecot",
	};
	struct buf bare = BUF_ON(m->v->ctx);
	struct buf text = BUF_ON(m->v->ctx);
	struct ptrs homes = { 0 };
	int r = 0;

	if (m->boxes->n == 0)
		return 0;
	for (size_t i = 0; i < m->boxes->n && r >= 0; i++)
		r = put_mailbox(m, m->boxes->v[i], &homes, err);
	if (r >= 0)
		r = put_logins(m, &homes, NULL, &bare, err);
	if (r >= 0)
		r = put_logins(m, &homes, version_of(m, &bare), &text, err);
	if (r < 0)
		return r;
	/* Dovecot finds the folder by itself: the first two characters (%2Ld) */
	place_file(m->out, &like,
		   mem_fmt(m->v->ctx, MAIL_DOVECOT "/%.2s/%s.passwd", m->domain, m->domain),
		   buf_str(&text));
	return 0;
}

/* Where the mail of an address goes, and who may send as it */

struct way {
	const char *source, *resource;
	const struct mailbox *box; /* that has this address */
	struct strmap to;          /* destinations, each once, in order */
	struct strmap senders;     /* mailboxes of the domain among them */
	bool leads_to_suspended;
};

static struct way *way_of(struct mail *m, const char *source)
{
	void **slot = strmap_slot(&m->ways, source);
	struct way *w = *slot;

	if (w)
		return w;
	w = mem_new(m->v->ctx, struct way);
	w->source = source;
	w->resource = m->resource;
	w->to.ctx = w->senders.ctx = m->v->ctx;
	*slot = w;
	return w;
}

/* Suspended mailboxes take no mail by another way either; an address cannot lead to itself alone. */
static void way_add(const struct mail *m, struct way *w, const char *address)
{
	const struct way *target = strmap_find(&m->ways, address);
	const struct mailbox *box = target ? target->box : NULL;

	if (box && is_off(m, box)) {
		w->leads_to_suspended = true;
		return;
	}
	if (!box && strcmp(address, w->source) == 0)
		return;
	*strmap_slot(&w->to, address) = w;
	if (box)
		*strmap_slot(&w->senders, address) = w;
}

/* A mailbox keeps what is also sent on. */
static void collect_mailboxes(struct mail *m)
{
	for (size_t i = 0; i < m->boxes->n; i++) {
		const struct mailbox *box = m->boxes->v[i];
		struct way *w = way_of(m, box->address);

		w->box = box;
		w->resource = mem_fmt(m->v->ctx, "mailbox/%s", box->address);
		way_add(m, w, box->address);
	}
}

static int check_forwarder(const struct mail *m, const struct forwarder *f, struct err *err)
{
	const char *local = NULL;
	bool rest = f->source && f->source[0] == '@';
	int r = 0;

	if (!rest || strcmp(f->source + 1, m->domain) != 0)
		r = place_address(m->v, "source", f->source, m->domain, &local, err);
	if (r >= 0)
		r = place_address(m->v, "destination", f->destination, NULL, &local, err);
	return r;
}

static int collect_forwarders(struct mail *m, struct err *err)
{
	for (size_t i = 0; i < m->forwarders->n; i++) {
		const struct forwarder *f = m->forwarders->v[i];
		int r = check_forwarder(m, f, err);

		if (r < 0)
			return err_wrap(err, "forwarder %s", res_key(m->v->ctx, f));
		m->catch_all = m->catch_all || f->source[0] == '@';
		way_add(m, way_of(m, f->source), f->destination);
	}
	return 0;
}

static int put_list(const struct mail *m, const struct way *w, const char *map,
		    const struct strmap *list, struct err *err)
{
	struct buf b = BUF_ON(m->v->ctx);

	for (size_t i = 0; i < list->n; i++)
		buf_printf(&b, "%s%s", i ? "," : "", list->entries[i].key);
	if (b.len > VALUE_MAX)
		return err_set(err, ERR_TOOBIG,
			       "forwarder %s: its destinations need more than %d bytes", w->source,
			       VALUE_MAX);
	put_row(m, w->resource, map, w->source, buf_str(&b));
	return 0;
}

static int put_way(const struct mail *m, const struct way *w, struct err *err)
{
	bool rest = w->source[0] == '@';
	bool only_itself = w->box && w->to.n <= 1;
	int r = 0;

	if (w->box && is_off(m, w->box)) {
		if (m->catch_all && !m->suspended)
			put_row(m, w->resource, MAP_ALIASES, w->source, w->source);
		return 0;
	}
	if (m->suspended || w->to.n == 0) {
		if (!rest)
			put_row(m, w->resource, MAP_REFUSED, w->source,
				m->suspended            ? ACCOUNT_SUSPENDED
				: w->leads_to_suspended ? MAILBOX_SUSPENDED
							: NO_MAILBOX);
		return 0;
	}
	if (!only_itself || m->catch_all)
		r = put_list(m, w, MAP_ALIASES, &w->to, err);
	if (r >= 0 && !rest && w->senders.n > 0)
		r = put_list(m, w, MAP_SENDERS, &w->senders, err);
	return r;
}

static int put_ways(struct mail *m, struct err *err)
{
	int r;

	collect_mailboxes(m);
	r = collect_forwarders(m, err);
	for (size_t i = 0; i < m->ways.n && r >= 0; i++)
		r = put_way(m, m->ways.entries[i].value, err);
	return r;
}

static int mail_domain_render(const struct view *v, struct catalog *out, struct err *err)
{
	const struct domain *d = view_one(v, &kind_domain);
	struct mail m = {
		.v = v,
		.out = out,
		.boxes = view_all(v, &kind_mailbox),
		.forwarders = view_all(v, &kind_forwarder),
		.ways.ctx = v->ctx,
	};
	int r;

	if (!d || !v->account || m.boxes->n + m.forwarders->n == 0)
		return 0;
	r = place_name("name", d->name, err);
	if (r < 0)
		return r;
	m.domain = d->name;
	m.resource = mem_fmt(v->ctx, "domain/%s", d->name);
	if (!view_setting_is(v, "mail_server", "postfix-dovecot"))
		return put_folders(&m, err);
	m.suspended = account_is_suspended(v->account);
	put_domain(&m);
	r = put_mailboxes(&m, err);
	if (r >= 0)
		r = put_ways(&m, err);
	return r < 0 ? err_wrap(err, "mail of %s", m.domain) : 0;
}

static const struct kind *const inputs[] = { &kind_domain,  &kind_mailbox, &kind_forwarder,
					     &kind_account, &kind_setting, NULL };

const struct renderer render_mail_domain = {
	.name = "mail_domain",
	.level = SCOPE_DOMAIN,
	.inputs = inputs,
	.render = mail_domain_render,
};
