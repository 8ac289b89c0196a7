/*
 * frontend/lower/recurrent.c: RNN, GRU and LSTM: the input's product before the loop, then one `iterate` over the steps
 * with both directions in one rank.
 *
 * Keep: step t of the reverse direction reads the sequence at its length - 1 - t; a sequence that has ended keeps its
 *       state. f16 and bf16 are computed in f32.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "frontend/lower/families.h"
#include "frontend/lower/region.h"

enum { MOST_ACTIVATIONS = 6 };

typedef struct Recurrent {
    RecurrentKind kind;
    Operand *x, *w, *r, *b, *lengths, *h0, *c0, *peepholes;
    uint32_t gates, n_activations; /* of one direction */
    int64_t steps, batch, hidden, directions;
    bool batch_first, backward;    /* backward: the only direction is the reverse one */
    Dtype type, sum_type;
    RankId s, n, i, d, g, j, k, t; /* s: step of X and Y, n: batch, k: the other hidden rank */
    const char *name[MOST_ACTIVATIONS];
    double alpha[MOST_ACTIVATIONS], beta[MOST_ACTIVATIONS], clip;
    TensorId xw, h, c;
} Recurrent;

/* ---- validation ---- */

static weir_status want_shape(Lowering *l, const Operand *op, const char *what, uint32_t n, const int64_t *extent)
{
    bool good = op->n_dims == n;
    for (uint32_t d = 0; good && d < n; d++)
        good = op->extent[d] == extent[d];
    return good ? WEIR_OK : invalid(l, "%s does not fit: %s", what, shape_text(l, op));
}

static weir_status check_shapes(Lowering *l, Recurrent *q)
{
    int64_t g = q->gates, j = q->hidden;
    TRY(want_shape(l, q->w, "W", 3, (int64_t[]){q->directions, g * j, q->x->extent[2]}));
    TRY(want_shape(l, q->r, "R", 3, (int64_t[]){q->directions, g * j, j}));
    if (q->b != NULL)
        TRY(want_shape(l, q->b, "B", 2, (int64_t[]){q->directions, 2 * g * j}));
    if (q->lengths != NULL)
        TRY(want_shape(l, q->lengths, "sequence_lens", 1, &q->batch));
    const int64_t state[3] = {q->batch_first ? q->batch : q->directions, q->batch_first ? q->directions : q->batch, j};
    if (q->h0 != NULL)
        TRY(want_shape(l, q->h0, "initial_h", 3, state));
    if (q->c0 != NULL)
        TRY(want_shape(l, q->c0, "initial_c", 3, state));
    if (q->peepholes != NULL)
        TRY(want_shape(l, q->peepholes, "P", 2, (int64_t[]){q->directions, 3 * j}));
    const Operand *same[] = {q->w, q->r, q->b, q->h0, q->c0, q->peepholes};
    for (size_t k = 0; k < sizeof same / sizeof *same; k++)
        if (same[k] != NULL)
            TRY(want_same_type(l, q->x, same[k]));
    if (q->lengths != NULL && !dtype_is_int(q->lengths->type))
        return invalid(l, "sequence_lens must be integers");
    return want_static(l, q->x);
}

static weir_status read_form(Lowering *l, Recurrent *q)
{
    TRY(want_float(l, q->x));
    TRY(want_rank(l, q->x, 3, 3));
    TRY(want_rank(l, q->r, 3, 3));
    const char *direction = attr_text(l, "direction", "forward");
    q->backward = strcmp(direction, "reverse") == 0;
    q->directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1;
    if (q->directions == 1 && !q->backward && strcmp(direction, "forward") != 0)
        return invalid(l, "direction '%s'", direction);
    q->batch_first = attr_int(l, "layout", 0) != 0;
    q->steps = q->x->extent[q->batch_first ? 1 : 0];
    q->batch = q->x->extent[q->batch_first ? 0 : 1];
    q->hidden = q->r->extent[2];
    if (attr(l, "hidden_size") != NULL && attr_int(l, "hidden_size", 0) != q->hidden)
        return invalid(l, "hidden_size differs from the weights");
    if (q->hidden < 1 || q->hidden > 1 << 28)
        return invalid(l, "hidden size %lld", (long long)q->hidden);
    q->type = q->x->type;
    q->sum_type = wide(q->type);
    q->clip = attr(l, "clip") == NULL ? 0 : attr_float(l, "clip", 0);
    return check_shapes(l, q);
}

