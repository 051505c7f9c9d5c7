/* Defaults that several commands speak of. */
#pragma once
#include <stdint.h>

/* A report is refused when it would pause its target longer. */
#define HB_DEFAULT_MAX_PAUSE_NS UINT64_C(50000000)

/* Windows in which containers are looked at again: shorter ones say nothing, longer ones are for `watch`. */
#define HB_DEFAULT_EVERY_NS UINT64_C(60000000000)
#define HB_DEFAULT_FOR_NS   UINT64_C(3600000000000)
#define HB_LEAST_WAIT_NS    UINT64_C(1000000000)
#define HB_MOST_WAIT_NS     UINT64_C(3600000000000)
