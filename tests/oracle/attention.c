/* Attention with every attribute, and RotaryEmbedding. */
#include "tests/oracle/oracle.h"

typedef struct Heads {
    int64_t batch, heads, kv_heads, queries, keys, past, size, value_size; /* keys: of the past and the new */
    bool flat, causal;                                                     /* flat: (B, S, H * E) */
    double scale, softcap;
    int64_t mode;
    Value *q, *k, *v, *mask, *past_k, *past_v, *lengths, *y, *all_k, *all_v, *scores;
} Heads;

static int64_t place(bool flat, int64_t heads, int64_t rows, int64_t size, int64_t b, int64_t h, int64_t row, int64_t e)
{
    return flat ? ((b * rows + row) * heads + h) * size + e : ((b * heads + h) * rows + row) * size + e;
}

static Value *heads_of(Draw *d, bool fill, bool flat, int64_t b, int64_t h, int64_t rows, int64_t size)
{
    const int64_t e[] = {b, flat ? rows : h, flat ? h * size : rows, size};
    return fill ? filled(d, DT_F32, flat ? 3 : 4, e, -1, 1) : tensor(d, DT_F32, flat ? 3 : 4, e);
}

/* Past, then new. */
static Value *joined(Draw *d, const Heads *a, const Value *past, const Value *now, int64_t size)
{
    Value *all = tensor(d, DT_F32, 4, (int64_t[]){a->batch, a->kv_heads, a->keys, size});
    for (int64_t k = 0; k < all->n; k++) {
        int64_t c[4];
        unravel(all, k, c);
        all->f[k] = c[2] < a->past ? past->f[place(false, a->kv_heads, a->past, size, c[0], c[1], c[2], c[3])]
                                   : now->f[place(a->flat, a->kv_heads, a->keys - a->past, size, c[0], c[1], c[2] - a->past, c[3])];
    }
    return all;
}

/* What the mask, the order and the length of the keys add; -infinity: not seen. */
static double bias_of(const Heads *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    int64_t offset = a->lengths != NULL ? a->lengths->i[b] - a->queries : a->past;
    double bias = 0;
    if (a->mask != NULL) {
        const Value *m = a->mask;
        const int64_t full[4] = {b, h, i, j};
        int64_t c[4];
        for (uint32_t k = 0; k < m->n_dims; k++)
            c[k] = m->extent[k] == 1 && k + 1 < m->n_dims ? 0 : full[4 - m->n_dims + k];
        if (j >= m->extent[m->n_dims - 1])
            return -(double)INFINITY;
        bias = m->type == DT_BOOL ? (m->i[ravel(m, c)] != 0 ? 0 : -(double)INFINITY) : m->f[ravel(m, c)];
    }
    if ((a->causal && j > i + offset) || (a->lengths != NULL && j >= a->lengths->i[b]))
        return -(double)INFINITY;
    return bias;
}

static void attend_row(const Heads *a, int64_t b, int64_t h, int64_t i)
{
    double s[16], most = -(double)INFINITY, sum = 0;
    int64_t kv = h / (a->heads / a->kv_heads), row = ((b * a->heads + h) * a->queries + i) * a->keys;
    for (int64_t j = 0; j < a->keys; j++) {
        s[j] = 0;
        for (int64_t e = 0; e < a->size; e++)
            s[j] += a->q->f[place(a->flat, a->heads, a->queries, a->size, b, h, i, e)] * a->all_k->f[((b * a->kv_heads + kv) * a->keys + j) * a->size + e];
        s[j] *= a->scale;
        a->scores->f[row + j] = s[j];
        if (a->softcap > 0)
            s[j] = a->softcap * tanh(s[j] / a->softcap);
        if (a->mode >= 1)
            a->scores->f[row + j] = s[j];
        s[j] += bias_of(a, b, h, i, j);
        if (a->mode >= 2)
            a->scores->f[row + j] = s[j];
        most = fmax(most, s[j]);
    }
    for (int64_t j = 0; j < a->keys; j++)
        sum += s[j] = isinf(most) ? 0 : exp(s[j] - most);
    for (int64_t j = 0; j < a->keys; j++) {
        s[j] = sum > 0 ? s[j] / sum : 0; /* a row that sees nothing gives 0 */
        if (a->mode == 3)
            a->scores->f[row + j] = s[j];
        for (int64_t e = 0; e < a->value_size; e++)
            a->y->f[place(a->flat, a->heads, a->queries, a->value_size, b, h, i, e)] +=
                s[j] * a->all_v->f[((b * a->kv_heads + kv) * a->keys + j) * a->value_size + e];
    }
}

static void draw_mask(Draw *d, Heads *a, bool shorter)
{
    int64_t columns = shorter ? pick(d, 1, a->keys) : a->keys;
    const int64_t e[] = {coin(d) ? 1 : a->batch, coin(d) ? 1 : a->heads, a->queries, columns};
    uint32_t n = (uint32_t)pick(d, 2, 4);
    a->mask = coin(d) ? filled(d, DT_BOOL, n, e + 4 - n, 0, 1) : filled(d, DT_F32, n, e + 4 - n, -2, 2);
}