static bool same_word(const char *a, const char *b)
{
    while (*a != 0 && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == 0 && *b == 0;
}

/* The activations with their parameters, which are consumed in order by those that have any. */
static weir_status read_activations(Lowering *l, Recurrent *q)
{
    static const char *const usual[3][3] = {{"Tanh"}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}};
    static const struct {
        const char *name;
        int parameters;
    } known[] = {{"Relu", 0},     {"Tanh", 0},        {"Sigmoid", 0},          {"Affine", 2},
                 {"LeakyRelu", 1}, {"ThresholdedRelu", 1}, {"ScaledTanh", 2}, {"HardSigmoid", 2},
                 {"Elu", 1},      {"Softsign", 0},    {"Softplus", 0}};
    q->n_activations = q->kind == RECURRENT_RNN ? 1 : q->kind == RECURRENT_GRU ? 2 : 3;
    const Attribute *names = attr(l, "activations"), *alphas = attr(l, "activation_alpha"),
                    *betas = attr(l, "activation_beta");
    uint32_t n = q->n_activations * (uint32_t)q->directions, alpha = 0, beta = 0;
    if (names != NULL && names->n != 0 && names->n != n)
        return invalid(l, "%u activations, not %u", names->n, n);
    for (uint32_t k = 0; k < n; k++) {
        bool given = names != NULL && names->n != 0;
        const char *name = given ? cx_text(l->cx, names->strings[k]) : usual[q->kind][k % q->n_activations];
        size_t a = 0;
        while (a < sizeof known / sizeof *known && !same_word(known[a].name, name))
            a++;
        if (a == sizeof known / sizeof *known)
            return unsupported(l, "activation '%s'", name);
        q->name[k] = known[a].name;
        q->alpha[k] = q->beta[k] = NAN;
        if (known[a].parameters > 0 && alphas != NULL && alpha < alphas->n)
            q->alpha[k] = (double)alphas->floats[alpha++];
        if (known[a].parameters > 1 && betas != NULL && beta < betas->n)
            q->beta[k] = (double)betas->floats[beta++];
    }
    return WEIR_OK;
}

/* ---- expressions ---- */

/* Activation number `a` of x; of two directions each has its own. */
static weir_status activate(Lowering *l, const Recurrent *q, uint32_t a, ExprId x, ExprId *out)
{
    if (q->clip > 0) {
        x = ex2(l, FN_MAX, x, lit(l, q->sum_type, -q->clip));
        x = ex2(l, FN_MIN, x, lit(l, q->sum_type, q->clip));
    }
    TRY(activation(l, q->name[a], q->alpha[a], q->beta[a], x, out));
    if (q->directions == 1)
        return WEIR_OK;
    uint32_t b = a + q->n_activations;
    bool same = strcmp(q->name[a], q->name[b]) == 0 && memcmp(&q->alpha[a], &q->alpha[b], sizeof *q->alpha) == 0 &&
                memcmp(&q->beta[a], &q->beta[b], sizeof *q->beta) == 0;
    if (same)
        return WEIR_OK;
    ExprId other, first = ex2(l, FN_EQ, ex_index(l->cs, q->d), num(l, 0));
    TRY(activation(l, q->name[b], q->alpha[b], q->beta[b], x, &other));
    *out = ex_select(l->cs, first, *out, other);
    return WEIR_OK;
}

/* The place in the sequence of step `step`: itself, or counted from the end for the reverse direction. */
static ExprId place_of(Lowering *l, const Recurrent *q, RankId step)
{
    ExprId forward = rk(l, step), reverse;
    if (!q->backward && q->directions == 1)
        return forward;
    if (q->lengths == NULL) {
        reverse = ex2(l, FN_SUB, num(l, q->steps - 1), forward);
    } else {
        ExprId last = ex2(l, FN_SUB, at_ranks(l, q->lengths, &q->n), num(l, 1));
        reverse = ex2(l, FN_MAX, ex2(l, FN_SUB, last, forward), num(l, 0));
    }
    if (q->directions == 1)
        return reverse;
    return ex_select(l->cs, ex2(l, FN_EQ, rk(l, q->d), num(l, 0)), forward, reverse);
}

static ExprId gate_row(Lowering *l, const Recurrent *q, ExprId gate)
{
    int64_t g;
    if (expr_is_int(l->cs, gate, &g))
        return ix_affine(l, 1, q->j, g * q->hidden);
    return ix_add(l, ex_scale(l->cs, q->hidden, gate), rk(l, q->j));
}

