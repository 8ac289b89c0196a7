/* isa/host/vector.c: lane loops as vector statements. */
#include "isa/host/loops.h"
void loops_vectorise(LoopProgram *p, LoopFunction *f)
{
    (void)p;
    (void)f;
}
