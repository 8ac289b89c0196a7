/*
 * passes/pass.c: the table of passes and the chain that runs them.
 */
#include "passes/pass.h"

#include <string.h>

#include "support/text.h"

typedef struct PassInfo {
    const char *name;
    weir_status (*run)(PassContext *, Cascade *);
    const char *doc;
} PassInfo;

static const PassInfo passes[PASS_COUNT] = {
#define PASS(id, name, run, doc) [PASS_##id] = {name, run, doc},
#include "passes/passes.def"
#undef PASS
};

const char *pass_name(PassId id)
{
    return passes[id].name;
}

const char *pass_doc(PassId id)
{
    return passes[id].doc;
}

static bool wants_print(const PassContext *p, const char *name)
{
    return p->print_after != NULL && p->printed != NULL &&
           (strcmp(p->print_after, "all") == 0 || strcmp(p->print_after, name) == 0);
}

weir_status pass_run(PassContext *p, Cascade *cs, PassId id)
{
    Cascade *before = p->validate ? cascade_clone(cs) : NULL;
    p->changes_values = false;
    TRY(passes[id].run(p, cs));
    if (p->verify)
        TRY(cascade_verify(cs));
    if (wants_print(p, passes[id].name)) {
        text_printf(p->printed, "# after %s\n", passes[id].name);
        cascade_print(cs, p->printed);
    }
    return before == NULL || p->changes_values ? WEIR_OK : pass_validate(p, before, cs, passes[id].name);
}

static weir_status run_named(PassContext *p, Cascade *cs, const char *text, size_t whole)
{
    const char *name = text;
    const char *colon = memchr(text, ':', whole);
    size_t length = colon == NULL ? whole : (size_t)(colon - text);
    p->argument = colon == NULL ? NULL : arena_string(&p->cx->arena, colon + 1, whole - length - 1);
    for (int i = 0; i < PASS_COUNT; i++)
        if (strlen(passes[i].name) == length && memcmp(passes[i].name, name, length) == 0)
            return pass_run(p, cs, (PassId)i);
    Text known;
    text_init(&known, &p->cx->arena);
    for (int i = 0; i < PASS_COUNT; i++)
        text_printf(&known, "%s%s", i == 0 ? "" : ", ", passes[i].name);
    diag(&p->cx->diag, place_none(), E_USAGE,
         arena_printf(&p->cx->arena, "no pass named '%.*s'", (int)length, name));
    diag_note(&p->cx->diag, "passes: %s", known.at);
    return WEIR_USAGE;
}

weir_status passes_run(PassContext *p, Cascade *cs, const char *names)
{
    while (*names != 0) {
        size_t length = strcspn(names, ",");
        TRY(run_named(p, cs, names, length));
        names += length;
        names += *names == ',' ? 1 : 0;
    }
    return WEIR_OK;
}
