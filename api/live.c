#include "api/live.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "model/settings.h"

static const char *const names[LIVE_INTS] = {
	[LIVE_RATE] = "api_rate",
	[LIVE_LOGIN_RATE] = "api_login_rate",
	[LIVE_SESSION_HOURS] = "api_session_hours",
	[LIVE_PORT_ROLES] = "api_port_roles",
	[LIVE_GUESS_LIMIT] = "api_guess_limit",
	[LIVE_GUESS_MINUTES] = "api_guess_minutes",
};

/* A network, or one address. */
struct net {
	int family;
	uint8_t bytes[16];
	unsigned bits;
};

struct nets {
	struct net *v;
	size_t n, cap;
};

struct live {
	const struct api_opts *opts;
	int64_t head;
	_Atomic int64_t ints[LIVE_INTS];
	pthread_mutex_t lock;        /* of what follows */
	struct nets fixed, *proxies; /* of the command line, of the setting */
	char *hosts;                 /* "a.example,b.example"; "": any */
};

/* Networks */

static bool address_of(const char *text, struct net *ret)
{
	*ret = (struct net){ .family = AF_INET, .bits = 32 };
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		return true;
	*ret = (struct net){ .family = AF_INET6, .bits = 128 };
	return inet_pton(AF_INET6, text, ret->bytes) == 1;
}

static bool net_of(const void *ctx, const char *text, struct net *ret)
{
	size_t len = strcspn(text, "/");
	char *end = NULL;
	unsigned long bits;

	if (!address_of(mem_strn(ctx, text, len), ret))
		return false;
	if (!text[len])
		return true;
	bits = strtoul(text + len + 1, &end, 10);
	if (end == text + len + 1 || *end || bits > ret->bits)
		return false;
	ret->bits = (unsigned)bits;
	return true;
}

static bool contains(const struct net *net, const struct net *one)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (net->family != one->family || memcmp(net->bytes, one->bytes, whole) != 0)
		return false;
	return rest == 0 || (net->bytes[whole] ^ one->bytes[whole]) >> (8 - rest) == 0;
}

static bool has(const struct nets *nets, const struct net *one)
{
	for (size_t i = 0; i < nets->n; i++) {
		if (contains(&nets->v[i], one))
			return true;
	}
	return false;
}

static int add(const void *ctx, struct nets *nets, const char *text, struct err *err)
{
	struct net net;

	if (!net_of(ctx, text, &net))
		return err_set(err, ERR_INVALID,
			       "proxy %.64s: an address or a network such as 10.0.0.0/8 is needed",
			       text);
	mem_room(ctx, &nets->v, &nets->cap, nets->n + 1, sizeof(*nets->v));
	nets->v[nets->n++] = net;
	return 0;
}

/* Settings */

static int live_done(struct live *l)
{
	(void)pthread_mutex_destroy(&l->lock);
	return 0;
}

int live_new(const void *ctx, const struct api_opts *opts, struct live **ret, struct err *err)
{
	struct live *l = mem_new(ctx, struct live);
	int r = 0;

	l->opts = opts;
	l->head = -1;
	l->proxies = mem_new(l, struct nets);
	l->hosts = mem_str(l, "");
	(void)pthread_mutex_init(&l->lock, NULL);
	talloc_set_destructor(l, live_done);
	for (size_t i = 0; opts->proxies && opts->proxies[i] && r >= 0; i++)
		r = add(l, &l->fixed, opts->proxies[i], err);
	*ret = l;
	return r;
}

static int value_of(const void *ctx, struct store *s, const char *name, const char **ret,
		    struct err *err)
{
	struct setting *set = NULL;
	int r = store_get(ctx, s, &kind_setting, name, &set, err);

	if (r < 0 && r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	*ret = r >= 0 ? set->value : setting_find(name)->dflt;
	return 0;
}

static int64_t above(const struct live *l, enum live_int which)
{
	return which == LIVE_RATE         ? l->opts->rate.limit[RATE_OTHER]
	       : which == LIVE_LOGIN_RATE ? l->opts->rate.limit[RATE_LOGIN]
					  : 0;
}

static int read_ints(struct live *l, const void *ctx, struct store *s, struct err *err)
{
	int r = 0;

	for (int i = 0; i < LIVE_INTS && r >= 0; i++) {
		const char *text = NULL;

		r = value_of(ctx, s, names[i], &text, err);
		if (r < 0)
			break;
		if (above(l, (enum live_int)i) > 0)
			l->ints[i] = above(l, (enum live_int)i);
		else
			l->ints[i] = strcmp(text, "true") == 0 ? 1 : strtoll(text, NULL, 10);
	}
	return r;
}

static int read_proxies(struct live *l, const void *ctx, struct store *s, struct err *err)
{
	struct nets *nets = mem_new(l, struct nets), *old;
	const char *text = NULL;
	int r = value_of(ctx, s, "trusted_proxies", &text, err);
	struct strlist items = r >= 0 ? setting_items(ctx, text) : (struct strlist){ .n = 0 };

	for (size_t i = 0; i < items.n && r >= 0; i++)
		r = add(nets, nets, items.v[i], err);
	(void)pthread_mutex_lock(&l->lock);
	old = r >= 0 ? l->proxies : nets;
	l->proxies = r >= 0 ? nets : l->proxies;
	(void)pthread_mutex_unlock(&l->lock);
	(void)talloc_free(old);
	return r;
}

static int read_hosts(struct live *l, const void *ctx, struct store *s, struct err *err)
{
	const char *text = NULL;
	char *hosts, *old;
	int r = value_of(ctx, s, "panel_hosts", &text, err);

	if (r < 0)
		return r;
	hosts = mem_str(l, text);
	(void)pthread_mutex_lock(&l->lock);
	old = l->hosts;
	l->hosts = hosts;
	(void)pthread_mutex_unlock(&l->lock);
	(void)talloc_free(old);
	return 0;
}

int live_read(struct live *l, struct store *s, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "live");
	int64_t head = 0;
	int r = store_head(s, &head, err);

	if (r < 0 || head == l->head)
		return r;
	r = read_ints(l, tmp, s, err);
	if (r >= 0)
		r = read_proxies(l, tmp, s, err);
	if (r >= 0)
		r = read_hosts(l, tmp, s, err);
	if (r < 0)
		return r;
	l->head = head;
	return 1;
}

int64_t live_int(const struct live *l, enum live_int which)
{
	return l->ints[which];
}

bool live_trusts(struct live *l, const char *address)
{
	struct net one;
	bool is_trusted;

	if (!address_of(address, &one))
		return false;
	(void)pthread_mutex_lock(&l->lock);
	is_trusted = has(&l->fixed, &one) || has(l->proxies, &one);
	(void)pthread_mutex_unlock(&l->lock);
	return is_trusted;
}

bool live_is_host(struct live *l, const char *name, size_t len)
{
	bool is_one;

	(void)pthread_mutex_lock(&l->lock);
	is_one = !*l->hosts;
	for (const char *p = l->hosts; *p && !is_one; p += strcspn(p, ","), p += *p == ',')
		is_one = strcspn(p, ",") == len && strncasecmp(p, name, len) == 0;
	(void)pthread_mutex_unlock(&l->lock);
	return is_one;
}
