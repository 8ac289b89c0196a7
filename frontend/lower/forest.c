/*
 * frontend/lower/forest.c: see forest.h: a row walks all trees at once, a step being one statement over rows and trees.
 */
#include "frontend/lower/forest.h"

#include <math.h>

#include "frontend/lower/families.h"
#include "frontend/lower/region.h"

enum { MOST_WEIGHTS = 1 << 26 };

weir_status forest_weights(Lowering *l, Forest *forest)
{
    int64_t leaves = (int64_t)forest->nodes.n - forest->n_inner, n;
    if (forest->n_targets < 1 || forest->n_targets > INT32_MAX)
        return invalid(l, "%lld targets", (long long)forest->n_targets);
    if (__builtin_mul_overflow(leaves, forest->n_targets, &n) || n > MOST_WEIGHTS)
        return unsupported(l, "%lld leaves with %lld targets", (long long)leaves, (long long)forest->n_targets);
    forest->weights = ARENA_ARRAY(&l->cx->arena, double, (size_t)n);
    forest->given = ARENA_ARRAY(&l->cx->arena, bool, (size_t)n);
    return WEIR_OK;
}

typedef struct Visit {
    int64_t node;
    uint32_t next; /* child: 0 yes, 1 no, 2 both are done */
} Visit;

/* The steps from a root to its deepest leaf; a node met again on its own path is no tree. */
static weir_status depth_of(Lowering *l, Forest *forest, int64_t root, int64_t *height, uint8_t *state)
{
    VEC(Visit) stack = {0};
    vec_push(&l->cx->arena, &stack, ((Visit){root, 0}));
    while (stack.n != 0) {
        Visit *top = &stack.at[stack.n - 1];
        int64_t at = top->node;
        const TreeNode *node = &forest->nodes.at[at];
        if (top->next < 2 && at < forest->n_inner) {
            int64_t child = top->next++ == 0 ? node->yes : node->no;
            state[at] = 1;
            if (state[child] == 1)
                return invalid(l, "the nodes of a tree form a cycle");
            if (state[child] == 0)
                vec_push(&l->cx->arena, &stack, ((Visit){child, 0}));
            continue;
        }
        if (at < forest->n_inner)
            height[at] = 1 + (height[node->yes] > height[node->no] ? height[node->yes] : height[node->no]);
        state[at] = 2;
        stack.n--;
    }
    forest->depth = height[root] > forest->depth ? height[root] : forest->depth;
    return WEIR_OK;
}

weir_status forest_check(Lowering *l, Forest *forest, int64_t n_features)
{
    int64_t n = (int64_t)forest->nodes.n;
    for (int64_t i = 0; i < n; i++) {
        const TreeNode *node = &forest->nodes.at[i];
        if (node->yes < 0 || node->yes >= n || node->no < 0 || node->no >= n)
            return invalid(l, "node %lld leads out of the trees", (long long)i);
        if (i < forest->n_inner && (node->feature < 0 || node->feature >= n_features))
            return invalid(l, "node %lld reads feature %lld of %lld", (long long)i, (long long)node->feature,
                           (long long)n_features);
    }
    if (forest->roots.n == 0)
        return invalid(l, "there is no tree");
    int64_t *height = ARENA_ARRAY(&l->cx->arena, int64_t, (size_t)n);
    uint8_t *state = ARENA_ARRAY(&l->cx->arena, uint8_t, (size_t)n);
    for (uint32_t t = 0; t < forest->roots.n; t++) {
        if (forest->roots.at[t] < 0 || forest->roots.at[t] >= n)
            return invalid(l, "tree %u has no root", t);
        TRY(depth_of(l, forest, forest->roots.at[t], height, state));
    }
    return WEIR_OK;
}

/* ---- the walk ---- */

typedef struct TreeTables {
    Operand *feature, *split, *mode, *missing, *yes, *no;
    uint32_t modes; /* those that occur, as bits */
} TreeTables;

