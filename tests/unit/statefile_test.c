#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "model/password.h"
#include "tests/support/state_fix.h"
#include "tests/support/testing.h"

#define GOLDEN_DIR "tests/golden/statefile"
#define CANARY     "canary"

/* What is there before each mistake: another tenant. */
static const char base_state[] = "novacpx: 1\n"
				 "packages: {starter: {max_domains: 3, max_subdomains: 5}}\n"
				 "accounts:\n"
				 "  base:\n"
				 "    domains: {base.example: {type: primary}}\n"
				 "    forwarders: [{source: a@base.example, destination: "
				 "b@base.example}]\n";

/* A mailbox of john's, with FIELDS. */
static const char *mailbox(struct state_fix *f, const char *fields)
{
	return mem_fmt(
		f->ctx,
		"novacpx: 1\naccounts:\n  john:\n    domains: {example.com: {type: primary}}\n"
		"    mailboxes: {info@example.com: {%s}}\n",
		fields);
}

static const char *stored_password(struct state_fix *f)
{
	const char *hash = NULL;

	if (store_secret_get(f->ctx, f->store, "mailbox", "info@example.com", "password", &hash,
			     &f->err) < 0)
		return NULL;
	return hash;
}

static char *secret_file(struct state_fix *f, const char *name, const char *text, mode_t mode)
{
	char *path = mem_fmt(f->ctx, "%s/%s", test_tmpdir(), name);

	(void)unlink(path);
	assert_ok(fs_write_atomic(f->root, path, text, strlen(text), mode, &f->err), &f->err);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in the golden folder that are no answers, sorted. */
static struct ptrs mistake_names(const void *ctx)
{
	struct ptrs names = { 0 };
	DIR *dir = opendir(GOLDEN_DIR);
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (e->d_name[0] != '.' && !strstr(e->d_name, ".txt"))
			ptrs_add(ctx, &names, mem_str(ctx, e->d_name));
	}
	(void)closedir(dir);
	qsort(names.v, names.n, sizeof(*names.v), by_name);
	return names;
}

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static void check_mistake(const char *name, size_t *ret_n)
{
	struct state_fix f;
	char *here;
	const char *shown;
	int64_t head;
	char *golden;

	state_setup(&f);
	state_must_apply(&f, base_state);
	head = state_head(&f);
	here = realpath(GOLDEN_DIR, NULL);
	golden = mem_fmt(f.ctx, "statefile/%s", name);
	if (strrchr(golden, '.'))
		*strrchr(golden, '.') = '\0';
	if (state_apply_path(&f, mem_fmt(f.ctx, "%s/%s", here, name)) >= 0) {
		print_error("%s was taken\n", name);
		return;
	}
	free(here);
	assert_int_equal(state_head(&f), head);
	shown = state_problems(&f);
	assert_null(strstr(shown, CANARY));
	assert_null(strstr(f.err.msg, CANARY));
	if (occurrences(shown, " error: ") != 1)
		print_error("%s: not one error:\n%s\n", name, shown);
	expect_golden(mem_fmt(f.ctx, "%s.txt", golden), shown);
	*ret_n = occurrences(shown, " error: ");
	state_done(&f);
}

TEST(each_mistake_is_one_clear_error_and_changes_nothing)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "names");
	struct ptrs names = mistake_names(ctx);
	size_t not_one = 0;

	assert_true(names.n >= 100);
	for (size_t i = 0; i < names.n; i++) {
		size_t n = 0;

		check_mistake(names.v[i], &n);
		not_one += n != 1;
	}
	assert_int_equal(not_one, 0);
}

TEST(problems_of_all_files_are_told_together)
{
	struct state_fix f;

	state_setup(&f);
	assert_true(state_apply_text(&f, "novacpx: 1\n"
					 "accounts:\n"
					 "  john:\n"
					 "    packge: starter\n"
					 "    domains: {example.com: {typ: primary}}\n"
					 "    mailboxes: {a@example.com: {quota_mb: many}}\n"
					 "settigns: {}\n") < 0);
	expect_golden("statefile/all-together.txt", state_problems(&f));
	assert_contains(f.err.msg, "(and 3 more)");
	state_done(&f);
}

