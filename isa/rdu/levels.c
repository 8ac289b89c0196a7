/* isa/rdu/levels.c: loops as they count in levels (neighbouring vec loops are one), sizes of types. */
#include "isa/rdu/text.h"

uint32_t rdu_type_bytes(uint32_t type)
{
    static const uint32_t bytes[RDU_TYPE_COUNT] = {4, 2, 4, 1, 1};
    return type < RDU_TYPE_COUNT ? bytes[type] : 4;
}

uint32_t rdu_n_levels(const RduProgram *program)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < program->loops.n; i++)
        n += !(i > 0 && program->loops.at[i].vec && program->loops.at[i - 1].vec);
    return n;
}

void rdu_level_loops(const RduProgram *program, uint32_t i, uint32_t *out_first, uint32_t *out_last)
{
    uint32_t at = 0;
    for (uint32_t level = 0;; level++) {
        uint32_t last = at;
        while (program->loops.at[at].vec && last + 1 < program->loops.n && program->loops.at[last + 1].vec)
            last++;
        if (level == i) {
            *out_first = at;
            *out_last = last;
            return;
        }
        at = last + 1;
    }
}
