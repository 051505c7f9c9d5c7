/* The parts of a function's symbol name: "example.org/x/yaml%2ev3.(*Node[go.shape.int]).Decode.func1".
 *
 * cmd/internal/objabi/path.go (escapes), cmd/compile/internal/ir/func.go (closures), cmd/compile/internal/types (type
 * algorithms); 1.18-1.27.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct hb_span { /* of the name, escaped as it is there */
	const char *text;
	size_t len;
};
struct hb_func_name {
	struct hb_span package;   /* import path; empty for C and assembly names without a package */
	struct hb_span receiver;  /* "Node", without type arguments; empty for functions */
	struct hb_span arguments; /* type arguments of the receiver: "go.shape.int" */
	struct hb_span member;    /* what follows: "Decode", "init.0", "main.func2" */
	bool pointer_receiver;
	bool is_method;             /* exactly a method: member is its name, no closure, no wrapper */
	bool is_generic;            /* has type arguments, its own or its receiver's */
	bool is_init;               /* package initialisation: init, init.0, map.init.1 and the closures in them */
	bool initialises_variables; /* init and map.init.1: what the compiler makes of declarations; init.0 is a func
	                               init */
};
void hb_func_name_parse(const char *name, struct hb_func_name *ret);
/* Length of the name without the closures at its end: "main.serve" of "main.serve.func1.2", "main.serve-fm". */
size_t hb_func_name_without_closures(const char *name);
/* Undoes the %xx escapes of an import path; cuts at size − 1. Returns the length written. */
size_t hb_func_name_unescape(struct hb_span span, char *buf, size_t size);
