/*
 * frontend/lower/ngram.c: TfIdfVectorizer on integers: how often each n-gram of a pool occurs in a row, as sums of comparisons.
 *
 * Keep: n-grams of one length are one table; a skip of s reads tokens s + 1 apart; single tokens have no skips.
 */
#include "frontend/lower/families.h"

enum { MOST_LENGTH = 16, MOST_SKIP = 64 };

typedef struct Ngrams {
    Operand *x;
    Ranks rows;                            /* the batch, or nothing */
    int64_t tokens;                        /* of a row */
    int64_t shortest, longest, most_skip;
    Ints pool, starts, columns;
    int64_t n_columns;
    Operand *hits[MOST_LENGTH + 1];        /* by length: [rows, n-gram]; NULL: none */
    Operand *length_of;                    /* by column */
    Operand *place_of[MOST_LENGTH + 1];    /* by column: the n-gram of this length; 0: it shows another length */
    Operand *weights;                      /* by column; NULL: 1 */
    bool counts, weighted;                 /* TF, IDF, TFIDF */
} Ngrams;

static int64_t pool_end(const Ngrams *g, int64_t length)
{
    return length < (int64_t)g->starts.n ? g->starts.at[length] : (int64_t)g->pool.n;
}

/* The number of n-grams of a length that the pool holds. */
static int64_t grams_of(const Ngrams *g, int64_t length)
{
    return length > (int64_t)g->starts.n ? 0 : (pool_end(g, length) - g->starts.at[length - 1]) / length;
}

static weir_status read_pool(Lowering *l, Ngrams *g)
{
    g->pool = attr_ints(l, "pool_int64s");
    g->starts = attr_ints(l, "ngram_counts");
    g->columns = attr_ints(l, "ngram_indexes");
    g->shortest = attr_int(l, "min_gram_length", 0);
    g->longest = attr_int(l, "max_gram_length", 0);
    g->most_skip = attr_int(l, "max_skip_count", 0);
    if (attr(l, "pool_strings") != NULL)
        return unsupported(l, "a pool of strings");
    if (g->shortest < 1 || g->longest < g->shortest || g->most_skip < 0)
        return invalid(l, "n-grams of %lld to %lld tokens, %lld skipped", (long long)g->shortest, (long long)g->longest,
                       (long long)g->most_skip);
    if (g->starts.n == 0 || g->starts.n > MOST_LENGTH || g->most_skip > MOST_SKIP)
        return unsupported(l, "n-grams of up to %u tokens, %lld skipped", g->starts.n, (long long)g->most_skip);
    int64_t n = 0;
    for (int64_t length = 1; length <= (int64_t)g->starts.n; length++) {
        int64_t from = g->starts.at[length - 1], to = pool_end(g, length);
        if (from < 0 || to < from || to > (int64_t)g->pool.n || (to - from) % length != 0)
            return invalid(l, "ngram_counts do not fit a pool of %u tokens", g->pool.n);
        n += grams_of(g, length);
    }
    if (n != (int64_t)g->columns.n)
        return invalid(l, "%lld n-grams, but %u ngram_indexes", (long long)n, g->columns.n);
    return WEIR_OK;
}

/* Which n-gram a column shows, and with which weight. */
static weir_status read_columns(Lowering *l, Ngrams *g)
{
    const Attribute *weights = attr(l, "weights");
    for (uint32_t i = 0; i < g->columns.n; i++) {
        if (g->columns.at[i] < 0 || g->columns.at[i] > INT32_MAX)
            return invalid(l, "ngram_indexes: %lld", (long long)g->columns.at[i]);
        g->n_columns = g->columns.at[i] >= g->n_columns ? g->columns.at[i] + 1 : g->n_columns;
    }
    if (weights != NULL && weights->n != g->columns.n)
        return invalid(l, "%u weights for %u n-grams", weights->n, g->columns.n);
    if ((uint64_t)g->n_columns * sizeof(int64_t) > l->cx->limits.memory_bytes)
        return unsupported(l, "%lld columns", (long long)g->n_columns);
    Tensor lengths = table_new(l, DT_I64, 1, &g->n_columns), places[MOST_LENGTH + 1];
    Tensor factors = table_new(l, DT_F32, 1, &g->n_columns);
    size_t i = 0;
    for (int64_t length = 1; length <= (int64_t)g->starts.n; length++) {
        places[length] = table_new(l, DT_I64, 1, &g->n_columns);
        for (int64_t k = 0; k < grams_of(g, length); k++, i++) {
            size_t column = (size_t)g->columns.at[i];
            if (dtype_load_i64(DT_I64, lengths.data, column) != 0)
                return unsupported(l, "two n-grams share column %lld", (long long)g->columns.at[i]);
            dtype_store_i64(DT_I64, lengths.data, column, length);
            dtype_store_i64(DT_I64, places[length].data, column, k);
            dtype_store_f64(DT_F32, factors.data, column, weights == NULL ? 1 : (double)weights->floats[i]);
        }
    }
    RankId o = new_rank(l, "o", g->n_columns);
    g->length_of = table(l, "_length", &lengths, &o);
    for (int64_t length = 1; length <= (int64_t)g->starts.n; length++)
        if (g->hits[length] != NULL)
            g->place_of[length] = table(l, "_place", &places[length], &o);
    g->weights = weights == NULL ? NULL : table(l, "_weights", &factors, &o);
    ranks_add(&g->rows, o);
    return WEIR_OK;
}

