#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "state/doc.h"
#include "state/yamlw.h"
#include "tests/support/testing.h"

/* Writes TEXT as a value, an item, a key and a nested value, and reads all four back. */
static void expect_text_returns(const char *text)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf out = BUF_ON(ctx);
	struct yamlw w = YAMLW_ON(&out);
	struct err err = ERR_INIT;
	struct doc *doc = NULL;
	const struct node *list;

	yamlw_map(&w);
	yamlw_key(&w, "value");
	yamlw_string(&w, text);
	yamlw_key(&w, "list");
	yamlw_list(&w);
	yamlw_string(&w, text);
	yamlw_map(&w);
	yamlw_key(&w, text);
	yamlw_string(&w, text);
	yamlw_end(&w);
	yamlw_end(&w);
	yamlw_end(&w);
	assert_ok(yamlw_done(&w, &err), &err);
	assert_ok(doc_read(ctx, "back", buf_str(&out), out.len, &doc, &err), &err);
	assert_string_equal(doc_get(doc->root, "value")->text, text);
	assert_int_equal(doc_get(doc->root, "value")->type, NODE_STRING);
	list = doc_get(doc->root, "list");
	assert_int_equal(list->n, 2);
	assert_int_equal(list->items[0]->type, NODE_STRING);
	assert_string_equal(list->items[0]->text, text);
	assert_int_equal(doc_get(list->items[1], text)->type, NODE_STRING);
	assert_string_equal(doc_get(list->items[1], text)->text, text);
}

static const char *const nasty[] = {
	"",
	" ",
	"  ",
	"\n",
	"\n\n",
	"\t",
	"a",
	"a b",
	" a",
	"a ",
	"a\n",
	"a\n\n",
	"a\nb",
	"a\nb\n",
	"a \nb\n",
	"a\n b\n",
	" a\nb\n",
	"\ta\nb\n",
	"a\n\tb\n",
	"\na\n",
	"a\n\n\nb\n",
	"a\n  \nb\n",
	"a\r\n",
	"a\rb",
	"true",
	"false",
	"True",
	"yes",
	"no",
	"on",
	"off",
	"y",
	"N",
	"null",
	"NULL",
	"~",
	"0",
	"-0",
	"1",
	"-1",
	"+1",
	"007",
	"0x1f",
	"0o7",
	"0b1",
	"1_000",
	"1e3",
	"1.5",
	"8.2",
	".5",
	"5.",
	"1.2.3",
	"192.0.2.1",
	".inf",
	".nan",
	"-.inf",
	"9223372036854775808",
	"2024-01-01",
	"2024-01-01T00:00:00Z",
	"12:30",
	"12:30:45",
	"-",
	"--",
	"---",
	"--- a",
	"- a",
	"...",
	"... a",
	"....",
	"?",
	"? a",
	":",
	": a",
	"a:",
	"a: b",
	"a:b",
	"a :b",
	"#",
	"#a",
	"a#",
	"a #b",
	"a# b",
	"&a",
	"*a",
	"*.example.com",
	"!a",
	"!!str",
	"%a",
	"@",
	"@a",
	"`a`",
	"|",
	"|-",
	">",
	">a",
	"'",
	"''",
	"'a'",
	"it's",
	"\"",
	"\"a\"",
	"a\"b",
	"\\",
	"\\n",
	"a\\",
	"[",
	"]",
	"[]",
	"[a]",
	"{",
	"}",
	"{}",
	"{a: b}",
	"{{ x }}",
	",",
	"a, b",
	"<<",
	"=",
	"a=b",
	"(a)",
	"$x",
	"/etc/passwd",
	"user@example.com",
	"v=spf1 include:example.com ~all",
	"k=rsa; p=MIGf+/==",
	"* * * * * /bin/true",
	"*/5 * * * * x\n",
	"<?php echo 1; ?>\n",
	"server {\n\tlisten 80;\n}\n",
	"\x01",
	"\x7f",
	"\x1b[31m",
	"\xc2\x85",
	"\xc2\xa0",
	"\xc2\xa0x",
	"caf\xc3\xa9",
	"\xe5\x90\x8d",
	"\xf0\x9f\x98\x80",
	"\xe2\x80\xa8",
	"a\xe2\x80\xa8"
	"b\n",
	"\xe2\x80\xae"
	"abc",
	"\xef\xbb\xbf",
	"\xef\xbb\xbf"
	"a",
	"\xef\xbf\xbe",
	"\xf3\xa0\x80\x81",
	"e\xcc\x81",
	"\xcc\x81",
	"# a\n# b\n",
	"---\n",
	"a\n---\nb\n",
	"a\n...\n",
	"- a\n- b\n",
	"a: 1\nb: 2\n",
	"a\n#b\n",
	"%YAML 1.1\n",
};

