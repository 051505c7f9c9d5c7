#include "report_model.h"
#include "leak/suppressions.h"

#include <stdlib.h>
#include <string.h>

const char hostile_name[] = "evil\x1b]0;owned\x07\xe2\x80\xaetxt.\xff\"\\\n缓存";

const char injecting_name[] = "`\x60`|<script>alert(1)</script>&amp;<!-- ]]> [x](http://evil.example) "
                              "![x](//evil.example) {0} %0A::error::owned "
                              "##[error]owned @everyone #1 org/repo#2 www.evil.example evil@evil.example :smile: $x$ "
                              "~~x~~ *x* _x_ \xf0\x90\x8d\x88 "
                              "\xef\xbf\xbe\xf4\x8f\xbf\xbf\x01\r\n::error::owned\n# x\n<b>\"',;:\\";

static char *text(const char *words)
{
	return (char *)words; /* renderers only read */
}

static void make_holders(struct report_model *model)
{
	model->fields[0] = (struct hb_report_holder){.name = text(""),
	                                             .kind = "",
	                                             .type = text("string"),
	                                             .label = text(".name"),
	                                             .retained_bytes = 300000000,
	                                             .retained_objects = 3100000,
	                                             .fan_out = 3100000};
	model->fields[1] = model->fields[0];
	model->fields[1].type = text(hostile_name);
	model->entries[0] = (struct hb_report_holder){
	        .name = text(""),
	        .kind = "",
	        .type = text("github.com/acme/cache.Session"),
	        .label = text("{value}"),
	        .retained_bytes = 1290000000,
	        .retained_objects = 9300000,
	        .fan_out = 3100000,
	        .allocated_at = text("github.com/acme/cache.(*Store).Put  /src/acme/cache/store.go:88"),
	        .children = model->fields,
	        .nchildren = 2};
	model->cache[0] = (struct hb_report_holder){
	        .name = text(""),
	        .kind = "",
	        .type = text("map[string]*cache.Session"),
	        .label = text(".byID"),
	        .retained_bytes = 1300000000,
	        .retained_objects = 9300010,
	        .fan_out = 1,
	        .allocated_at = text("github.com/acme/cache.(*Store).Put  /src/acme/cache/store.go:88"),
	        .children = model->entries,
	        .nchildren = 1};
	model->holders[0] = (struct hb_report_holder){.name = text("cache.sessions"),
	                                              .kind = "global",
	                                              .type = text("*cache.Store"),
	                                              .label = text(""),
	                                              .retained_bytes = 1300000500,
	                                              .retained_objects = 9300011,
	                                              .fan_out = 1,
	                                              .address = 0x5c1f30,
	                                              .children = model->cache,
	                                              .nchildren = 1};
	model->holders[1] = (struct hb_report_holder){.name = text(hostile_name),
	                                              .kind = "global",
	                                              .type = text(hostile_name),
	                                              .label = text(""),
	                                              .retained_bytes = 311000000,
	                                              .retained_objects = 100,
	                                              .fan_out = 1};
	model->holders[2] = (struct hb_report_holder){.name = text("main.srv, goroutines created by main.main, …"),
	                                              .kind = "shared",
	                                              .type = text("github.com/acme/api/v2.Server"),
	                                              .label = text(""),
	                                              .retained_bytes = 20000000,
	                                              .retained_objects = 7,
	                                              .fan_out = 1};
	model->report.holders = model->holders;
	model->report.nholders = 3;
}

static void make_goroutines(struct report_model *model)
{
	model->stacks[0][0] = text("github.com/acme/api.(*Server).fanOut.func1  /src/acme/api/fanout.go:57");
	model->stacks[0][1] = text(hostile_name);
	model->ids[0][0] = 18;
	model->ids[0][1] = 19;
	model->goroutines[0] = (struct hb_report_goroutines){
	        .count = 18402,
	        .state = "waiting",
	        .wait_reason = text("chan send"),
	        .created_by = text("github.com/acme/api.(*Server).fanOut  /src/acme/api/fanout.go:41"),
	        .blocked_at = model->stacks[0][0],
	        .since_s_min = 1020,
	        .since_s_max = 10800,
	        .stack = model->stacks[0],
	        .nstack = 2,
	        .ids = model->ids[0],
	        .nids = 2,
	        .retained_bytes = 311000000,
	        .stack_bytes = 40000000};
	model->goroutines[1] = (struct hb_report_goroutines){.count = 1,
	                                                     .state = "running",
	                                                     .wait_reason = text(""),
	                                                     .created_by = text(""),
	                                                     .blocked_at = text(hostile_name),
	                                                     .ids = model->ids[1],
	                                                     .nids = 1};
	model->report.goroutines = model->goroutines;
	model->report.ngoroutines = 2;
	model->report.goroutines_total = 18403;
	model->report.by_status[HB_G_WAITING] = 18402;
	model->report.by_status[HB_G_RUNNING] = 1;
}

#define ADD(list, words)                                  \
	do {                                              \
		if (!hb_vec_push(&(list), strdup(words))) \
			abort();                          \
	} while (0)

