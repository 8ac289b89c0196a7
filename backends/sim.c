/*
 * backends/sim.c: weir as, dis and sim: images as text and back, and on their simulators.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/image_file.h"
#include "backends/image_run.h"
#include "backends/job.h"
#include "backends/sim.h"
#include "backends/text.h"
#include "isa/imagetext.h"
#include "isa/rdu/sim.h"
#include "support/file.h"
#include "support/json.h"

/* A trace of a public simulator, else an image in either form. */
static weir_status open_any(Sim *sim)
{
    const Source *source;
    TRY(file_source(sim->cx, sim->path, &source));
    return sim_is_trace(source) ? sim_read_trace(sim, source) : image_of_source(sim->cx, source, &sim->image, NULL);
}

/* ---- as, dis ---- */

static weir_status as_path(void *data)
{
    Sim *sim = data;
    ImageBytes bytes = {0};
    TRY(open_any(sim));
    if (sim->settings->output == NULL) {
        diag(&sim->cx->diag, place_none(), E_USAGE, "-o IMAGE is missing");
        return WEIR_USAGE;
    }
    if (sim->image.at.n != 0) {
        diag(&sim->cx->diag, place_none(), E_ISA_TEXT, "images hold no times: 'at' is for sim");
        return WEIR_INVALID;
    }
    image_write(sim->cx, &sim->image, &bytes);
    return file_write(sim->cx, sim->settings->output, bytes.bytes.at, bytes.bytes.n);
}

static weir_status dis_path(void *data)
{
    Sim *sim = data;
    Text text;
    TRY(open_any(sim));
    text_init(&text, &sim->cx->arena);
    if (sim->settings->emit != NULL)
        TRY(sim_emit(sim, sim->settings->emit, &text));
    else
        TRY(image_print(sim->cx, &sim->image, &text));
    return text_deliver(sim->cx, &text, sim->settings->output, sim->out);
}

/* ---- sim ---- */

uint64_t sim_digest(const ImageRun *run)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < run->image->tensors.n; i++) {
        const ImageTensor *t = &run->image->tensors.at[i];
        for (uint64_t b = 0; t->kind == IMAGE_OUT && b < t->bytes; b++)
            digest = (digest ^ run->buffers[i][b]) * 0x100000001b3u;
    }
    return digest;
}

typedef struct Figures {
    int64_t cycles, launch_cycles, launches;
    uint64_t macs, bytes;
    const RduResult *rdu;
} Figures;

static weir_status rdu_figures(Sim *sim, ImageRun *run, bool values, bool time, Figures *out)
{
    const Machine *file;
    RduMachine machine;
    const RduHost host = {image_run_host, run};
    RduResult *result = ARENA_NEW(&sim->cx->arena, RduResult);
    TRY(image_machine(sim->cx, &sim->image, sim->settings, &file));
    TRY(rdu_machine_from(sim->cx, file, &machine));
    if (sim->settings->check_only) {
        RduCode code = {0};
        TRY(rdu_code_of(sim->cx, &sim->image, &code));
        return rdu_check(sim->cx, &sim->image, &code, &machine);
    }
    RduMode mode = values && time ? RDU_BOTH : values ? RDU_VALUES : RDU_TIME;
    if (sim->settings->mode != NULL && strcmp(sim->settings->mode, "cycle") == 0)
        mode = RDU_TIME | RDU_STEPPED;
    TRY(rdu_sim(sim->cx, &sim->image, &machine, mode, run->buffers, &host, result));
    *out = (Figures){.cycles = result->cycles, .launch_cycles = result->launch_cycles, .launches = result->launches, .macs = result->macs,
                     .rdu = result};
    for (uint32_t i = 0; i < RDU_MAX_TIERS; i++)
        out->bytes += result->bytes[i];
    return WEIR_OK;
}

static void print_units(const Figures *f, Text *text)
{
    for (uint32_t k = 0; f->rdu != NULL && k < f->rdu->code->kernels.n; k++) {
        const RduKernel *kernel = &f->rdu->code->kernels.at[k];
        for (uint32_t i = 0; i < kernel->units.n; i++) {
            const RduCounters *c = &f->rdu->kernels[k].units[i];
            text_printf(text, "  %-12s %-10s fire %-8" PRId64 " starve %-8" PRId64 " stall %-8" PRId64 " conflict %-6" PRId64 " server %-8" PRId64
                              " idle %" PRId64 "\n",
                        kernel->name, kernel->units.at[i].name, c->fire, c->starve, c->stall, c->conflict, c->server, c->idle);
        }
    }
}

