/* isa/pim/judge.c: see isa/pim/judge.h. */
#include "isa/pim/judge.h"

#include <stddef.h>
#include <string.h>

/* Of bans that differ in their distance alone the longest stays. */
static uint32_t add_bans(PimJudge *j, uint32_t first, uint32_t n, uint32_t number)
{
    const PimRule *rule = &j->machine->rules[number];
    for (uint32_t after = rule->after; after != 0 && n < PIM_MAX_BANS; after &= after - 1) {
        PimBan ban = {(uint8_t)__builtin_ctz(after), (uint8_t)rule->level, (uint8_t)number, (uint8_t)rule->window, (int32_t)rule->cycles};
        uint32_t i = first;
        while (i < n && (j->bans[i].after != ban.after || j->bans[i].level != ban.level || j->bans[i].window != ban.window))
            i++;
        if (i == n || j->bans[i].cycles < ban.cycles)
            j->bans[i] = ban;
        n += i == n;
    }
    return n;
}

void pim_judge_open(PimJudge *j, const PimMachine *m)
{
    uint32_t n = 0;
    memset(j, 0, offsetof(PimJudge, bans));
    memset(&j->open, 0, sizeof *j - offsetof(PimJudge, open));
    j->machine = m;
    j->time = -1;
    for (uint32_t d = 0; d < PIM_DEV_COUNT; d++) {
        j->first_ban[d] = n;
        for (uint32_t i = 0; i < m->n_rules; i++)
            if ((m->rules[i].before >> d & 1) != 0 && m->rules[i].cycles >= 0)
                n = add_bans(j, j->first_ban[d], n, i);
    }
    j->first_ban[PIM_DEV_COUNT] = n;
}

/* ---- times ---- */

/* Places that share a bank with each. */
static uint32_t sharing(uint32_t place)
{
    uint32_t all = 1u << PIM_PLACE_ALL, even = 1u << PIM_PLACE_EVEN, odd = 1u << PIM_PLACE_ODD, groups = 15u << PIM_PLACE_GROUP;
    if (place < PIM_BANKS)
        return 1u << place | 1u << (PIM_PLACE_GROUP + place / 4) | ((place & 1) != 0 ? odd : even) | all;
    if (place < PIM_PLACE_EVEN)
        return 15u << 4 * (place - PIM_PLACE_GROUP) | 1u << place | even | odd | all;
    if (place == PIM_PLACE_ALL)
        return (1u << PIM_PLACES) - 1;
    return (place == PIM_PLACE_EVEN ? 0x5555u | even : 0xAAAAu | odd) | groups | all;
}

static uint32_t group_place(uint32_t place)
{
    return place < PIM_BANKS ? place / 4 : place < PIM_PLACE_EVEN ? place - PIM_PLACE_GROUP : (uint32_t)PIM_GROUPS;
}

static void forbid(PimSlot *slot, int64_t until, uint32_t number, const PimBan *ban, PimDevice before)
{
    if (until > slot->until)
        *slot = (PimSlot){until, number, ban->rule, (uint8_t)before};
}

/* The cycle from which a rule counts: of the command itself or of one before it; false while there are too few. */
static bool from_of(PimJudge *j, const PimBan *ban, int64_t time, int64_t *out_from)
{
    *out_from = time;
    if (ban->window == 1)
        return true;
    uint32_t n = j->recent_n[ban->rule]++;
    j->recent[ban->rule][n % ban->window] = time;
    *out_from = j->recent[ban->rule][(n + 1) % ban->window];
    return n + 1 >= ban->window;
}

void pim_judge_push(PimJudge *j, PimDevice device, uint32_t place, int64_t time, uint32_t number)
{
    uint32_t of_group = group_place(place);
    const PimBan *end = j->bans + j->first_ban[device + 1];
    for (const PimBan *ban = j->bans + j->first_ban[device]; ban < end; ban++) {
        int64_t from;
        if (!from_of(j, ban, time, &from))
            continue;
        int64_t until = from + ban->cycles;
        if (ban->level == PIM_LEVEL_CH) {
            forbid(&j->channel[ban->after], until, number, ban, device);
        } else if (ban->level == PIM_LEVEL_BG) {
            j->group_used[ban->after] |= 1u << of_group;
            forbid(&j->group[ban->after][of_group], until, number, ban, device);
        } else {
            j->bank_used[ban->after] |= 1u << place;
            forbid(&j->bank[ban->after][place], until, number, ban, device);
        }
    }
}

