/*
 * frontend/lower/trees.c: TreeEnsemble, TreeEnsembleRegressor, TreeEnsembleClassifier read into a Forest.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/lower/families.h"
#include "frontend/lower/forest.h"

/* ---- TreeEnsemble ---- */

typedef struct Ensemble {
    Ints feature, yes, no, yes_leaf, no_leaf, missing;
    const Tensor *mode, *split, *member, *weight;
    Ints target;
    int64_t n_inner, n_leaves, n_members;
} Ensemble;

static int64_t elements(const Tensor *t)
{
    return t == NULL ? 0 : tensor_elements(t);
}

static const Tensor *attr_tensor(Lowering *l, const char *name)
{
    const Attribute *a = attr(l, name);
    return a == NULL ? NULL : &a->tensor.tensor;
}

static weir_status read_ensemble(Lowering *l, Ensemble *e)
{
    *e = (Ensemble){.feature = attr_ints(l, "nodes_featureids"), .yes = attr_ints(l, "nodes_truenodeids"),
                    .no = attr_ints(l, "nodes_falsenodeids"), .yes_leaf = attr_ints(l, "nodes_trueleafs"),
                    .no_leaf = attr_ints(l, "nodes_falseleafs"),
                    .missing = attr_ints(l, "nodes_missing_value_tracks_true"),
                    .mode = attr_tensor(l, "nodes_modes"), .split = attr_tensor(l, "nodes_splits"),
                    .member = attr_tensor(l, "membership_values"), .weight = attr_tensor(l, "leaf_weights"),
                    .target = attr_ints(l, "leaf_targetids")};
    uint32_t n = e->feature.n;
    e->n_inner = n;
    e->n_leaves = e->target.n;
    e->n_members = elements(e->member);
    if (e->yes.n != n || e->no.n != n || e->yes_leaf.n != n || e->no_leaf.n != n || elements(e->mode) != (int64_t)n ||
        elements(e->split) != (int64_t)n || (e->missing.n != 0 && e->missing.n != n))
        return invalid(l, "the lists of %u nodes have different lengths", n);
    if (e->n_leaves == 0 || elements(e->weight) != e->n_leaves)
        return invalid(l, "%lld leaves, %lld weights", (long long)e->n_leaves, (long long)elements(e->weight));
    if (!is_float(e->split->type) || e->weight->type != e->split->type || !dtype_is_int(e->mode->type) ||
        (e->member != NULL && e->member->type != e->split->type))
        return invalid(l, "splits of type %s, weights of type %s", dtype_text(e->split->type), dtype_text(e->weight->type));
    return WEIR_OK;
}

/* The values of the sets, a NaN after each, up to the next NaN. */
static bool next_member(const Ensemble *e, int64_t *at, double *out)
{
    double v = *at < e->n_members ? dtype_load_f64(e->member->type, e->member->data, (size_t)*at) : 0;
    if (*at >= e->n_members || v != v) {
        ++*at;
        return false;
    }
    ++*at;
    *out = v;
    return true;
}

/* Numbers of the branching nodes in the forest: a set of m values becomes m comparisons in a row. */
static weir_status number_nodes(Lowering *l, const Ensemble *e, int64_t *first)
{
    int64_t member = 0, n = 0;
    double value;
    for (int64_t i = 0; i < e->n_inner; i++) {
        int64_t mode = dtype_load_i64(e->mode->type, e->mode->data, (size_t)i);
        first[i] = n;
        if (mode < TREE_LEQ || mode > TREE_MEMBER)
            return invalid(l, "node %lld has mode %lld", (long long)i, (long long)mode);
        if (mode != TREE_MEMBER) {
            n++;
            continue;
        }
        while (next_member(e, &member, &value))
            n++;
        n += first[i] == n; /* an empty set */
    }
    if (member > e->n_members + 1)
        return invalid(l, "fewer sets in membership_values than nodes that test one");
    first[e->n_inner] = n;
    return WEIR_OK;
}

static weir_status child_of(Lowering *l, const Ensemble *e, const int64_t *first, bool leaf, int64_t at, int64_t *out)
{
    if (at < 0 || at >= (leaf ? e->n_leaves : e->n_inner))
        return invalid(l, "there is no %s %lld", leaf ? "leaf" : "node", (long long)at);
    *out = leaf ? first[e->n_inner] + at : first[at];
    return WEIR_OK;
}

