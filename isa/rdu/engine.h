/*
 * isa/rdu/engine.h: a kernel as processes and channels; shared by build.c (makes them), engine.c (fires them) and
 * values.c (what a firing computes).
 */
#ifndef WEIR_ISA_RDU_ENGINE_H
#define WEIR_ISA_RDU_ENGINE_H

#include "ir/elementary.h"
#include "isa/rdu/sim.h"

enum { PROC_MAX_LOOPS = 17 };

typedef enum ProcessKind { PROC_SIMD, PROC_MAC, PROC_LOAD, PROC_DRAIN, PROC_READ, PROC_WRITE, PROC_FETCH, PROC_STORE } ProcessKind;

/* Tokens between two processes: a flow's end, the N buffers of a PMU, or a shadow accumulator. */
typedef struct Channel {
    const char *flow;          /* for messages: a flow, or "buffers of M0" */
    uint32_t producer, consumer;
    int64_t capacity, delay;   /* delay: from the firing that makes a token to when it may be taken */
    bool whole;                /* buffers: the producer holds a slot from first to last, the consumer too */
    int64_t acquired, published, taken, returned;
    int64_t *available, *freed; /* rings of `capacity` times */
    uint32_t *words;           /* ring of tokens, `width` words each; NULL for buffers */
} Channel;

typedef struct InPort {
    uint32_t channel, level, port, broadcast, type;
    bool late;       /* give the slot back at the last firing instead of the first */
    uint32_t *word;  /* the token being held */
} InPort;

typedef struct OutPort {
    uint32_t level, source, reg, type;
    bool whole;      /* a buffer: slot taken at the first firing */
    VEC(uint32_t) channels;
} OutPort;

typedef struct Process {
    ProcessKind kind;
    uint32_t unit_i;
    const RduUnit *unit;
    const RduProgram *program;
    uint32_t n_loops;             /* effective ones, outermost first */
    int64_t trip[PROC_MAX_LOOPS], index[PROC_MAX_LOOPS];
    int64_t fired, total;
    uint32_t n_zero, n_last;      /* innermost loops at their first, at their last iteration */
    VEC(InPort) ins;
    VEC(OutPort) outs;
    VEC(uint32_t) after;          /* units that must have finished before the first firing */
    int64_t latency;
    bool queued;
    /* time */
    int64_t last, interval, done; /* last firing; least distance to the next; when the unit has finished */
    RduCounters counters;
    /* requests of an AG */
    int64_t outstanding, finished;
    int64_t *finish;              /* ring of `outstanding` times */
    uint32_t n_bursts;
    uint64_t *bursts;             /* touched by the firing before */
    /* values */
    uint32_t *lanes, *tail, *regs, *accs, *reduced, *tile; /* tile: rows x cols words (mac, load, drain) */
    int64_t buffer;              /* of a PMU's program */
    const Elementary *elementary; /* of the tail; NULL: plain arithmetic */
} Process;

typedef struct Request {
    int64_t time, service; /* service in 1/256 cycles */
    uint32_t process, tier;
    int64_t number;        /* of the process's firings */
} Request;

typedef struct Engine {
    weir_context *cx;
    const Image *image;
    const RduMachine *machine;
    const RduKernel *kernel;
    RduMode mode;
    unsigned char *const *buffers;
    const int64_t *args;
    uint32_t width;  /* words of a token */
    VEC(Process) processes;
    VEC(Channel) channels;
    VEC(uint32_t) ready;
    VEC(Request) requests; /* heap, earliest first */
    int64_t server_free[RDU_MAX_TIERS]; /* 1/256 cycles */
    unsigned char **memory; /* by unit: all buffers of a PMU */
    uint64_t macs, bytes[RDU_MAX_TIERS];
    uint32_t deepened;         /* a channel whose capacity is deepened_to, if that is not 0 */
    int64_t deepened_to;
    weir_status status;
} Engine;

/* Processes and channels of a kernel. The kernel has passed rdu_check. */
void rdu_build(Engine *e);
/* Fires what can fire until nothing moves: the recurrence. */
void rdu_settle(Engine *e);
/* The same cycle by cycle: a unit fires when the rule holds on what earlier cycles left. Equal times. */
void rdu_step(Engine *e);
/* One firing at time t; the earliest request served; has a process fired and been served whole? */
void rdu_fire(Engine *e, uint32_t process, int64_t t);
void rdu_grant(Engine *e);
bool rdu_is_finished(const Process *p);
/* E_RDU_DEADLOCK: what waits for what from process `first` on, then `cure`. WEIR_INVALID. */
weir_status rdu_report_deadlock(Engine *e, uint32_t first, const char *cure);
/* Counts tokens over one macro-iteration, after which every channel is as full as before: it deadlocks if and only if the kernel
 * does, whatever the times. WEIR_INVALID with E_RDU_DEADLOCK, which names the channel to deepen and the capacity that is enough.
 * `like` has the kernel, machine, image and arguments. */
MUST_USE weir_status rdu_check_deadlock(const Engine *like);

/* Runs until nothing moves. WEIR_INVALID with E_RDU_DEADLOCK when something is left to do. */
MUST_USE weir_status rdu_run(Engine *e, int64_t *out_cycles);

/* values.c: computes a firing of a process: inputs are held in the ports; the result goes to its lanes, registers, tile. */
void rdu_fire_values(Engine *e, Process *p);
/* The words a port sends after this firing. */
const uint32_t *rdu_out_words(Engine *e, const Process *p, const OutPort *out);

/* Lane `lane` of an access: is it in bounds, and its byte address (relative to the buffer or tensor)? */
bool rdu_lane_address(const Engine *e, const Process *p, uint32_t lane, int64_t *out_address);
/* Reports and stops the run. */
void rdu_trap(Engine *e, const Process *p, const char *reason);

#endif
