/* Writing JSON: commas, indentation and escaping; values in the order of the calls. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct hb_json {
	FILE *out;
	unsigned depth;
	bool has_previous; /* something stands before the next value on its level */
};

void hb_json_open(struct hb_json *json, const char *name, char bracket);       /* '{' or '['; name NULL inside arrays */
void hb_json_close(struct hb_json *json, char bracket);                        /* '}' or ']' */
void hb_json_string(struct hb_json *json, const char *name, const char *text); /* NULL text: null */
void hb_json_u64(struct hb_json *json, const char *name, uint64_t value);
void hb_json_number(struct hb_json *json, const char *name, double value); /* three decimals at most */
void hb_json_bool(struct hb_json *json, const char *name, bool value);
void hb_json_null(struct hb_json *json, const char *name);
/* Addresses are strings: "0xc000012345". */
void hb_json_address(struct hb_json *json, const char *name, uint64_t address);
/* "name": ["…", …] */
void hb_json_strings(struct hb_json *json, const char *name, char *const *texts, size_t n);
