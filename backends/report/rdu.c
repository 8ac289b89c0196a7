/*
 * backends/report/rdu.c: kernels of the dataflow machine on a page.
 *
 * The grid shows every site of the machine: a unit is the fuller the larger its share of firing cycles, a link the thicker the
 * more tokens a cycle cross it (along the row first, then the column; one line where several ends of a flow share it). Below,
 * the cycles of the busiest units by kind.
 */
#include "backends/report/page.h"
#include "backends/report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BARS = 32, NAMED_SITES = 400 };

/* ---- load of the links ---- */

/* Tokens over the links to the east and to the south of each site, both directions together. */
typedef struct Links {
    uint32_t cols, rows;
    int64_t *east, *south;
    const RduFlowResult **seen_east, **seen_south; /* the flow that crossed last: its ends share a link */
} Links;

static void cross(int64_t *load, const RduFlowResult **seen, size_t at, const RduFlowResult *flow)
{
    if (seen[at] != NULL && seen[at]->name == flow->name && seen[at]->from == flow->from)
        return;
    seen[at] = flow;
    load[at] += flow->tokens;
}

static void walk(Links *links, const RduFlowResult *flow, const RduHead *from, const RduHead *to)
{
    uint32_t low_x = from->x < to->x ? from->x : to->x, high_x = from->x < to->x ? to->x : from->x;
    uint32_t low_y = from->y < to->y ? from->y : to->y, high_y = from->y < to->y ? to->y : from->y;
    for (uint32_t x = low_x; x < high_x; x++)
        cross(links->east, links->seen_east, (size_t)from->y * links->cols + x, flow);
    for (uint32_t y = low_y; y < high_y; y++)
        cross(links->south, links->seen_south, (size_t)y * links->cols + to->x, flow);
}

static Links load_of(Arena *arena, const RduMachine *machine, const RduKernel *kernel, const RduKernelResult *result)
{
    Links links = {.cols = machine->site_cols, .rows = machine->site_rows};
    size_t sites = (size_t)links.cols * links.rows;
    links.east = ARENA_ARRAY(arena, int64_t, sites);
    links.south = ARENA_ARRAY(arena, int64_t, sites);
    links.seen_east = ARENA_ARRAY(arena, const RduFlowResult *, sites);
    links.seen_south = ARENA_ARRAY(arena, const RduFlowResult *, sites);
    for (uint32_t i = 0; i < result->n_flows; i++) {
        const RduFlowResult *flow = &result->flows[i];
        walk(&links, flow, &kernel->units.at[flow->from].head, &kernel->units.at[flow->to].head);
    }
    return links;
}

/* ---- the grid ---- */

typedef struct Grid {
    Text *page;
    const RduMachine *machine;
    const RduKernel *kernel;
    const RduKernelResult *result;
    int cell, gap; /* of a site and between sites, pixels */
} Grid;

static double corner(const Grid *g, uint32_t at)
{
    return 8.0 + (double)at * (g->cell + g->gap);
}

static void draw_link(const Grid *g, uint32_t x, uint32_t y, bool east, int64_t tokens)
{
    char tip[96];
    double share = g->result->cycles > 0 ? (double)tokens / (double)g->result->cycles : 0, cx = corner(g, x), cy = corner(g, y);
    double middle = g->cell / 2.0, thick = 1 + (share > 1 ? 1 : share) * (g->cell * 0.18);
    snprintf(tip, sizeof tip, "%" PRId64 " tokens, %.2f a cycle", tokens, share);
    if (east)
        svg_line(g->page, cx + g->cell, cy + middle, cx + g->cell + g->gap, cy + middle, thick, "link", tip);
    else
        svg_line(g->page, cx + middle, cy + g->cell, cx + middle, cy + g->cell + g->gap, thick, "link", tip);
}

static void draw_links(const Grid *g, const Links *links)
{
    for (uint32_t y = 0; y < links->rows; y++)
        for (uint32_t x = 0; x < links->cols; x++) {
            size_t at = (size_t)y * links->cols + x;
            if (links->east[at] > 0)
                draw_link(g, x, y, true, links->east[at]);
            if (links->south[at] > 0)
                draw_link(g, x, y, false, links->south[at]);
        }
}

static double busy_share(const Grid *g, uint32_t unit)
{
    return g->result->cycles > 0 ? (double)g->result->units[unit].fire / (double)g->result->cycles : 0;
}

