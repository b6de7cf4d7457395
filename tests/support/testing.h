/*
 * Unit tests: cmocka behind one header.
 *
 * TEST(a_sentence_that_states_the_rule) { … } registers itself; a file of
 * tests is a program, `prove` runs them all. Golden files live in
 * tests/golden; GOLDEN=update writes them.
 */
#ifndef TESTS_TESTING_H
#define TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

void test_register(const char *name, CMUnitTestFunction fn);

#define TEST(name)                                                      \
	static void name(void **state);                                 \
	__attribute__((constructor)) static void register_##name(void); \
	static void register_##name(void)                               \
	{                                                               \
		test_register(#name, name);                             \
	}                                                               \
	static void name(__attribute__((unused)) void **state)

/* Fails with the error's text when R is negative. */
#define assert_ok(r, err) assert_ok_at((r), (err), #r, __FILE__, __LINE__)
void assert_ok_at(int r, const struct err *err, const char *what, const char *file, int line);
/* Fails unless HAYSTACK contains NEEDLE. */
#define assert_contains(haystack, needle) \
	assert_contains_at((haystack), (needle), __FILE__, __LINE__)
void assert_contains_at(const char *haystack, const char *needle, const char *file, int line);
/* Compares TEXT with tests/golden/NAME; GOLDEN=update in the environment writes it instead. */
void expect_golden(const char *name, const char *text);
/* A new temporary folder, removed at exit. */
const char *test_tmpdir(void);

#endif