TEST(nasty_texts_come_back_as_they_were_as_value_item_and_key)
{
	for (size_t i = 0; i < ARRAY_LEN(nasty); i++)
		expect_text_returns(nasty[i]);
}

/* A small generator with a fixed seed: the same texts in every run. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

TEST(random_joins_of_nasty_texts_come_back)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	uint32_t seed = 1;

	for (int i = 0; i < 3000; i++) {
		struct buf text = BUF_ON(ctx);
		uint32_t parts = 2 + next_random(&seed) % 3;

		for (uint32_t p = 0; p < parts; p++)
			buf_puts(&text, nasty[next_random(&seed) % ARRAY_LEN(nasty)]);
		expect_text_returns(buf_str(&text));
		buf_done(&text);
	}
}

TEST(keys_longer_than_a_parser_looks_ahead_come_back)
{
	char key[DOC_KEY_MAX + 1];

	for (size_t len = 240; len <= DOC_KEY_MAX; len = len * 5 / 4) {
		memset(key, 'k', len);
		key[len] = '\0';
		expect_text_returns(key);
		memset(key, '\x01', len);
		expect_text_returns(key);
	}
}

static void put_numbers(struct yamlw *w)
{
	static const int64_t numbers[] = { 0, -1, 80, INT64_MAX, INT64_MIN };

	yamlw_key(w, "numbers");
	yamlw_list(w);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		yamlw_int(w, numbers[i]);
	yamlw_end(w);
}

static void put_nested(struct yamlw *w)
{
	yamlw_key(w, "nested");
	yamlw_list(w);
	yamlw_list(w);
	yamlw_string(w, "a");
	yamlw_string(w, "line one\n  line two\n");
	yamlw_end(w);
	yamlw_map(w);
	yamlw_key(w, "first");
	yamlw_map(w);
	yamlw_key(w, "deep");
	yamlw_null(w);
	yamlw_end(w);
	yamlw_key(w, "second");
	yamlw_list(w);
	yamlw_bool(w, false);
	yamlw_end(w);
	yamlw_end(w);
	yamlw_map(w);
	yamlw_end(w);
	yamlw_list(w);
	yamlw_end(w);
	yamlw_end(w);
}

TEST(the_style_is_block_two_blanks_and_quotes_only_where_needed)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf out = BUF_ON(ctx);
	struct yamlw w = YAMLW_ON(&out);
	struct err err = ERR_INIT;

	yamlw_map(&w);
	yamlw_key(&w, "accounts");
	yamlw_map(&w);
	yamlw_key(&w, "alice");
	yamlw_map(&w);
	yamlw_key(&w, "email");
	yamlw_string(&w, "alice@example.com");
	yamlw_key(&w, "php");
	yamlw_string(&w, "8.2");
	yamlw_key(&w, "answer");
	yamlw_string(&w, "yes");
	yamlw_key(&w, "suspended");
	yamlw_bool(&w, true);
	yamlw_key(&w, "directives");
	yamlw_string(&w, "location / {\n\treturn 404;\n}\n");
	yamlw_end(&w);
	yamlw_end(&w);
	put_numbers(&w);
	put_nested(&w);
	yamlw_key(&w, "none");
	yamlw_map(&w);
	yamlw_end(&w);
	yamlw_key(&w, "on");
	yamlw_list(&w);
	yamlw_end(&w);
	yamlw_end(&w);
	assert_ok(yamlw_done(&w, &err), &err);
	expect_golden("yamlw/style.yaml", buf_str(&out));
}

TEST(an_empty_map_is_braces)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf out = BUF_ON(ctx);
	struct yamlw w = YAMLW_ON(&out);

	yamlw_map(&w);
	yamlw_end(&w);
	assert_int_equal(yamlw_done(&w, NULL), 0);
	assert_string_equal(buf_str(&out), "{}\n");
}

TEST(writing_what_was_read_and_reading_it_again_gives_the_same_tree_and_bytes)
{
	static const char *const texts[] = {
		"{}",
		"a: [1, [2, [3, {b: [4]}]], {}, []]\nc: {d: {e: {f: {}}}}\n",
		"? long form\n: - 1\n  - - 2\n    - x: v\n      z:\n",
		"a: |\n  lines\n\n  more\nb: >-\n  folded\n  text\nc: |+\n  keep\n\nd: \"\"\n",
		"{\"json\": [true, false, null, -5, \"\\u00e9\\n\"]}",
		"\"yes\": 'no'\n8.2: 8.2\n007: \"007\"\n~: ~\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
		struct buf out = BUF_ON(ctx);
		struct buf again = BUF_ON(ctx);
		struct yamlw w = YAMLW_ON(&out);
		struct yamlw w2 = YAMLW_ON(&again);
		struct err err = ERR_INIT;
		struct doc *doc = NULL;
		struct doc *back = NULL;

		assert_ok(doc_read(ctx, "t", texts[i], strlen(texts[i]), &doc, &err), &err);
		yamlw_node(&w, doc->root);
		assert_ok(yamlw_done(&w, &err), &err);
		assert_ok(doc_read(ctx, "back", buf_str(&out), out.len, &back, &err), &err);
		assert_true(doc_same(doc->root, back->root));
		yamlw_node(&w2, back->root);
		assert_ok(yamlw_done(&w2, &err), &err);
		assert_string_equal(buf_str(&out), buf_str(&again));
	}
}

static void expect_refusal(const char *key, const char *text, size_t out_max, const char *want)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	struct buf out = BUF_ON(ctx);
	struct yamlw w = YAMLW_ON(&out);
	struct err err = ERR_INIT;

	out.max = out_max;
	yamlw_map(&w);
	yamlw_key(&w, key);
	yamlw_string(&w, text);
	yamlw_key(&w, "after");
	yamlw_int(&w, 1);
	yamlw_end(&w);
	assert_true(yamlw_done(&w, &err) < 0);
	assert_contains(err.msg, want);
}

TEST(what_could_not_be_read_back_is_refused)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
	char *large = mem_zero(ctx, (size_t)DOC_SCALAR_MAX + 2);

	memset(large, 'x', (size_t)DOC_SCALAR_MAX + 1);
	expect_refusal("a", "caf\xe9", BUF_MAX, "not valid UTF-8");
	expect_refusal("a\xff", "b", BUF_MAX, "not valid UTF-8");
	expect_refusal("a", large, BUF_MAX, "too long");
	large[DOC_KEY_MAX + 1] = '\0';
	expect_refusal(large, "b", BUF_MAX, "too long");
	expect_refusal("a", large, 1000, "does not fit into 1000 bytes");
}

TEST(nesting_that_could_not_be_read_back_is_refused)
{
	for (int depth = DOC_DEPTH_MAX; depth <= DOC_DEPTH_MAX + 2; depth++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");
		struct buf out = BUF_ON(ctx);
		struct yamlw w = YAMLW_ON(&out);

		yamlw_map(&w);
		yamlw_key(&w, "a");
		for (int i = 1; i < depth; i++)
			yamlw_list(&w);
		for (int i = 1; i < depth; i++)
			yamlw_end(&w);
		yamlw_end(&w);
		assert_int_equal(yamlw_done(&w, NULL), depth > DOC_DEPTH_MAX ? -ERR_INVALID : 0);
	}
}
