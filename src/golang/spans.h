/* Reading the page heap: every in-use span, its allocation bits, and where its pointers are described.
 *
 * runtime/mheap.go, runtime/mbitmap.go, runtime/mgcsweep.go. A span is unswept when its sweepgen is two behind the
 * heap's: then the mark bits say what lives (1.26+: the inline mark bits are merged in).
 */
#pragma once
#include "golang/runtime.h"
#include "heap/heap.h"

struct hb_error *hb_spans_read(const struct hb_go *go, struct hb_heap **ret) HB_MUST_CHECK;
