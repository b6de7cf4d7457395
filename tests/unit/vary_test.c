/* Other values for fields: every field of every kind has one that its check takes, or stands in the list below. */
#include <string.h>

#include "model/kinds.h"
#include "model/res_vary.h"
#include "model/settings.h"
#include "tests/support/testing.h"

struct sample {
	const struct kind *kind;
	const char *fields[24]; /* name, text, …; the rest is at its default */
};

#define HASH "$5$salt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"
#define PEM  "-----BEGIN CERTIFICATE-----\nAAAABBBB\n-----END CERTIFICATE-----\n"

static const struct sample rows[] = {
	{ &kind_setting, { "name", "web_http_port", "value", "80" } },
	{ &kind_package, { "name", "small", "owner", "rosa", "php_version", "8.2" } },
	{ &kind_user,
	  { "username", "rosa", "email", "rosa@a.example", "reseller", "max", "contact_name",
	    "Rosa", "contact_phone", "1", "password", HASH } },
	{ &kind_account,
	  { "username", "john", "user", "rosa", "package", "small", "email", "j@a.example",
	    "php_version", "8.2", "home", "/srv/john", "password", HASH } },
	{ &kind_domain, { "name", "a.example", "account", "john", "type", "primary" } },
	{ &kind_domain,
	  { "name", "a.example", "account", "john", "type", "redirect", "redirect_to",
	    "https://b.example/" } },
	{ &kind_domain,
	  { "name", "a.example", "account", "john", "type", "alias", "target", "b.example" } },
	{ &kind_domain,
	  { "name", "a.example", "account", "john", "type", "addon", "document_root",
	    "/home/john/a" } },
	{ &kind_zone,
	  { "name", "a.example", "account", "john", "primary_ns", "ns1.a.example", "secondary_ns",
	    "ns2.a.example", "admin_email", "j@a.example" } },
	{ &kind_record,
	  { "zone", "a.example", "name", "www", "type", "A", "value", "192.0.2.1", "ttl", "300" } },
	{ &kind_record,
	  { "zone", "a.example", "name", "@", "type", "MX", "value", "mail", "priority", "10" } },
	{ &kind_record,
	  { "zone", "a.example", "name", "@", "type", "SPF", "value", "v=spf1 -all" } },
	{ &kind_record,
	  { "zone", "a.example", "name", "_dmarc", "type", "DMARC", "value", "v=DMARC1; p=none" } },
	{ &kind_record,
	  { "zone", "a.example", "name", "@", "type", "CAA", "value", "0 issue \"ca.example\"" } },
	{ &kind_mailbox, { "address", "info@a.example", "account", "john", "password", HASH } },
	{ &kind_forwarder,
	  { "source", "@a.example", "destination", "info@a.example", "account", "john" } },
	{ &kind_dkim_key,
	  { "domain", "a.example", "selector", "mail", "account", "john", "public_key", "AAAA",
	    "private_key", PEM } },
	{ &kind_database, { "name", "john_db", "account", "john" } },
	{ &kind_database_user,
	  { "name", "john_db", "account", "john", "databases", "john_db", "password", HASH } },
	{ &kind_ftp_account,
	  { "username", "john_f", "account", "john", "home_dir", "/home/john/f", "password",
	    HASH } },
	{ &kind_autoresponder,
	  { "address", "info@a.example", "account", "john", "subject", "Away", "body", "Back soon",
	    "starts", "2026-12-01", "ends", "2026-12-24" } },
	{ &kind_certificate,
	  { "domain", "a.example", "account", "john", "cert", PEM, "chain", PEM, "key", PEM } },
	{ &kind_certificate,
	  { "domain", "a.example", "account", "john", "cert_path", "/etc/ssl/a.pem", "key_path",
	    "/etc/ssl/a.key" } },
	{ &kind_cron_job,
	  { "account", "john", "name", "nightly", "schedule", "@daily", "command", "true" } },
	{ &kind_php_config, { "account", "john" } },
	{ &kind_container,
	  { "account", "john", "name", "web", "image", "a:1", "ports", "80:80", "env", "A=b",
	    "volumes", "/a:/b" } },
	{ &kind_app,
	  { "account", "john", "name", "blog", "app_id", "wp", "domain", "a.example", "params",
	    "A=b" } },
	{ &kind_firewall_rule,
	  { "name", "ssh", "action", "allow", "port", "22", "from_ip", "192.0.2.0/24", "comment",
	    "us" } },
	{ &kind_branding,
	  { "reseller", "rosa", "logo_url", "https://a.example/l", "favicon_url",
	    "https://a.example/f", "support_email", "r@a.example", "support_url",
	    "https://a.example/", "custom_css", "a {}" } },
};

static void *made(const void *ctx, const struct kind *k, const char *const *fields)
{
	void *res = res_new(ctx, k);
	struct err err = ERR_INIT;

	for (size_t i = 0; fields[i]; i += 2) {
		const struct field *f = kind_field(k, fields[i]);
		struct value v;

		assert_non_null(f);
		v = field_value_of_text(ctx, f, fields[i + 1]);
		assert_ok(field_put(ctx, f, res, &v, &err), &err);
	}
	assert_ok(res_verify(ctx, res, &err), &err);
	return res;
}

