/*
 * frontend/lower/attention.h: what the attention operators of ai.onnx and com.microsoft share.
 */
#ifndef WEIR_FRONTEND_LOWER_ATTENTION_H
#define WEIR_FRONTEND_LOWER_ATTENTION_H

#include "frontend/lower/walk.h"

/* How an operand holds [batch, head, position, element]. */
typedef enum HeadsForm {
    HEADS_APART,  /* [b, h, s, e] */
    HEADS_MERGED, /* [b, s, first + h*width + e] */
    HEADS_PACKED, /* [b, s, h, part, e] */
    HEADS_STACKED /* [part, b, h, s, e] */
} HeadsForm;

typedef struct Heads {
    Operand *op;
    HeadsForm form;
    int64_t first, part; /* of a merged operand its first column; of a packed or stacked one its part */
    int64_t batch, heads, positions, width;
} Heads;

/* An operand of 3 dimensions and `heads` heads, or of 4 dimensions. */
MUST_USE weir_status heads_of(Lowering *l, Operand *op, int64_t heads, Heads *out);
/* The operand's rank of the batch, of a position, of an element; 0 if it has none of its own. */
RankId heads_batch(const Lowering *l, const Heads *x);
RankId heads_position(const Lowering *l, const Heads *x);
RankId heads_element(const Lowering *l, const Heads *x);
ExprId heads_at(Lowering *l, const Heads *x, ExprId b, ExprId h, ExprId s, ExprId e);
/* The same, 0 where the position is outside. */
ExprId heads_or_zero(Lowering *l, const Heads *x, ExprId b, ExprId h, ExprId s, ExprId e);
/* A tensor [b, h, s, e]. */
Heads heads_apart_form(Operand *op);
/* Y[b, h, s, e] = the same values, as output k (or a temporary if it is not wanted). */
MUST_USE weir_status heads_apart(Lowering *l, const Heads *x, uint32_t k, Operand **out);
/* Past and new positions in one tensor, as output k or a temporary; x becomes it. */
MUST_USE weir_status heads_join(Lowering *l, Heads *x, Operand *past, uint32_t k);
/* Output 0 [b, s, h*width + e] from a tensor [b, h, s, e]. */
MUST_USE weir_status heads_merge(Lowering *l, Operand *apart);

/* i64[b] = lengths[b] + more. */
MUST_USE weir_status lengths_plus(Lowering *l, RankId b, const char *suffix, Operand *lengths, int64_t more, Operand **out);

typedef struct Attend {
    Heads q, k, v;
    Dtype type, sum_type; /* of the operands; in which scores and sums are computed */
    int64_t group;        /* query heads a key head */
    RankId b, h, p, m, e, f;
    double scale, softcap; /* softcap 0: none */
    ExprId added;          /* to the scores, a value over b, h, p, m; 0: nothing */
    bool may_empty;        /* `added` can make all scores of a row -inf */
    Operand *mask;         /* bool, broadcast to [b, h, p, m]; missing keys are false */
    int64_t key_bound;     /* keys from here on take no part; 0: none */
    bool causal;
    int64_t left, right;   /* keys a query sees before and after its own position; -1: all */
    int64_t offset;        /* position of query 0 among the keys */
    Operand *offsets;      /* i64[b], added to it, or NULL */
    Operand *lengths;      /* i64[b]: how many keys take part, or NULL */
    bool smooth;           /* exp(0) joins the denominator */
    int64_t scores_mode;   /* of output 3: 0 scaled, 1 capped, 2 masked, 3 after softmax; -1: not wanted */
    bool merged;           /* output 0 is [b, p, h*width + f] */
} Attend;

/* Sets the ranks; q, k, v are known and fit. */
MUST_USE weir_status attend_open(Lowering *l, Attend *a);
/* A mask of 2 to 4 dimensions aligned right to [b, h, p, m]: bool or added; one with fewer keys hides the others if
 * `short_keys`, else it must broadcast. */
MUST_USE weir_status attend_mask(Lowering *l, Attend *a, Operand *mask, bool short_keys);
/* The statements, output 0 and scores as output 3. */
MUST_USE weir_status attend(Lowering *l, Attend *a);

/* Rotary embedding of x by caches of cosines and sines over [position, column] or [b, position, column]. */
typedef struct Rotary {
    Operand *cosine, *sine;
    Operand *positions; /* [b, s], or [b] or [1]: of position 0; NULL: position s, or caches of 3 dimensions */
    int64_t width;      /* of the rotated part, 0: all */
    bool interleaved;
} Rotary;
/* A temporary [b, h, s, e]. */
MUST_USE weir_status rotate(Lowering *l, const Heads *x, const Rotary *r, Operand **out);

#endif
