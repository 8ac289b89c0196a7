/*
 * frontend/lower/nbits.c: MatMulNBits: weights of 2, 4 or 8 bits packed in bytes, with a scale and zero point a block.
 *
 * Keep: constant weights are unpacked to a constant of the narrow type, so that targets see its true size.
 */
#include "frontend/lower/families.h"
#include "frontend/lower/product.h"

typedef struct Packed {
    Operand *a, *b, *scales, *zeros, *bias;
    int64_t rows, columns, block, blocks, bits; /* rows: N, columns: K */
    RankId n, k;
} Packed;

static Dtype narrow(int64_t bits)
{
    return bits == 2 ? DT_U2 : bits == 4 ? DT_U4 : DT_U8;
}

static weir_status packed_form(Lowering *l, Packed *p)
{
    p->rows = attr_int(l, "N", 0);
    p->columns = attr_int(l, "K", 0);
    p->bits = attr_int(l, "bits", 4);
    p->block = attr_int(l, "block_size", 0);
    const int64_t most = INT32_MAX;
    if (p->rows < 1 || p->columns < 1 || p->block < 1 || p->rows > most || p->columns > most || p->block > most)
        return invalid(l, "N, K and block_size must be positive");
    if (p->bits != 2 && p->bits != 4 && p->bits != 8)
        return unsupported(l, "%lld bits", (long long)p->bits);
    if (p->block * p->bits % 8 != 0)
        return invalid(l, "blocks of %lld", (long long)p->block);
    p->blocks = (p->columns + p->block - 1) / p->block;
    if (input(l, 4) != NULL)
        return unsupported(l, "g_idx");
    TRY(want_float(l, p->a));
    TRY(want_same_type(l, p->a, p->scales));
    TRY(want_rank(l, p->a, 1, MAX_DIMS));
    if (p->b->type != DT_U8 || count_of(p->b) != p->rows * p->blocks * (p->block * p->bits / 8))
        return invalid(l, "the weights %s do not fit", shape_text(l, p->b));
    if (count_of(p->scales) != p->rows * p->blocks)
        return invalid(l, "the scales %s do not fit", shape_text(l, p->scales));
    if (p->bias != NULL && (p->bias->type != p->a->type || p->bias->n_dims != 1 || p->bias->extent[0] != p->rows))
        return invalid(l, "the bias %s does not fit", shape_text(l, p->bias));
    return WEIR_OK;
}

/* The element of a row-major operand at a flat index within row n. */
static ExprId flat_at(Lowering *l, const Packed *p, Operand *op, int64_t row, ExprId at)
{
    ExprId index[MAX_DIMS];
    if (op->n_dims == 1) {
        index[0] = ix_add(l, ex_scale(l->cs, row, rk(l, p->n)), at);
        return at_index(l, op, index);
    }
    index[0] = rk(l, p->n);
    for (uint32_t d = op->n_dims; d > 2; d--) {
        index[d - 1] = ix_mod(l, at, op->extent[d - 1]);
        at = ix_div(l, at, op->extent[d - 1]);
    }
    index[1] = at;
    return at_index(l, op, index);
}

static bool row_major(const Packed *p, const Operand *op)
{
    return op->n_dims == 1 || (op->n_dims > 1 && op->extent[0] == p->rows);
}

