/*
 * isa/pim/state.c: which commands the rows and modes of a channel allow.
 *
 * In:   a channel's state, a device command. Out: why it is illegal now, or NULL.
 */
#include "isa/pim/time.h"

static bool all_rows(const PimChannel *c, uint32_t banks, int64_t row)
{
    for (int b = 0; b < PIM_BANKS; b++)
        if ((banks >> b & 1) != 0 && c->row[b] != row)
            return false;
    return true;
}

static const char *aim_fault(const PimChannel *c, const PimAction *a)
{
    PimDeviceKind kind = pim_device_kind(a->device);
    bool row_command = kind == PIM_ROW && c->machine->row_in_reg;
    uint32_t banks = pim_banks_of(a->place);
    if (c->in_register_mode && kind != PIM_REGISTER && kind != PIM_MODE && !row_command)
        return "only wrgb, wrmac, rdmac, rdaf and tmod stand in register mode";
    if (!c->in_register_mode && kind == PIM_REGISTER)
        return "a register command needs register mode (tmod)";
    if ((a->device == PIM_DEV_ACT || a->device == PIM_DEV_ACT4 || a->device == PIM_DEV_ACT16) && !all_rows(c, banks, PIM_CLOSED))
        return "a bank of its scope has a row open";
    if ((a->device == PIM_DEV_PRE || a->device == PIM_DEV_PRE4) && all_rows(c, banks, PIM_CLOSED))
        return "the banks are closed";
    if (kind == PIM_COLUMN && !all_rows(c, banks, a->row))
        return "the row is not open in every bank of its scope";
    if (a->device == PIM_DEV_REFAB && !all_rows(c, 0xFFFF, PIM_CLOSED))
        return "a refresh needs all banks closed";
    return NULL;
}

/* The change to AB: nothing but rows ab_row in banks 0, 1, 8, 9, everything else closed. */
static const char *entry_fault(const PimChannel *c, const PimAction *a)
{
    uint32_t entry = 1u | 1u << 1 | 1u << 8 | 1u << 9;
    if (a->row != c->machine->ab_row)
        return c->mode_acts != 0 ? "the change to AB is under way: row ab_row is to be opened in banks 0, 8, 1, 9" : NULL;
    if ((entry >> a->place & 1) == 0)
        return "row ab_row is opened in banks 0, 8, 1, 9 only";
    for (int b = 0; b < PIM_BANKS; b++)
        if (c->row[b] != PIM_CLOSED && c->row[b] != c->machine->ab_row)
            return "the change to AB needs all other banks closed";
    return NULL;
}

static const char *act_fault(const PimChannel *c, const PimAction *a)
{
    const PimMachine *m = c->machine;
    if (!all_rows(c, pim_banks_of(a->place), PIM_CLOSED))
        return "a bank of its scope has a row open";
    if (c->mode == PIM_MODE_SB)
        return entry_fault(c, a);
    if (a->row == m->ab_row)
        return "row ab_row changes SB to AB: the mode is AB";
    uint32_t other = a->place == PIM_PLACE_EVEN ? PIM_PLACE_ODD : PIM_PLACE_EVEN;
    bool open = !all_rows(c, pim_banks_of(other), PIM_CLOSED);
    bool leaves = all_rows(c, pim_banks_of(other), m->sb_row);
    if (a->row == m->sb_row && c->mode == PIM_MODE_ABPIM)
        return "the change to SB starts in AB: PIM_OP_MODE off first";
    if (open && leaves != (a->row == m->sb_row))
        return "the change to SB opens row sb_row in both parities, all closed before";
    return NULL;
}

static const char *hbm_column_fault(const PimChannel *c, const PimAction *a)
{
    const PimMachine *m = c->machine;
    bool is_register = a->device == PIM_DEV_HRDR || a->device == PIM_DEV_HWRR;
    if (is_register && !all_rows(c, pim_banks_of(a->place), m->register_row))
        return "the register row is not open in every bank of its scope";
    if (!is_register && !all_rows(c, pim_banks_of(a->place), a->row))
        return "the row is not open in every bank of its scope";
    if (a->device == PIM_DEV_HRDR && c->mode != PIM_MODE_SB)
        return "registers are read in SB, one unit at a time";
    if (!is_register && a->row == m->register_row)
        return "the register row takes rdr and wrr";
    if (!is_register && c->mode == PIM_MODE_ABPIM && a->row >= m->data_rows)
        return "in AB-PIM data rows end at data_rows";
    return NULL;
}

static const char *hbm_fault(const PimChannel *c, const PimAction *a)
{
    uint32_t banks = pim_banks_of(a->place);
    bool parity = a->place == PIM_PLACE_EVEN || a->place == PIM_PLACE_ODD, all = a->place == PIM_PLACE_ALL;
    if (!all && parity != (c->mode != PIM_MODE_SB))
        return parity ? "commands of a parity stand in AB (open row ab_row in banks 0, 8, 1, 9)" : "commands of one bank stand in SB";
    switch (a->device) {
    case PIM_DEV_HACT:
        return act_fault(c, a);
    case PIM_DEV_HPRE:
        return all_rows(c, banks, PIM_CLOSED) ? "the banks are closed" : NULL;
    case PIM_DEV_HREF:
        return all_rows(c, 0xFFFF, PIM_CLOSED) ? NULL : "a refresh needs all banks closed";
    case PIM_DEV_HPREA:
        return NULL;
    default:
        return hbm_column_fault(c, a);
    }
}

const char *pim_state_fault(const PimChannel *c, const PimAction *a)
{
    if (pim_device_kind(a->device) == PIM_ROW && a->row >= c->machine->rows)
        return "the bank has no such row";
    return c->machine->family == PIM_HBM ? hbm_fault(c, a) : aim_fault(c, a);
}