static void draw_sites(const Grid *g)
{
    bool named = g->machine->site_cols * g->machine->site_rows <= NAMED_SITES;
    for (uint32_t y = 0; y < g->machine->site_rows; y++)
        for (uint32_t x = 0; x < g->machine->site_cols; x++) {
            char kind[2] = {rdu_site_kind(g->machine, x, y), 0};
            if (kind[0] == '.')
                continue;
            svg_box(g->page, corner(g, x), corner(g, y), g->cell, g->cell, "empty", "");
            if (named)
                svg_words(g->page, corner(g, x) + 5, corner(g, y) + 13, "soft", kind);
        }
    for (uint32_t u = 0; u < g->kernel->units.n; u++) {
        const RduUnit *unit = &g->kernel->units.at[u];
        char tip[160], class[16], share[16];
        double x = corner(g, unit->head.x), y = corner(g, unit->head.y);
        snprintf(tip, sizeof tip, "%s at %u,%u: %" PRId64 " firings, %.1f %% of %" PRId64 " cycles", unit->name, (unsigned)unit->head.x,
                 (unsigned)unit->head.y, g->result->units[u].fire, 100 * busy_share(g, u), g->result->cycles);
        snprintf(class, sizeof class, "heat%d", page_heat(busy_share(g, u)));
        snprintf(share, sizeof share, "%.0f %%", 100 * busy_share(g, u));
        svg_box(g->page, x, y, g->cell, g->cell, class, tip);
        svg_box(g->page, x, y, g->cell, g->cell, "frame", tip);
        if (named) {
            svg_words(g->page, x + g->cell / 2.0, y + g->cell / 2.0 + 2, "name", unit->name);
            svg_words(g->page, x + g->cell / 2.0, y + g->cell / 2.0 + 16, "name soft", share);
        }
    }
}

static void draw_grid(const Grid *g)
{
    Links links = load_of(g->page->arena, g->machine, g->kernel, g->result);
    int width = 16 + (int)g->machine->site_cols * (g->cell + g->gap) - g->gap;
    int height = 16 + (int)g->machine->site_rows * (g->cell + g->gap) - g->gap;
    svg_begin(g->page, width, height, "units on their sites, and the load of the links");
    draw_sites(g);
    draw_links(g, &links);
    svg_end(g->page);
    text_printf(g->page, "<p class=\"note\">Fuller: a larger share of cycles in which the unit fires. Thicker: more tokens a cycle. "
                         "Dashed: no unit there. A: address generator, M: memory unit, P: compute unit.</p>\n");
}

/* ---- cycles by kind ---- */

static void parts_of(const RduCounters *c, PagePart *out)
{
    const PagePart parts[SHADE_COUNT] = {
        {SHADE_BUSY, "firing", c->fire}, {SHADE_STARVE, "waits for tokens", c->starve}, {SHADE_STALL, "waits for space", c->stall},
        {SHADE_CONFLICT, "bank conflict or throttle", c->conflict}, {SHADE_SERVER, "waits for memory", c->server},
        {SHADE_IDLE, "before the first, after the last firing", c->idle},
    };
    memcpy(out, parts, sizeof parts);
}

typedef struct Ranked {
    int64_t fire;
    uint32_t unit;
} Ranked;

static int busiest_first(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->fire != y->fire)
        return x->fire > y->fire ? -1 : 1;
    return x->unit < y->unit ? -1 : 1;
}

static void draw_cycles(const Grid *g)
{
    uint32_t n = g->kernel->units.n;
    Ranked *ranked = ARENA_ARRAY(g->page->arena, Ranked, n);
    PagePart parts[SHADE_COUNT];
    for (uint32_t u = 0; u < n; u++)
        ranked[u] = (Ranked){g->result->units[u].fire, u};
    if (n > 0)
        qsort(ranked, n, sizeof *ranked, busiest_first);
    parts_of(&(RduCounters){0}, parts);
    page_legend(g->page, parts, SHADE_COUNT);
    for (uint32_t i = 0; i < n && i < BARS; i++) {
        parts_of(&g->result->units[ranked[i].unit], parts);
        page_bar(g->page, g->kernel->units.at[ranked[i].unit].name, parts, SHADE_COUNT, g->result->cycles);
    }
    if (n > BARS)
        text_printf(g->page, "<p class=\"note\">The %d busiest of %u units.</p>\n", BARS, n);
}

/* ---- the page ---- */

static void draw_figures(Text *page, const RduMachine *machine, const RduResult *result)
{
    page_figures_begin(page);
    page_figure(page, "machine", "%s", machine->name);
    page_figure(page, "cycles", "%" PRId64, result->cycles);
    page_figure(page, "launches", "%" PRId64, result->launches);
    page_figure(page, "cycles to launch", "%" PRId64, result->launch_cycles);
    page_figure(page, "multiply-adds", "%" PRIu64, result->macs);
    for (uint32_t i = 0; i < machine->n_tiers; i++) {
        double cycles = machine->tiers[i].bandwidth > 0 ? (double)result->bytes[i] / machine->tiers[i].bandwidth : 0;
        page_figure(page, machine->tiers[i].name, "%" PRIu64 " B, %.0f %% of its bandwidth", result->bytes[i],
                    result->cycles > 0 ? 100 * cycles / (double)result->cycles : 0);
    }
    page_figures_end(page);
}

void report_rdu(Text *page, const RduMachine *machine, const RduResult *result)
{
    bool many = machine->site_cols * machine->site_rows > NAMED_SITES;
    draw_figures(page, machine, result);
    for (uint32_t k = 0; k < result->code->kernels.n; k++) {
        const RduKernel *kernel = &result->code->kernels.at[k];
        Grid g = {page, machine, kernel, &result->kernels[k], many ? 16 : 56, many ? 6 : 22};
        if (g.result->launches == 0)
            continue;
        page_heading(page, kernel->name);
        text_printf(page, "<p>%u units, %" PRId64 " cycles, launched %" PRId64 " times.</p>\n", kernel->units.n, g.result->cycles, g.result->launches);
        draw_grid(&g);
        draw_cycles(&g);
    }
}