static TreeTables tables_of(Lowering *l, const Forest *forest, RankId node)
{
    int64_t n = (int64_t)forest->nodes.n;
    Tensor feature = table_new(l, DT_I64, 1, &n), split = table_new(l, forest->type, 1, &n);
    Tensor mode = table_new(l, DT_I64, 1, &n), missing = table_new(l, DT_BOOL, 1, &n);
    Tensor yes = table_new(l, DT_I64, 1, &n), no = table_new(l, DT_I64, 1, &n);
    TreeTables t = {0};
    bool any_missing = false;
    for (size_t i = 0; i < (size_t)n; i++) {
        const TreeNode *at = &forest->nodes.at[i];
        dtype_store_i64(DT_I64, feature.data, i, at->feature);
        dtype_store_f64(forest->type, split.data, i, at->split);
        dtype_store_i64(DT_I64, mode.data, i, at->mode);
        dtype_store_i64(DT_BOOL, missing.data, i, at->missing);
        dtype_store_i64(DT_I64, yes.data, i, at->yes);
        dtype_store_i64(DT_I64, no.data, i, at->no);
        any_missing = any_missing || at->missing;
        if ((int64_t)i < forest->n_inner)
            t.modes |= 1u << at->mode;
    }
    t.feature = table(l, "_feature", &feature, &node);
    t.split = table(l, "_split", &split, &node);
    t.yes = table(l, "_yes", &yes, &node);
    t.no = table(l, "_no", &no, &node);
    if ((t.modes & (t.modes - 1)) != 0)
        t.mode = table(l, "_mode", &mode, &node);
    if (any_missing)
        t.missing = table(l, "_missing", &missing, &node);
    return t;
}

/* Whether the condition of node `at` holds for the feature v. */
static ExprId holds(Lowering *l, const TreeTables *t, ExprId at, ExprId v)
{
    static const Fn compare[] = {FN_LE, FN_LT, FN_GE, FN_GT, FN_EQ, FN_NE};
    ExprId split = cast(l, expr_at(l->cs, v)->type, at_index(l, t->split, &at)), result = {0};
    for (uint32_t m = 0; m < sizeof compare / sizeof *compare; m++) {
        if ((t->modes >> m & 1) == 0)
            continue;
        ExprId here = ex2(l, compare[m], v, split);
        result = result.i == 0 ? here : ex_select(l->cs, ex2(l, FN_EQ, at_index(l, t->mode, &at), num(l, m)), here, result);
    }
    if (t->missing != NULL)
        result = ex2(l, FN_OR, result, ex2(l, FN_AND, at_index(l, t->missing, &at), ex2(l, FN_NE, v, v)));
    return result;
}

/* The leaf that each row reaches in each tree. */
static weir_status reach(Lowering *l, const Forest *forest, const Ranks *ranks, Operand **out)
{
    Operand *x = l->in[0], *node;
    int64_t n = (int64_t)forest->roots.n;
    Tensor first = table_new(l, DT_I64, 1, &n);
    for (uint32_t i = 0; i < forest->roots.n; i++)
        dtype_store_i64(DT_I64, first.data, i, forest->roots.at[i]);
    Operand *roots = table(l, "_roots", &first, &ranks->at[1]);
    TreeTables tables = tables_of(l, forest, new_rank(l, "n", (int64_t)forest->nodes.n));
    TRY(temporary(l, "_node", DT_I64, ranks, &node));
    TRY(temporary(l, "_leaf", DT_I64, ranks, out));
    ExprId root = at_ranks(l, roots, &ranks->at[1]);
    if (forest->depth == 0) {
        define(l, *out, root);
        return WEIR_OK;
    }
    Dtype type = is_float(x->type) ? wide(x->type) : forest->type;
    tensor_of(l, x);
    RankId t = iterate_open(l, forest->depth);
    TensorId walk = carried(l, "_walk", DT_I64, t, true, ranks);
    define_carried(l, walk, num(l, 0), root);
    define(l, node, at_carried(l, walk, rk(l, t), ranks->at));
    ExprId at = at_ranks(l, node, ranks->at), index[2] = {rk(l, ranks->at[0]), {0}};
    index[1] = at_index(l, tables.feature, &at);
    ExprId yes = holds(l, &tables, at, cast(l, type, at_index(l, x, index)));
    define_carried(l, walk, next_step(l, t),
                   ex_select(l->cs, yes, at_index(l, tables.yes, &at), at_index(l, tables.no, &at)));
    iterate_close(l, t, (TensorId){0}, (ExprId){0});
    define(l, *out, at_carried(l, walk, ex_count(l->cs, t), ranks->at));
    return WEIR_OK;
}

