/*
 * The few language extensions we use, each spelled once. Everything else in
 * the project is plain C17.
 */
#ifndef BASE_MACRO_H
#define BASE_MACRO_H

#include <stddef.h>

/* Runs FN(&variable) when the variable leaves its scope. Every owning local has one. */
#define cleanup_(fn)       __attribute__((cleanup(fn)))
#define must_check         __attribute__((warn_unused_result))
#define format_(fmt, args) __attribute__((format(printf, fmt, args)))
#define noreturn_          __attribute__((noreturn))
#define unused_            __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define SAME_TYPE(expr, type) __builtin_types_compatible_p(__typeof__(expr), type)

/* Hands the pointer out and leaves NULL behind: for cleanup_() locals that succeed. */
#define TAKE(p)                             \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
