/*
 * ir/parse.c: cascade_parse: text -> syntax tree -> resolved, verified cascades.
 */
#include "ir/tokens.h"

#define YYSTYPE CASCADEYY_STYPE /* for the scanner's header */
#include "ir/cascade.lex.h"

static CascadeParse *parse_text(weir_context *cx, const Source *source)
{
    CascadeParse *p = ARENA_NEW(&cx->arena, CascadeParse);
    *p = (CascadeParse){.cx = cx, .source = source, .tokens = ARENA_NEW(&cx->arena, TokenSource)};
    p->tokens->line = p->tokens->column = 1;
    if (source->bytes > INT32_MAX) {
        parse_error(p, (SynAt){1, 1, 0}, E_SYNTAX, "a text of more than 2 GiB");
        return p;
    }
    if (cascadeyy_lex_init_extra(p, &p->tokens->scanner) != 0)
        weir_bug(cx, "no scanner");
    cascadeyy__scan_bytes(source->bytes == 0 ? "" : source->text, (int)source->bytes, p->tokens->scanner);
    if (cascadeyy_parse(p) != 0 && p->errors == 0)
        parse_error(p, (SynAt){p->tokens->line, p->tokens->column, 0}, E_SYNTAX, "the text ends too early");
    return p;
}

weir_status cascade_parse(weir_context *cx, const Source *source, uint32_t *out_n, Cascade ***out_cascades)
{
    CascadeParse *p = parse_text(cx, source);
    if (p->errors != 0)
        return WEIR_MALFORMED;
    Cascade **cascades = ARENA_ARRAY(&cx->arena, Cascade *, p->cascades.n);
    for (uint32_t i = 0; i < p->cascades.n; i++)
        cascades[i] = cascade_resolve(p, &p->cascades.at[i]);
    if (p->errors != 0)
        return p->invalid ? WEIR_INVALID : WEIR_MALFORMED;
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; i < p->cascades.n; i++) {
        weir_status one = cascade_verify(cascades[i]);
        status = status == WEIR_OK ? one : status;
    }
    *out_n = p->cascades.n;
    *out_cascades = cascades;
    return status;
}
