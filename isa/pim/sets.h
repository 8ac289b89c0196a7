/* isa/pim/sets.h: the sets that rows of timing.def are sums of, one bit a device command. Only for files that read timing.def. */
#ifndef WEIR_ISA_PIM_SETS_H
#define WEIR_ISA_PIM_SETS_H

#include "isa/pim/machine.h"

enum {
#define PIM_DEVICE(family, id, text, kind, doc) id = 1 << PIM_DEV_##id,
#include "isa/pim/cmd.def"
    A1 = ACT | ACT4,
    P1 = PRE | PRE4,
    C16 = RD | WR | RDCP | WRCP | MAC | MAC16 | AF16 | EWMUL16 | WRA16,
    G16 = WRGB | WRMAC16 | RDMAC16 | RDAF16,
    ALL = HACT - 1,
    HP = HPRE | HPREA,
    HR = HRD | HRDR,
    HW = HWR | HWRR,
    HROW = HACT | HP | HREF,
    HCOL = HR | HW
};

#endif
