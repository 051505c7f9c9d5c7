/* Errors as values: what was attempted, on what, and what to do next.
 *
 * Every fallible function of heldby returns `struct hb_error *`: NULL means success, anything else is owned by the
 * caller (destroy it, wrap it, or pass it up with TRY). The function's result goes to a last parameter named `ret`,
 * which is written on success only. Messages are lower case, without a full stop, and quote their subject.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>

#define HB_MUST_CHECK        __attribute__((warn_unused_result))
#define HB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HB_NEVER_NULL        __attribute__((returns_nonnull)) /* an error for certain: what follows a TRY was a success */

enum hb_error_code {
	HB_ERR_USAGE = 1,   /* the command line is wrong                                        exit 2 */
	HB_ERR_ATTACH,      /* the target cannot be opened, read or attached to                 exit 3 */
	HB_ERR_UNSUPPORTED, /* the target is not something heldby understands                   exit 4 */
	HB_ERR_CORRUPT,     /* the target's data contradicts itself (torn, truncated, lying)    exit 3 at top level */
	HB_ERR_FAULT,       /* an address is not in the snapshot                                (caught inside) */
	HB_ERR_IO,          /* a file of heldby's own could not be read or written              exit 3 */
	HB_ERR_GONE,        /* the target exited meanwhile                                      exit 3 */
	HB_ERR_NOMEM,       /* out of memory                                                    exit 3 */
	HB_ERR_INTERRUPTED, /* Ctrl-C; everything was detached                                  exit 130 */
};

struct hb_error {
	enum hb_error_code code;
	char *message; /* owned; never NULL */
};

/* Creates an error. Never fails: when memory is short it returns hb_error_nomem(). */
struct hb_error *hb_error_create(enum hb_error_code code, const char *fmt, ...)
        HB_PRINTF(2, 3) HB_MUST_CHECK HB_NEVER_NULL;

/* Puts "fmt: " in front of err's message; keeps the code; consumes err. */
struct hb_error *hb_error_wrap(struct hb_error *err, const char *fmt, ...) HB_PRINTF(2, 3) HB_MUST_CHECK HB_NEVER_NULL;

/* The static out-of-memory error: nothing to allocate, safe to destroy. */
struct hb_error *hb_error_nomem(void) HB_MUST_CHECK HB_NEVER_NULL;

/* Accepts NULL. */
void hb_error_destroy(struct hb_error *err);
void hb_error_destroyp(struct hb_error **err); /* for cleanup attributes */

/* Exit status of contract.md for an error that ends the program. */
int hb_error_exit_status(const struct hb_error *err);

#define TRY(expression)                                     \
	do {                                                \
		struct hb_error *try_error_ = (expression); \
		if (try_error_)                             \
			return try_error_;                  \
	} while (0)