/* W[d, J*g + j, column]. */
static ExprId weight(Lowering *l, const Recurrent *q, Operand *w, ExprId gate, RankId column)
{
    ExprId index[3] = {rk(l, q->d), gate_row(l, q, gate), rk(l, column)};
    RankId hint[3] = {q->d, {0}, column};
    declare_over(l, w, hint);
    return at_index(l, w, index);
}

/* Row `row` of B, peepholes ..: op[d, J*row + j] in the sum's type. */
static ExprId vector(Lowering *l, const Recurrent *q, Operand *op, ExprId row)
{
    ExprId index[2] = {rk(l, q->d), gate_row(l, q, row)};
    RankId hint[2] = {q->d};
    declare_over(l, op, hint);
    return cast(l, q->sum_type, at_index(l, op, index));
}

static ExprId bias(Lowering *l, const Recurrent *q, ExprId gate, bool recurrent)
{
    int64_t g;
    if (expr_is_int(l->cs, gate, &g))
        return vector(l, q, q->b, num(l, g + (recurrent ? q->gates : 0)));
    return vector(l, q, q->b, recurrent ? ex_offset(l->cs, gate, q->gates) : gate);
}

static ExprId state_at(Lowering *l, const Recurrent *q, TensorId tensor, ExprId generation, RankId column)
{
    RankId rest[3] = {q->d, q->n, column};
    return at_carried(l, tensor, generation, rest);
}

/* XW[t, d, gate, n, j] + bias. */
static ExprId input_part(Lowering *l, const Recurrent *q, ExprId gate, bool with_recurrent_bias)
{
    ExprId index[5] = {rk(l, q->t), rk(l, q->d), gate, rk(l, q->n), rk(l, q->j)};
    ExprId v = ex_access(l->cs, q->xw, 5, index);
    if (q->b == NULL)
        return v;
    v = ex2(l, FN_ADD, v, bias(l, q, gate, false));
    return with_recurrent_bias ? ex2(l, FN_ADD, v, bias(l, q, gate, true)) : v;
}

/* A tensor of the loop's body over [d, gate?, n, j]. */
static weir_status local(Lowering *l, const Recurrent *q, const char *suffix, RankId gate, Operand **out)
{
    Ranks ranks = {.n = 1, .at = {q->d}};
    if (gate.i != 0)
        ranks_add(&ranks, gate);
    ranks_add(&ranks, q->n);
    ranks_add(&ranks, q->j);
    return temporary(l, suffix, q->sum_type, &ranks, out);
}

static ExprId local_at(Lowering *l, const Recurrent *q, Operand *op, int64_t gate)
{
    ExprId index[4] = {rk(l, q->d), num(l, gate), rk(l, q->n), rk(l, q->j)};
    if (op->n_dims == 3) {
        index[1] = index[2];
        index[2] = index[3];
    }
    return ex_access(l->cs, op->tensor, op->n_dims, index);
}

/* Whether step t takes part: `index(t) < length`. */
static ExprId running(Lowering *l, const Recurrent *q, ExprId step)
{
    return ex2(l, FN_LT, step, cast(l, DT_I64, at_ranks(l, q->lengths, &q->n)));
}

static void define_next(Lowering *l, const Recurrent *q, TensorId tensor, ExprId value)
{
    if (q->lengths != NULL)
        value = ex_select(l->cs, running(l, q, ex_index(l->cs, q->t)), value,
                          state_at(l, q, tensor, rk(l, q->t), q->j));
    define_carried(l, tensor, next_step(l, q->t), value);
}

/* ---- before, in and after the loop ---- */

static weir_status input_product(Lowering *l, Recurrent *q)
{
    Ranks ranks = {.n = 5, .at = {q->s, q->d, q->g, q->n, q->j}}, over = {.n = 1, .at = {q->i}};
    Operand *xw;
    TRY(temporary(l, "_xw", q->sum_type, &ranks, &xw));
    ExprId index[3] = {place_of(l, q, q->s), rk(l, q->n), rk(l, q->i)};
    if (q->batch_first) {
        ExprId step = index[0];
        index[0] = index[1];
        index[1] = step;
    }
    ExprId w = weight(l, q, q->w, rk(l, q->g), q->i);
    reduce(l, xw, RED_SUM, &over, ex2(l, FN_MUL, w, at_index(l, q->x, index)));
    q->xw = xw->tensor;
    return WEIR_OK;
}

static void initial_state(Lowering *l, const Recurrent *q, TensorId tensor, Operand *given)
{
    ExprId v = lit(l, q->sum_type, 0);
    if (given != NULL) {
        RankId at[3] = {q->batch_first ? q->n : q->d, q->batch_first ? q->d : q->n, q->j};
        v = cast(l, q->sum_type, at_ranks(l, given, at));
    }
    define_carried(l, tensor, num(l, 0), v);
}

