/*
 * tools/explain.c: weir explain: what the codes of diagnostics mean.
 */
#include <string.h>

#include "support/nearest.h"
#include "tools/options.h"

static void print_code(const Options *options, DiagId id)
{
    if (options->json)
        printf("{\"code\":\"%s\",\"explanation\":\"%s\"}\n", diag_code(id), diag_explanation(id));
    else if (options->markdown)
        printf("| %s | %s |\n", diag_code(id), diag_explanation(id));
    else
        printf("%s: %s\n", diag_code(id), diag_explanation(id));
}

static weir_status explain(weir_context *cx, const Options *options, const char *code)
{
    Nearest nearest = nearest_to(code, strlen(code));
    for (int id = 0; id < DIAG_COUNT; id++) {
        if (strcmp(diag_code((DiagId)id), code) == 0) {
            print_code(options, (DiagId)id);
            return WEIR_OK;
        }
        nearest_offer(&nearest, diag_code((DiagId)id));
    }
    diag(&cx->diag, place_none(), E_USAGE, arena_printf(&cx->arena, "no diagnostic has the code '%s'", code));
    if (nearest.best != NULL)
        diag_note(&cx->diag, "did you mean %s?", nearest.best);
    return WEIR_USAGE;
}

weir_status verb_explain(weir_context *cx, const Options *options)
{
    weir_status status = WEIR_OK;
    if (options->n_words == 0 && options->markdown)
        fputs("| code | meaning |\n|---|---|\n", stdout);
    for (int id = 0; options->n_words == 0 && id < DIAG_COUNT; id++)
        print_code(options, (DiagId)id);
    for (uint32_t i = 0; i < options->n_words; i++)
        if (explain(cx, options, options->words[i]) != WEIR_OK)
            status = WEIR_USAGE;
    return status;
}