TEST(a_file_over_the_size_cap_is_refused_before_it_is_read)
{
	struct state_fix f;
	char *path;
	int fd;

	state_setup(&f);
	path = mem_fmt(f.ctx, "%s/big.yaml", test_tmpdir());
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && ftruncate(fd, (off_t)50 << 20) == 0);
	fd_close(&fd);
	assert_true(state_apply_path(&f, path) < 0);
	assert_contains(state_problems(&f), "big.yaml: error: ");
	assert_contains(state_problems(&f), "52428800 bytes, at most 33554432 are read");
	assert_int_equal(state_head(&f), 0);
	assert_int_equal(unlink(path), 0);
	state_done(&f);
}

TEST(what_is_missing_is_never_an_empty_state)
{
	struct state_fix f;

	state_setup(&f);
	assert_true(state_apply_path(&f, "/nowhere/at/all.yaml") < 0);
	assert_contains(state_problems(&f), "No such file");
	assert_int_equal(f.cs.n, 0);
	state_done(&f);
}

TEST(a_second_apply_changes_nothing)
{
	struct state_fix f;
	char *here = realpath("examples/hosting", NULL);

	state_setup(&f);
	if (state_apply_path(&f, here) != 1)
		print_error("%s\n%s\n", f.err.msg, state_problems(&f));
	assert_int_equal(state_head(&f), 1);
	assert_int_equal(state_apply_path(&f, here), 0);
	assert_int_equal(state_head(&f), 1);
	free(here);
	here = realpath("examples/sandbox", NULL);
	assert_int_equal(state_apply_path(&f, here), 1);
	free(here);
	state_done(&f);
}

TEST(the_example_has_all_types_of_domains_and_records)
{
	static const char *const fields[] = { "domain", "record" };
	struct state_fix f;
	char *here = realpath("examples/hosting", NULL);
	int64_t n = 0;

	state_setup(&f);
	assert_int_equal(state_apply_path(&f, here), 1);
	free(here);
	for (size_t k = 0; k < ARRAY_LEN(fields); k++) {
		const struct kind *kind = kind_find(fields[k]);
		const struct field *type = kind_field(kind, "type");

		for (size_t i = 0; type->choices[i]; i++) {
			assert_ok(store_count(f.store, kind, type, type->choices[i], &n, &f.err),
				  &f.err);
			if (n == 0)
				print_error("no %s of type %s\n", kind->name, type->choices[i]);
			assert_true(n > 0);
		}
	}
	assert_ok(store_count(f.store, &kind_domain, NULL, NULL, &n, &f.err), &f.err);
	assert_true(n >= 8);
	state_done(&f);
}

TEST(the_passwords_of_the_example_are_those_its_readme_names)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "readme");
	struct state_fix f;
	char *here = realpath("examples/hosting", NULL);
	const char *hash;

	(void)ctx;
	state_setup(&f);
	assert_int_equal(state_apply_path(&f, here), 1);
	free(here);
	assert_ok(store_secret_get(f.ctx, f.store, "mailbox", "info@anna.example", "password",
				   &hash, &f.err),
		  &f.err);
	assert_true(password_matches(hash, "correct-horse-1"));
	assert_ok(store_secret_get(f.ctx, f.store, "mailbox", "bjorn@bjorn.test", "password", &hash,
				   &f.err),
		  &f.err);
	assert_true(password_matches(hash, "northern-light-4"));
	assert_ok(store_secret_get(f.ctx, f.store, "mailbox", "board@club.example", "password",
				   &hash, &f.err),
		  &f.err);
	assert_true(password_matches(hash, "rowing-boat-5"));
	state_done(&f);
}

/* Absence */

static struct domain *domain(struct state_fix *f, const char *name)
{
	struct domain *d = NULL;

	f->err = (struct err)ERR_INIT;
	return store_get(f->ctx, f->store, &kind_domain, name, &d, &f->err) < 0 ? NULL : d;
}

static struct account *account(struct state_fix *f, const char *name)
{
	struct account *a = NULL;

	f->err = (struct err)ERR_INIT;
	return store_get(f->ctx, f->store, &kind_account, name, &a, &f->err) < 0 ? NULL : a;
}