/* sum[k] R[d, J*gate + j, k] * H[t, d, n, k] for the gates of rank `gate`. */
static weir_status recurrent_product(Lowering *l, Recurrent *q, RankId gate, Operand **out)
{
    Ranks over = {.n = 1, .at = {q->k}};
    TRY(local(l, q, "_rh", gate, out));
    ExprId r = cast(l, q->sum_type, weight(l, q, q->r, rk(l, gate), q->k));
    reduce(l, *out, RED_SUM, &over, ex2(l, FN_MUL, r, state_at(l, q, q->h, rk(l, q->t), q->k)));
    return WEIR_OK;
}

static weir_status rnn_step(Lowering *l, Recurrent *q)
{
    Operand *rh;
    ExprId v;
    TRY(recurrent_product(l, q, q->g, &rh));
    ExprId sum = ex2(l, FN_ADD, local_at(l, q, rh, 0), input_part(l, q, num(l, 0), true));
    TRY(activate(l, q, 0, sum, &v));
    define_next(l, q, q->h, v);
    return WEIR_OK;
}

static weir_status lstm_gate(Lowering *l, Recurrent *q, Operand *rh, int64_t gate, int peephole, ExprId cell,
                             uint32_t act, ExprId *out)
{
    ExprId v = ex2(l, FN_ADD, local_at(l, q, rh, gate), input_part(l, q, num(l, gate), true));
    if (q->peepholes != NULL && peephole >= 0)
        v = ex2(l, FN_ADD, v, ex2(l, FN_MUL, vector(l, q, q->peepholes, num(l, peephole)), cell));
    return activate(l, q, act, v, out);
}

static weir_status lstm_step(Lowering *l, Recurrent *q)
{
    enum { GATE_I, GATE_O, GATE_F, GATE_C };
    Operand *rh, *cell;
    ExprId i, o, f, c, out;
    TRY(recurrent_product(l, q, q->g, &rh));
    ExprId old = state_at(l, q, q->c, rk(l, q->t), q->j);
    TRY(lstm_gate(l, q, rh, GATE_I, 0, old, 0, &i));
    TRY(lstm_gate(l, q, rh, GATE_F, 2, old, 0, &f));
    TRY(lstm_gate(l, q, rh, GATE_C, -1, old, 1, &c));
    if (attr_int(l, "input_forget", 0) != 0)
        f = ex2(l, FN_SUB, lit(l, q->sum_type, 1), i);
    TRY(local(l, q, "_cell", (RankId){0}, &cell));
    define(l, cell, ex2(l, FN_ADD, ex2(l, FN_MUL, f, old), ex2(l, FN_MUL, i, c)));
    ExprId fresh = local_at(l, q, cell, 0);
    define_next(l, q, q->c, fresh);
    TRY(lstm_gate(l, q, rh, GATE_O, 1, fresh, 0, &o));
    /* the cell's activation is not clipped */
    double clip = q->clip;
    q->clip = 0;
    TRY(activate(l, q, 2, fresh, &out));
    q->clip = clip;
    define_next(l, q, q->h, ex2(l, FN_MUL, o, out));
    return WEIR_OK;
}

static weir_status gru_step(Lowering *l, Recurrent *q)
{
    bool linear = attr_int(l, "linear_before_reset", 0) != 0;
    Operand *rh, *reset, *rn;
    ExprId z, r, n;
    RankId gates = linear ? q->g : new_rank(l, "g", 2);
    TRY(recurrent_product(l, q, gates, &rh));
    TRY(activate(l, q, 0, ex2(l, FN_ADD, local_at(l, q, rh, 0), input_part(l, q, num(l, 0), true)), &z));
    TRY(activate(l, q, 0, ex2(l, FN_ADD, local_at(l, q, rh, 1), input_part(l, q, num(l, 1), true)), &r));
    ExprId gate = num(l, 2), recurrent;
    if (linear) {
        recurrent = local_at(l, q, rh, 2);
        if (q->b != NULL)
            recurrent = ex2(l, FN_ADD, recurrent, bias(l, q, gate, true));
        recurrent = ex2(l, FN_MUL, r, recurrent);
    } else {
        Ranks over = {.n = 1, .at = {q->k}};
        TRY(local(l, q, "_reset", (RankId){0}, &reset));
        define(l, reset, ex2(l, FN_MUL, r, state_at(l, q, q->h, rk(l, q->t), q->j)));
        TRY(local(l, q, "_rn", (RankId){0}, &rn));
        RankId at[3] = {q->d, q->n, q->k};
        ExprId w = cast(l, q->sum_type, weight(l, q, q->r, gate, q->k));
        reduce(l, rn, RED_SUM, &over, ex2(l, FN_MUL, w, at_ranks(l, reset, at)));
        recurrent = local_at(l, q, rn, 0);
    }
    TRY(activate(l, q, 1, ex2(l, FN_ADD, recurrent, input_part(l, q, gate, !linear)), &n));
    ExprId keep = ex2(l, FN_MUL, z, state_at(l, q, q->h, rk(l, q->t), q->j));
    ExprId fresh = ex2(l, FN_MUL, ex2(l, FN_SUB, lit(l, q->sum_type, 1), z), n);
    define_next(l, q, q->h, ex2(l, FN_ADD, fresh, keep));
    return WEIR_OK;
}

