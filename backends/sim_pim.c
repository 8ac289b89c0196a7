/*
 * backends/sim_pim.c: weir sim for memories that compute: runs, judges, reports.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/image_file.h"
#include "backends/job.h"
#include "backends/sim.h"
#include "backends/text.h"
#include "isa/imagetext.h"
#include "isa/pim/sim.h"
#include "isa/pim/trace.h"
#include "support/json.h"

static weir_status pim_machine(Sim *sim, PimMachine *out)
{
    const Machine *file;
    const char *quirks = sim->settings->quirks;
    TRY(image_machine(sim->cx, &sim->image, sim->settings, &file));
    return pim_machine_with(sim->cx, file, quirks != NULL && strcmp(quirks, "peer") == 0, out);
}

/* ---- traces ---- */

bool sim_is_trace(const Source *source)
{
    return pim_is_trace(source);
}

weir_status sim_read_trace(Sim *sim, const Source *source)
{
    PimMachine machine;
    PimTrace trace = {0};
    sim->image = (Image){.target = IMAGE_PIM, .machine = "gddr6-aim", .producer = ""};
    TRY(pim_machine(sim, &machine));
    TRY(pim_trace_read(sim->cx, source, &machine, &trace));
    if (!machine.peer || machine.family != PIM_AIM)
        return pim_trace_import(sim->cx, &trace, &machine, &sim->image);
    sim->trace = ARENA_NEW(&sim->cx->arena, PimTrace);
    *sim->trace = trace;
    return WEIR_OK;
}

weir_status sim_emit(Sim *sim, const char *what, Text *out)
{
    PimMachine machine;
    if (strcmp(what, "aim") != 0 || sim->image.target != IMAGE_PIM) {
        diag(&sim->cx->diag, place_none(), E_USAGE, "dis emits 'aim', of images for memories");
        return WEIR_USAGE;
    }
    TRY(pim_machine(sim, &machine));
    return pim_trace_export(sim->cx, &sim->image, &machine, out);
}

/* A trace served as the public simulator does. */
static weir_status serve(Sim *sim, const PimMachine *m, Text *out)
{
    PimServed *served = ARENA_NEW(&sim->cx->arena, PimServed);
    TRY(pim_serve(sim->cx, sim->trace, m, served));
    double ns = (double)served->cycles * (double)m->period * 1e-6;
    if (sim->settings->json) {
        JsonWriter json;
        json_begin(&json, out);
        json_put_object(&json, NULL);
        json_put_text(&json, "path", sim->path);
        json_put_text(&json, "machine", m->name);
        json_put_text(&json, "status", "ok");
        json_put_text(&json, "quirks", "peer");
        json_put_int(&json, "cycles", served->cycles);
        json_put_real(&json, "ns", ns);
        json_put_end(&json);
        text_printf(out, "\n");
    } else {
        text_printf(out, "%s on %s: %" PRId64 " cycles, %.1f ns, as the public simulator counts\n", sim->path, m->name, served->cycles, ns);
    }
    return WEIR_OK;
}

/* ---- the report ---- */

static const char includes[] = "row, column, register and mode commands, refreshes, and what follows the last command; "
                               "not the host's steps nor filling the banks";