TEST(a_field_left_out_returns_to_its_default)
{
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, "novacpx: 1\naccounts:\n  john:\n    domains:\n"
			     "      example.com: {type: primary, www: false}\n");
	assert_false(domain(&f, "example.com")->www);
	state_must_apply(&f, "novacpx: 1\naccounts:\n  john:\n    domains:\n"
			     "      example.com: {type: primary}\n");
	assert_true(domain(&f, "example.com")->www);
	state_done(&f);
}

TEST(a_resource_of_which_only_sections_are_given_stays_as_it_is)
{
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, "novacpx: 1\naccounts: {john: {status: suspended, domains: "
			     "{example.com: {type: primary}}}}\n");
	state_must_apply(&f, "novacpx: 1\naccounts: {john: {domains: {example.net: {type: "
			     "addon}}}}\n");
	assert_true(account_is_suspended(account(&f, "john")));
	assert_non_null(domain(&f, "example.com"));
	state_done(&f);
}

TEST(a_resource_of_which_only_sections_are_given_is_made_when_it_is_not_there)
{
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, "novacpx: 1\naccounts: {john: {domains: {example.com: {type: "
			     "primary}}}}\n");
	assert_non_null(account(&f, "john"));
	state_done(&f);
}

TEST(files_may_speak_of_one_account_in_any_order)
{
	struct state_fix f;
	char *dir;

	state_setup(&f);
	dir = mem_fmt(f.ctx, "%s/tree", test_tmpdir());
	assert_ok(fs_mkdirs(f.root, mem_fmt(f.ctx, "%s/sub", dir), 0700, &f.err), &f.err);
	(void)secret_file(&f, "tree/a.yaml",
			  "novacpx: 1\naccounts: {john: {zones: {example.com: {records: [{name: "
			  "www, type: A, value: 192.0.2.1}]}}}}\n",
			  0644);
	(void)secret_file(&f, "tree/b.json",
			  "{\"accounts\": {\"john\": {\"status\": \"suspended\"}}}", 0644);
	(void)secret_file(&f, "tree/sub/c.yml",
			  "accounts: {john: {domains: {example.com: {type: primary}}}}\n", 0644);
	(void)secret_file(&f, "tree/notes.txt", "not: [a, state, file", 0644);
	(void)secret_file(&f, "tree/.hidden.yaml", "not: [a, state, file", 0644);
	assert_int_equal(symlink("/etc/passwd", mem_fmt(f.ctx, "%s/link.yaml", dir)), 0);
	if (state_apply_path(&f, dir) != 1)
		print_error("%s\n", state_problems(&f));
	assert_true(account_is_suspended(account(&f, "john")));
	assert_non_null(domain(&f, "example.com"));
	state_done(&f);
}

/* Deletes */

