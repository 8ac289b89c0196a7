/* isa/pim/time.c: see isa/pim/time.h. */
#include "isa/pim/time.h"

#include <string.h>

void pim_channel_open(PimChannel *c, const PimMachine *machine)
{
    *c = (PimChannel){.machine = machine, .now = -1, .last_device = PIM_DEV_COUNT};
    for (int b = 0; b < PIM_BANKS; b++)
        c->row[b] = PIM_CLOSED;
    for (int d = 0; d < PIM_DEV_COUNT; d++) {
        for (int i = 0; i < PIM_MAX_WINDOW; i++)
            c->last[d].channel[i] = PIM_NEVER;
        for (int i = 0; i < PIM_PLACES; i++)
            c->last[d].within[i] = c->last[d].at[i] = PIM_NEVER;
    }
}

static const uint8_t no_device = PIM_DEV_COUNT;

/* By operation: the command of one bank (or of the channel), of a group, of all banks; for hbm one bank or parity, all. */
static const uint8_t aim_devices[PIM_OP_COUNT][3] = {
    [PIM_OP_ACT] = {PIM_DEV_ACT, PIM_DEV_ACT4, PIM_DEV_ACT16},
    [PIM_OP_PRE] = {PIM_DEV_PRE, PIM_DEV_PRE4, PIM_DEV_PREA},
    [PIM_OP_RD] = {PIM_DEV_RD, no_device, no_device},
    [PIM_OP_WR] = {PIM_DEV_WR, no_device, no_device},
    [PIM_OP_REF] = {PIM_DEV_REFAB, no_device, no_device},
    [PIM_OP_MAC] = {PIM_DEV_MAC, no_device, PIM_DEV_MAC16},
    [PIM_OP_AF] = {no_device, no_device, PIM_DEV_AF16},
    [PIM_OP_EWMUL] = {no_device, no_device, PIM_DEV_EWMUL16},
    [PIM_OP_RDCP] = {PIM_DEV_RDCP, no_device, no_device},
    [PIM_OP_WRCP] = {PIM_DEV_WRCP, no_device, no_device},
    [PIM_OP_WRGB] = {PIM_DEV_WRGB, no_device, no_device},
    [PIM_OP_WRMAC] = {PIM_DEV_WRMAC16, no_device, no_device},
    [PIM_OP_RDMAC] = {PIM_DEV_RDMAC16, no_device, no_device},
    [PIM_OP_RDAF] = {PIM_DEV_RDAF16, no_device, no_device},
    [PIM_OP_TMOD] = {PIM_DEV_TMOD, no_device, no_device},
    [PIM_OP_WRA] = {no_device, no_device, PIM_DEV_WRA16},
};
static const uint8_t hbm_devices[PIM_OP_COUNT][2] = {
    [PIM_OP_ACT] = {PIM_DEV_HACT, no_device},  [PIM_OP_PRE] = {PIM_DEV_HPRE, PIM_DEV_HPREA},
    [PIM_OP_RD] = {PIM_DEV_HRD, no_device},    [PIM_OP_WR] = {PIM_DEV_HWR, no_device},
    [PIM_OP_RDR] = {PIM_DEV_HRDR, no_device},  [PIM_OP_WRR] = {PIM_DEV_HWRR, no_device},
    [PIM_OP_REF] = {PIM_DEV_HREF, no_device},
};

bool pim_action_of(const PimMachine *m, const PimCommand *c, PimAction *out)
{
    uint32_t scope = c->w.scope, device = no_device;
    if (m->family == PIM_AIM && scope <= PIM_ALL)
        device = aim_devices[c->w.op][scope];
    else if (m->family == PIM_HBM && scope != PIM_GROUP)
        device = hbm_devices[c->w.op][scope == PIM_ALL];
    /* A row of the table that nothing fills is 0: the first device command. */
    if (device == no_device || (device == PIM_DEV_ACT && c->w.op != PIM_OP_ACT))
        return false;
    out->device = (PimDevice)device;
    out->row = c->w.row;
    bool everywhere = scope == PIM_ALL || pim_op_info(c->w.op)->scopes == SCOPE_N;
    out->place = everywhere           ? (uint32_t)PIM_PLACE_ALL
                 : scope == PIM_GROUP ? PIM_PLACE_GROUP + (c->w.bank & 3)
                 : scope == PIM_EVEN  ? (uint32_t)PIM_PLACE_EVEN
                 : scope == PIM_ODD   ? (uint32_t)PIM_PLACE_ODD
                                      : c->w.bank;
    return true;
}