static void print_figures(Sim *sim, const Figures *f, const ImageRun *run, bool values, Text *text)
{
    if (sim->settings->json) {
        JsonWriter json;
        json_begin(&json, text);
        json_put_object(&json, NULL);
        json_put_text(&json, "path", sim->path);
        json_put_text(&json, "machine", sim->image.machine);
        json_put_text(&json, "status", "ok");
        json_put_uint(&json, "cycles", (uint64_t)f->cycles);
        json_put_uint(&json, "launch_cycles", (uint64_t)f->launch_cycles);
        json_put_uint(&json, "launches", (uint64_t)f->launches);
        json_put_uint(&json, "host_steps", run->host_runs);
        json_put_uint(&json, "macs", f->macs);
        json_put_uint(&json, "bytes", f->bytes);
        if (values)
            json_put_text(&json, "digest", arena_printf(&sim->cx->arena, "%016" PRIx64, sim_digest(run)));
        json_put_end(&json);
        text_printf(text, "\n");
        return;
    }
    text_printf(text, "%s on %s: %" PRId64 " cycles in %" PRId64 " launches (%" PRId64 " to start them), %" PRIu64 " host steps, %" PRIu64
                      " multiply-adds, %" PRIu64 " bytes",
                sim->path, sim->image.machine, f->cycles, f->launches, f->launch_cycles, run->host_runs, f->macs, f->bytes);
    if (values)
        text_printf(text, ", outputs %016" PRIx64, sim_digest(run));
    text_printf(text, "\n");
    print_units(f, text);
}

weir_status sim_print_tensors(const Sim *sim, const ImageRun *run, Text *out)
{
    enum { MOST = 64 };
    for (const char *at = sim->settings->tensors; at != NULL && *at != 0;) {
        size_t n = strcspn(at, ",");
        const char *name = arena_string(&sim->cx->arena, at, n);
        int row = image_tensor_named(run->image, name);
        if (row < 0) {
            diag(&sim->cx->diag, place_none(), E_USAGE, arena_printf(&sim->cx->arena, "the image has no tensor '%s'", name));
            return WEIR_USAGE;
        }
        const ImageTensor *t = &run->image->tensors.at[row];
        size_t elements = t->bytes / dtype_bytes(t->type);
        text_printf(out, "%s:", name);
        for (size_t i = 0; i < elements && i < MOST; i++) {
            text_printf(out, " ");
            text_decimal(out, dtype_load_f64(t->type, run->buffers[row], i), t->type);
        }
        text_printf(out, elements > MOST ? " ..\n" : "\n");
        at += n + (at[n] == ',');
    }
    return WEIR_OK;
}

static weir_status sim_path(void *data)
{
    Sim *sim = data;
    ImageRun run;
    Figures figures = {0};
    Text text;
    TRY(open_any(sim));
    const char *mode = sim->settings->mode != NULL ? sim->settings->mode : "both";
    bool values = strcmp(mode, "time") != 0 && strcmp(mode, "cycle") != 0 && !sim->settings->check_only, time = strcmp(mode, "values") != 0;
    image_run_open(sim->cx, &sim->image, &run);
    image_run_make_inputs(&run, sim->settings->seed);
    text_init(&text, &sim->cx->arena);
    weir_status status = WEIR_OK;
    if (sim->image.target == IMAGE_RDU) {
        TRY(rdu_figures(sim, &run, values, time, &figures));
        print_figures(sim, &figures, &run, values, &text);
    } else {
        status = sim_pim(sim, &run, values, time, &text);
    }
    if (status == WEIR_OK && values && !sim->settings->json)
        status = sim_print_tensors(sim, &run, &text);
    image_run_close(&run);
    TRY(status);
    return text_deliver(sim->cx, &text, sim->settings->output, sim->out);
}

static int guarded(weir_context *cx, const weir_settings *settings, const char *path, FILE *out, weir_status (*body)(void *))
{
    Sim sim = {.cx = cx, .settings = settings, .path = path, .out = out};
    return (int)api_guard(cx, body, &sim);
}

int weir_as(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    return guarded(cx, settings, path, out, as_path);
}

int weir_dis(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    return guarded(cx, settings, path, out, dis_path);
}

int weir_sim(weir_context *cx, const weir_settings *settings, const char *path, FILE *out)
{
    return guarded(cx, settings, path, out, sim_path);
}
