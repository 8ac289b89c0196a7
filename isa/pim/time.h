/*
 * isa/pim/time.h: when the commands of a channel issue, and whether they may.
 *
 * In:   device commands in program order. Out: the earliest cycle of each under the rules of timing.def; state faults.
 * Keep: a command issues at the earliest cycle that every applicable rule allows, never before the command in front of it;
 *       rows and modes are a state machine, illegal commands are refused.
 */
#ifndef WEIR_ISA_PIM_TIME_H
#define WEIR_ISA_PIM_TIME_H

#include "isa/pim/machine.h"

enum { PIM_BANKS = 16, PIM_GROUPS = 4, PIM_MAX_WINDOW = 4, PIM_CLOSED = -1 };

typedef struct PimChannel {
    const PimMachine *machine;
    bool peer; /* rules marked strict are left out */
    int64_t now; /* of the last command; -1 before the first */
    int64_t row[PIM_BANKS]; /* open row, or PIM_CLOSED */
    bool in_register_mode;
    int64_t refreshes, first_late; /* number of the first refresh that missed its deadline, or 0 */
    /* Issue times of the last commands by kind and place, latest first. */
    int64_t channel[PIM_DEV_COUNT][PIM_MAX_WINDOW];
    int64_t group[PIM_DEV_COUNT][PIM_GROUPS];
    int64_t bank[PIM_DEV_COUNT][PIM_BANKS];
    int64_t counts[PIM_DEV_COUNT];
    uint32_t bound_rule; /* of the last command */
} PimChannel;

void pim_channel_open(PimChannel *channel, const PimMachine *machine, bool peer);
/* The device command of a stream's command; -1 for none (nop, sync, end). */
int pim_device_of(const PimCommand *command);
/* The banks a device command touches, a bit each. */
uint32_t pim_banks_of(PimDevice device, uint32_t bank_or_group);
/* What forbids the command now; NULL if nothing. `row` is that of the command. */
const char *pim_state_fault(const PimChannel *channel, PimDevice device, uint32_t banks, int64_t row);
/* Earliest issue, not before `not_before`; issues there and changes the state. Returns the cycle. */
int64_t pim_issue(PimChannel *channel, PimDevice device, uint32_t banks, int64_t row, int64_t not_before);

#endif
