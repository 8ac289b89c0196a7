/*
 * backends/report/page.h: one HTML page with inline SVG, no scripts, nothing loaded from elsewhere.
 *
 * In:   words and figures. Out: a text that a browser shows alike in light and in dark.
 * Keep: every word that comes from outside goes through page_words; colours are classes of the style, never numbers in the body.
 */
#ifndef WEIR_BACKENDS_REPORT_PAGE_H
#define WEIR_BACKENDS_REPORT_PAGE_H

#include "support/text.h"

/* Kinds of time, in the order in which bars stack them; a class of the style each. */
typedef enum PageShade { SHADE_BUSY, SHADE_STARVE, SHADE_STALL, SHADE_CONFLICT, SHADE_SERVER, SHADE_IDLE, SHADE_COUNT } PageShade;

typedef struct PagePart {
    PageShade shade;
    const char *name;
    int64_t amount;
} PagePart;

void page_begin(Text *page, const char *title);
void page_end(Text *page);
/* Words with < > & " escaped. */
void page_words(Text *page, const char *words);
void page_heading(Text *page, const char *words);
/* A row of figures at the top: name above, value below. `page_figures_end` closes it. */
void page_figures_begin(Text *page);
void page_figure(Text *page, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void page_figures_end(Text *page);
/* The legend of `parts`' shades. */
void page_legend(Text *page, const PagePart *parts, uint32_t n);
/* One bar `width` long for `whole`: the parts stacked from the left, each with its share as a tooltip. */
void page_bar(Text *page, const char *name, const PagePart *parts, uint32_t n, int64_t whole);

void svg_begin(Text *page, int width, int height, const char *label);
void svg_end(Text *page);
/* Corner, size, class, tooltip ("" none). */
void svg_box(Text *page, double x, double y, double width, double height, const char *class, const char *tip);
void svg_line(Text *page, double x1, double y1, double x2, double y2, double thick, const char *class, const char *tip);
void svg_words(Text *page, double x, double y, const char *class, const char *words);

/* 0..9: the class `heat0`..`heat9` of a share in 0..1. */
int page_heat(double share);

#endif
