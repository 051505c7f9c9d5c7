/* Who started a goroutine, and who started that one: what a program remembers that runs with GODEBUG=tracebackancestors=N.
 *
 * g.ancestors leads to a slice of records, the creator first, N at most: the stack of that goroutine when it said `go`
 * (runtime/proc.go saveAncestors, runtime/runtime2.go ancestorInfo; 1.18-1.27). Without the setting there is nothing but the `go`
 * statement itself.
 */
#pragma once
#include "golang/goroutines.h"

/* runtime.ancestorInfo: pcs []uintptr, goid, gopc. */
enum { HB_ANCESTOR_SIZE = 40, HB_ANCESTOR_PCS = 0, HB_MOST_ANCESTORS = 1000, HB_MOST_ANCESTOR_PCS = 1000 };

/* The test that started it, by itself or through goroutines and functions that it called: "TestFanOut", of a function of a file
 * …_test.go whose name says so (cmd/go/internal/load/test.go isTest; benchmarks, fuzz tests and examples, too). False when nobody knows
 * of one. */
bool hb_go_test_of(const struct hb_go *go, const struct hb_goroutine *goroutine, char *buf, size_t size);

/* Whether text is the name of a test that the program has, or of one of its subtests: "TestFanOut", "TestFanOut/three". Looks through
 * all functions where it could be one. */
bool hb_go_is_test(const struct hb_go *go, const char *text);
