#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "state/doc.h"
#include "tests/support/testing.h"

static struct doc *read_ok(const void *ctx, const char *text)
{
	struct err err = ERR_INIT;
	struct doc *doc = NULL;

	assert_ok(doc_read(ctx, "site.yaml", text, strlen(text), &doc, &err), &err);
	return doc;
}

/* Reads what must be refused, and gives the problems as a user sees them. */
static const char *refuse_bytes(void *ctx, const char *text, size_t len)
{
	struct buf *out = mem_new(ctx, struct buf);
	struct err err = ERR_INIT;
	struct doc *doc = NULL;

	*out = (struct buf)BUF_ON(ctx);
	assert_true(doc_read(ctx, "site.yaml", text, len, &doc, &err) < 0);
	assert_non_null(doc);
	assert_null(doc->root);
	assert_true(doc->n_problems > 0);
	assert_contains(err.path, "site.yaml:");
	assert_true(err.msg[0] != '\0');
	doc_problems_render(out, doc, 0);
	return buf_str(out);
}

struct mistake {
	const char *name, *text;
	size_t len; /* 0: strlen */
};

static const struct mistake mistakes[] = {
	{ "empty", "", 0 },
	{ "only_comments", "# later\n\n", 0 },
	{ "only_a_marker", "---\n", 0 },
	{ "root_is_a_list", "- a\n- b\n", 0 },
	{ "root_is_a_text", "key:value\n", 0 },
	{ "two_documents", "a: 1\n---\nb: 2\n", 0 },
	{ "duplicate_key", "accounts:\n  alice: 1\n  bob: 2\n  alice: 3\n", 0 },
	{ "duplicate_in_a_large_map",
	  "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nc: 2\na: 2\n", 0 },
	{ "words_for_bool", "a: yes\nb: No\nc: on\nd: TRUE\ne: n\nf: [off]\n", 0 },
	{ "words_for_null", "a: NULL\nb: Null\n", 0 },
	{ "octal", "mode: 0644\n", 0 },
	{ "odd_numbers",
	  "a: 0x1f\nb: 1_000\nc: 1e3\nd: .5\ne: 5.\nf: +1\ng: -0\nh: .inf\ni: 0o17\nj: 1_0.5\n",
	  0 },
	{ "number_over_64_bits", "a: 9223372036854775808\n", 0 },
	{ "anchor_and_alias", "a: &x\n  b: 1\nc: *x\n", 0 },
	{ "alias_bomb", "a: &a [x, x]\nb: &b [*a, *a]\n", 0 },
	{ "wildcard_without_quotes", "host: *.example.com\n", 0 },
	{ "merge_key", "a:\n  <<: {b: 1}\n", 0 },
	{ "tag", "a: !ruby/object x\nb: !!str 1\n", 0 },
	{ "tag_directive", "%TAG ! tag:x,2000:\n---\na: b\n", 0 },
	{ "yaml_directive", "%YAML 1.1\n---\na: b\n", 0 },
	{ "tab_below_key", "a:\n\tb: 1\n", 0 },
	{ "tab_after_spaces", "a:\n  b: 1\n\tc: 2\n", 0 },
	{ "tab_in_block", "a: |\n\ttext\n", 0 },
	{ "quote_not_closed", "a: \"never\nb: 1\n", 0 },
	{ "bracket_not_closed", "a: [1, 2\n", 0 },
	{ "brace_not_closed", "a: {x: 1\n", 0 },
	{ "file_ends_within_braces", "{b,", 0 },
	{ "comma_missing", "a: [1, 2\nb: 3\n", 0 },
	{ "unknown_escape", "path: \"C:\\web\"\n", 0 },
	{ "surrogate_pair", "a: \"\\ud83d\\ude00\"\n", 0 },
	{ "nul_escape", "a: \"x\\0y\"\n", 0 },
	{ "key_out_of_column", "a:\n    b: 1\n  c: 2\n", 0 },
	{ "second_colon", "title: Shop: the best\n", 0 },
	{ "colon_without_space", "a: 1\nb:2\nc: 3\n", 0 },
	{ "template_braces", "a: {{ name }}\n", 0 },
	{ "list_as_key", "? [a, b]\n: c\n", 0 },
	{ "list_on_the_keys_line", "a: - b\n", 0 },
	{ "item_out_of_column", "a:\n   - b\n  - c\n", 0 },
	{ "text_starts_with_at", "a: @home\n", 0 },
	{ "text_starts_with_percent", "a: %home\n", 0 },
	{ "missing_key", ": a\n", 0 },
	{ "text_behind_bar", "a: |x\n  y\n", 0 },
	{ "invalid_utf8", "a: b\nname: caf\xe9\n", 0 },
	{ "utf16",
	  "\xff\xfe"
	  "a\0:\0",
	  6 },
	{ "nul_byte", "a: 1\n\0\n", 7 },
	{ "control_character", "a: x\x07y\n", 0 },
	{ "escape_sequence", "a: \x1b[31mred\n", 0 },
	{ "lone_carriage_return", "a: 1\rb: 2\n", 0 },
	{ "line_separator", "a: x\xe2\x80\xa8y\n", 0 },
	{ "byte_order_mark_inside",
	  "a: 1\n\xef\xbb\xbf"
	  "b: 2\n",
	  0 },
	{ "wide_characters", "\xe5\x90\x8d\xe5\x89\x8d: yes\n\"\xf0\x9f\x98\x80\": [ab, on]\n", 0 },
	{ "combining_characters", "e\xcc\x81t\xc3\xa9: yes\n", 0 },
	{ "tabs_before_the_place", "{\n\t\"a\":\ttrue,\t\"b\":\tyes }\n", 0 },
	{ "direction_override", "a: yes # \xe2\x80\xae olleh\n", 0 },
	{ "windows_line_ends", "a: 1\r\nb: yes\r\n", 0 },
	{ "many_at_once", "a: yes\nb: *x\nb: 007\nc:\n  - !t 1\n  - [1,\n", 0 },
};

