#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

static char nomem_message[] = "out of memory: close other programs, or raise the memory limit heldby runs under";
static struct hb_error nomem_error = {HB_ERR_NOMEM, nomem_message};

struct hb_error *hb_error_nomem(void)
{
	return &nomem_error;
}

struct hb_error *hb_error_create(enum hb_error_code code, const char *fmt, ...)
{
	struct hb_error *err = malloc(sizeof(*err));
	if (!err)
		return hb_error_nomem();
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&err->message, fmt, args);
	va_end(args);
	if (n < 0) {
		free(err);
		return hb_error_nomem();
	}
	err->code = code;
	return err;
}

struct hb_error *hb_error_wrap(struct hb_error *err, const char *fmt, ...)
{
	if (!err || err == &nomem_error)
		return err;
	char *prefix = NULL, *whole = NULL;
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&prefix, fmt, args);
	va_end(args);
	if (n >= 0 && asprintf(&whole, "%s: %s", prefix, err->message) >= 0) {
		free(err->message);
		err->message = whole;
	}
	if (n >= 0)
		free(prefix);
	return err;
}

void hb_error_destroy(struct hb_error *err)
{
	if (!err || err == &nomem_error)
		return;
	free(err->message);
	free(err);
}

void hb_error_destroyp(struct hb_error **err)
{
	hb_error_destroy(*err);
	*err = NULL;
}

int hb_error_exit_status(const struct hb_error *err)
{
	switch (err->code) {
	case HB_ERR_USAGE:
		return 2;
	case HB_ERR_UNSUPPORTED:
		return 4;
	case HB_ERR_INTERRUPTED:
		return 130;
	case HB_ERR_ATTACH:
	case HB_ERR_CORRUPT:
	case HB_ERR_FAULT:
	case HB_ERR_IO:
	case HB_ERR_GONE:
	case HB_ERR_NOMEM:
		return 3;
	}
	return 3;
}
