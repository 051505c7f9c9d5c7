#include "cli/formats.h"
#include "base/memory.h"

const struct hb_format hb_formats[] = {
        {"text", hb_render_text, false},   {"json", hb_render_json, false},     {"sarif", hb_render_sarif, false},
        {"junit", hb_render_junit, false}, {"github", hb_render_github, false}, {"markdown", hb_render_markdown, false},
        {"pprof", hb_render_pprof, true},
};
_Static_assert(hb_countof(hb_formats) <= HB_MOST_FORMATS, "say how many");
const size_t hb_nformats = hb_countof(hb_formats);
