/* Where to look: the commands that show what the sandbox serves, ready to be pasted. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/sandbox.h"
#include "model/settings.h"

struct show {
	struct cli *c;
	const char *http, *https, *dns, *smtp, *imaps;
	const char *netrc; /* "--netrc-file FILE " when there is one */
};

int sandbox_setting(struct cli *c, const char *name, const char **ret, struct err *err)
{
	struct setting *s = NULL;
	int r = store_get(c->ctx, c->e->store, &kind_setting, name, &s, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		*ret = setting_find(name)->dflt;
		return 0;
	}
	if (r >= 0)
		*ret = s->value;
	return r;
}

static int is_suspended(struct show *s, const char *account, struct err *err)
{
	struct account *a = NULL;
	int r = account ? store_get(s->c->ctx, s->c->e->store, &kind_account, account, &a, err) : 0;

	return r < 0 ? r : a && account_is_suspended(a);
}

static int has_certificate(struct show *s, const char *domain, struct err *err)
{
	struct certificate *cert = NULL;
	int r = store_get(s->c->ctx, s->c->e->store, &kind_certificate, domain, &cert, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r : 1;
}

static const char *note(bool suspended)
{
	return suspended ? "   # suspended" : "";
}

static int show_domain(struct show *s, void *res, struct err *err)
{
	const struct domain *d = res;
	int suspended = is_suspended(s, d->account, err);
	int tls = suspended < 0 ? suspended : has_certificate(s, d->name, err);

	if (tls < 0)
		return tls;
	(void)printf("  curl -i --resolve %s:%s:127.0.0.1 http://%s:%s/%s\n", d->name, s->http,
		     d->name, s->http, note(suspended));
	if (tls)
		(void)printf("  curl -ik --resolve %s:%s:127.0.0.1 https://%s:%s/%s\n", d->name,
			     s->https, d->name, s->https, note(suspended));
	return 0;
}

static int show_zone(struct show *s, void *res, struct err *err)
{
	const struct zone *z = res;

	(void)err;
	if (strcmp(z->status, "active") == 0)
		(void)printf("  dig @127.0.0.1 -p %s %s ANY +noall +answer\n", s->dns, z->name);
	return 0;
}

/* user@domain as a user of a URL */
static const char *in_url(struct show *s, const char *address)
{
	struct buf b = BUF_ON(s->c->ctx);

	for (const char *p = address; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || *p == '.' || *p == '-' || *p == '_')
			buf_putc(&b, *p);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*p);
	}
	return buf_str(&b);
}

static int show_mailbox(struct show *s, void *res, struct err *err)
{
	const struct mailbox *m = res;
	int suspended = is_suspended(s, m->account, err);
	bool off;

	if (suspended < 0)
		return suspended;
	off = suspended || strcmp(m->status, "active") != 0;
	(void)printf("  swaks --server 127.0.0.1:%s --from you@elsewhere.example --to %s%s\n",
		     s->smtp, m->address, note(off));
	(void)printf("  curl -k %s'imaps://%s@127.0.0.1:%s/INBOX;MAILINDEX=*'%s\n", s->netrc,
		     in_url(s, m->address), s->imaps, note(off));
	return 0;
}

typedef int show_fn(struct show *s, void *res, struct err *err);

static int show_kind(struct show *s, const char *title, const struct kind *k, show_fn *fn,
		     struct err *err)
{
	struct cursor *cur = NULL;
	void *res = NULL;
	bool any = false;
	int r = cursor_open(s->c->ctx, s->c->e->store, k, NULL, NULL, &cur, err);

	while (r >= 0 && (r = cursor_next(s->c->ctx, cur, &res, err)) > 0) {
		if (!any)
			(void)printf("\n%s\n", title);
		any = true;
		r = fn(s, res, err);
	}
	return r;
}

static int read_ports(struct show *s, struct err *err)
{
	int r = sandbox_setting(s->c, "web_http_port", &s->http, err);

	if (r >= 0)
		r = sandbox_setting(s->c, "web_https_port", &s->https, err);
	if (r >= 0)
		r = sandbox_setting(s->c, "dns_port", &s->dns, err);
	if (r >= 0)
		r = sandbox_setting(s->c, "smtp_port", &s->smtp, err);
	return r < 0 ? r : sandbox_setting(s->c, "imaps_port", &s->imaps, err);
}

int sandbox_show(struct cli *c, struct err *err)
{
	struct show s = { .c = c, .netrc = "" };
	int r = read_ports(&s, err);

	if (r < 0)
		return r;
	if (fs_exists(c->e->root, "/root/.netrc"))
		s.netrc = mem_fmt(c->ctx, "--netrc-file %s/root/.netrc ", c->e->root_path);
	r = show_kind(&s, "Sites:", &kind_domain, show_domain, err);
	if (r >= 0)
		r = show_kind(&s, "Zones:", &kind_zone, show_zone, err);
	if (r >= 0)
		r = show_kind(&s, "Mailboxes (send, then read the newest):", &kind_mailbox,
			      show_mailbox, err);
	return r;
}
