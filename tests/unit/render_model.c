/* Writes a report made by hand to stdout.
 *
 * usage: render_model FORMAT healthy|findings|hostile|suppressed      the source is in /src/acme
 */
#include "cli/formats.h"
#include "report_model.h"

#include <string.h>

int main(int argc, char **argv)
{
	struct report_model model;
	const struct hb_render_options options = {.source_root = "/src/acme"};
	if (argc != 3)
		return 2;
	report_model_create(&model, strcmp(argv[2], "healthy") != 0);
	if (!strcmp(argv[2], "hostile"))
		report_model_inject(&model);
	if (!strcmp(argv[2], "suppressed"))
		report_model_suppress(&model);
	for (size_t i = 0; i < hb_nformats; i++) {
		if (strcmp(hb_formats[i].name, argv[1]) != 0)
			continue;
		struct hb_error *err = hb_formats[i].render(&model.report, &options, stdout);
		if (err)
			fprintf(stderr, "%s\n", err->message);
		report_model_destroy(&model);
		return err ? 1 : 0;
	}
	return 2;
}
