/*
 * backends/report/pim.c: streams of a memory that computes on a page.
 *
 * The timeline shows the banks of one channel: each column of pixels has the busiest kind of command that went to the bank in its
 * cycles, the band behind it says that a row is open. Below, the cycles that commands waited, by rule.
 */
#include "backends/report/page.h"
#include "backends/report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 900, ROW_HEIGHT = 14, LEFT = 60, STREAMS = 8, RULES = 8 };

static PageShade shade_of(PimDeviceKind kind)
{
    switch (kind) {
    case PIM_COLUMN:
        return SHADE_BUSY;
    case PIM_ROW:
        return SHADE_STARVE;
    case PIM_REGISTER:
        return SHADE_CONFLICT;
    case PIM_MODE:
        return SHADE_STALL;
    case PIM_REFRESH:
        return SHADE_SERVER;
    }
    return SHADE_IDLE;
}

static const PagePart kinds[] = {
    {SHADE_BUSY, "column", 0}, {SHADE_STARVE, "row: open, close", 0}, {SHADE_CONFLICT, "register", 0}, {SHADE_STALL, "mode", 0},
    {SHADE_SERVER, "refresh", 0}, {SHADE_IDLE, "a row is open", 0},
};

/* What each bank's columns of pixels show: 0 nothing, 1 an open row, else 2 + a shade. */
typedef struct Timeline {
    const PimMachine *machine;
    int64_t cycles;
    uint8_t cell[PIM_BANKS][COLUMNS];
    int64_t opened[PIM_BANKS]; /* -1: no row is open */
} Timeline;

static uint32_t column_of(const Timeline *t, int64_t cycle)
{
    int64_t column = t->cycles > 0 ? cycle * COLUMNS / t->cycles : 0;
    return (uint32_t)(column < COLUMNS ? column : COLUMNS - 1);
}

static void paint(Timeline *t, uint32_t bank, int64_t from, int64_t to, uint8_t what)
{
    for (uint32_t c = column_of(t, from); c <= column_of(t, to); c++)
        if (t->cell[bank][c] < 2 || what == 2 + SHADE_BUSY)
            t->cell[bank][c] = what;
}

static void close_row(Timeline *t, uint32_t bank, int64_t at)
{
    for (uint32_t c = t->opened[bank] < 0 ? COLUMNS : column_of(t, t->opened[bank]); c <= column_of(t, at) && c < COLUMNS; c++)
        if (t->cell[bank][c] == 0)
            t->cell[bank][c] = 1;
    t->opened[bank] = -1;
}

static void note_command(Timeline *t, const PimCommand *command, int64_t at)
{
    PimAction action;
    if (!pim_action_of(t->machine, command, &action))
        return;
    PimDeviceKind kind = pim_device_kind(action.device);
    bool everywhere = kind == PIM_MODE || kind == PIM_REGISTER || kind == PIM_REFRESH;
    uint32_t banks = everywhere ? UINT32_MAX : pim_banks_of(action.place);
    int64_t last = at + (int64_t)command->w.n1 * t->machine->spacing[action.device];
    for (uint32_t b = 0; b < PIM_BANKS; b++) {
        if ((banks >> b & 1) == 0)
            continue;
        paint(t, b, at, last, (uint8_t)(2 + shade_of(kind)));
        if (kind != PIM_ROW)
            continue;
        bool opens = t->opened[b] < 0;
        close_row(t, b, at);
        if (opens)
            t->opened[b] = at;
    }
}

static void draw_banks(Text *page, const Timeline *t)
{
    static const char *const classes[SHADE_COUNT] = {"busy", "starve", "stall", "conflict", "server", "idle"};
    char words[32];
    svg_begin(page, LEFT + COLUMNS + 20, PIM_BANKS * ROW_HEIGHT + 24, "commands of each bank over time");
    for (uint32_t b = 0; b < PIM_BANKS; b++) {
        double y = b * ROW_HEIGHT;
        snprintf(words, sizeof words, "bank %u", b);
        svg_words(page, LEFT - 8, y + 11, "right", words);
        svg_line(page, LEFT, y + ROW_HEIGHT - 0.5, LEFT + COLUMNS, y + ROW_HEIGHT - 0.5, 0.5, "axis", "");
        for (uint32_t c = 0, end; c < COLUMNS; c = end) {
            uint8_t what = t->cell[b][c];
            for (end = c + 1; end < COLUMNS && t->cell[b][end] == what; end++)
                continue;
            if (what != 0)
                svg_box(page, LEFT + c, y + (what == 1 ? 4 : 1), end - c, ROW_HEIGHT - (what == 1 ? 8 : 2), what == 1 ? "idle" : classes[what - 2], "");
        }
    }
    for (uint32_t k = 0; k <= 4; k++) {
        snprintf(words, sizeof words, "%" PRId64, t->cycles * k / 4);
        svg_words(page, LEFT + k * COLUMNS / 4.0, PIM_BANKS * ROW_HEIGHT + 16, k == 0 ? "soft" : "soft right", words);
    }
    svg_end(page);
}