int64_t pim_judge_until(const PimJudge *j, PimDevice device, uint32_t place, const PimSlot **out_slot)
{
    const PimSlot *worst = &j->channel[device];
    uint32_t of_group = group_place(place), groups = of_group == PIM_GROUPS ? 31 : 1u << of_group | 1u << PIM_GROUPS;
    for (uint32_t left = j->group_used[device] & groups; left != 0; left &= left - 1) {
        const PimSlot *slot = &j->group[device][__builtin_ctz(left)];
        worst = slot->until > worst->until ? slot : worst;
    }
    for (uint32_t left = j->bank_used[device] & sharing(place); left != 0; left &= left - 1) {
        const PimSlot *slot = &j->bank[device][__builtin_ctz(left)];
        worst = slot->until > worst->until ? slot : worst;
    }
    *out_slot = worst;
    return worst->until;
}

/* ---- rows and modes ---- */

static bool is_open_at(const PimJudge *j, uint32_t banks, int64_t row)
{
    for (uint32_t left = banks; left != 0; left &= left - 1)
        if (j->open_row[__builtin_ctz(left)] != row)
            return false;
    return (j->open & banks) == banks;
}

static void open_banks(PimJudge *j, uint32_t banks, int64_t row)
{
    j->open = (uint16_t)(j->open | banks);
    for (uint32_t left = banks; left != 0; left &= left - 1)
        j->open_row[__builtin_ctz(left)] = row;
}

static const char *judge_aim(PimJudge *j, const PimAction *a, uint32_t banks)
{
    const PimMachine *m = j->machine;
    switch (a->device) {
    case PIM_DEV_WRGB:
    case PIM_DEV_WRMAC16:
    case PIM_DEV_RDMAC16:
    case PIM_DEV_RDAF16:
        return j->registers ? NULL : "a register command in normal mode";
    case PIM_DEV_TMOD:
        j->registers = !j->registers;
        return NULL;
    case PIM_DEV_ACT:
    case PIM_DEV_ACT4:
    case PIM_DEV_ACT16:
        if (j->registers && !m->row_in_reg)
            return "a row command in register mode";
        if ((j->open & banks) != 0)
            return "a row is opened in a bank that has one open";
        open_banks(j, banks, a->row);
        return a->row < m->rows ? NULL : "no such row";
    case PIM_DEV_PRE:
    case PIM_DEV_PRE4:
    case PIM_DEV_PREA:
        if (j->registers && !m->row_in_reg)
            return "a row command in register mode";
        if ((j->open & banks) == 0 && a->device != PIM_DEV_PREA)
            return "closed banks are closed";
        j->open = (uint16_t)(j->open & ~banks);
        return NULL;
    case PIM_DEV_REFAB:
        j->refreshes++;
        return j->registers ? "a refresh in register mode" : j->open != 0 ? "a refresh with a row open" : NULL;
    default:
        if (j->registers)
            return "a column command in register mode";
        if (!is_open_at(j, banks, a->row))
            return "a column command on a row that is not open in all its banks";
        if (a->device == PIM_DEV_WRA16)
            j->open = 0;
        return NULL;
    }
}

static const char *judge_hbm_act(PimJudge *j, const PimAction *a, uint32_t banks)
{
    static const uint16_t entry = 1u << 0 | 1u << 1 | 1u << 8 | 1u << 9;
    const PimMachine *m = j->machine;
    if ((j->open & banks) != 0)
        return "a row is opened in a bank that has one open";
    if (j->ab == 0 && (a->row == m->ab_row || j->entered != 0)) {
        uint32_t others = 0;
        for (uint32_t b = 0; b < PIM_BANKS; b++)
            others |= (uint32_t)((j->open >> b & 1) != 0 && j->open_row[b] != m->ab_row) << b;
        if (a->row != m->ab_row || (banks & ~(uint32_t)entry) != 0 || others != 0)
            return "the change to AB is not row ab_row in banks 0, 8, 1, 9 with all else closed";
        j->entered = (uint16_t)(j->entered | banks);
        if (j->entered == entry) {
            j->ab = 1;
            j->entered = 0;
        }
    } else if (j->ab != 0) {
        if (a->row == m->ab_row || (a->row == m->sb_row && j->ab == 2))
            return "a row that changes modes in the wrong mode";
        uint32_t first = (uint32_t)__builtin_ctz(~banks & 0xFFFF);
        bool other_leaves = (j->open >> first & 1) != 0 && j->open_row[first] == m->sb_row;
        if ((j->open & ~banks & 0xFFFF) != 0 && other_leaves != (a->row == m->sb_row))
            return "the change to SB is row sb_row in both parities with all else closed";
    }
    open_banks(j, banks, a->row);
    return a->row < m->rows ? NULL : "no such row";
}

