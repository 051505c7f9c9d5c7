/* Defaults that several commands speak of. */
#pragma once
#include <stdint.h>

/* A report is refused when it would pause its target longer. */
#define HB_DEFAULT_MAX_PAUSE_NS UINT64_C(50000000)