/* ---- waits ---- */

typedef struct Wait {
    int64_t cycles;
    int rule; /* -1: the timer of refreshes */
} Wait;

static int longest_first(const void *a, const void *b)
{
    const Wait *x = a, *y = b;
    if (x->cycles != y->cycles)
        return x->cycles > y->cycles ? -1 : 1;
    return x->rule - y->rule;
}

static void draw_waits(Text *page, const PimMachine *machine, const PimStreamResult *s)
{
    Wait *waits = ARENA_ARRAY(page->arena, Wait, (size_t)machine->n_rules + 1);
    waits[0] = (Wait){s->stall_refresh, -1};
    for (uint32_t i = 0; i < machine->n_rules; i++)
        waits[i + 1] = (Wait){s->stall[i], (int)i};
    qsort(waits, (size_t)machine->n_rules + 1, sizeof *waits, longest_first);
    for (uint32_t i = 0; i < machine->n_rules + 1 && i < RULES && waits[i].cycles > 0; i++) {
        const PimRule *rule = waits[i].rule < 0 ? NULL : &machine->rules[waits[i].rule];
        PagePart part = {SHADE_STALL, rule == NULL ? "until a refresh was due" : rule->expression, waits[i].cycles};
        page_bar(page, rule == NULL ? "refresh" : arena_printf(page->arena, "rule %u", rule->number), &part, 1, s->cycles);
    }
}

/* ---- the page ---- */

static void draw_figures(Text *page, const PimMachine *machine, const PimResult *result)
{
    int64_t accesses = 0, misses = 0, refreshes = 0;
    for (uint32_t i = 0; i < result->streams.n; i++) {
        accesses += result->streams.at[i].accesses;
        misses += result->streams.at[i].misses;
        refreshes += result->streams.at[i].refreshes;
    }
    page_figures_begin(page);
    page_figure(page, "machine", "%s", machine->name);
    page_figure(page, "cycles", "%" PRId64, result->cycles);
    page_figure(page, "time", "%.1f ns", (double)result->cycles * (double)machine->period * 1e-6);
    page_figure(page, "launches", "%u", result->streams.n);
    page_figure(page, "multiply-adds", "%" PRIu64, result->macs);
    page_figure(page, "bytes over the pins", "%" PRIu64, result->burst_bytes);
    page_figure(page, "row hits", "%.1f %%", accesses > 0 ? 100 * (double)(accesses - misses) / (double)accesses : 0);
    page_figure(page, "refreshes", "%" PRId64, refreshes);
    page_figures_end(page);
}

void report_pim(Text *page, const PimCode *timed, const int64_t *at, const PimMachine *machine, const PimResult *result)
{
    draw_figures(page, machine, result);
    for (uint32_t i = 0; i < timed->streams.n && i < result->streams.n; i++) {
        const PimStream *stream = &timed->streams.at[i];
        const PimStreamResult *s = &result->streams.at[i];
        if (i < STREAMS) {
            Timeline *t = ARENA_NEW(page->arena, Timeline);
            *t = (Timeline){.machine = machine, .cycles = s->cycles};
            memset(t->opened, -1, sizeof t->opened);
            for (uint32_t k = 0; k < stream->commands.n; k++)
                note_command(t, &stream->commands.at[k], at[k]);
            page_heading(page, arena_printf(page->arena, "launch %u", i));
            text_printf(page, "<p>%d channels, %" PRId64 " cycles, column slots used %.1f %%.</p>\n", __builtin_popcountll(s->channels), s->cycles,
                        s->cycles > 0 ? 100 * (double)s->busy / (double)s->cycles : 0);
            page_legend(page, kinds, sizeof kinds / sizeof *kinds);
            draw_banks(page, t);
            text_printf(page, "<p class=\"note\">Cycles that commands waited for a rule of the device, the longest first.</p>\n");
            draw_waits(page, machine, s);
        }
        at += stream->commands.n;
    }
    if (timed->streams.n > STREAMS)
        text_printf(page, "<p class=\"note\">The first %d of %u launches.</p>\n", STREAMS, timed->streams.n);
}