/* How often the n-grams of a length occur with `skip` tokens between theirs; `*out` NULL: the row is too short. */
static weir_status occurrences(Lowering *l, Ngrams *g, int64_t length, int64_t skip, Operand *grams, RankId p, Operand **out)
{
    int64_t places = g->tokens - (length - 1) * (skip + 1);
    *out = NULL;
    if (places < 1)
        return WEIR_OK;
    Ranks ranks = g->rows, over = {.n = 1, .at = {new_rank(l, "i", places)}};
    ranks_add(&ranks, p);
    TRY(temporary(l, "_found", DT_F32, &ranks, out));
    ExprId all = {0};
    for (int64_t k = 0; k < length; k++) {
        ExprId at[2] = {rk(l, g->rows.at[0]), {0}}, gram[2] = {rk(l, p), num(l, k)};
        at[g->rows.n] = ix_affine(l, 1, over.at[0], k * (skip + 1));
        ExprId token = cast(l, DT_I64, at_index(l, g->x, at));
        ExprId same = ex2(l, FN_EQ, token, at_index(l, grams, gram));
        all = k == 0 ? same : ex2(l, FN_AND, all, same);
    }
    reduce(l, *out, RED_SUM, &over, ex_select(l->cs, all, lit(l, DT_F32, 1), lit(l, DT_F32, 0)));
    return WEIR_OK;
}

static weir_status count_length(Lowering *l, Ngrams *g, int64_t length)
{
    int64_t n = grams_of(g, length), extent[2] = {n, length};
    if (n == 0 || g->tokens < length)
        return WEIR_OK;
    Tensor tokens = table_new(l, DT_I64, 2, extent);
    for (int64_t i = 0; i < n * length; i++)
        dtype_store_i64(DT_I64, tokens.data, (size_t)i, g->pool.at[g->starts.at[length - 1] + i]);
    RankId p[2] = {new_rank(l, "p", n), {0}};
    Operand *grams = table(l, "_grams", &tokens, p), *found;
    Ranks ranks = g->rows;
    ranks_add(&ranks, p[0]);
    ExprId sum = {0};
    for (int64_t skip = 0; skip <= (length == 1 ? 0 : g->most_skip); skip++) {
        TRY(occurrences(l, g, length, skip, grams, p[0], &found));
        if (found != NULL)
            sum = skip == 0 ? at_ranks(l, found, ranks.at) : ex2(l, FN_ADD, sum, at_ranks(l, found, ranks.at));
    }
    TRY(temporary(l, "_hits", DT_F32, &ranks, &g->hits[length]));
    define(l, g->hits[length], sum);
    return WEIR_OK;
}

weir_status lower_tfidf(Lowering *l)
{
    Ngrams g = {.x = l->in[0]};
    Operand *y;
    g.counts = attr_is(l, "mode", "", "TF") || attr_is(l, "mode", "", "TFIDF");
    g.weighted = attr_is(l, "mode", "", "IDF") || attr_is(l, "mode", "", "TFIDF");
    if (!g.counts && !g.weighted)
        return invalid(l, "mode '%s'", attr_text(l, "mode", ""));
    if (g.x->type != DT_I32 && g.x->type != DT_I64)
        return invalid(l, "tokens of type %s", dtype_text(g.x->type));
    TRY(want_rank(l, g.x, 1, 2));
    TRY(want_static(l, g.x));
    TRY(read_pool(l, &g));
    g.tokens = g.x->extent[g.x->n_dims - 1];
    ranks_of(l, g.x, &g.rows);
    g.rows.n--;
    uint32_t n_rows = g.rows.n;
    for (int64_t length = g.shortest; length <= g.longest && length <= (int64_t)g.starts.n; length++)
        TRY(count_length(l, &g, length));
    TRY(read_columns(l, &g));
    TRY(output(l, 0, DT_F32, &g.rows, &y));
    RankId o = g.rows.at[n_rows];
    ExprId value = lit(l, DT_F32, 0), at[2] = {rk(l, g.rows.at[0]), {0}};
    for (int64_t length = 1; length <= (int64_t)g.starts.n; length++) {
        if (g.hits[length] == NULL)
            continue;
        at[n_rows] = at_ranks(l, g.place_of[length], &o);
        value = ex_select(l->cs, ex2(l, FN_EQ, at_ranks(l, g.length_of, &o), num(l, length)),
                          at_index(l, g.hits[length], at), value);
    }
    if (!g.counts)
        value = ex_select(l->cs, ex2(l, FN_GT, value, lit(l, DT_F32, 0)), lit(l, DT_F32, 1), lit(l, DT_F32, 0));
    if (g.weighted && g.weights != NULL)
        value = ex2(l, FN_MUL, value, at_ranks(l, g.weights, &o));
    define(l, y, value);
    return WEIR_OK;
}
