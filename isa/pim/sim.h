/*
 * isa/pim/sim.h: runs an image's command streams: values, time, or both.
 *
 * In:   an image whose CODE decodes, a machine, the bytes of every buffer and bank tensor.
 * Out:  the buffers that rdmac, rd, rdr and rdaf write, bank tensors that are outputs; cycles, counts, energy, refresh census.
 * Values: isa/pim/values.h. Time: each command at the earliest cycle that its rules allow (isa/pim/time.h); a stream starts and ends
 *       with all banks closed. With the peer's quirks a stream of gddr6-aim is served as the public simulator serves its trace
 *       (isa/pim/trace.h). Every stream's times are judged by the checker (isa/pim/judge.h).
 */
#ifndef WEIR_ISA_PIM_SIM_H
#define WEIR_ISA_PIM_SIM_H

#include "isa/pim/judge.h"
#include "isa/pim/time.h"
#include "support/text.h"

typedef enum PimMode { PIM_VALUES = 1, PIM_TIME_ONLY = 2, PIM_BOTH = 3 } PimMode;

typedef struct PimStreamResult {
    uint64_t channels;
    int64_t cycles;   /* issue of the last command + machine->tail */
    int64_t counts[PIM_DEV_COUNT];
    int64_t refreshes, refresh_debt; /* debt: refreshes that the time asks for and the stream lacks */
    int64_t accesses, misses;        /* of rows by column commands; the first ones of an opened row */
    int64_t busy;                    /* column slots taken, cycles */
    int64_t mac_lanes;               /* lanes of commands that multiply, times commands */
    int64_t pin_bytes, bank_bytes;   /* a channel */
    int64_t energy[PIM_DEV_COUNT], energy_idle; /* femtojoule a channel */
    int64_t stall[PIM_MAX_RULES], stall_refresh; /* cycles by rule (index in machine->rules) */
} PimStreamResult;

/* Why a run ended: the first hazard. */
typedef struct PimFault {
    const char *why; /* NULL: none */
    uint32_t stream, command;
    const char *text; /* the command */
    PimHazard hazard; /* rule NULL: a state or a trap */
} PimFault;

typedef struct PimResult {
    PimFault fault;
    int64_t cycles; /* launches with channels of their own run at once, up to a host step, a fence, or a launch that shares some */
    uint64_t macs;  /* over all channels */
    uint64_t burst_bytes; /* over the channels' pins */
    uint64_t commands;    /* of one channel each, repeats counted */
    VEC(PimStreamResult) streams; /* of every launch */
} PimResult;

/* What a host step of SCHED does; the backend's. */
typedef struct PimHost {
    weir_status (*run)(void *data, uint32_t step);
    void *data;
} PimHost;

typedef struct PimOptions {
    PimMode mode;
    bool unchecked;      /* without the checker */
    Text *trace;         /* a line a command with its time, or NULL */
} PimOptions;

/* Static checks of a stream against a machine (E_PIM_RULE): scopes and fields that the device has, buffers' bounds, constants in the
 * banks that would be written. */
MUST_USE weir_status pim_check(weir_context *cx, const Image *image, const PimCode *code, const PimMachine *machine);
/* hbm: does the command write the mode register, and with what? */
bool pim_writes_mode(const Image *image, const PimMachine *machine, const PimCommand *command, bool *out_on);

/* Runs SCHED. `buffers` has a pointer for each row of TENS to its `bytes` bytes (constants may be NULL: they are the image's).
 * Without values, buffers may be NULL. WEIR_INVALID with E_PIM_RULE for a command that is illegal in its state. */
MUST_USE weir_status pim_sim(weir_context *cx, const Image *image, const PimMachine *machine, PimOptions options, unsigned char *const *buffers,
                             const PimHost *host, PimResult *out_result);
/* A finished stream with times (image->at, one a command) before the checker: E_PIM_HAZARD. */
MUST_USE weir_status pim_judge_image(weir_context *cx, const Image *image, const PimMachine *machine, PimResult *out_result);
/* E_PIM_RULE and such at a command. */
weir_status pim_command_failed(weir_context *cx, const Image *image, uint32_t stream, uint32_t number, const PimCommand *c, DiagId id,
                               const char *why);
/* Bytes that one repeat of a command moves over the pins. */
uint64_t pim_moved_bytes(const PimMachine *machine, const PimCommand *command);

#endif