/* The rule that made commands wait longest; -1: the timer of refreshes or none. */
static int top_stall(const PimMachine *m, const PimStreamResult *s, int64_t *out_cycles)
{
    int top = -1;
    *out_cycles = s->stall_refresh;
    for (uint32_t i = 0; i < m->n_rules; i++)
        if (s->stall[i] > *out_cycles) {
            *out_cycles = s->stall[i];
            top = (int)i;
        }
    return top;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* Lanes of a channel that could multiply in every column slot. */
static int64_t all_lanes(const PimMachine *m, const PimStreamResult *s)
{
    bool hbm = m->family == PIM_HBM;
    int64_t spacing = m->spacing[hbm ? PIM_DEV_HRD : PIM_DEV_MAC16];
    return spacing > 0 ? (hbm ? 128 : 256) * (s->cycles / spacing) : 0;
}

static int64_t energy_of(const PimStreamResult *s)
{
    int64_t sum = s->energy_idle;
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
        sum += s->energy[d];
    return sum;
}

static void put_counts(JsonWriter *json, const char *key, const PimStreamResult *s, bool energy)
{
    json_put_object(json, key);
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
        if (s->counts[d] != 0) {
            if (energy)
                json_put_real(json, pim_device_text((PimDevice)d), (double)s->energy[d] * 1e-3);
            else
                json_put_int(json, pim_device_text((PimDevice)d), s->counts[d]);
        }
    if (energy)
        json_put_real(json, "standby", (double)s->energy_idle * 1e-3);
    json_put_end(json);
}

static void put_stalls(JsonWriter *json, const PimMachine *m, const PimStreamResult *s)
{
    json_put_array(json, "stalls");
    for (uint32_t i = 0; i < m->n_rules; i++)
        if (s->stall[i] > 0) {
            json_put_object(json, NULL);
            json_put_int(json, "rule", m->rules[i].number);
            json_put_text(json, "distance", m->rules[i].expression);
            json_put_int(json, "cycles", s->stall[i]);
            json_put_end(json);
        }
    json_put_end(json);
}

static void put_stream(JsonWriter *json, const PimMachine *m, const PimStreamResult *s)
{
    json_put_object(json, NULL);
    json_put_int(json, "channels", __builtin_popcountll(s->channels));
    json_put_int(json, "cycles", s->cycles);
    json_put_int(json, "refreshes", s->refreshes);
    put_counts(json, "commands", s, false);
    json_put_int(json, "row_accesses", s->accesses);
    json_put_real(json, "row_hits", s->accesses > 0 ? 1 - share(s->misses, s->accesses) : 0);
    json_put_real(json, "column_slot_use", share(s->busy, s->cycles));
    json_put_real(json, "idle_lanes", s->mac_lanes > 0 ? 1 - share(s->mac_lanes, all_lanes(m, s)) : 1);
    json_put_int(json, "pin_bytes", s->pin_bytes);
    json_put_int(json, "bank_bytes", s->bank_bytes);
    put_counts(json, "energy_pj", s, true);
    put_stalls(json, m, s);
    json_put_int(json, "stall_refresh_timer", s->stall_refresh);
    json_put_end(json);
}

static void put_fault(JsonWriter *json, const PimFault *f)
{
    json_put_object(json, "hazard");
    json_put_text(json, "why", f->why);
    json_put_int(json, "stream", f->stream);
    json_put_int(json, "command", f->command);
    json_put_text(json, "text", f->text);
    if (f->hazard.rule != NULL) {
        json_put_int(json, "rule", f->hazard.rule->number);
        json_put_text(json, "distance", f->hazard.rule->expression);
        json_put_int(json, "follows", f->hazard.before);
        json_put_int(json, "at", f->hazard.time_after);
        json_put_int(json, "follows_at", f->hazard.time_before);
        json_put_int(json, "needs", f->hazard.needs);
    }
    json_put_end(json);
}

static void report_json(const Sim *sim, const PimMachine *m, const PimResult *r, const ImageRun *run, bool values, bool ok, Text *out)
{
    JsonWriter json;
    int64_t energy = 0, refreshes = 0;
    json_begin(&json, out);
    json_put_object(&json, NULL);
    json_put_text(&json, "path", sim->path);
    json_put_text(&json, "machine", m->name);
    json_put_text(&json, "status", ok ? "ok" : "illegal");
    json_put_text(&json, "quirks", m->peer ? "peer" : "none");
    if (r->fault.why != NULL)
        put_fault(&json, &r->fault);
    for (uint32_t i = 0; i < r->streams.n; i++) {
        energy += energy_of(&r->streams.at[i]) * __builtin_popcountll(r->streams.at[i].channels);
        refreshes += r->streams.at[i].refreshes;
    }
    json_put_int(&json, "cycles", r->cycles);
    json_put_real(&json, "clock_ghz", m->period > 0 ? 1e6 / (double)m->period : 0);
    json_put_real(&json, "ns", (double)r->cycles * (double)m->period * 1e-6);
    json_put_text(&json, "cycles_include", includes);
    json_put_uint(&json, "launches", r->streams.n);
    json_put_uint(&json, "host_steps", run->host_runs);
    json_put_uint(&json, "commands", r->commands);
    json_put_uint(&json, "macs", r->macs);
    json_put_uint(&json, "bytes", r->burst_bytes);
    json_put_int(&json, "refreshes", refreshes);
    json_put_real(&json, "energy_pj", (double)energy * 1e-3);
    if (values && ok)
        json_put_text(&json, "digest", arena_printf(&sim->cx->arena, "%016" PRIx64, sim_digest(run)));
    json_put_array(&json, "streams");
    for (uint32_t i = 0; i < r->streams.n; i++)
        put_stream(&json, m, &r->streams.at[i]);
    json_put_end(&json);
    json_put_end(&json);
    text_printf(out, "\n");
}

static void report_stream(const PimMachine *m, const PimStreamResult *s, Text *out)
{
    int64_t waited;
    int top = top_stall(m, s, &waited);
    text_printf(out, "  %d channels: %" PRId64 " cycles, %" PRId64 " refreshes, row hits %.1f %%, column slots %.1f %%, idle lanes %.1f %%\n",
                __builtin_popcountll(s->channels), s->cycles, s->refreshes, s->accesses > 0 ? 100 - 100 * share(s->misses, s->accesses) : 0.0,
                100 * share(s->busy, s->cycles), s->mac_lanes > 0 ? 100 - 100 * share(s->mac_lanes, all_lanes(m, s)) : 100.0);
    text_printf(out, "    bytes a channel: %" PRId64 " on pins, %" PRId64 " in banks; energy %.1f nJ (stand-by %.1f%s)", s->pin_bytes, s->bank_bytes,
                (double)energy_of(s) * 1e-6, (double)s->energy_idle * 1e-6, m->power_closed == 0 ? ": none published" : "");
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++)
        if (s->counts[d] != 0)
            text_printf(out, ", %" PRId64 " %s %.1f", s->counts[d], pim_device_text((PimDevice)d), (double)s->energy[d] * 1e-6);
    text_printf(out, "\n");
    if (waited > 0 && top >= 0)
        text_printf(out, "    longest waits: %" PRId64 " cycles for rule %u (%s)\n", waited, m->rules[top].number, m->rules[top].expression);
    else if (waited > 0)
        text_printf(out, "    longest waits: %" PRId64 " cycles for the timer of refreshes\n", waited);
}