/* Codes in bytes, each row `row` bytes: the code of column k / divisor as an i32. */
static weir_status unpack(Lowering *l, const Packed *p, Operand *op, int64_t row, int64_t columns, int64_t divisor, ExprId *out)
{
    int64_t per = 8 / p->bits, mask = (1 << p->bits) - 1;
    if (op->value != NULL) {
        const int64_t extent[2] = {p->rows, columns};
        const RankId ranks[2] = {p->n, divisor == 1 ? p->k : (RankId){0}};
        Tensor t = table_new(l, narrow(p->bits), 2, extent);
        for (int64_t n = 0; n < p->rows; n++)
            for (int64_t c = 0; c < columns; c++) {
                int64_t byte = dtype_load_i64(DT_U8, op->value->data, (size_t)(n * row + c / per));
                dtype_store_i64(t.type, t.data, (size_t)(n * columns + c), byte >> (c % per * p->bits) & mask);
            }
        Operand *codes = table(l, divisor == 1 ? "_codes" : "_zeros", &t, ranks);
        const ExprId index[2] = {rk(l, p->n), ix_div(l, rk(l, p->k), divisor)};
        *out = cast(l, DT_I32, ex_access(l->cs, codes->tensor, 2, index));
        return WEIR_OK;
    }
    if (!row_major(p, op))
        return unsupported(l, "packed operand %s", shape_text(l, op));
    ExprId byte = cast(l, DT_I32, flat_at(l, p, op, row, ix_div(l, rk(l, p->k), divisor * per)));
    ExprId column = ex2(l, FN_FLOORDIV, ex_index(l->cs, p->k), num(l, divisor));
    ExprId shift = ex2(l, FN_MUL, ex2(l, FN_FLOORMOD, column, num(l, per)), num(l, p->bits));
    *out = ex2(l, FN_BIT_AND, ex2(l, FN_SHR, byte, cast(l, DT_I32, shift)), ex_literal_int(l->cs, DT_I32, mask));
    return WEIR_OK;
}

/* code - zero in the weights' type. */
static weir_status centred(Lowering *l, const Packed *p, ExprId code, ExprId *out)
{
    Operand *zeros = p->zeros;
    Dtype type = p->a->type;
    ExprId at = ix_div(l, rk(l, p->k), p->block), zero;
    if (zeros != NULL && zeros->type == type) {
        if (count_of(zeros) != p->rows * p->blocks || !row_major(p, zeros))
            return invalid(l, "the zero points %s do not fit", shape_text(l, zeros));
        *out = ex2(l, FN_SUB, cast(l, type, code), flat_at(l, p, zeros, p->blocks, at));
        return WEIR_OK;
    }
    zero = ex_literal_int(l->cs, DT_I32, (int64_t)1 << (p->bits - 1));
    if (zeros != NULL) {
        int64_t row = (p->blocks * p->bits + 7) / 8;
        if (zeros->type != DT_U8 || count_of(zeros) != p->rows * row)
            return invalid(l, "the zero points %s do not fit", shape_text(l, zeros));
        TRY(unpack(l, p, zeros, row, p->blocks, p->block, &zero));
    }
    *out = cast(l, type, ex2(l, FN_SUB, code, zero));
    return WEIR_OK;
}

weir_status lower_matmul_nbits(Lowering *l)
{
    Packed p = {.a = l->in[0], .b = l->in[1], .scales = l->in[2], .zeros = input(l, 3), .bias = input(l, 5)};
    Operand *w, *sum, *y;
    Side left, right;
    ExprId code, v;
    TRY(packed_form(l, &p));
    RankId own = dim_rank(l, p.a, p.a->n_dims - 1);
    bool same = own.i != 0 && extent_of_rank(l, own) == p.columns;
    p.n = new_rank(l, "n", p.rows);
    p.k = same ? own : new_rank(l, "k", p.columns);
    Ranks ranks = {.n = 2, .at = {p.n, p.k}};
    TRY(unpack(l, &p, p.b, p.blocks * (p.block * p.bits / 8), p.columns, 1, &code));
    TRY(centred(l, &p, code, &v));
    TRY(temporary(l, "_weights", p.a->type, &ranks, &w));
    if (!row_major(&p, p.scales))
        return invalid(l, "the scales %s do not fit", shape_text(l, p.scales));
    define(l, w, ex2(l, FN_MUL, v, flat_at(l, &p, p.scales, p.blocks, ix_div(l, rk(l, p.k), p.block))));
    TRY(side_of(l, p.a, true, false, false, &left));
    TRY(side_of(l, w, false, true, false, &right));
    Dtype type = p.a->type;
    bool final = p.bias == NULL && wide(type) == type;
    TRY(product(l, &left, &right, wide(type), final, &sum));
    if (final)
        return WEIR_OK;
    ranks_of(l, sum, &ranks);
    TRY(output(l, 0, type, &ranks, &y));
    v = at_ranks(l, sum, ranks.at);
    if (p.bias != NULL)
        v = ex2(l, FN_ADD, v, cast(l, sum->type, at_ranks(l, p.bias, &ranks.at[ranks.n - 1])));
    define(l, y, v);
    return WEIR_OK;
}
