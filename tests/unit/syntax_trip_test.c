#include <string.h>

#include "tests/support/readers.h"
#include "tests/support/testing.h"

/* What attackers, and people with odd file names, put into fields. */
static const char *const hostile[] = {
	"plain",
	"",
	" ",
	"a b",
	" a",
	"a ",
	"/srv; } evil",
	"a\nb",
	"a\rb",
	"a\tb",
	"\"",
	"'",
	"\\",
	"\\\\",
	"\\\\\\",
	"a\\",
	"a\\\"",
	"\\\"",
	"\"a\"",
	"'a'",
	"it's",
	"''",
	"'\"",
	"a\"b'c\\d",
	"$",
	"$host",
	"${HOME}",
	"$pool",
	"a$b",
	"%",
	"%u",
	"\\%",
	"\\\\%",
	"%%",
	"#",
	"#c",
	"a #b",
	";",
	"a;b",
	"; drop",
	"{",
	"}",
	"{}",
	"a{b",
	"}a",
	"(",
	")",
	"(a",
	"a)",
	"[",
	"]",
	"a]b",
	"[global]",
	"=",
	"a=b",
	"a = b",
	":",
	"a:b",
	":a",
	"::",
	"@",
	"@daily",
	"*",
	"*.x",
	"<x",
	"//x",
	"/*x",
	"a//b",
	"none",
	"yes",
	"E_ALL",
	"0",
	"-1",
	"\x7f",
	"\x01",
	"\x1b[31m",
	"caf\xc3\xa9",
	"\xff",
	"\xc0\xaf",
	"\xc3",
	"\xed\xa0\x80",
	"\xf4\x90\x80\x80",
	"\xef\xbb\xbf",
	"\\n",
	"\\t",
	"\"a\\\\\" ; \"",
	"\"a;b\"",
	"\"open",
	"( x )",
	"1.2.3.4",
	"A",
	"root",
	"global",
	"..",
	"a..b",
};

static trip_fn *const trips[] = { trip_nginx, trip_zone,  trip_ini,     trip_colon,
				  trip_cron,  trip_block, trip_dovecot, trip_postfix };

TEST(every_hostile_word_is_refused_or_reads_back_the_same)
{
	for (size_t t = 0; t < ARRAY_LEN(trips); t++) {
		size_t kept = 0;

		for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
			enum trip trip = trips[t](&hostile[i], 1);

			if (trip == TRIP_BROKEN)
				print_error("format %zu, word \"%s\"\n", t, hostile[i]);
			assert_int_not_equal(trip, TRIP_BROKEN);
			kept += trip == TRIP_SAME;
		}
		assert_true(kept >= 8); /* refusing all would be easy */
	}
}

TEST(hostile_words_side_by_side_stay_apart)
{
	for (size_t t = 0; t < ARRAY_LEN(trips); t++) {
		for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
			for (size_t k = 0; k < ARRAY_LEN(hostile); k++) {
				const char *const words[] = { hostile[i], hostile[k], hostile[k] };

				assert_int_not_equal(trips[t](words, 2), TRIP_BROKEN);
				assert_int_not_equal(trips[t](words, 3), TRIP_BROKEN);
			}
		}
	}
}

TEST(the_nginx_reader_reads_as_nginx_does)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct ptrs got = { 0 };

	assert_true(read_nginx(ctx, "a}b 'c\\'d' \"\\x\" ${e;\n", &got));
	assert_int_equal(got.n, 5);
	assert_string_equal(got.v[0], "a}b");
	assert_string_equal(got.v[1], "c'd");
	assert_string_equal(got.v[2], "\\x");
	assert_false(read_nginx(ctx, "\"a\"b;", &got));
	assert_false(read_nginx(ctx, "\"a", &got));
}

TEST(the_zone_reader_sees_comments_and_open_quotes)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct ptrs got = { 0 };

	assert_true(read_zone(ctx, "a \"b\\\\\" ; c\n", &got));
	assert_int_equal(got.n, 4);
	assert_string_equal(got.v[2], READ_COMMENT);
	assert_false(read_zone(ctx, "a \"b\n", &got));
	assert_false(read_zone(ctx, "a ( b\n", &got));
}

TEST(the_cron_reader_undoes_backslashes_as_cron_does)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct ptrs got = { 0 };

	assert_true(read_cron(ctx, "@daily root a\\%b\\\\c\\d\n", &got));
	assert_string_equal(got.v[2], "a%b\\c\\d");
	assert_false(read_cron(ctx, "@daily root a%b\n", &got));
	assert_false(read_cron(ctx, "@daily root no newline", &got));
}

TEST(the_postfix_readers_join_lines_as_postfix_does)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct ptrs got = { 0 };

	assert_true(read_main_cf(ctx, "a = b\n# c\n\n d =e \nf=\n", &got));
	assert_int_equal(got.n, 6);
	assert_string_equal(got.v[1], "b d =e");
	assert_string_equal(got.v[4], "");
	assert_false(read_main_cf(ctx, "a b = c\n", &got));
	assert_false(read_main_cf(ctx, " a = c\n", &got));
	assert_false(read_main_cf(ctx, "a\n", &got));
}

TEST(the_postfix_readers_take_braces_as_postfix_does)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct ptrs got = { 0 };

	assert_true(read_master_cf(ctx, "x inet n - y - - smtpd -o a=b\n -o { c = d e }\n", &got));
	assert_int_equal(got.n, 16);
	assert_string_equal(got.v[8], READ_OPEN);
	assert_string_equal(got.v[13], "d e");
	assert_false(read_master_cf(ctx, "x inet n - y - - smtpd -o { a = b\n", &got));
	assert_false(read_master_cf(ctx, "x inet n - y - - smtpd -o\n", &got));
	assert_false(read_master_cf(ctx, "x inet n - y - -\n", &got));
}