static Operand *weights_of(Lowering *l, const Forest *forest, TreeAggregate aggregate, Dtype type, const RankId *ranks)
{
    int64_t extent[2] = {(int64_t)forest->nodes.n - forest->n_inner, forest->n_targets};
    Tensor weights = table_new(l, type, 2, extent);
    double none = aggregate == TREE_MIN ? (double)INFINITY : aggregate == TREE_MAX ? -(double)INFINITY : 0;
    for (size_t i = 0; i < (size_t)(extent[0] * extent[1]); i++)
        dtype_store_f64(type, weights.data, i, forest->given[i] ? forest->weights[i] : none);
    return table(l, "_weights", &weights, ranks);
}

weir_status forest_scores(Lowering *l, const Forest *forest, TreeAggregate aggregate, Operand **out)
{
    Operand *x = l->in[0], *leaf, *sum;
    Ranks own, ranks = {.n = 2}, scores = {.n = 2}, over = {.n = 1};
    Dtype type = wide(forest->type);
    TRY(want_rank(l, x, 2, 2));
    ranks_of(l, x, &own);
    ranks.at[0] = scores.at[0] = own.at[0];
    ranks.at[1] = over.at[0] = new_rank(l, "tree", (int64_t)forest->roots.n);
    TRY(reach(l, forest, &ranks, &leaf));
    RankId rows[2] = {new_rank(l, "leaf", (int64_t)forest->nodes.n - forest->n_inner), new_rank(l, "k", forest->n_targets)};
    scores.at[1] = rows[1];
    Operand *weights = weights_of(l, forest, aggregate, type, rows);
    TRY(temporary(l, "_sum", type, &scores, &sum));
    ExprId at[2] = {ix_add(l, at_ranks(l, leaf, ranks.at), num(l, -forest->n_inner)), rk(l, rows[1])};
    Reduction reduction = aggregate == TREE_MIN ? RED_MIN : aggregate == TREE_MAX ? RED_MAX : RED_SUM;
    reduce(l, sum, reduction, &over, at_index(l, weights, at));
    ExprId v = at_ranks(l, sum, scores.at);
    if (aggregate == TREE_MIN || aggregate == TREE_MAX) /* no tree has the target */
        v = ex_select(l->cs, ex2(l, FN_EQ, ex1(l, FN_ABS, v), lit(l, type, (double)INFINITY)), lit(l, type, 0), v);
    if (aggregate == TREE_AVERAGE)
        v = ex2(l, FN_DIV, v, lit(l, type, (double)forest->roots.n));
    if (forest->base != NULL) {
        Tensor base = table_new(l, type, 1, &forest->n_targets);
        for (size_t i = 0; i < (size_t)forest->n_targets; i++)
            dtype_store_f64(type, base.data, i, forest->base[i]);
        v = ex2(l, FN_ADD, v, at_ranks(l, table(l, "_base", &base, &rows[1]), &rows[1]));
    }
    TRY(temporary(l, "_score", type, &scores, out));
    define(l, *out, v);
    return WEIR_OK;
}
