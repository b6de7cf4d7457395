#include "api/sight.h"

#include <string.h>

#include "api/own.h"

static int add(struct call *c, struct sight *s, size_t *cap, const char *name, struct err *err)
{
	struct log_account *a;

	mem_room(c->ctx, &s->v, cap, s->n, sizeof(*s->v));
	a = &s->v[s->n++];
	a->name = mem_str(c->ctx, name);
	return store_account_since(c->store, a->name, &a->since, err);
}

static int add_mine(struct call *c, struct sight *s, size_t *cap, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *text = mem_fmt(c->ctx, "SELECT t.username FROM account t WHERE %s",
				   own_condition(c, &kind_account));
	int r = sql_get(store_sql(c->store), call_sql(c, text), &st, err);

	if (r < 0)
		return r;
	if (strstr(text, "?1"))
		sql_bind_text(st, 1, c->who.username);
	while ((r = sql_step(st, err)) > 0) {
		r = add(c, s, cap, sql_text(st, 0), err);
		if (r < 0)
			break;
	}
	return r;
}

int sight_of(struct call *c, struct sight *ret, struct err *err)
{
	size_t cap = 0;
	int r = 0;

	*ret = (struct sight){ .sees_all = c->who.role == ROLE_ADMIN && !c->account,
			       .by_name = STRMAP_ON(c->ctx) };
	if (c->account)
		r = add(c, ret, &cap, c->account->username, err);
	else if (!ret->sees_all)
		r = add_mine(c, ret, &cap, err);
	for (size_t i = 0; i < ret->n && r >= 0; i++)
		*strmap_slot(&ret->by_name, ret->v[i].name) = &ret->v[i];
	return r;
}

bool sight_has(const struct sight *s, const char *account, int64_t rev)
{
	const struct log_account *a = account ? strmap_find(&s->by_name, account) : NULL;

	return s->sees_all || (a && rev >= a->since);
}