static void attention(Draw *d)
{
    Heads *a = ARENA_NEW(&d->cx->arena, Heads);
    int64_t group = pick(d, 1, 2), kv = pick(d, 1, 2), fresh = pick(d, 1, 4);
    *a = (Heads){.batch = pick(d, 1, 2), .kv_heads = kv, .heads = kv * group, .queries = pick(d, 1, 4), .size = pick(d, 1, 4), .value_size = pick(d, 1, 4)};
    bool with_past = pick(d, 0, 2) == 0, lengths = !with_past && pick(d, 0, 2) == 0;
    a->flat = coin(d);
    a->past = with_past ? pick(d, 1, 3) : 0;
    a->keys = a->past + fresh;
    if (lengths && a->queries > a->keys)
        a->queries = a->keys;
    if (a->flat) {
        set_int(d, "q_num_heads", a->heads);
        set_int(d, "kv_num_heads", a->kv_heads);
    }
    a->scale = coin(d) ? (double)(float)real(d, 0.2, 1.5) : 0;
    if (a->scale > 0)
        set_float(d, "scale", a->scale);
    else
        a->scale = 1 / sqrt((double)a->size);
    if ((a->causal = coin(d)))
        set_int(d, "is_causal", 1);
    if (pick(d, 0, 2) == 0)
        set_float(d, "softcap", a->softcap = real(d, 0.5, 3));
    bool four = coin(d);
    if (four && (a->mode = pick(d, 0, 3)) > 0)
        set_int(d, "qk_matmul_output_mode", a->mode);
    a->q = heads_of(d, true, a->flat, a->batch, a->heads, a->queries, a->size);
    a->k = heads_of(d, true, a->flat, a->batch, a->kv_heads, fresh, a->size);
    a->v = heads_of(d, true, a->flat, a->batch, a->kv_heads, fresh, a->value_size);
    if (coin(d))
        draw_mask(d, a, !with_past && pick(d, 0, 3) == 0);
    if (with_past) {
        a->past_k = heads_of(d, true, false, a->batch, a->kv_heads, a->past, a->size);
        a->past_v = heads_of(d, true, false, a->batch, a->kv_heads, a->past, a->value_size);
    }
    if (lengths)
        a->lengths = filled(d, DT_I64, 1, &a->batch, (double)a->queries, (double)a->keys);
    a->all_k = joined(d, a, a->past_k, a->k, a->size);
    a->all_v = joined(d, a, a->past_v, a->v, a->value_size);
    a->y = heads_of(d, false, a->flat, a->batch, a->heads, a->queries, a->value_size);
    a->scores = tensor(d, DT_F32, 4, (int64_t[]){a->batch, a->heads, a->queries, a->keys});
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t h = 0; h < a->heads; h++)
            for (int64_t i = 0; i < a->queries; i++)
                attend_row(a, b, h, i);
    Value *const all[] = {a->q, a->k, a->v, a->mask, a->past_k, a->past_v, a->lengths};
    for (int k = 0; k < 7; k++)
        give(d, all[k]);
    while (d->in[d->n_in - 1] == NULL)
        d->n_in--;
    expect(d, a->y);
    if (with_past || four) {
        expect(d, with_past ? a->all_k : NULL);
        expect(d, with_past ? a->all_v : NULL);
    }
    if (four)
        expect(d, a->scores);
    d->absolute = d->relative = 2e-5;
}

static void rotary(Draw *d)
{
    int64_t batch = pick(d, 1, 2), heads = pick(d, 1, 3), rows = pick(d, 1, 4), half = pick(d, 1, 3), rest = pick(d, 0, 2), size = 2 * half + rest, most = rows + 3;
    bool flat = coin(d), interleaved = coin(d), named = coin(d);
    if (interleaved)
        set_int(d, "interleaved", 1);
    if (flat)
        set_int(d, "num_heads", heads);
    if (rest > 0)
        set_int(d, "rotary_embedding_dim", 2 * half);
    Value *x = heads_of(d, true, flat, batch, heads, rows, size), *y = heads_of(d, false, flat, batch, heads, rows, size);
    const int64_t shared[] = {most, half}, own[] = {batch, rows, half}, ids[] = {batch, rows};
    Value *c = filled(d, DT_F32, named ? 2 : 3, named ? shared : own, -1, 1), *s = filled(d, DT_F32, named ? 2 : 3, named ? shared : own, -1, 1);
    Value *at = filled(d, DT_I64, 2, ids, 0, (double)(most - 1));
    for (int64_t k = 0; k < batch * heads * rows; k++) {
        int64_t b = k / heads / rows, h = k / rows % heads, r = k % rows, table = named ? at->i[b * rows + r] : b * rows + r;
        for (int64_t e = 0; e < size; e++) {
            int64_t to = place(flat, heads, rows, size, b, h, r, e);
            y->f[to] = x->f[to];
        }
        for (int64_t e = 0; e < half; e++) {
            int64_t u = place(flat, heads, rows, size, b, h, r, interleaved ? 2 * e : e), v = place(flat, heads, rows, size, b, h, r, interleaved ? 2 * e + 1 : e + half);
            double cosine = c->f[table * half + e], sine = s->f[table * half + e];
            y->f[u] = cosine * x->f[u] - sine * x->f[v];
            y->f[v] = sine * x->f[u] + cosine * x->f[v];
        }
    }
    give(d, x);
    give(d, c);
    give(d, s);
    if (named)
        give(d, coin(d) ? as_constant(at) : at);
    expect(d, y);
    d->absolute = d->relative = 1e-5;
}

static const Row rows[] = {{"Attention", "attention", attention, 120}, {"RotaryEmbedding", "rotary", rotary, 30}};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