uint32_t pim_banks_of(uint32_t place)
{
    if (place < PIM_PLACE_GROUP)
        return 1u << place;
    if (place < PIM_PLACE_EVEN)
        return 15u << 4 * (place - PIM_PLACE_GROUP);
    return place == PIM_PLACE_EVEN ? 0x5555 : place == PIM_PLACE_ODD ? 0xAAAA : 0xFFFF;
}

/* ---- the rules ---- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The last command that touched a bank of the place. (No device has commands of groups and of parities.) */
static int64_t last_on_bank(const PimHistory *h, uint32_t place)
{
    int64_t last = later(h->within[place], h->at[PIM_PLACE_ALL]);
    if (place < PIM_BANKS)
        last = later(last, later(h->at[PIM_PLACE_GROUP + place / 4], h->at[PIM_PLACE_EVEN + (place & 1)]));
    return last;
}

/* The last command that touched a group of the place. Parities touch every group. */
static int64_t last_on_group(const PimHistory *h, uint32_t place)
{
    if (place >= PIM_PLACE_EVEN)
        return h->within[PIM_PLACE_ALL];
    uint32_t group = place < PIM_BANKS ? PIM_PLACE_GROUP + place / 4 : place;
    return later(later(h->within[group], h->at[PIM_PLACE_ALL]), later(h->at[PIM_PLACE_EVEN], h->at[PIM_PLACE_ODD]));
}

int64_t pim_earliest(const PimChannel *c, PimDevice device, uint32_t place, int64_t not_before, int *out_rule)
{
    const PimMachine *m = c->machine;
    int64_t time = later(c->now, not_before);
    int rule = -1;
    if (time < 0)
        time = 0;
    const PimNeed *need = m->needs[device], *end = need + m->n_needs[device];
    /* The longest first: what reaches no further than the time from the latest command binds no more. */
    for (; need < end && c->now + need->cycles > time; need++) {
        const PimHistory *h = &c->last[need->before];
        int64_t last = h->channel[need->window - 1];
        if (last + need->cycles <= time)
            continue;
        if (need->level != PIM_LEVEL_CH)
            last = need->level == PIM_LEVEL_BK ? last_on_bank(h, place) : last_on_group(h, place);
        if (last + need->cycles > time) {
            time = last + need->cycles;
            rule = need->rule;
        }
    }
    *out_rule = rule;
    return time;
}

static void remember(PimHistory *h, uint32_t place, int64_t time)
{
    memmove(h->channel + 1, h->channel, (PIM_MAX_WINDOW - 1) * sizeof *h->channel);
    h->channel[0] = time;
    h->within[place] = time;
    h->at[place] = time;
    h->within[PIM_PLACE_ALL] = time;
    if (place < PIM_BANKS) {
        h->within[PIM_PLACE_GROUP + place / 4] = time;
        h->within[PIM_PLACE_EVEN + (place & 1)] = time;
    }
}

/* ---- refresh ---- */

int64_t pim_refresh_from(const PimMachine *m, int64_t k)
{
    if (m->refresh != PIM_REFRESH_TIMER)
        return 0;
    return m->peer && m->family == PIM_HBM ? m->interval / 2 + (k - 1) * m->interval : k * m->interval;
}

int64_t pim_refresh_until(const PimMachine *m, int64_t k)
{
    if (m->refresh == PIM_REFRESH_OFF)
        return INT64_MAX;
    return m->refresh == PIM_REFRESH_TIMER ? pim_refresh_from(m, k + 1) : k * m->interval;
}

int64_t pim_refreshes_due(const PimMachine *m, int64_t cycles)
{
    int64_t n = 0;
    if (m->refresh == PIM_REFRESH_DEADLINE)
        return cycles / m->interval;
    if (m->refresh == PIM_REFRESH_TIMER && cycles >= pim_refresh_from(m, 1))
        n = (cycles - pim_refresh_from(m, 1)) / m->interval;
    return n;
}

/* ---- issue ---- */

static void close_or_open(PimChannel *c, uint32_t banks, int64_t row, int64_t time)
{
    bool was_open = false, is_open = false;
    for (int b = 0; b < PIM_BANKS; b++) {
        was_open = was_open || c->row[b] != PIM_CLOSED;
        if ((banks >> b & 1) != 0)
            c->row[b] = row;
        is_open = is_open || c->row[b] != PIM_CLOSED;
    }
    if (was_open != is_open)
        c->open_cycles += is_open ? -time : time;
}

