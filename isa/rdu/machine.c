/* isa/rdu/machine.c: see isa/rdu/machine.h. */
#include "isa/rdu/machine.h"

#include <string.h>

weir_status rdu_machine_named(weir_context *cx, const char *name, RduMachine *out_machine)
{
    if (strcmp(name, "tiny") != 0) {
        diag(&cx->diag, place_none(), E_NO_NAME, "machine", name);
        return WEIR_MALFORMED;
    }
    RduMachine m = {.name = "tiny", .n_tiers = 1};
#define RDU_KEY(member, key, kind, otherwise) m.member = otherwise;
#include "isa/rdu/keys.def"
    m.tiers[0] = (RduTier){.name = "dram", .bytes = 1 << 20, .burst = 16, .latency = 20, .bandwidth = 8};
    *out_machine = m;
    return WEIR_OK;
}
