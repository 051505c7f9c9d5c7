/* Text of a target in a medium that gives some characters a meaning of its own.
 *
 * For all but hb_put_uri(), what is unsafe on a terminal becomes \xNN or \u{N} first (hb_escape_next): such text ends up
 * in logs and on web pages, and it must fit on one line.
 */
#pragma once
#include <stddef.h>
#include <stdio.h>

void hb_put_plain(FILE *out, const char *text, size_t len);
/* Content of an element, or of an attribute in double quotes. */
void hb_put_xml(FILE *out, const char *text, size_t len);
/* The path of a URI: everything but unreserved characters and slashes is percent-encoded, byte by byte (RFC 3986, 2.3).
 * What a relative path begins with cannot be taken for a scheme or a host. */
void hb_put_uri_path(FILE *out, const char *path, size_t len);
/* A string of a SARIF message: placeholders {0} are no placeholders (2.1.0, 3.11.5), links [text](1) no links (3.11.6). */
void hb_put_sarif_message(FILE *out, const char *text, size_t len);
/* Workflow commands of GitHub's runner: the message, and the value of a property. */
void hb_put_github_message(FILE *out, const char *text, size_t len);
void hb_put_github_property(FILE *out, const char *text, size_t len);
/* A code span, in which nothing has a meaning: no markup, links, mentions, references. */
void hb_put_markdown_code(FILE *out, const char *text, size_t len);
/* A sentence: words of plain letters and digits as they are, all others as code spans. */
void hb_put_markdown_sentence(FILE *out, const char *text, size_t len);