static const char *judge_hbm_column(const PimJudge *j, const PimAction *a, uint32_t banks)
{
    const PimMachine *m = j->machine;
    if (a->device == PIM_DEV_HWRR || a->device == PIM_DEV_HRDR) {
        if (a->device == PIM_DEV_HRDR && j->ab != 0)
            return "registers are read in SB";
        return is_open_at(j, banks, m->register_row) ? NULL : "the register row is not open";
    }
    if (a->row == m->register_row)
        return "a data command on the register row";
    if (j->ab == 2 && a->row >= m->data_rows)
        return "a reserved row in AB-PIM";
    return is_open_at(j, banks, a->row) ? NULL : "a column command on a row that is not open in all its banks";
}

static const char *judge_hbm(PimJudge *j, const PimEvent *e, uint32_t banks)
{
    const PimAction *a = &e->action;
    const char *why = NULL;
    if (banks != 0xFFFF && (banks == 0x5555 || banks == 0xAAAA) != (j->ab != 0))
        return j->ab != 0 ? "a command of one bank in AB" : "a command of a parity in SB";
    switch (a->device) {
    case PIM_DEV_HACT:
        return judge_hbm_act(j, a, banks);
    case PIM_DEV_HPREA:
        if (j->ab != 0 && is_open_at(j, 0xFFFF, j->machine->sb_row))
            j->ab = 0;
        j->open = 0;
        return NULL;
    case PIM_DEV_HPRE:
        why = (j->open & banks) == 0 ? "closed banks are closed" : NULL;
        j->open = (uint16_t)(j->open & ~banks);
        return why;
    case PIM_DEV_HREF:
        j->refreshes++;
        return j->open != 0 ? "a refresh with a row open" : NULL;
    default:
        why = judge_hbm_column(j, a, banks);
        if (e->mode != 0 && j->ab != 0)
            j->ab = (int)e->mode;
        return why;
    }
}

/* ---- the stream ---- */

static bool refuse(PimJudge *j, const PimEvent *e, const char *why)
{
    j->hazard = (PimHazard){.why = why, .after = e->number, .time_after = e->time, .device_after = pim_device_text(e->action.device)};
    return false;
}

static bool too_early(PimJudge *j, const PimEvent *e, const PimSlot *slot, int64_t time, int64_t until)
{
    const PimRule *rule = &j->machine->rules[slot->rule];
    j->hazard = (PimHazard){.why = "too early", .rule = rule, .before = slot->number, .after = e->number,
                            .time_before = until - rule->cycles, .time_after = time, .needs = rule->cycles,
                            .device_before = pim_device_text((PimDevice)slot->before), .device_after = pim_device_text(e->action.device)};
    return false;
}

bool pim_judge_event(PimJudge *j, const PimEvent *e)
{
    PimDevice d = e->action.device;
    const PimSlot *slot;
    if (j->hazard.why != NULL)
        return false;
    if (e->time < j->time || e->time < 0)
        return refuse(j, e, "commands do not go back in time");
    int64_t until = pim_judge_until(j, d, e->action.place, &slot);
    if (e->time < until)
        return too_early(j, e, slot, e->time, until);
    bool refresh = d == PIM_DEV_REFAB || d == PIM_DEV_HREF;
    if (refresh && e->time < pim_refresh_from(j->machine, j->refreshes + 1))
        return refuse(j, e, "a refresh before its time");
    if (refresh && e->time > pim_refresh_until(j->machine, j->refreshes + 1))
        return refuse(j, e, "a refresh after its deadline");
    const char *why = j->machine->family == PIM_HBM ? judge_hbm(j, e, pim_banks_of(e->action.place))
                                                     : judge_aim(j, &e->action, pim_banks_of(e->action.place));
    if (why != NULL)
        return refuse(j, e, why);
    j->time = e->time;
    pim_judge_push(j, d, e->action.place, e->time, e->number);
    if (e->n > 1) {
        int64_t second = e->time + e->spacing, last = e->time + (int64_t)(e->n - 1) * e->spacing;
        until = pim_judge_until(j, d, e->action.place, &slot);
        if (second < until)
            return too_early(j, e, slot, second, until);
        j->time = last;
        pim_judge_push(j, d, e->action.place, last, e->number);
    }
    return true;
}

bool pim_judge_end(PimJudge *j, int64_t cycles)
{
    if (j->hazard.why != NULL)
        return false;
    if (j->open != 0)
        j->hazard.why = "a row is open at the end";
    else if (j->ab != 0)
        j->hazard.why = "the stream does not end in SB";
    else if (j->refreshes < pim_refreshes_due(j->machine, cycles))
        j->hazard.why = "refreshes are missing at the end";
    j->hazard.time_after = cycles;
    return j->hazard.why == NULL;
}
