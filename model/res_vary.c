#include "model/res_vary.h"

#include <string.h>

/* One of each form that a check may want, for fields whose present value says nothing. */
static const char *const samples[] = {
	"other",
	"8.3",
	"65M",
	"192.0.2.77",
	"2001:db8::77",
	"other.example",
	"other@other.example",
	"https://other.example/",
	"/srv/other",
	"#123456",
	"Etc/UTC",
	"1 1 * * *",
	"0 5 5060 other.example.",
	"v=spf1 -all",
	"v=spf1 ~all",
	"v=DMARC1; p=reject",
	"v=DMARC1; p=none",
	/* 43 dots stand where a digest would: no password has it, and it is never stored */
	"$5$nobody$...........................................",
	"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	NULL,
};

struct vary {
	const void *ctx;
	const void *res;
	const struct field *field;
	struct ptrs *out;
	struct ptrs unsound; /* taken by the field's check, refused by the kind's derive() */
};

static bool is_known(const struct vary *v, const void *variant)
{
	if (field_same(v->field, v->res, variant))
		return true;
	for (size_t i = 0; i < v->out->n; i++) {
		if (field_same(v->field, v->out->v[i], variant))
			return true;
	}
	return false;
}

/* Whether VALUE gave a new variant. */
static bool offer(struct vary *v, const struct value *value)
{
	const struct kind *k = ((const struct res *)v->res)->kind;
	void *variant = res_copy(v->ctx, v->res);
	struct err ignored = ERR_INIT;

	if (v->out->n >= VARIANTS_MAX ||
	    field_put(v->ctx, v->field, variant, value, &ignored) < 0 || is_known(v, variant))
		return false;
	if (k->derive) {
		void *derived = res_copy(v->ctx, variant);

		if (k->derive(v->ctx, derived, &ignored) < 0 || is_known(v, derived)) {
			if (v->unsound.n < VARIANTS_MAX)
				ptrs_add(v->ctx, &v->unsound, variant);
			return false;
		}
		variant = derived;
	}
	ptrs_add(v->ctx, v->out, variant);
	return true;
}

static bool offer_text(struct vary *v, const char *text)
{
	return offer(v, &(struct value){ .type = VALUE_STRING, .text = text });
}

static void offer_int(struct vary *v, int64_t num)
{
	(void)offer(v, &(struct value){ .type = VALUE_INT, .num = num });
}

/* The next character of its class; itself when it has none. */
static char beside(char c)
{
	if (c == '9' || c == 'z' || c == 'Z')
		return (char)(c - 1);
	if ((c >= '0' && c < '9') || (c >= 'a' && c < 'z') || (c >= 'A' && c < 'Z'))
		return (char)(c + 1);
	return c;
}

/* Character by character, STEP apart from position AT, until one can be another. */
static bool offer_beside(struct vary *v, const char *text, size_t at, size_t step)
{
	enum {
		TRIES_MAX = 80
	};

	size_t len = strlen(text);

	for (size_t tries = 0; at < len && tries < TRIES_MAX; at += step, tries++) {
		char *other = mem_str(v->ctx, text);

		other[at] = beside(text[at]);
		if (other[at] != text[at] && offer_text(v, other))
			return true;
	}
	return false;
}

static void vary_text(struct vary *v, const char *was, const char *const *hints)
{
	size_t before;

	for (size_t i = 0; hints && hints[i]; i++)
		(void)offer_text(v, hints[i]);
	before = v->out->n;
	if (was && *was) {
		(void)offer_beside(v, was, strlen(was) - 1, (size_t)-1);
		(void)offer_beside(v, was, 0, 1);
		(void)offer_beside(v, was, strlen(was) / 2, 1);
		(void)offer_text(v, mem_fmt(v->ctx, "%sx", was));
	}
	for (size_t i = 0; v->out->n < before + 2 && samples[i]; i++)
		(void)offer_text(v, samples[i]);
}

static void vary_int(struct vary *v, int64_t was)
{
	const struct field *f = v->field;
	bool is_set = was != INT_UNSET;

	offer_int(v, is_set && was < INT64_MAX ? was + 1 : f->min + 1);
	offer_int(v, is_set && was > INT64_MIN + 1 ? was - 1 : f->min);
}

static void vary_list(struct vary *v, const struct strlist *was)
{
	const char **more = mem_zero(v->ctx, (was->n + 1) * sizeof(*more));

	if (was->n > 0)
		(void)offer(
			v, &(struct value){ .type = VALUE_LIST, .items = was->v, .n = was->n - 1 });
	for (size_t i = 0; i < was->n; i++)
		more[i] = was->v[i];
	for (size_t i = 0; samples[i]; i++) {
		more[was->n] = samples[i];
		if (offer(v, &(struct value){ .type = VALUE_LIST, .items = more, .n = was->n + 1 }))
			return;
	}
}

static void vary_typed(struct vary *v, const char *const *hints)
{
	const struct field *f = v->field;

	switch (f->type) {
	case FIELD_BOOL:
		(void)offer(v,
			    &(struct value){ .type = VALUE_BOOL, .flag = !field_int(f, v->res) });
		break;
	case FIELD_INT: vary_int(v, field_int(f, v->res)); break;
	case FIELD_CHOICE:
		for (size_t i = 0; f->choices[i]; i++)
			(void)offer_text(v, f->choices[i]);
		break;
	case FIELD_LIST: vary_list(v, field_list(f, v->res)); break;
	case FIELD_STRING:
	case FIELD_REF:
	case FIELD_SECRET: vary_text(v, field_text(f, v->res), hints); break;
	}
}

void res_vary(const void *ctx, const void *res, const struct field *f, const char *const *hints,
	      struct ptrs *ret)
{
	struct vary v = { .ctx = ctx, .res = res, .field = f, .out = ret };
	size_t before = ret->n;

	if (f->flags & FIELD_DERIVED)
		return;
	vary_typed(&v, hints);
	if (field_is_set(f, res))
		(void)offer(&v, &(struct value){ .type = VALUE_NULL });
	/* a record's type rarely fits another type's value: better than not to know */
	for (size_t i = 0; ret->n == before && i < v.unsound.n && i < 1; i++)
		ptrs_add(ctx, ret, v.unsound.v[i]);
}
