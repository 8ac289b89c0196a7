/*
 * isa/pim/time.h: when the commands of a channel issue, and whether they may.
 *
 * In:   device commands in program order. Out: the earliest cycle of each under the rules of timing.def; state faults.
 * Keep: a command issues at the earliest cycle that every applicable rule allows, never before the command in front of it;
 *       rows and modes are a state machine, illegal commands are refused. No loop over cycles, none over repeats.
 */
#ifndef WEIR_ISA_PIM_TIME_H
#define WEIR_ISA_PIM_TIME_H

#include "isa/pim/machine.h"

enum { PIM_CLOSED = -1, PIM_NEVER = -1000000000 };

/* Where a command goes: a bank 0..15, a group, a parity, or all banks. */
enum { PIM_PLACE_GROUP = PIM_BANKS, PIM_PLACE_EVEN = PIM_BANKS + PIM_GROUPS, PIM_PLACE_ODD, PIM_PLACE_ALL, PIM_PLACES };

/* A device command. */
typedef struct PimAction {
    PimDevice device;
    uint32_t place;
    int64_t row;
} PimAction;

typedef enum PimBankMode { PIM_MODE_SB, PIM_MODE_AB, PIM_MODE_ABPIM } PimBankMode;

/* Issue times of one device command. */
typedef struct PimHistory {
    int64_t channel[PIM_MAX_WINDOW]; /* the last ones, latest first */
    int64_t within[PIM_PLACES];      /* the last that went to this place or a part of it */
    int64_t at[PIM_PLACES];          /* the last that went to exactly this place */
} PimHistory;

typedef struct PimChannel {
    const PimMachine *machine;
    int64_t now; /* of the last command; -1 before the first */
    uint32_t last_device, last_place; /* of the last command */
    int64_t row[PIM_BANKS]; /* open row, or PIM_CLOSED */
    bool in_register_mode;  /* aim */
    PimBankMode mode;       /* hbm */
    uint32_t mode_acts;     /* hbm: banks in which the row of the change to AB was opened */
    uint32_t fresh;         /* banks whose row has not been accessed yet */
    int64_t refreshes, first_late; /* number of the first refresh that missed its deadline, or 0 */
    PimHistory last[PIM_DEV_COUNT];
    int64_t counts[PIM_DEV_COUNT];
    int64_t act_banks;      /* banks activated */
    int64_t misses;         /* accesses that are the first of their row */
    int64_t busy, open_cycles; /* column slots taken; cycles with a row open */
    int64_t stall[PIM_MAX_RULES]; /* cycles by the rule (index) that made a command wait */
    int64_t stall_refresh;  /* waits for the timer */
    int64_t triggers[2];    /* hbm: reads, writes that ran an instruction */
} PimChannel;

void pim_channel_open(PimChannel *channel, const PimMachine *machine);
/* The device command of a stream's command; false for none (nop, sync, end) or one that the machine lacks. */
bool pim_action_of(const PimMachine *machine, const PimCommand *command, PimAction *out_action);
/* The banks of a place, a bit each. */
uint32_t pim_banks_of(uint32_t place);
/* What forbids the command now; NULL if nothing. */
const char *pim_state_fault(const PimChannel *channel, const PimAction *action);
/* The earliest cycle the rules allow, not before `not_before`; the binding rule's index, or -1 for none (the bus, not_before). */
int64_t pim_earliest(const PimChannel *channel, PimDevice device, uint32_t place, int64_t not_before, int *out_rule);
/* Issues n repeats as early as possible, not before `not_before`, and changes the state. Returns the cycle of the first; the
 * others follow machine->spacing[device] apart. */
int64_t pim_issue(PimChannel *channel, const PimAction *action, uint32_t n, int64_t not_before);
/* hbm: a write of the mode register; `on`: runs instructions from now on. */
void pim_set_mode(PimChannel *channel, bool on);
/* The cycle before which refresh k = 1, 2 .. must not issue, and that at which it is late. */
int64_t pim_refresh_from(const PimMachine *machine, int64_t k);
int64_t pim_refresh_until(const PimMachine *machine, int64_t k);
/* Refreshes that a stream of so many cycles must hold. */
int64_t pim_refreshes_due(const PimMachine *machine, int64_t cycles);

#endif