static void add_finding(struct report_model *model, const char *rule, enum hb_verdict verdict, const char *title,
                        uint64_t bytes)
{
	struct hb_finding finding = {.rule = rule,
	                             .verdict = verdict,
	                             .title = strdup(title),
	                             .count = 9031,
	                             .bytes = bytes,
	                             .holder = strdup("global cache.headers []byte"),
	                             .help = strdup(hostile_name)};
	ADD(finding.path, ".byID map[string][]byte");
	ADD(finding.path, hostile_name);
	ADD(finding.allocated_at, "github.com/acme/cache.(*Store).Put  /src/acme/cache/store.go:88");
	ADD(finding.created_at, hostile_name);
	ADD(finding.blocked_at, "main.main  /src/acme/main.go:7");
	ADD(finding.evidence, "one slice refers to it, of length 100 and capacity 10485760, and nothing else does");
	if (!hb_vec_push(&finding.goroutines, 18))
		abort();
	hb_finding_fingerprint(&finding);
	if (!hb_vec_push(&model->analysis.findings.list, finding))
		abort();
}

void report_model_create(struct report_model *model, bool with_findings)
{
	*model = (struct report_model){0};
	model->snapshot = (struct hb_snapshot){.kind = HB_TARGET_LIVE,
	                                       .pid = 4121,
	                                       .name = text("api"),
	                                       .exe_path = text("/app/api"),
	                                       .exe_fd = -1,
	                                       .method = "copy",
	                                       .pause_ns = 7000000,
	                                       .bytes_copied = 226000000};
	hb_notes_add(&model->snapshot.notes, "a note about %s", hostile_name);
	snprintf(model->go.version.text, sizeof(model->go.version.text), "go1.26.2");
	model->go.stripped = true;
	if (!hb_vec_push(&model->sites.samples, (struct hb_alloc_sample){1, 0}))
		abort();
	model->analysis.snapshot = &model->snapshot;
	model->analysis.go = &model->go;
	model->analysis.sites = &model->sites;
	model->report.analysis = &model->analysis;
	model->report.ledger = (struct hb_ledger){.rss = 3100000000,
	                                          .live_heap = 2410000000,
	                                          .free_heap = 220000000,
	                                          .stacks = 90000000,
	                                          .c_heap = 310000000,
	                                          .runtime = 40000000,
	                                          .files = 30000000};
	model->report.live_objects = 31200000;
	model->report.live_bytes = 2410000000;
	model->report.pointerful_bytes = 1000000000;
	model->report.typed_bytes = 978000000;
	make_holders(model);
	make_goroutines(model);
	model->types[0] =
	        (struct hb_report_type){text("github.com/acme/cache.Session"), 3100000, 1290000000, 1290000000};
	model->types[1] = (struct hb_report_type){text(hostile_name), 5, 500, 600};
	model->types[2] = (struct hb_report_type){text("map[缓存.键]缓存.值"), 1, 8, 8};
	model->report.types = model->types;
	model->report.ntypes = 3;
	if (!with_findings)
		return;
	add_finding(model, "H201", HB_PROVEN, "18,402 goroutines can never run again", 311000000);
	add_finding(model, "H301", HB_LIKELY, hostile_name, 564000000);
}

void report_model_inject(struct report_model *model)
{
	struct hb_finding finding = {.rule = "H999",
	                             .verdict = HB_ESTIMATE,
	                             .title = strdup(injecting_name),
	                             .count = 1,
	                             .bytes = 1000,
	                             .holder = strdup(injecting_name),
	                             .help = strdup(injecting_name)};
	char site[2048];
	snprintf(site, sizeof(site), "%s  /src/acme/a b%%41<c>&`|,:\xff\"'\x1b.go:7", injecting_name);
	ADD(finding.path, injecting_name);
	ADD(finding.blocked_at, site);
	ADD(finding.created_at, injecting_name);
	ADD(finding.allocated_at, "main.f  //evil.example/x:y.go:99999999999");
	ADD(finding.evidence, injecting_name);
	hb_finding_fingerprint(&finding);
	if (!hb_vec_push(&model->analysis.findings.list, finding))
		abort();
	model->snapshot.name = text(injecting_name);
	model->snapshot.exe_path = text(injecting_name);
	hb_notes_add_partial(&model->snapshot.notes, "%s", injecting_name);
	model->holders[1].name = text(injecting_name);
	model->holders[1].type = text(injecting_name);
	model->holders[1].allocated_at = text("main.f  //evil.example/x:y.go:99999999999");
	model->fields[1].label = text(injecting_name);
	model->types[1].name = text(injecting_name);
}

void report_model_suppress(struct report_model *model)
{
	static struct hb_suppression suppression = {.reason = (char *)injecting_name, .line = 1};
	struct hb_findings *findings = &model->analysis.findings;
	findings->list.data[findings->list.len - 1].suppressed_by = &suppression;
	if (!hb_vec_push(&model->analysis.suppressed.list, findings->list.data[findings->list.len - 1]))
		abort();
	findings->list.len--;
}

void report_model_destroy(struct report_model *model)
{
	hb_findings_deinit(&model->analysis.findings);
	hb_findings_deinit(&model->analysis.suppressed);
	hb_notes_deinit(&model->snapshot.notes);
	hb_vec_deinit(&model->sites.samples);
}

char *render(struct hb_error *(*renderer)(const struct hb_report *, const struct hb_render_options *, FILE *),
             const struct hb_report *report, const struct hb_render_options *options)
{
	char *out = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&out, &len);
	if (!stream || renderer(report, options, stream))
		abort();
	fclose(stream);
	return out;
}