/* Y: the state after each step, in the sequence's order; 0 after its end. */
static weir_status all_states(Lowering *l, Recurrent *q)
{
    Operand *y;
    if (!out_wanted(l, 0))
        return WEIR_OK;
    Ranks ranks = {.n = 4, .at = {q->s, q->d, q->n, q->j}};
    if (q->batch_first)
        ranks = (Ranks){.n = 4, .at = {q->n, q->s, q->d, q->j}};
    TRY(output(l, 0, q->type, &ranks, &y));
    ExprId v = state_at(l, q, q->h, ex_offset(l->cs, place_of(l, q, q->s), 1), q->j);
    if (q->lengths != NULL)
        v = ex_select(l->cs, running(l, q, ex_index(l->cs, q->s)), v, lit(l, q->sum_type, 0));
    define(l, y, v);
    return WEIR_OK;
}

static weir_status last_state(Lowering *l, Recurrent *q, uint32_t k, TensorId tensor)
{
    Operand *y;
    if (!out_wanted(l, k))
        return WEIR_OK;
    Ranks ranks = {.n = 3, .at = {q->batch_first ? q->n : q->d, q->batch_first ? q->d : q->n, q->j}};
    TRY(output(l, k, q->type, &ranks, &y));
    define(l, y, state_at(l, q, tensor, ex_count(l->cs, q->t), q->j));
    return WEIR_OK;
}

static void make_ranks(Lowering *l, Recurrent *q)
{
    tensor_of(l, q->x);
    q->s = dim_rank(l, q->x, q->batch_first ? 1 : 0);
    q->n = dim_rank(l, q->x, q->batch_first ? 0 : 1);
    q->i = dim_rank(l, q->x, 2);
    q->d = new_rank(l, "d", q->directions);
    q->g = new_rank(l, "g", q->gates);
    q->j = new_rank(l, "j", q->hidden);
    q->k = new_rank(l, "k", q->hidden);
}

weir_status lower_recurrent(Lowering *l)
{
    Recurrent q = {.kind = (RecurrentKind)l->row->parameter, .x = l->in[0], .w = l->in[1], .r = l->in[2],
                   .b = input(l, 3), .lengths = input(l, 4), .h0 = input(l, 5)};
    q.gates = q.kind == RECURRENT_RNN ? 1 : q.kind == RECURRENT_GRU ? 3 : 4;
    if (q.kind == RECURRENT_LSTM) {
        q.c0 = input(l, 6);
        q.peepholes = input(l, 7);
    }
    TRY(read_form(l, &q));
    TRY(read_activations(l, &q));
    make_ranks(l, &q);
    TRY(input_product(l, &q));
    q.t = iterate_open(l, q.steps);
    Ranks state = {.n = 3, .at = {q.d, q.n, q.j}};
    q.h = carried(l, "_h", q.sum_type, q.t, true, &state);
    initial_state(l, &q, q.h, q.h0);
    if (q.kind == RECURRENT_LSTM) {
        q.c = carried(l, "_c", q.sum_type, q.t, true, &state);
        initial_state(l, &q, q.c, q.c0);
    }
    weir_status status = q.kind == RECURRENT_RNN ? rnn_step(l, &q) : q.kind == RECURRENT_GRU ? gru_step(l, &q)
                                                                                             : lstm_step(l, &q);
    iterate_close(l, q.t, (TensorId){0}, (ExprId){0});
    TRY(status);
    TRY(all_states(l, &q));
    TRY(last_state(l, &q, 1, q.h));
    return q.kind == RECURRENT_LSTM ? last_state(l, &q, 2, q.c) : WEIR_OK;
}
