/* backends/report/page.c: see page.h. */
#include "backends/report/page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;background:var(--paper);color:var(--ink)}\n"
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#656d76;--line:#d0d7de;--idle:#eaeef2;--busy:#1a7f5a;--starve:#d4a72c;"
    "--stall:#cf5c36;--conflict:#8250df;--server:#4a90d9;--heat:26,127,90}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--soft:#8d96a0;--line:#30363d;--idle:#21262d;--busy:#3fb68b;"
    "--starve:#d9b44a;--stall:#e5724c;--conflict:#a685ea;--server:#6cb0f0;--heat:63,182,139}}\n"
    "h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:.5rem 2rem}.figures div{min-width:6rem}.figures b{display:block;font-size:1.15rem}\n"
    ".figures span,.note{color:var(--soft)}.legend span{margin-right:1.2rem}.legend i{display:inline-block;width:.8em;height:.8em;"
    "margin-right:.35em;border-radius:2px}\n"
    "svg{display:block;max-width:100%;height:auto}svg text{fill:var(--ink);font-size:11px}svg text.soft{fill:var(--soft)}"
    "svg text.name{font-size:11px;text-anchor:middle}svg text.right{text-anchor:end}\n"
    ".busy{fill:var(--busy);background:var(--busy)}.starve{fill:var(--starve);background:var(--starve)}"
    ".stall{fill:var(--stall);background:var(--stall)}.conflict{fill:var(--conflict);background:var(--conflict)}"
    ".server{fill:var(--server);background:var(--server)}.idle{fill:var(--idle);background:var(--idle)}\n"
    ".site{fill:none;stroke:var(--line)}.empty{fill:var(--idle);stroke:var(--line);stroke-dasharray:3 3}.frame{stroke:var(--ink);fill:none}\n"
    ".link{stroke:var(--server);stroke-linecap:round;opacity:.85}.axis{stroke:var(--line)}.lane{fill:var(--idle)}\n";

static const char *const shade_class[SHADE_COUNT] = {
    [SHADE_BUSY] = "busy", [SHADE_STARVE] = "starve", [SHADE_STALL] = "stall",
    [SHADE_CONFLICT] = "conflict", [SHADE_SERVER] = "server", [SHADE_IDLE] = "idle",
};

void page_words(Text *page, const char *words)
{
    for (; *words != 0; words++) {
        switch (*words) {
        case '<':
            text_printf(page, "&lt;");
            break;
        case '>':
            text_printf(page, "&gt;");
            break;
        case '&':
            text_printf(page, "&amp;");
            break;
        case '"':
            text_printf(page, "&quot;");
            break;
        default:
            text_add(page, words, 1);
        }
    }
}

void page_begin(Text *page, const char *title)
{
    text_printf(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    page_words(page, title);
    text_printf(page, "</title>\n<style>\n%s", style);
    for (int i = 0; i < 10; i++)
        text_printf(page, ".heat%d{fill:rgba(var(--heat),%.2f)}", i, 0.06 + 0.1 * i);
    text_printf(page, "\n</style></head><body>\n<h1>");
    page_words(page, title);
    text_printf(page, "</h1>\n");
}

void page_end(Text *page)
{
    text_printf(page, "</body></html>\n");
}

void page_heading(Text *page, const char *words)
{
    text_printf(page, "<h2>");
    page_words(page, words);
    text_printf(page, "</h2>\n");
}

void page_figures_begin(Text *page)
{
    text_printf(page, "<div class=\"figures\">\n");
}

void page_figure(Text *page, const char *name, const char *format, ...)
{
    char value[128];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    text_printf(page, "<div><span>");
    page_words(page, name);
    text_printf(page, "</span><b>");
    page_words(page, value);
    text_printf(page, "</b></div>\n");
}

void page_figures_end(Text *page)
{
    text_printf(page, "</div>\n");
}

void page_legend(Text *page, const PagePart *parts, uint32_t n)
{
    text_printf(page, "<p class=\"legend\">");
    for (uint32_t i = 0; i < n; i++) {
        text_printf(page, "<span><i class=\"%s\"></i>", shade_class[parts[i].shade]);
        page_words(page, parts[i].name);
        text_printf(page, "</span>");
    }
    text_printf(page, "</p>\n");
}

void page_bar(Text *page, const char *name, const PagePart *parts, uint32_t n, int64_t whole)
{
    enum { LEFT = 130, WIDTH = 760, HEIGHT = 18 };
    double x = LEFT;
    svg_begin(page, LEFT + WIDTH + 230, HEIGHT + 4, name);
    svg_words(page, LEFT - 8, 14, "right", name);
    for (uint32_t i = 0; i < n && whole > 0; i++) {
        char tip[160];
        double share = (double)parts[i].amount / (double)whole, wide = share * WIDTH;
        snprintf(tip, sizeof tip, "%s: %" PRId64 " (%.1f %%)", parts[i].name, parts[i].amount, 100 * share);
        if (parts[i].amount > 0)
            svg_box(page, x, 2, wide, HEIGHT - 2, shade_class[parts[i].shade], tip);
        x += wide;
    }
    if (whole > 0) {
        char busy[32];
        snprintf(busy, sizeof busy, "%.1f %% %s", 100 * (double)parts[0].amount / (double)whole, parts[0].name);
        svg_words(page, LEFT + WIDTH + 8, 14, "soft", busy);
    }
    svg_end(page);
}

void svg_begin(Text *page, int width, int height, const char *label)
{
    text_printf(page, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"", width, height, width, height);
    page_words(page, label);
    text_printf(page, "\">");
}

void svg_end(Text *page)
{
    text_printf(page, "</svg>\n");
}

static void close_shape(Text *page, const char *shape, const char *tip)
{
    if (tip[0] == 0) {
        text_printf(page, "/>");
        return;
    }
    text_printf(page, "><title>");
    page_words(page, tip);
    text_printf(page, "</title></%s>", shape);
}

void svg_box(Text *page, double x, double y, double width, double height, const char *class, const char *tip)
{
    text_printf(page, "<rect x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\" class=\"%s\"", x, y, width, height, class);
    close_shape(page, "rect", tip);
}

void svg_line(Text *page, double x1, double y1, double x2, double y2, double thick, const char *class, const char *tip)
{
    text_printf(page, "<line x1=\"%.6g\" y1=\"%.6g\" x2=\"%.6g\" y2=\"%.6g\" stroke-width=\"%.3g\" class=\"%s\"", x1, y1, x2, y2, thick, class);
    close_shape(page, "line", tip);
}

void svg_words(Text *page, double x, double y, const char *class, const char *words)
{
    text_printf(page, "<text x=\"%.6g\" y=\"%.6g\" class=\"%s\">", x, y, class);
    page_words(page, words);
    text_printf(page, "</text>");
}

int page_heat(double share)
{
    int heat = (int)(share * 10);
    return heat < 0 ? 0 : heat > 9 ? 9 : heat;
}