TEST(null_and_delete_remove_one_resource_and_a_second_time_nothing)
{
	static const char text[] =
		"novacpx: 1\nsettings: {dns_port: ~}\naccounts:\n  john:\n"
		"    domains: {example.net: ~}\n    php: null\n    zones:\n      example.com:\n"
		"        records:\n"
		"          - {delete: true, name: www.example.com, type: A, value: 192.0.2.1}\n";
	struct state_fix f;
	int64_t n = -1;

	state_setup(&f);
	state_must_apply(&f,
			 "novacpx: 1\nsettings: {dns_port: 5353}\naccounts:\n  john:\n"
			 "    domains: {example.com: {type: primary}, example.net: {type: "
			 "addon}}\n    php: {memory_limit: 1G}\n    zones:\n"
			 "      example.com: {records: [{name: www, type: A, value: 192.0.2.1}, "
			 "{name: www, type: A, value: 192.0.2.2}]}\n");
	state_must_apply(&f, text);
	assert_null(domain(&f, "example.net"));
	assert_non_null(domain(&f, "example.com"));
	assert_ok(store_count(f.store, &kind_record, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 1);
	assert_ok(store_count(f.store, &kind_setting, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 0);
	assert_ok(store_count(f.store, &kind_php_config, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 0);
	assert_int_equal(state_apply_text(&f, text), 0);
	state_done(&f);
}

TEST(a_domain_moves_to_another_account_when_its_old_one_goes)
{
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, base_state);
	state_must_apply(&f, "novacpx: 1\naccounts:\n  john: {domains: {base.example: {type: "
			     "primary}}}\n  base: ~\n");
	assert_string_equal(domain(&f, "base.example")->account, "john");
	assert_null(account(&f, "base"));
	state_done(&f);
}

TEST(prune_deletes_what_no_file_mentions_and_nothing_else)
{
	static const char text[] = "novacpx: 1\naccounts:\n  john:\n    domains: {example.com: "
				   "{type: primary}}\n";
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, base_state);
	state_must_apply(&f, "novacpx: 1\nsettings: {dns_port: 5353}\naccounts:\n  john:\n"
			     "    status: suspended\n    domains: {example.com: {type: primary}, "
			     "example.net: {type: addon}}\n    mailboxes: {a@example.net: {}}\n");
	assert_int_equal(state_apply_text(&f, text), 0);
	/* package starter, account base with domain and forwarder, setting, example.net, a@example.net */
	assert_int_equal(statefile_unmentioned(f.sf, f.store, &f.err), 7);
	f.prune = true;
	assert_int_equal(state_apply_text(&f, text), 1);
	assert_null(account(&f, "base"));
	assert_null(domain(&f, "example.net"));
	assert_null(domain(&f, "base.example"));
	assert_non_null(domain(&f, "example.com"));
	assert_false(account_is_suspended(account(&f, "john")));
	assert_int_equal(statefile_unmentioned(f.sf, f.store, &f.err), 0);
	assert_int_equal(state_apply_text(&f, text), 0);
	state_done(&f);
}

TEST(a_prune_that_breaks_a_rule_says_which_resource)
{
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, "novacpx: 1\npackages: {starter: {}}\naccounts: {john: {package: "
			     "starter}}\n");
	f.prune = true;
	assert_true(state_apply_text(&f, "novacpx: 1\naccounts: {john: {package: starter}}\n") < 0);
	assert_contains(state_problems(&f),
			"package/starter: error: cannot be deleted: account/john needs it");
	state_done(&f);
}

/* Secrets */

TEST(a_password_is_never_dropped_by_absence)
{
	struct state_fix f;

	state_setup(&f);
	state_must_apply(&f, mailbox(&f, mem_fmt(f.ctx, "password: {file: %s}",
						 secret_file(&f, "pw", "long enough\n", 0600))));
	assert_true(password_matches(stored_password(&f), "long enough"));
	assert_int_equal(state_apply_text(&f, mailbox(&f, "")), 0);
	assert_int_equal(state_apply_text(&f, mailbox(&f, "password: {digest: hmac-00}")), 0);
	assert_true(password_matches(stored_password(&f), "long enough"));
	state_done(&f);
}

TEST(the_same_password_again_keeps_its_hash)
{
	struct state_fix f;
	const char *text;
	const char *hash;

	state_setup(&f);
	text = mailbox(&f, mem_fmt(f.ctx, "password: {file: %s}",
				   secret_file(&f, "pw", "long enough", 0600)));
	state_must_apply(&f, text);
	hash = stored_password(&f);
	assert_int_equal(state_apply_text(&f, text), 0);
	assert_string_equal(stored_password(&f), hash);
	(void)secret_file(&f, "pw", "another one", 0600);
	assert_int_equal(state_apply_text(&f, text), 1);
	assert_true(password_matches(stored_password(&f), "another one"));
	state_done(&f);
}

TEST(a_file_with_a_hash_is_taken_as_it_is)
{
	struct state_fix f;
	const char *hash = NULL;

	state_setup(&f);
	assert_ok(password_hash(f.ctx, "long enough", 6, &hash, &f.err), &f.err);
	state_must_apply(&f, mailbox(&f, mem_fmt(f.ctx, "password: {file: %s}",
						 secret_file(&f, "pw", mem_fmt(f.ctx, "%s\n", hash),
							     0600))));
	assert_string_equal(stored_password(&f), hash);
	state_done(&f);
}

TEST(a_relative_path_is_beside_its_state_file)
{
	struct state_fix f;

	state_setup(&f);
	(void)secret_file(&f, "info.pw", "long enough", 0600);
	(void)secret_file(&f, "rel.yaml", mailbox(&f, "password: {file: info.pw}"), 0600);
	assert_int_equal(state_apply_path(&f, mem_fmt(f.ctx, "%s/rel.yaml", test_tmpdir())), 1);
	assert_true(password_matches(stored_password(&f), "long enough"));
	assert_true(state_apply_text(&f, mailbox(&f, "password: {file: info.pw}")) < 0);
	assert_contains(state_problems(&f), "must be an absolute path");
	state_done(&f);
}

