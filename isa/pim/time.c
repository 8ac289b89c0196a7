/* isa/pim/time.c: see isa/pim/time.h. */
#include "isa/pim/time.h"

enum { NEVER = -1000000000 };

void pim_channel_open(PimChannel *c, const PimMachine *machine, bool peer)
{
    *c = (PimChannel){.machine = machine, .peer = peer, .now = -1};
    for (int b = 0; b < PIM_BANKS; b++)
        c->row[b] = PIM_CLOSED;
    for (int d = 0; d < PIM_DEV_COUNT; d++) {
        for (int i = 0; i < PIM_MAX_WINDOW; i++)
            c->channel[d][i] = NEVER;
        for (int i = 0; i < PIM_GROUPS; i++)
            c->group[d][i] = NEVER;
        for (int i = 0; i < PIM_BANKS; i++)
            c->bank[d][i] = NEVER;
    }
}

int pim_device_of(const PimCommand *command)
{
    uint32_t scope = command->w.scope;
    switch (command->w.op) {
    case PIM_OP_ACT:
        return scope == PIM_BANK ? PIM_DEV_ACT : scope == PIM_GROUP ? PIM_DEV_ACT4 : PIM_DEV_ACT16;
    case PIM_OP_PRE:
        return scope == PIM_BANK ? PIM_DEV_PRE : scope == PIM_GROUP ? PIM_DEV_PRE4 : PIM_DEV_PREA;
    case PIM_OP_RD:
        return PIM_DEV_RD;
    case PIM_OP_WR:
        return PIM_DEV_WR;
    case PIM_OP_REF:
        return PIM_DEV_REFAB;
    case PIM_OP_MAC:
        return scope == PIM_BANK ? PIM_DEV_MAC : PIM_DEV_MAC16;
    case PIM_OP_AF:
        return PIM_DEV_AF16;
    case PIM_OP_EWMUL:
        return PIM_DEV_EWMUL16;
    case PIM_OP_RDCP:
        return PIM_DEV_RDCP;
    case PIM_OP_WRCP:
        return PIM_DEV_WRCP;
    case PIM_OP_WRGB:
        return PIM_DEV_WRGB;
    case PIM_OP_WRMAC:
        return PIM_DEV_WRMAC16;
    case PIM_OP_RDMAC:
        return PIM_DEV_RDMAC16;
    case PIM_OP_RDAF:
        return PIM_DEV_RDAF16;
    case PIM_OP_TMOD:
        return PIM_DEV_TMOD;
    case PIM_OP_WRA:
        return PIM_DEV_WRA16;
    default:
        return -1;
    }
}

uint32_t pim_banks_of(PimDevice device, uint32_t bank_or_group)
{
    switch (device) {
    case PIM_DEV_ACT:
    case PIM_DEV_PRE:
    case PIM_DEV_RD:
    case PIM_DEV_WR:
    case PIM_DEV_RDCP:
    case PIM_DEV_WRCP:
    case PIM_DEV_MAC:
        return 1u << (bank_or_group & 15);
    case PIM_DEV_ACT4:
    case PIM_DEV_PRE4:
        return 15u << 4 * (bank_or_group & 3);
    default:
        return 0xFFFF;
    }
}

static bool all_rows(const PimChannel *c, uint32_t banks, int64_t row)
{
    for (int b = 0; b < PIM_BANKS; b++)
        if ((banks >> b & 1) != 0 && c->row[b] != row)
            return false;
    return true;
}

const char *pim_state_fault(const PimChannel *c, PimDevice device, uint32_t banks, int64_t row)
{
    PimDeviceKind kind = pim_device_kind(device);
    bool row_command = kind == PIM_ROW && c->machine->row_in_reg;
    if (c->in_register_mode && kind != PIM_REGISTER && kind != PIM_MODE && !row_command)
        return "only wrgb, wrmac, rdmac, rdaf and tmod stand in register mode";
    if (!c->in_register_mode && kind == PIM_REGISTER)
        return "a register command needs register mode (tmod)";
    if ((device == PIM_DEV_ACT || device == PIM_DEV_ACT4 || device == PIM_DEV_ACT16) && !all_rows(c, banks, PIM_CLOSED))
        return "a bank of its scope has a row open";
    if ((device == PIM_DEV_PRE || device == PIM_DEV_PRE4) && all_rows(c, banks, PIM_CLOSED))
        return "the banks are closed";
    if (kind == PIM_COLUMN && !all_rows(c, banks, row))
        return "the row is not open in every bank of its scope";
    if (device == PIM_DEV_REFAB && !all_rows(c, 0xFFFF, PIM_CLOSED))
        return "a refresh needs all banks closed";
    if (kind == PIM_ROW && row >= c->machine->rows)
        return "the bank has no such row";
    return NULL;
}

/* The latest `before` command (the window-th last) that a rule's level makes count. */
static int64_t last_before(const PimChannel *c, const PimRule *rule, uint32_t banks)
{
    int64_t last = NEVER;
    for (int d = 0; d < PIM_DEV_COUNT; d++) {
        if ((rule->before >> d & 1) == 0)
            continue;
        if (rule->level == PIM_LEVEL_CH && c->channel[d][rule->window - 1] > last)
            last = c->channel[d][rule->window - 1];
        for (int b = 0; rule->level != PIM_LEVEL_CH && b < PIM_BANKS; b++) {
            int64_t t = rule->level == PIM_LEVEL_BK ? c->bank[d][b] : c->group[d][b / 4];
            if ((banks >> b & 1) != 0 && t > last)
                last = t;
        }
    }
    return last;
}

static void change_state(PimChannel *c, PimDevice device, uint32_t banks, int64_t row)
{
    bool opens = device == PIM_DEV_ACT || device == PIM_DEV_ACT4 || device == PIM_DEV_ACT16;
    bool closes = device == PIM_DEV_PRE || device == PIM_DEV_PRE4 || device == PIM_DEV_PREA || device == PIM_DEV_WRA16;
    for (int b = 0; b < PIM_BANKS && (opens || closes); b++)
        if ((banks >> b & 1) != 0)
            c->row[b] = opens ? row : PIM_CLOSED;
    if (device == PIM_DEV_TMOD)
        c->in_register_mode = !c->in_register_mode;
    if (device == PIM_DEV_REFAB) {
        c->refreshes++;
        if (c->first_late == 0 && c->now > c->refreshes * c->machine->nREFI)
            c->first_late = c->refreshes;
    }
}

int64_t pim_issue(PimChannel *c, PimDevice device, uint32_t banks, int64_t row, int64_t not_before)
{
    int64_t time = c->now + 1 > not_before ? c->now + 1 : not_before;
    c->bound_rule = 0;
    for (uint32_t i = 0; i < c->machine->n_rules; i++) {
        const PimRule *rule = &c->machine->rules[i];
        if ((rule->after >> device & 1) == 0 || (rule->strict && c->peer))
            continue;
        int64_t least = last_before(c, rule, banks) + rule->cycles;
        if (least > time) {
            time = least;
            c->bound_rule = rule->number;
        }
    }
    for (int i = PIM_MAX_WINDOW - 1; i > 0; i--)
        c->channel[device][i] = c->channel[device][i - 1];
    c->channel[device][0] = time;
    for (int b = 0; b < PIM_BANKS; b++)
        if ((banks >> b & 1) != 0) {
            c->bank[device][b] = time;
            c->group[device][b / 4] = time;
        }
    c->counts[device]++;
    c->now = time;
    change_state(c, device, banks, row);
    return time;
}