/* Another value of F alone, which F's own check takes. */
static void check_variant(const void *ctx, const struct field *f, const void *res,
			  const void *variant)
{
	const struct kind *k = ((const struct res *)res)->kind;
	void *again = res_copy(ctx, variant);
	struct err err = ERR_INIT;
	struct value v;

	assert_false(field_same(f, res, variant));
	FIELD_FOREACH(other, k) {
		/* what one field derives from another goes with it */
		if (other != f && !(other->flags & FIELD_DERIVED) &&
		    !(k == &kind_record && f->type == FIELD_CHOICE) &&
		    !(k == &kind_domain && strcmp(f->name, "type") == 0))
			assert_true(field_same(other, res, variant));
	}
	if (f->type == FIELD_LIST || !field_is_set(f, variant))
		return;
	v = field_value_of_text(ctx, f,
				f->type == FIELD_SECRET ? field_text(f, variant)
							: field_show(ctx, f, variant));
	assert_ok(field_put(ctx, f, again, &v, &err), &err);
	assert_true(field_same(f, variant, again));
}

static void check_row(const struct sample *s)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "vary");
	void *res = made(ctx, s->kind, s->fields);

	FIELD_FOREACH(f, s->kind) {
		struct ptrs variants = { 0 };
		struct ptrs again = { 0 };

		res_vary(ctx, res, f, NULL, &variants);
		res_vary(ctx, res, f, NULL, &again);
		assert_int_equal(variants.n, again.n);
		assert_true(variants.n <= VARIANTS_MAX);
		if (variants.n == 0 && !(f->flags & FIELD_DERIVED))
			fail_msg("%s.%s = %s has no variant", s->kind->name, f->name,
				 field_show(ctx, f, res));
		if (f->flags & FIELD_DERIVED)
			assert_int_equal(variants.n, 0);
		for (size_t i = 0; i < variants.n; i++) {
			check_variant(ctx, f, res, variants.v[i]);
			assert_true(field_same(f, variants.v[i], again.v[i]));
		}
	}
}

TEST(every_field_of_every_kind_that_callers_set_has_another_value)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

TEST(the_samples_have_every_kind)
{
	KIND_FOREACH(k) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			found = found || rows[i].kind == k;
		if (!found)
			fail_msg("no sample of %s", k->name);
	}
}

/* Nor does a field that is not set lack one: its default may be what a line says. */
TEST(every_field_has_another_value_than_its_default)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "vary");

	KIND_FOREACH(k) {
		void *res = res_new(ctx, k);

		FIELD_FOREACH(f, k) {
			struct ptrs variants = { 0 };

			/* of nothing, nothing follows */
			if (k->derive || (f->flags & FIELD_DERIVED))
				continue;
			res_vary(ctx, res, f, NULL, &variants);
			if (variants.n == 0)
				fail_msg("%s.%s has no variant", k->name, f->name);
		}
	}
}

TEST(every_setting_has_another_value)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "vary");

	for (size_t i = 0; i < n_settings; i++) {
		struct setting *res = res_new(ctx, &kind_setting);
		struct ptrs variants = { 0 };

		/* a secret is shown to nobody, and of one choice there is no other */
		if (settings[i].is_secret || (settings[i].choices && !settings[i].choices[1]))
			continue;
		res->name = settings[i].name;
		res->value = settings[i].dflt; /* "" where it is not set, which no check takes */
		res_vary(ctx, res, kind_field(&kind_setting, "value"), settings[i].choices,
			 &variants);
		if (variants.n == 0)
			fail_msg("%s has no variant", settings[i].name);
		for (size_t n = 0; n < variants.n; n++) {
			const struct setting *other = variants.v[n];
			const char *canon;
			struct err err = ERR_INIT;

			assert_ok(setting_canon(ctx, other->name, other->value, &canon, &err),
				  &err);
		}
	}
}

TEST(a_choice_is_tried_in_all_its_values_and_a_number_on_both_sides)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "vary");
	const char *const fields[] = { "username", "john", NULL };
	void *account = made(ctx, &kind_account, fields);
	const char *const php[] = { "account", "john", NULL };
	struct php_config *config = made(ctx, &kind_php_config, php);
	struct ptrs shells = { 0 };
	struct ptrs children = { 0 };

	res_vary(ctx, account, kind_field(&kind_account, "shell"), NULL, &shells);
	assert_int_equal(shells.n, 2);
	config->max_children = 1; /* the lowest */
	res_vary(ctx, config, kind_field(&kind_php_config, "max_children"), NULL, &children);
	assert_int_equal(((struct php_config *)children.v[0])->max_children, 2);
	assert_int_equal(((struct php_config *)children.v[children.n - 1])->max_children, 5);
}

TEST(hints_come_first_and_what_the_check_refuses_is_left_out)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "vary");
	const char *const fields[] = { "name", "a.example", "account", "john",
				       "type", "primary",   NULL };
	void *d = made(ctx, &kind_domain, fields);
	const char *const hints[] = { "no path", "/home/john/x", NULL };
	struct ptrs roots = { 0 };

	res_vary(ctx, d, kind_field(&kind_domain, "document_root"), hints, &roots);
	assert_true(roots.n >= 1);
	assert_string_equal(((struct domain *)roots.v[0])->document_root, "/home/john/x");
}
