/*
 * passes/reorder_choose.c: descending norms, if a data-free test says that they lose less.
 *
 * J(order) = sum over t, c of w[c] * (k - Q(k))^2, k[t][c] = f32(z[t][c] * sqrt(s[c])), laid out in the order and
 * quantised along it; z Gaussian from seed 424242. Sorting loud channels together spares the quiet ones their large
 * step, but a steep spectrum loses by it, so that the order changes only where J falls to 0.9 of what it was.
 */
#include "passes/reorder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/format.h"

enum { KEYS = 64, SEED = 424242 };

static const double threshold = 0.9;

static FormatAxes axes_of(const Precision *format)
{
    FormatAxes axes = {.block_axis = 1, .channel_axis = -1, .block = format->block};
    axes.scale = dtype_from_text(format->scale, strlen(format->scale));
    axes.zero = dtype_from_text(format->zero, strlen(format->zero));
    return axes;
}

/* Sum over keys and channels of weight * squared error, in the order given. */
static weir_status weighted_error(weir_context *cx, const Precision *precision, const Tensor *z, uint32_t n,
                                  const uint32_t *channel, const double *k_square, const double *q_square, double *out_error)
{
    const Format format = {.kind = precision->kind == PRECISION_MX ? FORMAT_MX : FORMAT_INT, .element = precision->element};
    const FormatAxes axes = axes_of(precision);
    Tensor keys = tensor_new(cx, DT_F32, 2, z->extent), decoded = tensor_new(cx, DT_F32, 2, z->extent);
    const float *gauss = z->data;
    float *k = keys.data;
    const float *q = decoded.data;
    for (size_t t = 0; t < KEYS; t++)
        for (uint32_t i = 0; i < n; i++)
            k[t * n + i] = (float)((double)gauss[t * n + channel[i]] * sqrt(k_square[channel[i]]));
    Encoded encoded;
    TRY(format_encode(cx, &format, &axes, &keys, &encoded));
    format_decode(&format, &axes, &encoded, &decoded);
    double sum = 0;
    for (size_t t = 0; t < KEYS; t++)
        for (uint32_t i = 0; i < n; i++) {
            double error = (double)k[t * n + i] - (double)q[t * n + i];
            sum += q_square[channel[i]] * error * error;
        }
    *out_error = sum;
    context_buffer_free(cx, keys.data);
    context_buffer_free(cx, decoded.data);
    context_buffer_free(cx, encoded.code.data);
    context_buffer_free(cx, encoded.scale.data);
    if (encoded.zero.data != NULL)
        context_buffer_free(cx, encoded.zero.data);
    return WEIR_OK;
}

typedef struct Key {
    double square;
    uint32_t at;
} Key;

static int descending(const void *a, const void *b)
{
    const Key *x = a, *y = b;
    if (x->square != y->square)
        return x->square > y->square ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

/* Of channels that move in pairs: the mean of the two. */
static const double *of_units(weir_context *cx, uint32_t unit, uint32_t n, const double *square)
{
    double *mean = ARENA_ARRAY(&cx->arena, double, n);
    uint32_t half = n / 2;
    for (uint32_t c = 0; c < n; c++)
        mean[c] = unit == 1 ? square[c] : (square[c % half] + square[c % half + half]) / 2;
    return mean;
}

weir_status reorder_choose(weir_context *cx, const Precision *format, uint32_t unit, uint32_t n, const double *k_square,
                           const double *q_square, ReorderChoice *out)
{
    uint32_t units = n / unit;
    Key *keys = ARENA_ARRAY(&cx->arena, Key, units);
    uint32_t *identity = ARENA_ARRAY(&cx->arena, uint32_t, n);
    const double *square = of_units(cx, unit, n, k_square), *weight = of_units(cx, unit, n, q_square);
    out->channel = ARENA_ARRAY(&cx->arena, uint32_t, n);
    for (uint32_t u = 0; u < units; u++)
        keys[u] = (Key){square[u], u};
    qsort(keys, units, sizeof *keys, descending);
    for (uint32_t i = 0; i < n; i++) {
        identity[i] = i;
        out->channel[i] = keys[i % units].at + i / units * units;
    }
    const int64_t extent[2] = {KEYS, n};
    Tensor z = tensor_new(cx, DT_F32, 2, extent);
    seeded_fill(&z, SEED, LAW_NORMAL, 1);
    double before, after;
    TRY(weighted_error(cx, format, &z, n, identity, square, weight, &before));
    TRY(weighted_error(cx, format, &z, n, out->channel, square, weight, &after));
    context_buffer_free(cx, z.data);
    out->ratio = before == 0 ? 1 : after / before;
    out->keep_identity = !(after <= threshold * before) || before == 0;
    return WEIR_OK;
}
