/* backends/report/report.c: weir report: simulates an image in time and writes its page. */
#include "backends/report/report.h"

#include "backends/image_file.h"
#include "backends/image_run.h"
#include "backends/job.h"
#include "backends/report/page.h"
#include "backends/text.h"
#include "isa/imagetext.h"

typedef struct Report {
    weir_context *cx;
    const weir_settings *settings;
    const char *path;
    FILE *out;
} Report;

static weir_status draw_rdu(const Report *report, const Image *image, const Machine *file, ImageRun *run, Text *page)
{
    RduMachine machine;
    RduResult result;
    const RduHost host = {image_run_host, run};
    TRY(rdu_machine_from(report->cx, file, &machine));
    TRY(rdu_sim(report->cx, image, &machine, RDU_BOTH, run->buffers, &host, &result));
    report_rdu(page, &machine, &result);
    return WEIR_OK;
}

/* The run's own trace, read back, has the commands of each launch with their times. */
static weir_status draw_pim(const Report *report, const Image *image, const Machine *file, ImageRun *run, Text *page)
{
    weir_context *cx = report->cx;
    PimMachine machine;
    PimResult result;
    Text trace;
    Image timed;
    PimCode code = {0};
    text_init(&trace, &cx->arena);
    const PimHost host = {image_run_host, run};
    const PimOptions options = {.mode = PIM_BOTH, .trace = &trace};
    TRY(pim_machine_from(cx, file, &machine));
    TRY(pim_sim(cx, image, &machine, options, run->buffers, &host, &result));
    const Source source = {.path = report->path, .text = trace.at, .bytes = trace.n};
    TRY(image_assemble(cx, &source, &timed));
    TRY(pim_decode(cx, &timed, &code));
    report_pim(page, &code, timed.at.at, &machine, &result);
    return WEIR_OK;
}

static weir_status report_path(void *data)
{
    const Report *report = data;
    weir_context *cx = report->cx;
    Image image;
    const Machine *machine;
    ImageRun run;
    Text page;
    TRY(image_open(cx, report->path, &image, NULL));
    TRY(image_machine(cx, &image, report->settings, &machine));
    image_run_open(cx, &image, &run);
    image_run_make_inputs(&run, report->settings->seed);
    text_init(&page, &cx->arena);
    page_begin(&page, report->path);
    TRY((image.target == IMAGE_RDU ? draw_rdu : draw_pim)(report, &image, machine, &run, &page));
    page_end(&page);
    image_run_close(&run);
    return text_deliver(cx, &page, report->settings->output, report->out);
}

int weir_report(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    Report report = {cx, settings, path, out};
    return (int)api_guard(cx, report_path, &report);
}