static weir_status ensemble_nodes(Lowering *l, const Ensemble *e, const int64_t *first, Forest *forest)
{
    Arena *arena = &l->cx->arena;
    int64_t member = 0;
    for (int64_t i = 0; i < e->n_inner; i++) {
        TreeNode node = {.feature = e->feature.at[i], .missing = e->missing.n != 0 && e->missing.at[i] != 0};
        node.mode = (TreeMode)dtype_load_i64(e->mode->type, e->mode->data, (size_t)i);
        node.split = dtype_load_f64(e->split->type, e->split->data, (size_t)i);
        TRY(child_of(l, e, first, e->yes_leaf.at[i] != 0, e->yes.at[i], &node.yes));
        TRY(child_of(l, e, first, e->no_leaf.at[i] != 0, e->no.at[i], &node.no));
        if (node.mode != TREE_MEMBER) {
            vec_push(arena, &forest->nodes, node);
            continue;
        }
        int64_t otherwise = node.no, n = first[i + 1] - first[i];
        node.mode = TREE_EQ;
        for (int64_t k = 0; k < n; k++) {
            bool value = next_member(e, &member, &node.split);
            node.no = k == n - 1 ? otherwise : first[i] + k + 1;
            node.yes = value ? node.yes : otherwise;
            vec_push(arena, &forest->nodes, node);
            if (value && k == n - 1)
                member++; /* past the NaN */
        }
    }
    forest->n_inner = first[e->n_inner];
    for (int64_t k = 0; k < e->n_leaves; k++)
        vec_push(arena, &forest->nodes, ((TreeNode){.yes = forest->n_inner + k, .no = forest->n_inner + k}));
    return WEIR_OK;
}

weir_status lower_tree_ensemble(Lowering *l)
{
    static const char *const transforms[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    Ensemble e;
    Forest forest = {.n_targets = attr_int(l, "n_targets", 0)};
    Operand *scores;
    int64_t aggregate = attr_int(l, "aggregate_function", TREE_SUM), transform = attr_int(l, "post_transform", 0);
    TRY(want_float(l, l->in[0]));
    TRY(want_rank(l, l->in[0], 2, 2));
    TRY(read_ensemble(l, &e));
    if (e.split->type != l->in[0]->type)
        return invalid(l, "splits of type %s", dtype_text(e.split->type));
    if (aggregate < TREE_AVERAGE || aggregate > TREE_MAX || transform < 0 || transform > 4)
        return invalid(l, "aggregate_function %lld, post_transform %lld", (long long)aggregate, (long long)transform);
    forest.type = e.split->type;
    int64_t *first = ARENA_ARRAY(&l->cx->arena, int64_t, (size_t)e.n_inner + 1);
    TRY(number_nodes(l, &e, first));
    TRY(ensemble_nodes(l, &e, first, &forest));
    Ints roots = attr_ints(l, "tree_roots");
    for (uint32_t t = 0; t < roots.n; t++) {
        if (roots.at[t] < 0 || roots.at[t] >= e.n_inner)
            return invalid(l, "tree %u has no root", t);
        vec_push(&l->cx->arena, &forest.roots, first[roots.at[t]]);
    }
    TRY(forest_check(l, &forest, l->in[0]->extent[1]));
    TRY(forest_weights(l, &forest));
    for (int64_t k = 0; k < e.n_leaves; k++) {
        if (e.target.at[k] < 0 || e.target.at[k] >= forest.n_targets)
            return invalid(l, "leaf %lld has target %lld of %lld", (long long)k, (long long)e.target.at[k],
                           (long long)forest.n_targets);
        int64_t at = k * forest.n_targets + e.target.at[k];
        forest.weights[at] = dtype_load_f64(e.weight->type, e.weight->data, (size_t)k);
        forest.given[at] = true;
    }
    TRY(forest_scores(l, &forest, (TreeAggregate)aggregate, &scores));
    return post_transform(l, scores, transforms[transform], 0, l->in[0]->type);
}

/* ---- the older forms ---- */

typedef struct OldNodes {
    Ints tree, id, feature, yes, no, missing;
    const Attribute *mode;
    uint32_t *order; /* by (tree, id) */
    int64_t *number; /* in the forest */
    double *split;
} OldNodes;

static const char *const mode_names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};

