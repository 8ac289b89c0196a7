/*
 * tools/explain.c: weir explain: what the codes of diagnostics mean.
 */
#include <string.h>

#include "support/json.h"
#include "support/nearest.h"
#include "tools/options.h"

static void print_json(weir_context *cx, DiagId id)
{
    Text text;
    JsonWriter json;
    text_init(&text, &cx->arena);
    json_begin(&json, &text);
    json_put_object(&json, NULL);
    json_put_text(&json, "code", diag_code(id));
    json_put_text(&json, "explanation", diag_explanation(id));
    json_put_end(&json);
    puts(text.at);
}

static void print_code(weir_context *cx, const Options *options, DiagId id)
{
    if (options->json)
        print_json(cx, id);
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
            print_code(cx, options, (DiagId)id);
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
        print_code(cx, options, (DiagId)id);
    for (uint32_t i = 0; i < options->n_words; i++)
        if (explain(cx, options, options->words[i]) != WEIR_OK)
            status = WEIR_USAGE;
    return status;
}
