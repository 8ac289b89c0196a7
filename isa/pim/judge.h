/*
 * isa/pim/judge.h: the checker: is a finished stream with times legal?
 *
 * In:   device commands with their issue times, in order. Out: the first hazard: the rule, both commands, both times.
 * Keep: shares the rows of timing.def with the engine and nothing else: each command forbids its successors until a time, in tables
 *       by bank, group and channel; rows, modes and refreshes are followed apart.
 */
#ifndef WEIR_ISA_PIM_JUDGE_H
#define WEIR_ISA_PIM_JUDGE_H

#include "isa/pim/time.h"

/* n commands, `spacing` apart; `number` is for messages. mode: 0, or hbm's mode register is written with op off (1), on (2). */
typedef struct PimEvent {
    PimAction action;
    int64_t time;
    uint32_t n, spacing, number, mode;
} PimEvent;

typedef struct PimHazard {
    const char *why;       /* NULL: none */
    const PimRule *rule;   /* NULL: the state */
    uint32_t before, after; /* numbers */
    int64_t time_before, time_after, needs; /* with a rule */
    const char *device_before, *device_after;
} PimHazard;

typedef struct PimSlot {
    int64_t until;
    uint32_t number;
    uint8_t rule, before;
} PimSlot;

/* What a command forbids: one of a rule's commands behind. */
typedef struct PimBan {
    uint8_t after, level, rule, window;
    int32_t cycles;
} PimBan;

enum { PIM_MAX_BANS = 2048, PIM_GROUP_PLACES = PIM_GROUPS + 1 };

typedef struct PimJudge {
    const PimMachine *machine;
    int64_t time;
    /* Not before, by device command behind; by the place of the command in front: the last group place is all groups. */
    PimSlot channel[PIM_DEV_COUNT], group[PIM_DEV_COUNT][PIM_GROUP_PLACES], bank[PIM_DEV_COUNT][PIM_PLACES];
    uint32_t group_used[PIM_DEV_COUNT], bank_used[PIM_DEV_COUNT]; /* places that hold something */
    int64_t recent[PIM_MAX_RULES][PIM_MAX_WINDOW]; /* of rules with a window */
    uint32_t recent_n[PIM_MAX_RULES];
    PimBan bans[PIM_MAX_BANS];
    uint32_t first_ban[PIM_DEV_COUNT + 1]; /* by device command in front */
    uint16_t open;          /* banks */
    int64_t open_row[PIM_BANKS];
    bool registers;         /* aim: register mode */
    int ab;                 /* hbm: 0 SB, 1 AB, 2 AB-PIM */
    uint16_t entered;       /* hbm: banks of the change to AB seen */
    int64_t refreshes;
    PimHazard hazard;       /* the first */
} PimJudge;

void pim_judge_open(PimJudge *judge, const PimMachine *machine);
/* False once there is a hazard. */
bool pim_judge_event(PimJudge *judge, const PimEvent *event);
/* The end of the stream at cycle `cycles`: closed, mode, refreshes. */
bool pim_judge_end(PimJudge *judge, int64_t cycles);
/* Times only, rows and modes apart: for tests. The cycle until which the command is forbidden at a place. */
void pim_judge_push(PimJudge *judge, PimDevice device, uint32_t place, int64_t time, uint32_t number);
int64_t pim_judge_until(const PimJudge *judge, PimDevice device, uint32_t place, const PimSlot **out_slot);

#endif
