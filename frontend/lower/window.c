/*
 * frontend/lower/window.c: the geometry of convolutions and pools: kernel, strides, dilations, pads, automatic pads.
 */
#include <string.h>

#include "frontend/lower/families.h"

const char *const spatial_names[] = {"i", "j", "l", "i", "j", "l", "i", "j", "l", "i", "j", "l", "i", "j", "l", "i"};
const char *const tap_names[] = {"r", "s", "t", "r", "s", "t", "r", "s", "t", "r", "s", "t", "r", "s", "t", "r"};

enum { MOST = 1 << 30 }; /* of a kernel, stride, dilation or pad: products stay in 63 bits */

static weir_status list(Lowering *l, const char *name, uint32_t n, int64_t least, int64_t otherwise, int64_t *out)
{
    Ints given = attr_ints(l, name);
    if (given.n != 0 && given.n != n)
        return invalid(l, "'%s' has %u entries, not %u", name, given.n, n);
    for (uint32_t d = 0; d < n; d++) {
        out[d] = given.n == 0 ? otherwise : given.at[d];
        if (out[d] < least || out[d] > MOST)
            return invalid(l, "'%s' has the entry %lld", name, (long long)out[d]);
    }
    return WEIR_OK;
}

static int64_t reach(const Window *w, uint32_t d)
{
    return (w->kernel[d] - 1) * w->dilation[d] + 1;
}

static void same_pads(Window *w, bool upper)
{
    for (uint32_t d = 0; d < w->n; d++) {
        w->out[d] = (w->in[d] + w->stride[d] - 1) / w->stride[d];
        int64_t total = (w->out[d] - 1) * w->stride[d] + reach(w, d) - w->in[d];
        total = total < 0 ? 0 : total;
        w->begin[d] = upper ? total / 2 : total - total / 2;
        w->end[d] = total - w->begin[d];
    }
}

static weir_status extents(Lowering *l, Window *w, bool ceil_mode)
{
    for (uint32_t d = 0; d < w->n; d++) {
        int64_t room = w->in[d] + w->begin[d] + w->end[d] - reach(w, d);
        if (room < 0)
            return invalid(l, "the window (%lld) is larger than the padded input (%lld) in spatial dimension %u",
                           (long long)reach(w, d), (long long)(room + reach(w, d)), d);
        w->out[d] = room / w->stride[d] + 1;
        if (ceil_mode && room % w->stride[d] != 0 && w->out[d] * w->stride[d] < w->in[d] + w->begin[d])
            w->out[d]++;
    }
    return WEIR_OK;
}

weir_status window_of(Lowering *l, const Operand *x, const int64_t *kernel, Window *out_window)
{
    Window w = {.n = x->n_dims - 2};
    int64_t pads[2 * MAX_DIMS];
    memcpy(w.in, x->extent + 2, w.n * sizeof *w.in);
    if (kernel != NULL)
        memcpy(w.kernel, kernel, w.n * sizeof *kernel);
    Ints shape = attr_ints(l, "kernel_shape");
    if (shape.n != 0 && shape.n != w.n)
        return invalid(l, "'kernel_shape' has %u entries, not %u", shape.n, w.n);
    if (shape.n == 0 && kernel == NULL)
        return invalid(l, "'kernel_shape' is missing");
    for (uint32_t d = 0; d < w.n; d++) {
        if (kernel != NULL && shape.n != 0 && shape.at[d] != kernel[d])
            return invalid(l, "'kernel_shape' differs from the weights");
        w.kernel[d] = kernel != NULL ? kernel[d] : shape.at[d];
        if (w.kernel[d] < 1 || w.kernel[d] > MOST || w.in[d] > (int64_t)1 << 60)
            return invalid(l, "kernel extent %lld", (long long)w.kernel[d]);
        if (dim_runtime(l, x, d + 2))
            return unsupported(l, "a spatial dimension has a run-time extent");
    }
    TRY(list(l, "strides", w.n, 1, 1, w.stride));
    TRY(list(l, "dilations", w.n, 1, 1, w.dilation));
    TRY(list(l, "pads", 2 * w.n, 0, 0, pads));
    memcpy(w.begin, pads, w.n * sizeof *pads);
    memcpy(w.end, pads + w.n, w.n * sizeof *pads);
    const char *automatic = attr_text(l, "auto_pad", "NOTSET");
    bool same = strcmp(automatic, "SAME_UPPER") == 0 || strcmp(automatic, "SAME_LOWER") == 0;
    if (strcmp(automatic, "VALID") == 0) {
        memset(w.begin, 0, sizeof w.begin);
        memset(w.end, 0, sizeof w.end);
    } else if (same) {
        same_pads(&w, strcmp(automatic, "SAME_UPPER") == 0);
    } else if (strcmp(automatic, "NOTSET") != 0 && automatic[0] != 0) {
        return invalid(l, "auto_pad '%s'", automatic);
    }
    if (!same)
        TRY(extents(l, &w, attr_int(l, "ceil_mode", 0) != 0));
    *out_window = w;
    return WEIR_OK;
}

ExprId window_index(Lowering *l, const Window *w, uint32_t d, RankId out, RankId tap)
{
    ExprId at = ex_scale(l->cs, w->stride[d], rk(l, out));
    at = ix_add(l, at, ex_scale(l->cs, w->dilation[d], rk(l, tap)));
    return ex_offset(l->cs, at, -w->begin[d]);
}

bool window_leaves(const Window *w)
{
    for (uint32_t d = 0; d < w->n; d++)
        if (w->begin[d] > 0 || (w->out[d] - 1) * w->stride[d] + reach(w, d) - w->begin[d] > w->in[d])
            return true;
    return false;
}
