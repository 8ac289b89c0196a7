/*
 * backends/catalog.c: weir targets and weir ops: what there is.
 */
#include <string.h>

#include "backends/job.h"
#include "backends/text.h"
#include "frontend/lower/catalog.h"
#include "support/json.h"

typedef struct Catalog {
    weir_context *cx;
    const weir_settings *settings;
    const char *name;
    FILE *out;
} Catalog;

static weir_status list_targets(void *data)
{
    const Catalog *catalog = data;
    Text text;
    text_init(&text, &catalog->cx->arena);
    if (catalog->name != NULL) {
        const Machine *machine;
        TRY(machine_load(catalog->cx, catalog->name, &machine));
        for (uint32_t i = 0; i < catalog->settings->n_set; i++)
            TRY(machine_set(catalog->cx, machine, catalog->settings->set[i], &machine));
        machine_print(machine, &text);
        return text_deliver(catalog->cx, &text, NULL, catalog->out);
    }
    if (catalog->settings->markdown)
        text_printf(&text, "| target | machine | |\n|---|---|---|\n");
    for (uint32_t i = 0; target_at(i) != NULL; i++) {
        const TargetInfo *t = target_at(i);
        if (catalog->settings->json) {
            JsonWriter json;
            json_begin(&json, &text);
            json_put_object(&json, NULL);
            json_put_text(&json, "target", t->name);
            json_put_text(&json, "machine", t->machine);
            json_put_text(&json, "doc", t->doc);
            json_put_end(&json);
            text_printf(&text, "\n");
        } else {
            text_printf(&text, catalog->settings->markdown ? "| `%s` | %s | %s |\n" : "%-8s on %-12s %s\n", t->name,
                        t->machine, t->doc);
        }
    }
    return text_deliver(catalog->cx, &text, NULL, catalog->out);
}

static weir_status list_ops(void *data)
{
    const Catalog *catalog = data;
    Text text;
    text_init(&text, &catalog->cx->arena);
    weir_status status = WEIR_OK;
    if (catalog->settings->model != NULL) {
        Model *model;
        TRY(model_read(catalog->cx, catalog->settings->model, &model));
        status = operators_of_model(catalog->cx, model, catalog->settings->json, &text);
    } else {
        operators_print(catalog->cx, catalog->settings->json, catalog->settings->markdown, &text);
    }
    TRY(text_deliver(catalog->cx, &text, NULL, catalog->out));
    return status;
}

int weir_targets(weir_context *cx, const weir_settings *settings, const char *name, FILE *out)
{
    Catalog catalog = {cx, settings, name, out};
    return (int)api_guard(cx, list_targets, &catalog);
}

int weir_ops(weir_context *cx, const weir_settings *settings, FILE *out)
{
    Catalog catalog = {cx, settings, NULL, out};
    return (int)api_guard(cx, list_ops, &catalog);
}