/* Numbers of an attribute that is a list of floats or, under its other name, a tensor; n = -1: the sizes differ. */
static double *old_floats(Lowering *l, const char *name, int64_t n, bool *out_good)
{
    const Attribute *list = attr(l, name);
    const Tensor *tensor = attr_tensor(l, arena_printf(&l->cx->arena, "%s_as_tensor", name));
    double *out = ARENA_ARRAY(&l->cx->arena, double, (size_t)n);
    *out_good = tensor != NULL ? elements(tensor) == n && is_float(tensor->type) : list != NULL && (int64_t)list->n == n;
    for (int64_t i = 0; *out_good && i < n; i++)
        out[i] = tensor != NULL ? dtype_load_f64(tensor->type, tensor->data, (size_t)i) : (double)list->floats[i];
    return out;
}

static int compare_nodes(const OldNodes *o, uint32_t node, int64_t tree, int64_t id)
{
    if (o->tree.at[node] != tree)
        return o->tree.at[node] < tree ? -1 : 1;
    return o->id.at[node] == id ? 0 : o->id.at[node] < id ? -1 : 1;
}

/* The node of a tree by its number there; -1: none. */
static int64_t find_node(const OldNodes *o, int64_t tree, int64_t id)
{
    uint32_t low = 0, high = o->tree.n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_nodes(o, o->order[middle], tree, id);
        if (order == 0)
            return o->order[middle];
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

typedef struct OldPlace {
    int64_t tree, id;
    uint32_t node;
} OldPlace;

static int compare_places(const void *a, const void *b)
{
    const OldPlace *x = a, *y = b;
    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return x->id == y->id ? 0 : x->id < y->id ? -1 : 1;
}

static void sort_nodes(Arena *arena, OldNodes *o)
{
    OldPlace *places = ARENA_ARRAY(arena, OldPlace, o->tree.n);
    for (uint32_t i = 0; i < o->tree.n; i++)
        places[i] = (OldPlace){o->tree.at[i], o->id.at[i], i};
    qsort(places, o->tree.n, sizeof *places, compare_places);
    for (uint32_t i = 0; i < o->tree.n; i++)
        o->order[i] = places[i].node;
}

static weir_status read_old(Lowering *l, OldNodes *o)
{
    bool good;
    *o = (OldNodes){.tree = attr_ints(l, "nodes_treeids"), .id = attr_ints(l, "nodes_nodeids"),
                    .feature = attr_ints(l, "nodes_featureids"), .yes = attr_ints(l, "nodes_truenodeids"),
                    .no = attr_ints(l, "nodes_falsenodeids"),
                    .missing = attr_ints(l, "nodes_missing_value_tracks_true"), .mode = attr(l, "nodes_modes")};
    uint32_t n = o->tree.n;
    o->split = old_floats(l, "nodes_values", n, &good);
    if (n == 0 || !good || o->id.n != n || o->feature.n != n || o->yes.n != n || o->no.n != n || o->mode == NULL ||
        o->mode->n != n || (o->missing.n != 0 && o->missing.n != n))
        return invalid(l, "the lists of %u nodes have different lengths", n);
    o->order = ARENA_ARRAY(&l->cx->arena, uint32_t, n);
    o->number = ARENA_ARRAY(&l->cx->arena, int64_t, n);
    sort_nodes(&l->cx->arena, o);
    for (uint32_t i = 1; i < n; i++)
        if (compare_nodes(o, o->order[i - 1], o->tree.at[o->order[i]], o->id.at[o->order[i]]) == 0)
            return invalid(l, "tree %lld has node %lld twice", (long long)o->tree.at[o->order[i]],
                           (long long)o->id.at[o->order[i]]);
    return WEIR_OK;
}

static bool old_leaf(const Lowering *l, const OldNodes *o, uint32_t i)
{
    return strcmp(cx_text(l->cx, o->mode->strings[i]), "LEAF") == 0;
}

static weir_status old_node(Lowering *l, const OldNodes *o, uint32_t i, bool *is_child, TreeNode *out)
{
    int64_t yes = find_node(o, o->tree.at[i], o->yes.at[i]), no = find_node(o, o->tree.at[i], o->no.at[i]);
    uint32_t mode = 0;
    const char *name = cx_text(l->cx, o->mode->strings[i]);
    while (mode < TREE_MEMBER && strcmp(mode_names[mode], name) != 0)
        mode++;
    if (mode == TREE_MEMBER)
        return invalid(l, "node mode '%s'", name);
    if (yes < 0 || no < 0)
        return invalid(l, "tree %lld lacks a child of node %lld", (long long)o->tree.at[i], (long long)o->id.at[i]);
    is_child[yes] = is_child[no] = true;
    *out = (TreeNode){.mode = (TreeMode)mode, .feature = o->feature.at[i], .split = o->split[i],
                      .missing = o->missing.n != 0 && o->missing.at[i] != 0, .yes = o->number[yes], .no = o->number[no]};
    return WEIR_OK;
}

static weir_status old_forest(Lowering *l, OldNodes *o, Forest *forest)
{
    Arena *arena = &l->cx->arena;
    uint32_t n = o->tree.n;
    bool *is_child = ARENA_ARRAY(arena, bool, n);
    for (uint32_t leaves = 0; leaves < 2; leaves++) {
        for (uint32_t i = 0; i < n; i++) {
            if (old_leaf(l, o, i) != (leaves != 0))
                continue;
            o->number[i] = (int64_t)forest->nodes.n;
            vec_push(arena, &forest->nodes, ((TreeNode){.yes = o->number[i], .no = o->number[i]}));
        }
        forest->n_inner = leaves == 0 ? (int64_t)forest->nodes.n : forest->n_inner;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!old_leaf(l, o, i))
            TRY(old_node(l, o, i, is_child, &forest->nodes.at[o->number[i]]));
    for (uint32_t i = 0; i < n; i++)
        if (!is_child[i])
            vec_push(arena, &forest->roots, o->number[i]);
    TRY(forest_check(l, forest, l->in[0]->extent[1]));
    return forest_weights(l, forest);
}

/* Weights of leaves by lists with a prefix, "target" or "class"; one target for all: it becomes target 0. */
static weir_status old_weights(Lowering *l, const OldNodes *o, const char *prefix, bool one, Forest *forest)
{
    Arena *arena = &l->cx->arena;
    Ints tree = attr_ints(l, arena_printf(arena, "%s_treeids", prefix)), id = attr_ints(l, arena_printf(arena, "%s_nodeids", prefix));
    Ints target = attr_ints(l, arena_printf(arena, "%s_ids", prefix));
    bool good;
    double *weight = old_floats(l, arena_printf(arena, "%s_weights", prefix), tree.n, &good);
    if (!good || id.n != tree.n || target.n != tree.n)
        return invalid(l, "the lists of %u weights have different lengths", tree.n);
    for (uint32_t i = 0; i < tree.n; i++) {
        int64_t node = find_node(o, tree.at[i], id.at[i]), k = one ? 0 : target.at[i];
        if (node < 0 || o->number[node] < forest->n_inner || k < 0 || k >= forest->n_targets)
            return invalid(l, "weight %u belongs to no leaf or target", i);
        int64_t at = (o->number[node] - forest->n_inner) * forest->n_targets + k;
        forest->weights[at] += weight[i];
        forest->given[at] = true;
    }
    return WEIR_OK;
}

static weir_status old_base(Lowering *l, Forest *forest)
{
    const Attribute *list = attr(l, "base_values");
    const Tensor *tensor = attr_tensor(l, "base_values_as_tensor");
    int64_t n = tensor != NULL ? elements(tensor) : list != NULL ? (int64_t)list->n : 0;
    bool good;
    if (n == 0)
        return WEIR_OK;
    if (n != forest->n_targets)
        return invalid(l, "%lld base values for %lld targets", (long long)n, (long long)forest->n_targets);
    forest->base = old_floats(l, "base_values", n, &good);
    return good ? WEIR_OK : invalid(l, "base values that are not floats");
}

static weir_status want_features(Lowering *l, Forest *forest)
{
    TRY(want_rank(l, l->in[0], 2, 2));
    if (!is_float(l->in[0]->type) && !dtype_is_int(l->in[0]->type))
        return invalid(l, "features of type %s", dtype_text(l->in[0]->type));
    forest->type = l->in[0]->type == DT_F64 ? DT_F64 : DT_F32;
    return WEIR_OK;
}

weir_status lower_tree_regressor(Lowering *l)
{
    static const char *const aggregates[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    Forest forest = {.n_targets = attr_int(l, "n_targets", 1)};
    OldNodes nodes;
    Operand *scores;
    uint32_t aggregate = 0;
    while (aggregate <= TREE_MAX && !attr_is(l, "aggregate_function", "SUM", aggregates[aggregate]))
        aggregate++;
    if (aggregate > TREE_MAX)
        return invalid(l, "aggregate_function '%s'", attr_text(l, "aggregate_function", ""));
    TRY(want_features(l, &forest));
    TRY(read_old(l, &nodes));
    TRY(old_forest(l, &nodes, &forest));
    TRY(old_weights(l, &nodes, "target", false, &forest));
    TRY(old_base(l, &forest));
    TRY(forest_scores(l, &forest, (TreeAggregate)aggregate, &scores));
    return post_transform(l, scores, attr_text(l, "post_transform", "NONE"), 0, DT_F32);
}

/* ---- classes ---- */

/* Two classes of which all leaves weigh one. What ONNX leaves open is as ONNX Runtime 1.30 has it (measured): weights that are all
 * chances cut at a half, others at zero. A score of the first class stands for the second and gets a partner, which softmax leaves
 * alone; a score of the second has 0 beside it. */
typedef struct OneScore {
    Operand *score; /* [row, 1] */
    bool chances;
    int64_t class; /* 0 or 1 */
} OneScore;

static weir_status label_by_score(Lowering *l, const OneScore *o, Ints labels)
{
    Ranks own, rows;
    Operand *y;
    ranks_of(l, o->score, &own);
    rows = (Ranks){.n = 1, .at = {own.at[0]}};
    TRY(output(l, 0, DT_I64, &rows, &y));
    const ExprId at[2] = {rk(l, own.at[0]), num(l, 0)};
    ExprId second = ex2(l, FN_GT, at_index(l, o->score, at), lit(l, o->score->type, o->chances ? 0.5 : 0));
    define(l, y, ex_select(l->cs, second, num(l, labels.at[1]), num(l, labels.at[0])));
    return WEIR_OK;
}

static weir_status two_scores(Lowering *l, const OneScore *o, const char *transform)
{
    Dtype type = o->score->type;
    bool logistic = strcmp(transform, "LOGISTIC") == 0;
    Ranks ranks;
    Operand *two;
    ranks_of(l, o->score, &ranks);
    const ExprId at[2] = {rk(l, ranks.at[0]), num(l, 0)};
    ExprId s = at_index(l, o->score, at), partner = lit(l, type, 0);
    if (o->class == 0)
        partner = o->chances && !logistic ? ex2(l, FN_SUB, lit(l, type, 1), s) : ex1(l, FN_NEG, s);
    ranks.at[1] = new_rank(l, "e", 2);
    TRY(temporary(l, "_two", type, &ranks, &two));
    define(l, two, ex_select(l->cs, ex2(l, FN_EQ, ex_index(l->cs, ranks.at[1]), num(l, 0)), partner, s));
    bool alone = o->class == 0 && strcmp(transform, "SOFTMAX") == 0;
    return post_transform(l, two, alone ? "NONE" : transform, 1, DT_F32);
}

weir_status lower_tree_classifier(Lowering *l)
{
    Ints labels = attr_ints(l, "classlabels_int64s"), classes = attr_ints(l, "class_ids");
    const char *transform = attr_text(l, "post_transform", "NONE");
    Forest forest = {0};
    OldNodes nodes;
    Operand *scores;
    bool one = labels.n == 2 && classes.n != 0, good;
    if (attr(l, "classlabels_strings") != NULL)
        return unsupported(l, "labels that are strings");
    if (labels.n < 2)
        return invalid(l, "%u labels", labels.n);
    for (uint32_t i = 0; i < classes.n; i++) {
        if (classes.at[i] < 0 || classes.at[i] >= labels.n)
            return invalid(l, "class %lld of %u", (long long)classes.at[i], labels.n);
        one = one && classes.at[i] == classes.at[0];
    }
    forest.n_targets = one ? 1 : labels.n;
    TRY(want_features(l, &forest));
    TRY(read_old(l, &nodes));
    TRY(old_forest(l, &nodes, &forest));
    TRY(old_weights(l, &nodes, "class", one, &forest));
    TRY(old_base(l, &forest));
    TRY(forest_scores(l, &forest, TREE_SUM, &scores));
    if (!one) {
        TRY(labels_of(l, scores, labels));
        return post_transform(l, scores, transform, 1, DT_F32);
    }
    OneScore o = {.score = scores, .chances = true, .class = classes.at[0]};
    const double *weights = old_floats(l, "class_weights", classes.n, &good);
    for (uint32_t i = 0; good && i < classes.n; i++)
        o.chances = o.chances && weights[i] >= 0;
    TRY(label_by_score(l, &o, labels));
    return two_scores(l, &o, transform);
}
