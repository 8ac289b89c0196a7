/*
 * isa/rdu/make.h: kernels made by calls instead of text; what emitters use.
 *
 * In:   a machine, an image with its tensors. Out: a kernel of an RduCode, for rdu_code_store and rdu_check.
 * Keep: units are named by their numbers (pointers move when units are added); what a call does not set has the same
 *       default as in the text. Levels are given as loops: RDU_EVERY for each firing, else the loop whose iteration a token serves.
 */
#ifndef WEIR_ISA_RDU_MAKE_H
#define WEIR_ISA_RDU_MAKE_H

#include "isa/rdu/machine.h"
#include "isa/rdu/text.h"

#define RDU_EVERY UINT32_MAX

typedef struct RduMaker {
    weir_context *cx;
    const RduMachine *machine;
    Image *image;
    RduKernel kernel;
    uint32_t used[3]; /* sites taken, by kind: P, M, A */
} RduMaker;

void rdu_make_open(RduMaker *m, weir_context *cx, const RduMachine *machine, Image *image, const char *name);
/* Appends the kernel; its number. */
uint32_t rdu_make_close(RduMaker *m, RduCode *code);

/* A unit on the next free site of its kind. WEIR_LIMIT with E_MACHINE_USE when there is none. `type`: RduType of its elements. */
MUST_USE weir_status rdu_make_simd(RduMaker *m, const char *name, uint32_t type, uint32_t *out_unit);
MUST_USE weir_status rdu_make_sys(RduMaker *m, const char *name, uint32_t type, uint32_t *out_unit);
MUST_USE weir_status rdu_make_pmu(RduMaker *m, const char *name, uint32_t buffer_bytes, uint32_t n_buffers, uint32_t *out_unit);
MUST_USE weir_status rdu_make_ag(RduMaker *m, const char *name, uint32_t tensor, bool write, uint32_t type, uint32_t *out_unit);
/* A program of a PMU; PCUs and AGs have their program 0. */
uint32_t rdu_make_program(RduMaker *m, uint32_t unit, bool write, uint32_t type);

/* Outermost first; the loop's number. `vec`: collapsed with its vec neighbours into lanes. */
uint32_t rdu_make_loop(RduMaker *m, uint32_t unit, uint32_t program, const char *name, int64_t trip, bool vec);
/* Address: + stride bytes an iteration of `loop`; + constant. */
void rdu_make_stride(RduMaker *m, uint32_t unit, uint32_t program, uint32_t loop, int64_t bytes);
void rdu_make_offset(RduMaker *m, uint32_t unit, uint32_t program, int64_t bytes);
/* Elements of an access and the bytes between them (defaults: a whole vector, dense). */
void rdu_make_lanes(RduMaker *m, uint32_t unit, uint32_t program, uint32_t lanes, int64_t bytes_apart);
/* Bound set: lanes with 0 <= offset + sum of coefficients * loop < extent are in bounds. `coefficients` has one a loop. */
void rdu_make_bound(RduMaker *m, uint32_t unit, uint32_t program, int64_t offset, const int64_t *coefficients, uint32_t extent);
void rdu_make_pad(RduMaker *m, uint32_t unit, uint32_t program, uint32_t word);
/* One buffer serves an iteration of `loop`. */
void rdu_make_swap(RduMaker *m, uint32_t unit, uint32_t program, uint32_t loop);

uint32_t rdu_make_flow(RduMaker *m, const char *name, RduNet net);
void rdu_make_in(RduMaker *m, uint32_t unit, uint32_t program, uint32_t port, uint32_t flow, uint32_t loop, uint32_t type);
void rdu_make_out(RduMaker *m, uint32_t unit, uint32_t program, RduOutSource source, uint32_t reg, uint32_t flow, uint32_t loop, uint32_t type);

/* sys: sums over the loops inside `loop`; rows and columns of the tile (0: the machine's). Ports of sys (port 2, outs) come at
 * this loop: call it before them. */
void rdu_make_mac(RduMaker *m, uint32_t unit, uint32_t loop, RduInit init, uint32_t rows, uint32_t cols);
/* simd: a stage; sources as class and index (RDU_SRC_..; a constant's index from rdu_make_const). The stage's number. */
typedef struct RduOperand {
    RduSource class;
    uint32_t index;
} RduOperand;
uint32_t rdu_make_const(RduMaker *m, uint32_t unit, uint32_t word);
void rdu_make_stage(RduMaker *m, uint32_t unit, RduOp op, uint32_t type, uint32_t to_reg, RduOperand a, RduOperand b, RduOperand c);
void rdu_make_tail(RduMaker *m, uint32_t unit, RduTail tail);
void rdu_make_reduce(RduMaker *m, uint32_t unit, RduReduceOp op, uint32_t loop, bool tree);
/* `later` starts when `earlier` has finished. */
void rdu_make_after(RduMaker *m, uint32_t earlier, uint32_t later);

#endif
