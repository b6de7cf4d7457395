#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "state/doc_internal.h"

#define DIGITS "0123456789"

static bool is_any(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static struct scalar refused(const char *fault, const char *hint)
{
	return (struct scalar){ .type = NODE_STRING, .fault = fault, .hint = hint };
}

/* Words that YAML 1.1 readers take for something else than a text. */
static struct scalar word(const char *text)
{
	static const char *const bools[] = { "true", "false", "yes", "no", "on", "off", "y", "n" };
	static const char *const specials[] = { ".inf", "+.inf", "-.inf", ".nan" };

	if (is_any(text, bools, ARRAY_LEN(bools)))
		return refused("could mean a yes/no value or a text",
			       "write true or false, or quote it");
	if (strcasecmp(text, "null") == 0)
		return refused("could mean null or a text", "write null, or quote it");
	if (is_any(text, specials, ARRAY_LEN(specials)))
		return refused("is no number a state file can hold", "quote it if it is a text");
	return (struct scalar){ .type = NODE_STRING };
}

/* PREFIX (0x, 0o, 0b) and then only digits of that base or "_". */
static bool is_based(const char *s)
{
	static const struct {
		const char *prefix, *digits;
	} bases[] = { { "0x", DIGITS "abcdefABCDEF_" }, { "0o", "01234567_" }, { "0b", "01_" } };

	for (size_t i = 0; i < ARRAY_LEN(bases); i++)
		if (strncasecmp(s, bases[i].prefix, 2) == 0 && s[2] &&
		    strspn(s + 2, bases[i].digits) == strlen(s + 2))
			return true;
	return false;
}

/* A mantissa, which may have a point, and an exponent: what some readers take for a number. */
static bool is_exponent(const char *s)
{
	size_t whole = strspn(s, DIGITS "_");
	size_t part = s[whole] == '.' ? strspn(s + whole + 1, DIGITS "_") : 0;
	const char *e = s + whole + (s[whole] == '.' ? part + 1 : 0);

	if (whole + part == 0 || (*e != 'e' && *e != 'E'))
		return false;
	e++;
	e += *e == '+' || *e == '-';
	return *e && strspn(e, DIGITS) == strlen(e);
}

/* ".5", "5.", "1_000.5": fractions that are not written like 8.2. */
static bool is_odd_fraction(const char *s)
{
	size_t whole = strspn(s, DIGITS "_");
	size_t part;

	if (s[whole] != '.')
		return false;
	part = strspn(s + whole + 1, DIGITS "_");
	if (s[whole + 1 + part] || whole + part == 0)
		return false;
	return whole == 0 || part == 0 || strchr(s, '_');
}

static struct scalar whole_number(const char *text, const char *digits)
{
	struct scalar s = { .type = NODE_INT };

	if (*text == '+')
		return refused("is a number with a plus sign", "write it without, or quote it");
	if (strcmp(text, "-0") == 0)
		return refused("is a zero with a sign", "write 0, or quote it");
	if (digits[0] == '0' && digits[1])
		return refused("starts with 0: some readers take it for an octal number",
			       "write it without the 0, or quote it if it is a text");
	errno = 0;
	s.num = strtoll(text, NULL, 10);
	if (errno)
		return refused("does not fit into a number of 64 bits", "quote it if it is a text");
	return s;
}

static struct scalar number(const char *text)
{
	const char *s = text + (*text == '-' || *text == '+');

	if (!*s || !strchr(DIGITS ".", *s))
		return (struct scalar){ .type = NODE_STRING };
	if (strspn(s, DIGITS) == strlen(s))
		return whole_number(text, s);
	if (is_based(s))
		return refused("is a number that is not decimal",
			       "write it in decimal, or quote it if it is a text");
	if (strspn(s, DIGITS "_") == strlen(s))
		return refused("is a number with \"_\" in it",
			       "write only digits, or quote it if it is a text");
	if (is_exponent(s))
		return refused("is a number with an exponent",
			       "write it out in digits, or quote it if it is a text");
	if (is_odd_fraction(s))
		return refused("is an incomplete fraction", "quote it if it is a text");
	return (struct scalar){ .type = NODE_STRING };
}

struct scalar scalar_resolve(const char *text)
{
	struct scalar s;

	if (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)
		return (struct scalar){ .type = NODE_NULL };
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return (struct scalar){ .type = NODE_BOOL, .flag = *text == 't' };
	s = word(text);
	return s.fault ? s : number(text);
}