/* hbm: the rows that change the mode. */
static void follow_mode_rows(PimChannel *c, const PimAction *a, bool closes_exit)
{
    const PimMachine *m = c->machine;
    if (a->device == PIM_DEV_HACT) {
        if (c->mode == PIM_MODE_SB && a->row == m->ab_row)
            c->mode_acts |= 1u << a->place;
        if (c->mode_acts == (1u | 1u << 1 | 1u << 8 | 1u << 9)) {
            c->mode = PIM_MODE_AB;
            c->mode_acts = 0;
        }
    } else if (a->device == PIM_DEV_HPREA && closes_exit) {
        c->mode = PIM_MODE_SB;
    }
}

static void change_state(PimChannel *c, const PimAction *a, uint32_t n, int64_t time)
{
    uint32_t banks = pim_banks_of(a->place);
    switch (a->device) {
    case PIM_DEV_ACT:
    case PIM_DEV_ACT4:
    case PIM_DEV_ACT16:
    case PIM_DEV_HACT:
        close_or_open(c, banks, a->row, time);
        c->fresh |= banks;
        c->act_banks += __builtin_popcount(banks);
        follow_mode_rows(c, a, false);
        break;
    case PIM_DEV_HPREA: {
        bool exits = c->mode != PIM_MODE_SB && c->row[0] == c->machine->sb_row && c->row[1] == c->machine->sb_row;
        close_or_open(c, banks, PIM_CLOSED, time);
        follow_mode_rows(c, a, exits);
        break;
    }
    case PIM_DEV_PRE:
    case PIM_DEV_PRE4:
    case PIM_DEV_PREA:
    case PIM_DEV_HPRE:
        close_or_open(c, banks, PIM_CLOSED, time);
        break;
    case PIM_DEV_TMOD:
        c->in_register_mode = !c->in_register_mode;
        break;
    case PIM_DEV_REFAB:
    case PIM_DEV_HREF:
        c->refreshes++;
        if (c->first_late == 0 && time > pim_refresh_until(c->machine, c->refreshes))
            c->first_late = c->refreshes;
        break;
    default:
        if (pim_device_kind(a->device) != PIM_COLUMN)
            break;
        c->misses += (c->fresh & banks) != 0;
        c->fresh &= ~banks;
        c->busy += (int64_t)n * c->machine->spacing[a->device];
        if (c->mode == PIM_MODE_ABPIM && (a->device == PIM_DEV_HRD || a->device == PIM_DEV_HWR))
            c->triggers[a->device == PIM_DEV_HWR] += n;
        if (a->device == PIM_DEV_WRA16)
            close_or_open(c, banks, PIM_CLOSED, time);
    }
}

int64_t pim_issue(PimChannel *c, const PimAction *a, uint32_t n, int64_t not_before)
{
    bool refresh = a->device == PIM_DEV_REFAB || a->device == PIM_DEV_HREF;
    int64_t due = refresh ? pim_refresh_from(c->machine, c->refreshes + 1) : 0, time;
    int rule;
    if (a->device == c->last_device && a->place == c->last_place) {
        /* the command again: all that bound it before binds no more */
        rule = c->machine->spacing_rule[a->device];
        time = later(c->now + c->machine->spacing[a->device], not_before);
    } else {
        time = pim_earliest(c, a->device, a->place, not_before, &rule);
    }
    int64_t wait = time - c->now - 1;
    if (rule >= 0 && wait > 0)
        c->stall[rule] += wait;
    if (time < due) {
        c->stall_refresh += due - time;
        time = due;
    }
    int64_t step = c->machine->spacing[a->device], last = time + (n - 1) * step;
    if (n > 1 && step > 1)
        c->stall[c->machine->spacing_rule[a->device]] += (n - 1) * (step - 1);
    remember(&c->last[a->device], a->place, last);
    c->last_device = a->device;
    c->last_place = a->place;
    c->counts[a->device] += n;
    c->now = last;
    change_state(c, a, n, time);
    return time;
}

void pim_set_mode(PimChannel *c, bool on)
{
    if (c->mode != PIM_MODE_SB)
        c->mode = on ? PIM_MODE_ABPIM : PIM_MODE_AB;
}
