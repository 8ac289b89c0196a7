/*
 * frontend/lower/forest.h: decision trees as tables: what TreeEnsemble and its older forms are read into.
 *
 * Keep: nodes 0..n_inner-1 branch, the leaves follow; the step from a leaf leads to itself, so that all trees walk
 *       as many steps as the deepest needs.
 */
#ifndef WEIR_FRONTEND_LOWER_FOREST_H
#define WEIR_FRONTEND_LOWER_FOREST_H

#include "frontend/lower/walk.h"

typedef enum TreeMode { TREE_LEQ, TREE_LT, TREE_GTE, TREE_GT, TREE_EQ, TREE_NEQ, TREE_MEMBER } TreeMode;

typedef struct TreeNode {
    TreeMode mode;
    int64_t feature;
    double split;
    bool missing; /* NaN goes where the condition holds */
    int64_t yes, no;
} TreeNode;

typedef struct Forest {
    VEC(TreeNode) nodes;
    VEC(int64_t) roots;
    int64_t n_inner, n_targets, depth;
    Dtype type;              /* of splits and weights */
    double *weights;         /* [leaf, target] */
    bool *given;             /* whether the leaf has a weight for the target */
    double *base;            /* by target; NULL: 0 */
} Forest;

typedef enum TreeAggregate { TREE_AVERAGE, TREE_SUM, TREE_MIN, TREE_MAX } TreeAggregate;

/* Room for the weights of the leaves; WEIR_UNSUPPORTED if the table would be too large. */
MUST_USE weir_status forest_weights(Lowering *l, Forest *forest);
/* Checks that the nodes form trees and notes how deep they are. */
MUST_USE weir_status forest_check(Lowering *l, Forest *forest, int64_t n_features);
/* The scores [row, target] of input 0, in the wide type. */
MUST_USE weir_status forest_scores(Lowering *l, const Forest *forest, TreeAggregate aggregate, Operand **out);

/* ml.c: scores as output k, in a type; the label of the best score as output 0. */
MUST_USE weir_status post_transform(Lowering *l, Operand *scores, const char *kind, uint32_t k, Dtype type);
MUST_USE weir_status labels_of(Lowering *l, Operand *scores, Ints labels);

#endif
