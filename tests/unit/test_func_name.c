/* Names of functions taken apart: what belongs to which package, type and method. The names are those that the Go
 * toolchain's nm prints for programs of its own standard library and module cache. */
#include "golang/func_name.h"
#include "golang/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_package(const char *function, const char *expected)
{
	char buf[256] = "unset";
	hb_go_package_of(function, buf, sizeof(buf));
	assert_string_equal(buf, expected);
}

static void test_package(void **state)
{
	assert_package("main.main", "main");
	assert_package("main.init.0", "main");
	assert_package("main.glob..func1", "main");
	assert_package("github.com/nats-io/nats-server/v2/server.(*client).readLoop",
	               "github.com/nats-io/nats-server/v2/server");
	assert_package("github.com/nats-io/nats-server/v2/server.(*client).readLoop.func1.2-fm",
	               "github.com/nats-io/nats-server/v2/server");
	assert_package("gopkg.in/yaml%2ev3.(*Decoder).Decode", "gopkg.in/yaml.v3");
	assert_package("go.opentelemetry.io/otel/semconv/v1%2e26%2e0.init", "go.opentelemetry.io/otel/semconv/v1.26.0");
	assert_package("slices.SortFunc[go.shape.[]github.com/x/y.T,go.shape.struct { A.b int }]", "slices");
	assert_package("internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}]).Swap",
	               "internal/sync");
	assert_package("type:.eq.example.org/globals/cache.Session", "example.org/globals/cache");
	assert_package("type:.hash.internal/poll.FD", "internal/poll");
	assert_package("type:.eq.struct { F uintptr; X0 *main.T }", "");
	assert_package("type:.eq.[2]string", "");
	assert_package("go:buildid", "");
	assert_package("memeqbody", "");
	assert_package("_cgo_init", "");
	assert_package("vendor/golang.org/x/net/http/httpguts.isTokenTable", "vendor/golang.org/x/net/http/httpguts");
	assert_package("", "");
	(void)state;
}

static void test_package_fits(void **state)
{
	char buf[5] = "????";
	hb_go_package_of("internal/poll.f", buf, sizeof(buf));
	assert_string_equal(buf, "inte");
	hb_go_package_of("internal/poll.f", buf, 0); /* nothing is written */
	assert_string_equal(buf, "inte");
	hb_go_package_of("a%2", buf, sizeof(buf));
	assert_string_equal(buf, "");
	hb_go_package_of("a/b%2.f", buf, sizeof(buf));
	assert_string_equal(buf, "a/b%");
	(void)state;
}

static bool same(struct hb_span span, const char *text)
{
	return span.len == strlen(text) && !memcmp(span.text, text, span.len);
}

struct method {
	const char *name, *receiver, *arguments, *member;
	bool pointer, is_method;
};

static void test_methods(void **state)
{
	static const struct method methods[] = {
	        {"main.(*T).M", "T", "", "M", true, true},
	        {"main.T.M", "T", "", "M", false, true},
	        {"main.(*ring[go.shape.*uint8]).push", "ring", "go.shape.*uint8", "push", true, true},
	        {"a/b.Pair[go.shape.[]a/b.T,go.shape.int].Left", "Pair", "go.shape.[]a/b.T,go.shape.int", "Left", false,
	         true},
	        {"main.(*T).M.func1", "T", "", "M.func1", true, false},
	        {"main.(*T).M-fm", "T", "", "M-fm", true, false},
	        {"main.T.M.func1", "", "", "T.M.func1", false, false},
	        {"main.f", "", "", "f", false, false},
	        {"main.f.func1", "", "", "f.func1", false, false},
	        {"main.f.gowrap2", "", "", "f.gowrap2", false, false},
	        {"main.f.deferwrap1", "", "", "f.deferwrap1", false, false},
	        {"main.f[go.shape.int].func1", "", "", "f[go.shape.int].func1", false, false},
	        {"main.glob..func1", "", "", "glob..func1", false, false},
	        {"main.(*", "", "", "(*", false, false},
	        {"main.(*T", "", "", "(*T", false, false},
	        {"main.(*T[", "", "", "(*T[", false, false},
	};
	for (size_t i = 0; i < hb_countof(methods); i++) {
		struct hb_func_name name;
		hb_func_name_parse(methods[i].name, &name);
		if (!same(name.receiver, methods[i].receiver) && methods[i].is_method)
			fail_msg("%s: receiver %.*s", methods[i].name, (int)name.receiver.len, name.receiver.text);
		assert_int_equal(name.is_method, methods[i].is_method);
		if (!methods[i].is_method && !methods[i].pointer)
			continue;
		assert_true(same(name.arguments, methods[i].arguments));
		assert_true(same(name.member, methods[i].member));
		assert_int_equal(name.pointer_receiver, methods[i].pointer);
	}
	(void)state;
}

static void assert_init(const char *function, bool is_init, bool declared)
{
	struct hb_func_name name;
	hb_func_name_parse(function, &name);
	if (name.is_init != is_init || name.initialises_variables != declared)
		fail_msg("%s: init %d, of declarations %d", function, name.is_init, name.initialises_variables);
}

static void test_initialisation(void **state)
{
	assert_init("net/http.init", true, true);
	assert_init("net/http.map.init.0", true, true);
	assert_init("net/http.init.1", true, false);
	assert_init("net/http.init.func3", true, false);
	assert_init("net/http.init.0.func1", true, false);
	assert_init("net/http.initALPNRequest.ServeHTTP", false, false);
	assert_init("net/http.initialise", false, false);
	assert_init("main.(*init).M", false, false);
	assert_init("main.glob..func1", false, false);
	(void)state;
}

static void assert_trunk(const char *function, const char *expected)
{
	size_t len = hb_func_name_without_closures(function);
	if (len != strlen(expected) || memcmp(function, expected, len))
		fail_msg("%s: %.*s", function, (int)len, function);
}

static void test_closures(void **state)
{
	assert_trunk("main.serve", "main.serve");
	assert_trunk("main.serve.func1", "main.serve");
	assert_trunk("main.serve.func1.2", "main.serve");
	assert_trunk("main.serve.func1.gowrap3", "main.serve");
	assert_trunk("main.(*T).M-fm", "main.(*T).M");
	assert_trunk("main.walk-range1", "main.walk");
	assert_trunk("main.walk.func1-range1", "main.walk");
	assert_trunk("main.init.0", "main.init.0");
	assert_trunk("main.init.0.func1", "main.init.0");
	assert_trunk("main.func1", "main.func1"); /* a function that is called so */
	assert_trunk("a.b/c%2e1.func1", "a.b/c%2e1.func1");
	assert_trunk("", "");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_package),  cmocka_unit_test(test_package_fits),
	        cmocka_unit_test(test_methods),  cmocka_unit_test(test_initialisation),
	        cmocka_unit_test(test_closures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