TEST(each_mistake_has_its_message_place_and_hint)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");

	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		size_t len = m->len ? m->len : strlen(m->text);

		expect_golden(mem_fmt(ctx, "doc/%s.txt", m->name), refuse_bytes(ctx, m->text, len));
	}
}

TEST(the_file_that_is_empty_is_an_error_and_braces_are_an_empty_state)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");

	assert_contains(refuse_bytes(ctx, "", 0), "the file is empty");
	assert_contains(refuse_bytes(ctx, "\xef\xbb\xbf", 3), "the file is empty");
	assert_contains(refuse_bytes(ctx, "~\n", 2), "must be a map");
	assert_int_equal(read_ok(ctx, "{}\n")->root->n, 0);
}

TEST(nodes_know_their_type_text_and_place)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	const struct doc *doc = read_ok(ctx, "\xef\xbb\xbf# x\nname:  alice\nquota: -12\n"
					     "on: true\nphp: 8.2\nnote: ~\nrest:\n  - \"7\"\n"
					     "  - 2024-01-01\n  - {k: 1.10}\n");
	const struct node *name = doc_get(doc->root, "name");
	const struct node *rest = doc_get(doc->root, "rest");

	assert_int_equal(doc->root->n, 6);
	assert_string_equal(doc->root->members[2].key, "on");
	assert_int_equal(name->type, NODE_STRING);
	assert_true(name->plain);
	assert_int_equal(name->line, 2);
	assert_int_equal(name->col, 8);
	assert_int_equal(name->len, 5);
	assert_int_equal(name->key_line, 2);
	assert_int_equal(name->key_col, 1);
	assert_int_equal(name->key_len, 4);
	assert_int_equal(doc_get(doc->root, "quota")->num, -12);
	assert_string_equal(doc_get(doc->root, "quota")->text, "-12");
	assert_true(doc_get(doc->root, "on")->flag);
	assert_int_equal(doc_get(doc->root, "php")->type, NODE_STRING);
	assert_string_equal(doc_get(doc->root, "php")->text, "8.2");
	assert_int_equal(doc_get(doc->root, "note")->type, NODE_NULL);
	assert_int_equal(rest->type, NODE_LIST);
	assert_int_equal(rest->items[0]->type, NODE_STRING);
	assert_false(rest->items[0]->plain);
	assert_string_equal(rest->items[1]->text, "2024-01-01");
	assert_string_equal(doc_get(rest->items[2], "k")->text, "1.10");
	assert_null(doc_get(doc->root, "absent"));
	assert_null(doc_get(rest, "k"));
	assert_null(doc_get(NULL, "k"));
}

