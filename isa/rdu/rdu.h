/*
 * isa/rdu/rdu.h: kernels of the dataflow machine in memory: unit records and flows.
 *
 * A kernel is a list of units (their number is their id), control joins (ids go on) and flows (a count of their own).
 * A unit has programs: a PCU and an AG one, a PMU one a reader or writer. All arrays live in the context's arena.
 * The parts' fields are the rows of record.def; names are for people and stand in DEBUG.
 */
#ifndef WEIR_ISA_RDU_RDU_H
#define WEIR_ISA_RDU_RDU_H

#include <stdbool.h>
#include <stdint.h>

#include "isa/field.h"
#include "support/context.h"

enum { RDU_VERSION = 1, RDU_NO_ARG = -1, RDU_PRED_NONE = 15 };

typedef enum RduKind { RDU_KIND_PCU = 1, RDU_KIND_PMU, RDU_KIND_AG, RDU_KIND_FLOW, RDU_KIND_CTL, RDU_KIND_END = 15 } RduKind;

typedef enum RduOp {
#define RDU_OP(id, text, number, sources, doc) RDU_OP_##id = number,
#include "isa/rdu/op.def"
    RDU_OP_COUNT
} RduOp;

typedef enum RduTail {
#define RDU_TAIL(id, text, number, constants, fn, doc) RDU_TAIL_##id = number,
#include "isa/rdu/op.def"
    RDU_TAIL_COUNT
} RduTail;

typedef enum RduType { RDU_F32, RDU_BF16, RDU_I32, RDU_I8, RDU_U8, RDU_TYPE_COUNT } RduType;
typedef enum RduSource {
    RDU_SRC_NONE, RDU_SRC_IN, RDU_SRC_REG, RDU_SRC_COUNTER, RDU_SRC_LANE, RDU_SRC_CONST, RDU_SRC_ACC, RDU_SRC_PREV,
    RDU_SRC_DELAYED, RDU_SRC_COUNT
} RduSource;
typedef enum RduOutSource { RDU_OUT_REG, RDU_OUT_T, RDU_OUT_Q, RDU_OUT_V, RDU_OUT_ACC, RDU_OUT_COUNT } RduOutSource;
typedef enum RduReduceOp { RDU_RED_NONE, RDU_RED_SUM, RDU_RED_MAX, RDU_RED_MIN, RDU_RED_COUNT } RduReduceOp;
typedef enum RduNet { RDU_NET_VEC, RDU_NET_SCA, RDU_NET_CTL, RDU_NET_COUNT } RduNet;
typedef enum RduInit { RDU_INIT_ZERO, RDU_INIT_BIAS, RDU_INIT_TILE, RDU_INIT_COUNT } RduInit;

#define RDU_MEMBER(kind, member, bit, width, doc) FIELD_TYPE_##kind member;
typedef struct RduHead {
#define RDU_HEAD RDU_MEMBER
#include "isa/rdu/record.def"
} RduHead;
typedef struct RduLoop {
#define RDU_LOOP RDU_MEMBER
#include "isa/rdu/record.def"
} RduLoop;
typedef struct RduIn {
#define RDU_IN RDU_MEMBER
#include "isa/rdu/record.def"
} RduIn;
typedef struct RduOut {
#define RDU_OUT RDU_MEMBER
#include "isa/rdu/record.def"
} RduOut;
typedef struct RduPcu {
#define RDU_PCU RDU_MEMBER
#include "isa/rdu/record.def"
} RduPcu;
typedef struct RduStage {
#define RDU_STAGE RDU_MEMBER
#include "isa/rdu/record.def"
} RduStage;
typedef struct RduReduce {
#define RDU_REDUCE RDU_MEMBER
#include "isa/rdu/record.def"
} RduReduce;
typedef struct RduSys {
#define RDU_SYS RDU_MEMBER
#include "isa/rdu/record.def"
} RduSys;
typedef struct RduPmu {
#define RDU_PMU RDU_MEMBER
#include "isa/rdu/record.def"
} RduPmu;
typedef struct RduAccess {
#define RDU_PROGRAM RDU_MEMBER
#include "isa/rdu/record.def"
} RduAccess;
typedef struct RduTerm {
#define RDU_TERM RDU_MEMBER
#include "isa/rdu/record.def"
} RduTerm;
typedef struct RduSet {
#define RDU_SET RDU_MEMBER
#include "isa/rdu/record.def"
} RduSet;
typedef struct RduBound {
#define RDU_BOUND RDU_MEMBER
#include "isa/rdu/record.def"
} RduBound;
typedef struct RduAg {
#define RDU_AG RDU_MEMBER
#include "isa/rdu/record.def"
} RduAg;
typedef struct RduFlowHead {
#define RDU_FLOW RDU_MEMBER
#include "isa/rdu/record.def"
} RduFlowHead;
typedef struct RduEnd {
#define RDU_END RDU_MEMBER
#include "isa/rdu/record.def"
} RduEnd;
typedef struct RduCtlHead {
#define RDU_CTL RDU_MEMBER
#include "isa/rdu/record.def"
} RduCtlHead;
typedef struct RduCtlPort {
#define RDU_CTL_PORT RDU_MEMBER
#include "isa/rdu/record.def"
} RduCtlPort;
#undef RDU_MEMBER