static void report(const Sim *sim, const PimMachine *m, const PimResult *r, const ImageRun *run, bool values, Text *out)
{
    text_printf(out, "%s on %s: %" PRId64 " cycles of %g ns = %.1f ns in %u launches, %" PRIu64 " host steps, %" PRIu64 " %s, %" PRIu64 " bytes",
                sim->path, m->name, r->cycles, (double)m->period * 1e-6, (double)r->cycles * (double)m->period * 1e-6, r->streams.n, run->host_runs,
                r->macs, m->family == PIM_HBM ? "lane operations" : "multiply-adds", r->burst_bytes);
    if (values)
        text_printf(out, ", outputs %016" PRIx64, sim_digest(run));
    text_printf(out, "\n");
    for (uint32_t i = 0; i < r->streams.n; i++)
        report_stream(m, &r->streams.at[i], out);
}

/* With times of its own a stream is judged by the checker alone. */
static weir_status check_only(Sim *sim, const PimMachine *m, PimResult *r)
{
    if (sim->image.at.n > 0)
        return pim_judge_image(sim->cx, &sim->image, m, r);
    return pim_sim(sim->cx, &sim->image, m, (PimOptions){.mode = PIM_TIME_ONLY}, NULL, NULL, r);
}

/* Everything of the image but its commands, and a launch for each stream that the trace will hold: with the trace a whole text. */
static weir_status begin_trace(Sim *sim, Text *out)
{
    const Image *image = &sim->image;
    Image head = *image;
    const PimCode none = {0};
    uint32_t launches = 0;
    memset(&head.code, 0, sizeof head.code);
    memset(&head.steps, 0, sizeof head.steps);
    memset(&head.hosts, 0, sizeof head.hosts);
    memset(&head.debug, 0, sizeof head.debug);
    TRY(pim_encode(sim->cx, &none, &head));
    for (uint32_t i = 0; i < image->steps.n && image->steps.at[i].op != STEP_HALT; i++)
        if (image->steps.at[i].op == STEP_LAUNCH) {
            const ImageStep step = {.op = STEP_LAUNCH, .a = launches++};
            vec_push(&sim->cx->arena, &head.steps, step);
        }
    return image_print(sim->cx, &head, out);
}

weir_status sim_pim(Sim *sim, ImageRun *run, bool values, bool time, Text *out)
{
    PimMachine machine;
    const PimHost host = {image_run_host, run};
    PimResult result = {0};
    Text trace;
    TRY(pim_machine(sim, &machine));
    if (sim->trace != NULL)
        return serve(sim, &machine, out);
    text_init(&trace, &sim->cx->arena);
    if (sim->settings->trace != NULL)
        TRY(begin_trace(sim, &trace));
    const PimOptions options = {.mode = values && time ? PIM_BOTH : values ? PIM_VALUES : PIM_TIME_ONLY,
                                .trace = sim->settings->trace != NULL ? &trace : NULL};
    weir_status status = sim->settings->check_only ? check_only(sim, &machine, &result)
                                                   : pim_sim(sim->cx, &sim->image, &machine, options, run->buffers, &host, &result);
    if (status != WEIR_OK && !(sim->settings->json && result.fault.why != NULL))
        return status;
    if (sim->settings->json)
        report_json(sim, &machine, &result, run, values, status == WEIR_OK, out);
    else
        report(sim, &machine, &result, run, values, out);
    if (status != WEIR_OK) {
        TRY(text_deliver(sim->cx, out, sim->settings->output, sim->out));
        return status;
    }
    return sim->settings->trace != NULL ? text_deliver(sim->cx, &trace, sim->settings->trace, sim->out) : WEIR_OK;
}
