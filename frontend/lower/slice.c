/*
 * frontend/lower/slice.c: Slice: each dimension is read from a begin on in steps.
 *
 * Keep: begins and ends are clamped as ONNX says, by arithmetic on scalars: what is known folds, what the run decides
 *       becomes a run-time extent whose bound follows from the operand.
 */
#include "frontend/lower/extent.h"
#include "frontend/lower/families.h"

typedef struct Cut {
    Scalar begin, n;
    int64_t step;
} Cut;

static Scalar clamped(Lowering *l, Scalar v, Scalar low, Scalar high)
{
    return scalar_2(l, FN_MIN, scalar_2(l, FN_MAX, v, low), high);
}

/* An end that may count from the back. */
static Scalar from_front(Lowering *l, Scalar v, Scalar extent)
{
    return scalar_pick(l, FN_LT, v, scalar_int(0), scalar_2(l, FN_ADD, v, extent), v);
}

/* Extremes stay what they are: -2^63 + extent is no place. */
static Scalar tamed(Scalar v)
{
    enum { FAR_BITS = 60 };
    const int64_t far = (int64_t)1 << FAR_BITS;
    if (scalar_known(&v) && (v.b > far || v.b < -far))
        return scalar_int(v.b > 0 ? far : -far);
    return v;
}

static Cut cut_of(Lowering *l, Scalar extent, Scalar begin, Scalar end, int64_t step)
{
    Scalar zero = scalar_int(0), one = scalar_int(1), last = scalar_2(l, FN_SUB, extent, one);
    Cut cut = {.step = step};
    begin = from_front(l, tamed(begin), extent);
    end = from_front(l, tamed(end), extent);
    Scalar length;
    if (step > 0) {
        cut.begin = clamped(l, begin, zero, extent);
        length = scalar_2(l, FN_SUB, clamped(l, end, zero, extent), cut.begin);
    } else {
        cut.begin = clamped(l, begin, zero, last);
        length = scalar_2(l, FN_SUB, cut.begin, clamped(l, end, scalar_int(-1), last));
        if (scalar_is(&extent, 0))
            length = zero;
    }
    int64_t stride = step > 0 ? step : -step;
    if (stride != 1)
        length = scalar_2(l, FN_FLOORDIV, scalar_2(l, FN_ADD, length, scalar_int(stride - 1)), scalar_int(stride));
    cut.n = scalar_2(l, FN_MIN, scalar_2(l, FN_MAX, length, zero), extent);
    if (cut.n.high <= 1)
        cut.step = 1;
    return cut;
}

typedef struct Lists {
    Scalars starts, ends;
    Ints axes, steps;
    bool have_axes, have_steps;
} Lists;

static weir_status read_lists(Lowering *l, const Operand *x, Lists *lists)
{
    bool have_starts, have_ends;
    TRY(ints_of(l, 3, "axes", &lists->axes, &lists->have_axes));
    if (input(l, 4) != NULL)
        TRY(ints_of(l, 4, "steps", &lists->steps, &lists->have_steps));
    TRY(scalars_given(l, 1, "starts", &lists->starts, &have_starts));
    TRY(scalars_given(l, 2, "ends", &lists->ends, &have_ends));
    uint32_t n = lists->starts.n;
    if (!have_starts || !have_ends || n != lists->ends.n || (lists->have_axes && lists->axes.n != n) ||
        (lists->have_steps && lists->steps.n != n) || (!lists->have_axes && n > x->n_dims))
        return invalid(l, "starts, ends, axes and steps do not agree");
    return WEIR_OK;
}

static weir_status slice_cuts(Lowering *l, const Operand *x, Cut *cuts)
{
    Lists lists = {0};
    bool seen[MAX_DIMS] = {false};
    TRY(read_lists(l, x, &lists));
    for (uint32_t d = 0; d < x->n_dims; d++)
        cuts[d] = (Cut){scalar_int(0), extent_scalar(l, x, d), 1};
    for (uint32_t k = 0; k < lists.starts.n; k++) {
        uint32_t axis = k;
        int64_t step = lists.have_steps ? lists.steps.at[k] : 1;
        if (lists.have_axes)
            TRY(axis_of(l, lists.axes.at[k], x->n_dims, &axis));
        if (seen[axis])
            return invalid(l, "axis %u is given twice", axis);
        if (step == 0 || step == INT64_MIN)
            return invalid(l, "step %lld", (long long)step);
        seen[axis] = true;
        cuts[axis] = cut_of(l, extent_scalar(l, x, axis), lists.starts.at[k], lists.ends.at[k], step);
    }
    return WEIR_OK;
}

static bool whole_dim(const Lowering *l, const Operand *x, uint32_t d, const Cut *cut)
{
    Scalar extent = extent_scalar(l, x, d);
    return scalar_same(l, &cut->n, &extent) && cut->step == 1 && (scalar_is(&cut->begin, 0) || cut->n.high <= 1);
}

weir_status lower_slice(Lowering *l)
{
    Operand *x = l->in[0], *y;
    Cut cuts[MAX_DIMS];
    TRY(slice_cuts(l, x, cuts));
    bool whole = true;
    for (uint32_t d = 0; d < x->n_dims; d++)
        whole = whole && whole_dim(l, x, d, &cuts[d]);
    if (whole) {
        output_alias(l, 0, x);
        return WEIR_OK;
    }
    Ranks own, ranks = {0};
    ExprId index[MAX_DIMS], begin;
    ranks_of(l, x, &own);
    for (uint32_t d = 0; d < x->n_dims; d++) {
        RankId like = whole_dim(l, x, d, &cuts[d]) ? own.at[d] : (RankId){0};
        TRY(ranks_add_scalar(l, &ranks, like, rank_name(l->cs, own.at[d]), &cuts[d].n, x));
    }
    for (uint32_t d = 0; d < x->n_dims; d++) {
        TRY(scalar_index(l, &cuts[d].begin, &begin));
        index[d] = cuts[d].step > 0 ? ix_add(l, ix_affine(l, cuts[d].step, ranks.at[d], 0), begin)
                                    : ex2(l, FN_SUB, begin, ix_affine(l, -cuts[d].step, ranks.at[d], 0));
    }
    TRY(output(l, 0, x->type, &ranks, &y));
    define(l, y, count_of(y) == 0 && dtype_kind(y->type) != DK_CODE ? lit(l, y->type, 0) : at_index(l, x, index));
    return WEIR_OK;
}