/* A loop nest with ports; of a PMU or an AG also an access. Loop 0 is the outermost. */
typedef struct RduProgram {
    RduAccess access;       /* pmu, ag */
    VEC(RduLoop) loops;
    VEC(const char *) loop_names; /* one a loop, or none */
    VEC(RduIn) ins;
    VEC(RduOut) outs;
    VEC(RduTerm) terms;
    VEC(RduSet) sets;
    VEC(RduBound) bounds;
} RduProgram;

typedef struct RduUnit {
    RduHead head;
    const char *name; /* NULL: canonical */
    VEC(RduProgram) programs;
    RduPcu pcu;       /* kind pcu */
    VEC(uint32_t) consts;
    VEC(RduStage) stages;
    RduReduce reduce;
    RduSys sys;
    RduPmu pmu;       /* kind pmu */
    RduAg ag;         /* kind ag */
} RduUnit;

typedef struct RduFlow {
    RduHead head;
    RduFlowHead flow;
    const char *name;
    VEC(RduEnd) ends;
    VEC(uint8_t) hops;
} RduFlow;

typedef struct RduCtl {
    RduHead head;
    RduCtlHead ctl;
    const char *name;
    VEC(RduCtlPort) ins;
    VEC(RduCtlPort) outs;
} RduCtl;

typedef struct RduKernel {
    const char *name;
    VEC(RduUnit) units;
    VEC(RduCtl) ctls;
    VEC(RduFlow) flows;
} RduKernel;

typedef struct RduCode {
    VEC(RduKernel) kernels;
} RduCode;

typedef struct RduWords {
    VEC(uint32_t) words;
} RduWords;

/* The parts' field tables, by name (the manual, tests). */
extern const FieldSet rdu_parts[];
extern const uint32_t rdu_n_parts;

/* Counts and heads are set from the vectors. WEIR_INVALID with E_ISA_FIELD when a value does not fit its field. */
MUST_USE weir_status rdu_encode(weir_context *cx, RduCode *code, RduWords *out_words);
/* Reads all kernels of a CODE section. WEIR_MALFORMED with E_ISA_RECORD (word offset, reason) for words that rdu_encode
 * could not have made; numbers that name nothing (flows, units, loops) are found by rdu_check. */
MUST_USE weir_status rdu_decode(weir_context *cx, const uint32_t *words, uint64_t n_words, RduCode *out_code);

/* Texts of codes and back; NULL, or -1, if unknown. */
const char *rdu_op_text(uint32_t op);
uint32_t rdu_op_sources(uint32_t op);
int rdu_op_named(const char *text, size_t length);
const char *rdu_tail_text(uint32_t tail);
int rdu_tail_named(const char *text, size_t length);
typedef enum RduList { RDU_LIST_TYPE, RDU_LIST_REDUCE, RDU_LIST_WOP, RDU_LIST_BANK, RDU_LIST_NET, RDU_LIST_BCAST, RDU_LIST_OUT } RduList;
const char *rdu_word_text(RduList list, uint32_t number);
int rdu_word_named(RduList list, const char *text, size_t length);

#endif
