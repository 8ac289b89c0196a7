/*
 * isa/pim/audit.c: every pair of device commands is judged: by a rule, by the state, or said to be free.
 *
 * In:   the rows of timing.def. Out: the pairs that nothing judges, by where the second command goes.
 * Keep: the bus (rule 1) judges nothing: it holds for every pair.
 */
#include "isa/pim/sets.h"
#include "support/text.h"

/* Where the second command goes: a bank of the first, another bank of its group, another group. */
enum { SAME = 1, GROUP = 2, CHANNEL = 4, OTHER = GROUP | CHANNEL, ANY = SAME | OTHER };

typedef struct Ruling {
    PimFamily family;
    uint32_t before, after;
    uint32_t where;
} Ruling;

/* What a rule of a level judges. */
enum { WHERE_CH = ANY, WHERE_BG = SAME | GROUP, WHERE_BK = SAME };

/* Commands of one bank, or (hbm) of a parity, which is one bank a unit; of a group; the rest is of the channel. */
enum {
    ONE_BANK = ACT | PRE | RD | WR | RDCP | WRCP | MAC | HACT | HPRE | HR | HW,
    ONE_GROUP = ACT4 | PRE4
};

static const Ruling rulings[] = {
#define PIM_RULE(family, number, before, after, level, distance, window, peer)                                         \
    {PIM_##family, (uint32_t)(number == 1 ? 0 : before), (uint32_t)(after), WHERE_##level},
#define PIM_FREE(family, before, after, where) {PIM_##family, (uint32_t)(before), (uint32_t)(after), where},
#define PIM_STATE(family, before, after, where) {PIM_##family, (uint32_t)(before), (uint32_t)(after), where},
#include "isa/pim/timing.def"
};

/* What there is to judge of a pair. */
static uint32_t relations(uint32_t b, uint32_t a)
{
    uint32_t one = (ONE_BANK >> b & 1) + (ONE_BANK >> a & 1), group = (ONE_GROUP >> b & 1) + (ONE_GROUP >> a & 1);
    if (one + group < 2)
        return SAME;
    return one == 2 ? ANY : SAME | CHANNEL;
}

uint32_t pim_audit(PimFamily family, struct Text *out)
{
    static const char *const where_text[] = {"", "on the same bank", "on another bank of the group", "", "in another group"};
    uint32_t open = 0;
    for (uint32_t b = 0; b < PIM_DEV_COUNT; b++)
        for (uint32_t a = 0; a < PIM_DEV_COUNT; a++) {
            uint32_t judged = 0;
            if (pim_device_family((PimDevice)b) != family || pim_device_family((PimDevice)a) != family)
                continue;
            for (size_t i = 0; i < sizeof rulings / sizeof *rulings; i++)
                if (rulings[i].family == family && (rulings[i].before >> b & 1) != 0 && (rulings[i].after >> a & 1) != 0)
                    judged |= rulings[i].where;
            for (uint32_t where = SAME; where <= CHANNEL; where *= 2)
                if ((relations(b, a) & where & ~judged) != 0) {
                    text_printf(out, "%s -> %s %s\n", pim_device_text((PimDevice)b), pim_device_text((PimDevice)a), where_text[where]);
                    open++;
                }
        }
    return open;
}