TEST(a_secret_comes_from_the_environment)
{
	struct state_fix f;

	state_setup(&f);
	assert_int_equal(setenv("NOVACPX_TEST_PW", "long enough", 1),
			 0); /* NOLINT(concurrency-mt-unsafe): one thread */
	state_must_apply(&f, mailbox(&f, "password: {env: NOVACPX_TEST_PW}"));
	assert_true(password_matches(stored_password(&f), "long enough"));
	assert_int_equal(unsetenv("NOVACPX_TEST_PW"),
			 0); /* NOLINT(concurrency-mt-unsafe): one thread */
	state_done(&f);
}

static void must_refuse_secret(struct state_fix *f, const char *fields, const char *why)
{
	const char *shown;

	assert_true(state_apply_text(f, mailbox(f, fields)) < 0);
	shown = state_problems(f);
	assert_contains(shown, why);
	assert_null(strstr(shown, CANARY));
	assert_null(strstr(f->err.msg, CANARY));
	assert_int_equal(state_head(f), 0);
}

TEST(a_secret_file_must_be_private_small_and_hold_a_password)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *why;
	} files[] = {
		{ CANARY "-long", 0644, "is open to every user of this machine (mode 0644)" },
		{ CANARY "-long", 0602, "is open to every user of this machine (mode 0602)" },
		{ "", 0600, "is empty" },
		{ "\n", 0600, "is empty" },
		{ CANARY, 0600, NULL },
		{ "four", 0600, "the password has 4 characters, at least 6 are needed" },
		{ CANARY "\nsecond line", 0600, "not one line" },
		{ CANARY "\xff", 0600, "not one line of UTF-8" },
	};
	struct state_fix f;

	state_setup(&f);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *path = secret_file(&f, "pw", files[i].text, files[i].mode);

		if (files[i].why)
			must_refuse_secret(&f, mem_fmt(f.ctx, "password: {file: %s}", path),
					   files[i].why);
	}
	must_refuse_secret(&f, mem_fmt(f.ctx, "password: {file: %s}", test_tmpdir()),
			   "is not a regular file");
	state_done(&f);
}

TEST(a_secret_file_is_capped)
{
	struct state_fix f;
	char big[5000];

	state_setup(&f);
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	must_refuse_secret(&f,
			   mem_fmt(f.ctx, "password: {file: %s}", secret_file(&f, "pw", big, 0600)),
			   "at most 4096 are read");
	state_done(&f);
}

TEST(references_can_be_forbidden)
{
	struct state_fix f;

	state_setup(&f);
	f.flags = STATEFILE_NO_REFERENCES;
	must_refuse_secret(&f, "password: {file: /etc/passwd}", "cannot be named here");
	must_refuse_secret(&f, "password: {env: HOME}", "cannot be named here");
	state_done(&f);
}

TEST(the_shortest_password_is_a_setting)
{
	struct state_fix f;
	char *path;

	state_setup(&f);
	path = secret_file(&f, "pw", "eleven char", 0600);
	state_must_apply(&f, "novacpx: 1\nsettings: {password_min_length: 12}\n");
	assert_true(state_apply_text(
			    &f, mailbox(&f, mem_fmt(f.ctx, "password: {file: %s}", path))) < 0);
	assert_contains(state_problems(&f), "11 characters, at least 12 are needed");
	state_done(&f);
}

TEST(a_hash_is_salted_and_matches_only_its_password)
{
	struct state_fix f;
	const char *one = NULL;
	const char *two = NULL;

	state_setup(&f);
	assert_ok(password_hash(f.ctx, "correct-horse", 6, &one, &f.err), &f.err);
	assert_ok(password_hash(f.ctx, "correct-horse", 6, &two, &f.err), &f.err);
	assert_string_not_equal(one, two);
	assert_true(password_is_hash(one));
	assert_true(password_matches(one, "correct-horse"));
	assert_false(password_matches(one, "correct-horsf"));
	assert_false(password_matches("*0", "correct-horse"));
	assert_false(password_matches("", ""));
	state_done(&f);
}
