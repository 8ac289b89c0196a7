/*
 * frontend/lower/families.h: the lowering functions that operators.def names, a file each family.
 */
#ifndef WEIR_FRONTEND_LOWER_FAMILIES_H
#define WEIR_FRONTEND_LOWER_FAMILIES_H

#include "frontend/lower/walk.h"

/* elementwise.c: the parameter is a Fn or one of these */
typedef enum Elementwise { EW_MOD = FN_COUNT, EW_POW, EW_SHIFT, EW_XOR } Elementwise;
weir_status lower_unary(Lowering *l);
weir_status lower_binary(Lowering *l);
weir_status lower_compare(Lowering *l);
weir_status lower_variadic(Lowering *l); /* FN_ADD, FN_MAX, FN_MIN; FN_DIV: mean */
weir_status lower_where(Lowering *l);
weir_status lower_clip(Lowering *l);
weir_status lower_identity(Lowering *l);
weir_status lower_dropout(Lowering *l);
weir_status lower_isnan(Lowering *l);
weir_status lower_isinf(Lowering *l);
/* cast.c */
weir_status lower_cast(Lowering *l);
weir_status lower_cast_like(Lowering *l);
weir_status lower_bit_cast(Lowering *l);
/* activation.c: by the operator's name */
weir_status lower_activation(Lowering *l);
weir_status lower_prelu(Lowering *l);
weir_status lower_gelu(Lowering *l);
/* shape.c */
weir_status lower_shape(Lowering *l);
weir_status lower_size(Lowering *l);
weir_status lower_constant(Lowering *l);
weir_status lower_constant_of_shape(Lowering *l);
weir_status lower_range(Lowering *l);
weir_status lower_eye_like(Lowering *l);
/* reshape.c */
weir_status lower_reshape(Lowering *l);
weir_status lower_flatten(Lowering *l);
weir_status lower_squeeze(Lowering *l);
weir_status lower_unsqueeze(Lowering *l);
/* movement.c */
weir_status lower_transpose(Lowering *l);
weir_status lower_concat(Lowering *l);
weir_status lower_split(Lowering *l);
/* expand.c, pad.c */
weir_status lower_expand(Lowering *l);
weir_status lower_tile(Lowering *l);
weir_status lower_pad(Lowering *l);
/* slice.c */
weir_status lower_slice(Lowering *l);
/* rearrange.c */
weir_status lower_depth_to_space(Lowering *l);
weir_status lower_space_to_depth(Lowering *l);
weir_status lower_trilu(Lowering *l);
weir_status lower_center_crop_pad(Lowering *l);
weir_status lower_reverse_sequence(Lowering *l);
weir_status lower_one_hot(Lowering *l);
weir_status lower_cumulative(Lowering *l); /* a Reduction */
/* gather.c */
weir_status lower_gather(Lowering *l);
weir_status lower_gather_elements(Lowering *l);
weir_status lower_gather_nd(Lowering *l);
weir_status lower_scatter_elements(Lowering *l);
weir_status lower_scatter_nd(Lowering *l);
weir_status lower_tensor_scatter(Lowering *l);
/* contract.c, einsum.c */
weir_status lower_matmul(Lowering *l);
weir_status lower_gemm(Lowering *l);
weir_status lower_einsum(Lowering *l);
/* conv.c, convtranspose.c */
weir_status lower_conv(Lowering *l);
weir_status lower_conv_transpose(Lowering *l);
weir_status lower_lrn(Lowering *l);
/* pool.c */
weir_status lower_max_pool(Lowering *l);
weir_status lower_average_pool(Lowering *l);
weir_status lower_lp_pool(Lowering *l);
weir_status lower_global_pool(Lowering *l); /* 0 average, 1 max, 2 lp */
/* reduce.c */
typedef enum ReduceKind {
    REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, REDUCE_L1, REDUCE_L2, REDUCE_SUM_SQUARE,
    REDUCE_LOG_SUM, REDUCE_LOG_SUM_EXP
} ReduceKind;
weir_status lower_reduce(Lowering *l);
weir_status lower_arg(Lowering *l); /* a Reduction */
/* softmax.c */
typedef enum SoftmaxKind { SOFTMAX, LOG_SOFTMAX, HARDMAX } SoftmaxKind;
weir_status lower_softmax(Lowering *l);
/* Of x, whose ranks are `own`, over some of them, as output k in a type; log_form: its logarithm. */
weir_status softmax_over(Lowering *l, Operand *x, const Ranks *own, const Ranks *over, bool log_form, uint32_t k, Dtype type);
/* normalize.c */
weir_status lower_batch_norm(Lowering *l);
weir_status lower_instance_norm(Lowering *l);
weir_status lower_group_norm(Lowering *l);
weir_status lower_layer_norm(Lowering *l); /* 1: without mean and bias (RMS) */
weir_status lower_mvn(Lowering *l);
weir_status lower_lp_norm(Lowering *l);
/* resize.c */
weir_status lower_resize(Lowering *l);
weir_status lower_upsample(Lowering *l);
/* recurrent.c */
typedef enum RecurrentKind { RECURRENT_RNN, RECURRENT_GRU, RECURRENT_LSTM } RecurrentKind;
weir_status lower_recurrent(Lowering *l);
/* quantize.c */
weir_status lower_quantize(Lowering *l);
weir_status lower_dequantize(Lowering *l);
weir_status lower_dynamic_quantize(Lowering *l);
weir_status lower_matmul_integer(Lowering *l);
weir_status lower_conv_integer(Lowering *l);
weir_status lower_qlinear_matmul(Lowering *l);
weir_status lower_qlinear_conv(Lowering *l);
/* branch.c, loop.c */
weir_status lower_if(Lowering *l);
weir_status lower_loop(Lowering *l);
weir_status lower_scan(Lowering *l);
/* host.c */
weir_status lower_topk(Lowering *l);
weir_status lower_nonzero(Lowering *l);
weir_status lower_compress(Lowering *l);
weir_status lower_unique(Lowering *l);
weir_status lower_nms(Lowering *l);
weir_status lower_det(Lowering *l);
/* spectral.c */
weir_status lower_dft(Lowering *l);
weir_status lower_stft(Lowering *l);
weir_status lower_window(Lowering *l); /* 0 Hann, 1 Hamming, 2 Blackman */
weir_status lower_mel_matrix(Lowering *l);
/* qmath.c */
typedef enum QlinearKind { QLINEAR_SIGMOID, QLINEAR_LEAKY_RELU, QLINEAR_POOL, QLINEAR_GLOBAL_POOL, QLINEAR_SOFTMAX } QlinearKind;
weir_status lower_qlinear_binary(Lowering *l); /* FN_ADD, FN_MUL */
weir_status lower_qlinear_unary(Lowering *l);
weir_status lower_qlinear_concat(Lowering *l);
weir_status lower_matmul_integer_to_float(Lowering *l);
weir_status lower_dynamic_quantize_matmul(Lowering *l);
weir_status lower_qgemm(Lowering *l);
/* nbits.c */
weir_status lower_matmul_nbits(Lowering *l);
/* attention.c */
weir_status lower_attention(Lowering *l);
weir_status lower_rotary_embedding(Lowering *l); /* 1: com.microsoft's order of inputs */
weir_status lower_flex_attention(Lowering *l);
/* linear.c */
weir_status lower_linear_attention(Lowering *l);
weir_status lower_causal_conv(Lowering *l);
weir_status lower_swiglu(Lowering *l);
/* sampling.c */
weir_status lower_grid_sample(Lowering *l);
weir_status lower_affine_grid(Lowering *l);
weir_status lower_deform_conv(Lowering *l);
/* unpool.c */
weir_status lower_col2im(Lowering *l);
weir_status lower_max_unpool(Lowering *l);
weir_status lower_roi_align(Lowering *l);
/* attention_contrib.c */
weir_status lower_multi_head_attention(Lowering *l);
weir_status lower_projected_attention(Lowering *l); /* com.microsoft Attention */
weir_status lower_group_query_attention(Lowering *l);
/* ngram.c */
weir_status lower_tfidf(Lowering *l);
/* ml.c */
weir_status lower_array_feature_extractor(Lowering *l);
weir_status lower_binarizer(Lowering *l);
weir_status lower_scaler(Lowering *l);
weir_status lower_imputer(Lowering *l);
weir_status lower_normalizer(Lowering *l);
weir_status lower_linear_regressor(Lowering *l);
weir_status lower_linear_classifier(Lowering *l);
/* trees.c */
weir_status lower_tree_ensemble(Lowering *l);
weir_status lower_tree_regressor(Lowering *l);
weir_status lower_tree_classifier(Lowering *l);
/* contrib.c */
weir_status lower_bias_gelu(Lowering *l);
weir_status lower_skip_layer_norm(Lowering *l); /* 1: without mean (RMS) */
weir_status lower_nll_loss(Lowering *l);
weir_status lower_softmax_loss(Lowering *l);

/* ---- run-time extents (runtime.c) ---- */

/* A rank of this extent, a value, at most `bound`. */
MUST_USE weir_status runtime_rank(Lowering *l, const char *base, int64_t bound, ExprId extent, RankId *out_rank);
/* Concat of operands that fit, some of run-time extents. */
MUST_USE weir_status concat_runtime(Lowering *l, uint32_t axis);

/* ---- operators made of others (compose.c) ---- */

/* Calls `lower` as operator `name` on n operands with this node's attributes; its output 0 becomes a temporary. */
MUST_USE weir_status compose(Lowering *l, const char *name, LowerFn lower, int parameter, uint32_t n, Operand *const *in, Operand **out);

#endif
