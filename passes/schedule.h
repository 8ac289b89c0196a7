/*
 * passes/schedule.h: a mapping for every group, by the strategies of a target.
 *
 * A strategy recognises a shape of statement by ranks and access classes, never by an ONNX operator, and proposes a
 * mapping; the first row that does so wins (rows stand from special to general). Passes don't see backends: a
 * target hands its table in.
 */
#ifndef WEIR_PASSES_SCHEDULE_H
#define WEIR_PASSES_SCHEDULE_H

#include "ir/group.h"
#include "passes/pass.h"

/* One read of the group's leading statement. `stride[k]`: elements the address moves when rank k of the shape moves,
 * row-major. */
typedef struct ShapeAccess {
    ExprId access;
    TensorId tensor;
    bool affine;   /* all indices are affine in the shape's ranks */
    bool plain;    /* every index is a rank alone, no pad */
    bool constant; /* may be packed */
    int64_t stride[CASCADE_MAX_RANKS];
} ShapeAccess;

enum { SHAPE_MOST_ACCESSES = 16 };

/* The leading statement of a group (its reduction, or the only one). */
typedef struct Shape {
    const Statement *statement;
    StatementId id;
    uint32_t n_kept, n_reduced; /* rank[0..n_kept-1] kept, then the reduced ones */
    RankId rank[CASCADE_MAX_RANKS];
    int64_t extent[CASCADE_MAX_RANKS];
    uint32_t n_accesses;
    ShapeAccess access[SHAPE_MOST_ACCESSES];
    bool product;               /* the body is access * access */
    bool regular;               /* static extents, no condition, no scatter, all accesses recorded */
    int64_t target_stride[CASCADE_MAX_RANKS];
} Shape;

typedef struct Scheduling {
    PassContext *pass;
    Cascade *cs;
    const Group *group;
    Shape shape;
    int64_t lanes; /* of one vector of the machine */
    bool fma;
} Scheduling;

typedef struct Strategy {
    const char *name;
    Mapping *(*propose)(const Scheduling *s); /* NULL: not this shape */
    const char *doc;
} Strategy;

void shape_of(Cascade *cs, StatementId id, Shape *out_shape);

/* Fills `mapping` and `strategy` of every group. The last row of the table must always propose. */
MUST_USE weir_status schedule_groups(PassContext *p, Groups *groups, const Strategy *table, uint32_t n);

/* `for` over every rank in text order, the reduced ones inside: works for every statement. */
Mapping *schedule_plain(const Scheduling *s);

#endif
