/* Whether what was read with a layout that no table vouches for makes sense (golang/newer.h): the runtime's own records must
 * agree with each other, with the program's code and with its types. docs/finding-the-runtime.md lists the checks.
 */
#pragma once
#include "golang/runtime.h"

/* Reads functions, types, spans and goroutines and compares them. When all agrees, a note says what was done; else
 * HB_ERR_UNSUPPORTED says what does not. */
struct hb_error *hb_go_confirm(const struct hb_go *go) HB_MUST_CHECK;
