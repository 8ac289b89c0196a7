/*
 * isa/pim/trace.h: traces of the public simulator of gddr6-aim: read, turned into streams, made of streams, and served as it does.
 *
 * In:   lines `AiM OP fields`, `R|W GPR|CFR|MEM ..`; streams of gddr6-aim. Out: requests, streams, lines, cycles.
 * Keep: a trace holds no row commands and no mode changes: who serves it finds them just in time; a stream that is served so
 *       loses its own.
 */
#ifndef WEIR_ISA_PIM_TRACE_H
#define WEIR_ISA_PIM_TRACE_H

#include "isa/pim/time.h"
#include "support/text.h"

/* op: PIM_OP_NOP takes a cycle of the front end and does nothing, PIM_OP_SYNC waits for all channels. Mask bit i is channel 31 - i
 * in lines, bit c channel c here. */
typedef struct PimRequest {
    uint32_t op, n, bank, gpr, afm, line;
    bool broadcast; /* mac: the operand is the global buffer */
    bool all_banks;
    int64_t row;
    uint64_t channels;
} PimRequest;

typedef struct PimTrace {
    VEC(PimRequest) requests;
} PimTrace;

typedef struct PimServed {
    int64_t cycles;
    int64_t counts[64][PIM_DEV_COUNT]; /* by channel */
} PimServed;

/* Does the text begin as a trace? */
bool pim_is_trace(const Source *source);
/* WEIR_MALFORMED with E_PIM_TEXT and the line. */
MUST_USE weir_status pim_trace_read(weir_context *cx, const Source *source, const PimMachine *machine, PimTrace *out_trace);
/* The cycles and commands of the public simulator. */
MUST_USE weir_status pim_serve(weir_context *cx, const PimTrace *trace, const PimMachine *machine, PimServed *out_served);
/* The streams of an image in the order of its launches, served. */
MUST_USE weir_status pim_serve_image(weir_context *cx, const Image *image, const PimCode *code, const PimMachine *machine, int64_t *out_cycles);
/* Streams with row commands and mode changes: one for every set of channels that run the same. A buffer `gpr` holds what the
 * trace's registers would, at 32 bytes times the register's number, for each channel. */
MUST_USE weir_status pim_trace_import(weir_context *cx, const PimTrace *trace, const PimMachine *machine, Image *out_image);
/* The data commands of the streams as lines; E_PIM_TEXT for a command that traces lack. */
MUST_USE weir_status pim_trace_export(weir_context *cx, const Image *image, const PimMachine *machine, Text *out);

#endif