TEST(json_is_read_with_the_same_code_also_when_indented_with_tabs)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	const struct doc *json =
		read_ok(ctx, "{\n\t\"a\": {\n\t\t\"b\": [1, true, null, \"x\\/y\"]\n\t}\n}\n");
	const struct doc *yaml = read_ok(ctx, "a:\n  b:\n    - 1\n    - true\n    -\n    - x/y\n");

	assert_true(doc_same(json->root, yaml->root));
}

TEST(trees_differ_by_type_value_key_and_order)
{
	static const char *const texts[] = { "a: 1\nb: 2\n",     "b: 2\na: 1\n",
					     "a: 1\n",           "a: 1\nb: \"2\"\n",
					     "a: 1\nb: [2]\n",   "a: 1\nb: true\n",
					     "a: 1\nb: false\n", "a: 1\nb:\n",
					     "a: 1\nb: {x: 2}\n" };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t j = 0; j < ARRAY_LEN(texts); j++)
			assert_int_equal(doc_same(read_ok(ctx, texts[i])->root,
						  read_ok(ctx, texts[j])->root),
					 i == j);
}

TEST(every_key_of_a_large_map_is_found)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf text = BUF_ON(ctx);
	const struct doc *doc;

	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "k%d: %d\n", (i * 7919) % 5003, i);
	doc = read_ok(ctx, buf_str(&text));
	assert_int_equal(doc->root->n, 5000);
	for (int i = 0; i < 5000; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", (i * 7919) % 5003);
		assert_int_equal(doc_get(doc->root, key)->num, i);
		assert_string_equal(doc->root->members[i].key, key);
	}
	assert_null(doc_get(doc->root, "k5002x"));
}

static const char *nested(const void *ctx, int depth)
{
	struct buf text = BUF_ON(ctx);

	buf_puts(&text, "a: ");
	for (int i = 1; i < depth; i++)
		buf_putc(&text, '[');
	for (int i = 1; i < depth; i++)
		buf_putc(&text, ']');
	return buf_str(&text);
}

TEST(nesting_is_capped)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	const char *over = nested(ctx, DOC_DEPTH_MAX + 1);

	assert_non_null(read_ok(ctx, nested(ctx, DOC_DEPTH_MAX)));
	assert_contains(refuse_bytes(ctx, over, strlen(over)), "nested more than 32 deep");
}

static const char *filled(const void *ctx, const char *head, char c, size_t n, const char *tail)
{
	struct buf text = BUF_ON(ctx);

	buf_puts(&text, head);
	for (size_t i = 0; i < n; i++)
		buf_putc(&text, c);
	buf_puts(&text, tail);
	return buf_str(&text);
}

