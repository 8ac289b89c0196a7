/* backends/c/emit_vector.c: vector expressions as C. */
#include "backends/c/internal.h"
void emit_vector(Emit *e, LoopExprId id, const LoopExpr *x)
{
    (void)id; (void)x;
    e->refused = true;
}
void emit_vector_type(Emit *e, Dtype type, uint32_t lanes)
{
    e->vector_type[type][lanes] = true;
}
void emit_vector_store(Emit *e, const LoopStmt *st)
{
    (void)st;
    e->refused = true;
}
void emit_vectors(Emit *e, Text *out)
{
    (void)e; (void)out;
}