TEST(sizes_of_texts_and_keys_are_capped)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	const char *text = filled(ctx, "a: ", 'x', DOC_SCALAR_MAX + 1, "\n");
	const char *key = filled(ctx, "? ", 'k', DOC_KEY_MAX + 1, "\n: 1\n");

	assert_non_null(read_ok(ctx, filled(ctx, "a: ", 'x', DOC_SCALAR_MAX, "\n")));
	assert_contains(refuse_bytes(ctx, text, strlen(text)),
			"a text of 1048577 bytes; at most 1048576 are allowed");
	assert_non_null(read_ok(ctx, filled(ctx, "? ", 'k', DOC_KEY_MAX, "\n: 1\n")));
	assert_contains(refuse_bytes(ctx, key, strlen(key)),
			"a key of 4097 bytes; at most 4096 are allowed");
}

TEST(the_number_of_values_is_capped)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct err err = ERR_INIT;
	struct doc *doc = NULL;
	struct buf text = BUF_ON(ctx);

	buf_puts(&text, "a: [");
	for (int i = 0; i < DOC_NODES_MAX; i++)
		buf_puts(&text, "1,");
	buf_puts(&text, "]\n");
	assert_int_equal(doc_read(ctx, "f", text.data, text.len, &doc, &err), -ERR_TOOBIG);
	assert_contains(err.msg, "more than 2000000 values");
}

TEST(a_file_over_the_cap_is_refused_before_it_is_read)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	cleanup_(fd_close) int root = -1;
	struct err err = ERR_INIT;
	struct doc *doc = NULL;
	cleanup_(fd_close) int fd = -1;

	root = fs_root_open(test_tmpdir(), &err);
	assert_ok(root, &err);
	fd = fs_open(root, "/big.yaml", O_WRONLY | O_CREAT, 0600, 0, &err);
	assert_ok(fd, &err);
	assert_int_equal(ftruncate(fd, (off_t)DOC_FILE_MAX + 1), 0);
	assert_int_equal(doc_read_file(ctx, root, "/big.yaml", &doc, &err), -ERR_TOOBIG);
	assert_null(doc);
	assert_string_equal(err.path, "/big.yaml");
	assert_contains(err.msg, "33554433 bytes, at most 33554432");
	assert_int_equal(doc_read(ctx, "big", "", (size_t)DOC_FILE_MAX + 1, &doc, &err),
			 -ERR_TOOBIG);
	assert_null(doc);
	assert_int_equal(doc_read_file(ctx, root, "/absent.yaml", &doc, &err), -ERR_NOTFOUND);
	assert_string_equal(err.path, "/absent.yaml");
}

TEST(a_file_is_read_and_its_problems_carry_its_name)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	cleanup_(fd_close) int root = -1;
	struct err err = ERR_INIT;
	struct doc *doc = NULL;

	root = fs_root_open(test_tmpdir(), &err);
	assert_ok(root, &err);
	assert_ok(fs_write_atomic(root, "/ok.yaml", "a: 1\n", 5, 0600, &err), &err);
	assert_ok(doc_read_file(ctx, root, "/ok.yaml", &doc, &err), &err);
	assert_int_equal(doc_get(doc->root, "a")->num, 1);
	assert_ok(fs_write_atomic(root, "/bad.yaml", "a: 1\nb: on\n", 11, 0600, &err), &err);
	assert_int_equal(doc_read_file(ctx, root, "/bad.yaml", &doc, &err), -ERR_INVALID);
	assert_string_equal(err.path, "/bad.yaml:2:4");
	assert_string_equal(err.msg, "\"on\" could mean a yes/no value or a text: "
				     "write true or false, or quote it");
}

TEST(a_long_file_name_does_not_push_the_place_out_of_the_error)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	const char *name = filled(ctx, "/", 'd', 1000, "/end.yaml");
	struct err err = ERR_INIT;
	struct doc *doc = NULL;

	assert_int_equal(doc_read(ctx, name, "a: on", 5, &doc, &err), -ERR_INVALID);
	assert_contains(err.path, "/end.yaml:1:4");
}

TEST(problems_of_a_mapper_are_shown_together_in_file_order)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct doc *doc = read_ok(ctx, "sites:\n  - name: a.example\n    tpye: addon\n"
				       "    workers: 900\n");
	const struct node *site = doc_get(doc->root, "sites")->items[0];
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;

	assert_int_equal(doc_problems_err(doc, ERR_INVALID, &err), 0);
	doc_problem_add(doc, doc_get(site, "workers"), false,
			"workers is 900; at most 64 are allowed");
	doc_problem_add(doc, doc_get(site, "tpye"), true, "unknown field \"tpye\"");
	doc_problem_hint(doc, "did you mean \"%s\"?", "type");
	assert_int_equal(doc_problems_err(doc, ERR_INVALID, &err), -ERR_INVALID);
	assert_string_equal(err.path, "site.yaml:3:5");
	assert_string_equal(err.msg, "unknown field \"tpye\": did you mean \"type\"? (and 1 more)");
	doc_problems_render(&out, doc, 0);
	expect_golden("doc/mapper.txt", buf_str(&out));
	buf_clear(&out);
	doc_problems_render(&out, doc, DOC_COLOUR);
	expect_golden("doc/mapper_colour.txt", buf_str(&out));
}

TEST(problems_over_the_cap_are_counted)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf text = BUF_ON(ctx);

	buf_puts(&text, "a:\n");
	for (int i = 0; i < DOC_PROBLEMS_MAX + 5; i++)
		buf_puts(&text, "  - yes\n");
	assert_contains(refuse_bytes(ctx, text.data, text.len),
			"105 problems, the first 100 are shown\n");
}

TEST(a_long_line_is_cut_around_the_place)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf text = BUF_ON(ctx);
	const char *combining;

	buf_puts(&text, "{\"a\": [");
	for (int i = 0; i < 200; i++)
		buf_printf(&text, "\"item \xc3\xa9 %d\", ", i);
	buf_puts(&text, "yes, ");
	for (int i = 0; i < 200; i++)
		buf_printf(&text, "\"more %d\", ", i);
	buf_puts(&text, "1]}\n");
	expect_golden("doc/long_line.txt", refuse_bytes(ctx, text.data, text.len));
	text = (struct buf)BUF_ON(ctx);
	buf_puts(&text, "a: yes # ");
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "\xcc\x81");
	combining = refuse_bytes(ctx, text.data, text.len);
	assert_true(strlen(combining) < 2000);
}

TEST(hostile_names_and_messages_cannot_forge_lines_or_colours)
{
	const struct doc_problem p = {
		.line = 9, .col = 9, .message = "a\nb\x1b[31m", .hint = "h\xff\xe2\x80\xae"
	};
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf out = BUF_ON(ctx);

	doc_error_render(&out, "f\n.yaml", NULL, &p, 0);
	assert_string_equal(buf_str(&out), "f\\n.yaml:9:9: error: a\\nb\\x1b[31m\n"
					   "      = hint: h\\xff\\u202e\n");
	buf_clear(&out);
	doc_error_render(&out, "f", "only one line", &p, 0);
	assert_contains(buf_str(&out), "    9 | \n");
}

TEST(the_nearest_name_is_found_for_typing_mistakes_only)
{
	static const char *const names[] = { "type",  "name",      NULL,
					     "email", "suspended", "php_version" };

	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "tpye", "type" },
		{ "typ", "type" },
		{ "Type", "type" },
		{ "TYPES", "type" },
		{ "emial", "email" },
		{ "suspend", "suspended" },
		{ "phpversion", "php_version" },
		{ "nmae", "name" },
		{ "x", NULL },
		{ "", NULL },
		{ "colour", NULL },
		{ "em", NULL },
		{ "mail", "email" },
		{ "version", NULL },
	};

	char word[200];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = nearest(cases[i].word, names, ARRAY_LEN(names));

		if (!cases[i].want)
			assert_null(got);
		else
			assert_string_equal(got ? got : "(none)", cases[i].want);
	}
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(nearest(word, names, ARRAY_LEN(names)));
	assert_null(nearest("type", names, 0));
}
