/* Resize, GridSample, RoiAlign and DeformConv: reads at fractional places. */
#include "tests/oracle/oracle.h"

static double cubic(double x, double a)
{
    x = fabs(x);
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0;
}

static int64_t clamped(int64_t at, int64_t size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* ---- Resize ---- */

typedef enum Places { HALF_PIXEL, SYMMETRIC, PYTORCH, ASYMMETRIC, ALIGNED, CROPPED } Places;

typedef struct Resize {
    char mode; /* n, l, c */
    Places places;
    int64_t nearest;
    bool antialias, exclude;
    double a, outside;
} Resize;

/* One axis: out / in is `up / down` to the last bit. */
typedef struct Axis {
    int64_t in, out;
    double up, down, begin, end;
} Axis;

/* The place in the original of point o. */
static double original(const Resize *r, const Axis *x, int64_t o)
{
    double half = ((double)o + 0.5) * x->down / x->up - 0.5, length = (double)x->in;
    switch (r->places) {
    case HALF_PIXEL:
        return half;
    case SYMMETRIC:
        return length / 2 * (1 - (double)x->out / (length * x->up / x->down)) + half;
    case PYTORCH:
        return x->out > 1 ? half : 0;
    case ASYMMETRIC:
        return (double)o * x->down / x->up;
    case ALIGNED:
        return x->out > 1 ? (double)(o * (x->in - 1)) / (double)(x->out - 1) : 0;
    default:
        return x->out > 1 ? x->begin * (length - 1) + (double)o * (x->end - x->begin) * (length - 1) / (double)(x->out - 1)
                          : 0.5 * (x->begin + x->end) * (length - 1);
    }
}

/* The weights of an axis' elements at point o; false: outside, where the extrapolation value stands. */
static bool weigh(const Resize *r, const Axis *x, int64_t o, double *weights)
{
    double at = original(r, x, o), sum = 0, scale = r->antialias && x->up < x->down ? x->up / x->down : 1;
    memset(weights, 0, sizeof *weights * (size_t)x->in);
    if (r->places == CROPPED && (at < 0 || at > (double)(x->in - 1)))
        return false;
    if (r->mode == 'n') {
        double to = r->nearest == 0 ? ceil(at - 0.5) : r->nearest == 1 ? floor(at + 0.5) : r->nearest == 2 ? floor(at) : ceil(at);
        weights[clamped((int64_t)to, x->in)] = 1;
        return true;
    }
    int64_t reach = (int64_t)ceil(2 / scale) + 1, centre = (int64_t)floor(at);
    for (int64_t k = centre - reach; k <= centre + reach; k++) {
        double distance = ((double)k - at) * scale, w = r->mode == 'l' ? fmax(0, 1 - fabs(distance)) : cubic(distance, r->a);
        if (r->exclude && (k < 0 || k >= x->in))
            continue;
        weights[clamped(k, x->in)] += w;
        sum += w;
    }
    for (int64_t k = 0; k < x->in; k++)
        weights[k] /= sum;
    return true;
}

static void draw_attributes(Draw *d, Resize *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const places[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_crop_and_resize"};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    int64_t mode = pick(d, 0, 2);
    *r = (Resize){.mode = *modes[mode], .places = (Places)pick(d, 0, 5), .a = -0.75};
    if (mode > 0 || coin(d))
        set_text(d, "mode", modes[mode]);
    if (r->places != HALF_PIXEL || coin(d))
        set_text(d, "coordinate_transformation_mode", places[r->places]);
    if (mode == 0 && coin(d))
        set_text(d, "nearest_mode", nearest[r->nearest = pick(d, 0, 3)]);
    if (mode == 2 && coin(d))
        set_float(d, "cubic_coeff_a", r->a = real(d, -0.9, -0.3));
    if (mode > 0 && (r->exclude = pick(d, 0, 2) == 0))
        set_int(d, "exclude_outside", 1);
    if (mode > 0 && r->places != CROPPED && (r->antialias = pick(d, 0, 2) == 0))
        set_int(d, "antialias", 1);
    if (r->places == CROPPED)
        set_float(d, "extrapolation_value", r->outside = real(d, -5, 5));
}

/* Extents by scales, sizes or sizes that keep the aspect; `axis` in the order of `axes`. */
static void draw_extents(Draw *d, const Resize *r, uint32_t n, Axis *axis, Value **scales, Value **sizes)
{
    static const double factors[] = {0.5, 0.75, 0.625, 1, 1.25, 1.5, 2, 2.5, 3};
    bool by_scale = r->places != PYTORCH && r->places != ALIGNED && r->places != CROPPED && coin(d);
    int64_t policy = !by_scale && (r->places == HALF_PIXEL || r->places == ASYMMETRIC) ? pick(d, 0, 3) : 0, best = 0;
    *scales = by_scale ? tensor(d, DT_F32, 1, (int64_t[]){n}) : NULL;
    *sizes = by_scale ? NULL : tensor(d, DT_I64, 1, (int64_t[]){n});
    for (uint32_t k = 0; k < n; k++) {
        Axis *x = &axis[k];
        double factor = factors[pick(d, x->in == 1 ? 3 : 0, 8)];
        x->out = by_scale ? (int64_t)floor((double)x->in * factor) : pick(d, 1, 9);
        x->up = by_scale ? factor : (double)x->out;
        x->down = by_scale ? 1 : (double)x->in;
        if (by_scale)
            (*scales)->f[k] = factor;
        else
            (*sizes)->i[k] = x->out;
        double now = x->up * axis[best].down, then = axis[best].up * x->down;
        if (policy == 1 ? now < then : now > then)
            best = k;
    }
    if (policy != 1 && policy != 2)
        return;
    set_text(d, "keep_aspect_ratio_policy", policy == 1 ? "not_larger" : "not_smaller");
    Axis rule = axis[best];
    for (uint32_t k = 0; k < n; k++) {
        axis[k].up = rule.up;
        axis[k].down = rule.down;
        axis[k].out = (int64_t)floor((double)axis[k].in * rule.up / rule.down + 0.5);
    }
}

/* x with axis `at` resized; `i` marks what is outside. */
static Value *resize_axis(Draw *d, const Resize *r, const Axis *axis, const Value *x, int64_t at, const int64_t *result)
{
    Value *y = tensor(d, DT_F32, x->n_dims, result);
    for (int64_t e = 0; e < y->n; e++) {
        double weights[8];
        int64_t from[3];
        unravel(y, e, from);
        bool inside = weigh(r, axis, from[at], weights);
        from[at] = 0;
        y->i[e] = !inside || x->i[ravel(x, from)] != 0;
        for (; inside && from[at] < axis->in; from[at]++)
            y->f[e] += weights[from[at]] * x->f[ravel(x, from)];
        if (y->i[e] != 0)
            y->f[e] = r->outside;
    }
    return y;
}

static void resize(Draw *d)
{
    Resize r;
    Axis axis[3];
    Value *scales, *sizes, *roi = NULL;
    draw_attributes(d, &r);
    uint32_t rank = (uint32_t)pick(d, 1, 3), n = 0;
    bool some = coin(d);
    int64_t extent[3], axes[3], result[3];
    for (uint32_t k = 0; k < rank; k++) {
        result[k] = extent[k] = pick(d, 1, 6);
        if (!some || coin(d) || (n == 0 && k + 1 == rank))
            axes[n++] = k;
    }
    if (some && n == 2 && coin(d)) { /* in any order, from either end */
        int64_t first = axes[0];
        axes[0] = axes[1] - rank;
        axes[1] = first;
    }
    for (uint32_t k = 0; k < n; k++)
        axis[k] = (Axis){.in = extent[(axes[k] + rank) % rank], .begin = real(d, -0.2, 0.4), .end = real(d, 0.5, 1.2)};
    draw_extents(d, &r, n, axis, &scales, &sizes);
    for (uint32_t k = 0; k < n; k++)
        if (axis[k].out < 1) { /* nothing left by the aspect */
            d->n_in = d->n_out = 0;
            d->attributes.n = 0;
            resize(d);
            return;
        }
    if (some)
        set_ints(d, "axes", n, axes);
    if (r.places == CROPPED) {
        roi = tensor(d, DT_F32, 1, (int64_t[]){2 * n});
        for (uint32_t k = 0; k < n; k++)
            roi->f[k] = axis[k].begin, roi->f[n + k] = axis[k].end;
    }
    Value *x = filled(d, DT_F32, rank, extent, -2, 2), *y = x;
    for (uint32_t k = 0; k < n; k++) {
        int64_t at = (axes[k] + rank) % rank;
        result[at] = axis[k].out;
        y = resize_axis(d, &r, &axis[k], y, at, result);
    }
    give(d, x);
    give(d, roi == NULL ? NULL : as_constant(roi));
    give(d, scales == NULL ? NULL : as_constant(scales));
    if (sizes != NULL)
        give(d, as_constant(sizes));
    expect(d, y);
    d->absolute = d->relative = 2e-5;
}

/* ---- GridSample ---- */

typedef struct Grid {
    char mode, padding; /* n, l, c; z, b, r */
    bool align;
} Grid;

/* Folded back at both ends until inside. */
static double reflected(double x, double low, double high)
{
    if (high <= low)
        return low;
    double span = high - low, rest = fmod(fabs(x - low), 2 * span);
    return low + (rest > span ? 2 * span - rest : rest);
}

/* An element's index by the padding; -1: nothing there. */
static int64_t padded(const Grid *g, int64_t at, int64_t size)
{
    if (at >= 0 && at < size)
        return at;
    if (g->padding == 'z')
        return -1;
    if (g->padding == 'b')
        return clamped(at, size);
    double folded = g->align ? reflected((double)at, 0, (double)(size - 1)) : reflected((double)at, -0.5, (double)size - 0.5);
    return clamped((int64_t)to_even(folded), size);
}

static void grid_sample(Draw *d)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    uint32_t n = (uint32_t)pick(d, 2, 3);
    int64_t mode = pick(d, 0, n == 2 ? 2 : 1), padding = pick(d, 0, 2), batch = pick(d, 1, 2), channels = pick(d, 1, 2);
    Grid g = {.mode = *modes[mode], .padding = *paddings[padding], .align = coin(d)};
    if (mode != 1 || coin(d))
        set_text(d, "mode", modes[mode]);
    if (padding != 0 || coin(d))
        set_text(d, "padding_mode", paddings[padding]);
    if (g.align)
        set_int(d, "align_corners", 1);
    int64_t e[5] = {batch, channels}, f[5] = {batch}, o[5] = {batch, channels};
    for (uint32_t k = 0; k < n; k++) {
        e[2 + k] = pick(d, 1, 5);
        o[2 + k] = f[1 + k] = pick(d, 1, 4);
    }
    f[1 + n] = n;
    double reach = g.mode == 'c' && g.padding == 'b' ? 1 : 2.5; /* the text leaves open how far outside a cubic of a border reads */
    Value *x = filled(d, DT_F32, n + 2, e, -2, 2), *places = filled(d, DT_F32, n + 2, f, -reach, reach), *y = tensor(d, DT_F32, n + 2, o);
    for (int64_t k = 0; k < y->n; k++) {
        int64_t at[5], tap[3] = {0}, taps[3], first[3];
        double place[3];
        unravel(y, k, at);
        int64_t point = at[0];
        for (uint32_t s = 0; s < n; s++)
            point = point * o[2 + s] + at[2 + s];
        for (uint32_t s = 0; s < n; s++) {
            double v = places->f[point * n + (n - 1 - s)], length = (double)e[2 + s]; /* x first */
            place[s] = g.align ? (v + 1) / 2 * (length - 1) : ((v + 1) * length - 1) / 2;
            taps[s] = g.mode == 'n' ? 1 : g.mode == 'l' ? 2 : 4;
            first[s] = g.mode == 'n' ? (int64_t)to_even(place[s]) : (int64_t)floor(place[s]) - (g.mode == 'c');
        }
        do {
            double w = 1;
            int64_t index = at[0] * channels + at[1];
            for (uint32_t s = 0; s < n && index >= 0; s++) {
                int64_t p = first[s] + tap[s], q = padded(&g, p, e[2 + s]);
                w *= g.mode == 'n' ? 1 : g.mode == 'l' ? 1 - fabs((double)p - place[s]) : cubic((double)p - place[s], -0.75);
                index = q < 0 ? -1 : index * e[2 + s] + q;
            }
            y->f[k] += index < 0 ? 0 : w * x->f[index];
        } while (next_place(n, taps, tap));
    }
    give(d, x);
    give(d, places);
    expect(d, y);
    d->absolute = d->relative = 1e-4;
}

/* ---- RoiAlign, DeformConv ---- */

/* The four corners around a place and their weights. */
static void corners(double y, double x, int64_t h, int64_t w, int64_t at[4], double weight[4])
{
    double fy = y - floor(y), fx = x - floor(x);
    for (int k = 0; k < 4; k++) {
        int64_t i = (int64_t)floor(y) + k / 2, j = (int64_t)floor(x) + k % 2;
        at[k] = i < 0 || i >= h || j < 0 || j >= w ? -1 : i * w + j;
        weight[k] = (k / 2 != 0 ? fy : 1 - fy) * (k % 2 != 0 ? fx : 1 - fx);
    }
}

static void roi_align(Draw *d)
{
    int64_t batch = pick(d, 1, 2), channels = pick(d, 1, 2), h = pick(d, 1, 6), w = pick(d, 1, 6), n = pick(d, 1, 3), oh = pick(d, 1, 3),
            ow = pick(d, 1, 3), ratio = pick(d, 0, 3);
    bool max = coin(d), half = coin(d);
    double scale = coin(d) ? 1 : 0.5;
    set_int(d, "output_height", oh);
    set_int(d, "output_width", ow);
    if (max || coin(d))
        set_text(d, "mode", max ? "max" : "avg");
    if (!half || coin(d))
        set_text(d, "coordinate_transformation_mode", half ? "half_pixel" : "output_half_pixel");
    if (ratio > 0 || coin(d))
        set_int(d, "sampling_ratio", ratio);
    if (scale < 1)
        set_float(d, "spatial_scale", scale);
    Value *x = filled(d, DT_F32, 4, (int64_t[]){batch, channels, h, w}, -2, 2), *rois = tensor(d, DT_F32, 2, (int64_t[]){n, 4}),
          *of = filled(d, DT_I64, 1, (int64_t[]){n}, 0, (double)batch - 1), *y = tensor(d, DT_F32, 4, (int64_t[]){n, channels, oh, ow});
    for (int64_t k = 0; k < n; k++)
        for (int64_t s = 0; s < 2; s++) {
            rois->f[k * 4 + s] = real(d, -2, 4);
            rois->f[k * 4 + 2 + s] = (double)(float)(rois->f[k * 4 + s] + real(d, 0.3, 7));
        }
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[4];
        unravel(y, e, at);
        const double *roi = rois->f + at[0] * 4;
        double shift = half ? 0.5 : 0, left = roi[0] * scale - shift, top = roi[1] * scale - shift, width = (roi[2] - roi[0]) * scale,
               height = (roi[3] - roi[1]) * scale, sum = 0, best = -INFINITY;
        width = half ? width : fmax(width, 1);
        height = half ? height : fmax(height, 1);
        int64_t gy = ratio > 0 ? ratio : (int64_t)ceil(height / (double)oh), gx = ratio > 0 ? ratio : (int64_t)ceil(width / (double)ow);
        for (int64_t p = 0; p < gy * gx; p++) {
            double py = top + ((double)at[2] + ((double)(p / gx) + 0.5) / (double)gy) * height / (double)oh,
                   px = left + ((double)at[3] + ((double)(p % gx) + 0.5) / (double)gx) * width / (double)ow, weight[4];
            int64_t corner[4];
            bool outside = py < -1 || py > (double)h || px < -1 || px > (double)w;
            corners(fmin(fmax(py, 0), (double)(h - 1)), fmin(fmax(px, 0), (double)(w - 1)), h, w, corner, weight);
            for (int k = 0; k < 4; k++) { /* the largest of the weighted corners, as the official data has it */
                double term = outside || corner[k] < 0 ? 0 : weight[k] * x->f[(of->i[at[0]] * channels + at[1]) * h * w + corner[k]];
                sum += term;
                best = fmax(best, term);
            }
        }
        y->f[e] = max ? best : sum / (double)(gy * gx);
    }
    give(d, x);
    give(d, rois);
    give(d, of);
    expect(d, y);
    d->absolute = d->relative = 1e-4;
}

static void deform_conv(Draw *d)
{
    int64_t groups = pick(d, 1, 2), moves = pick(d, 1, 2), per = groups == 1 && moves == 2 ? 2 : pick(d, 1, 2), maps = pick(d, 1, 2), batch = pick(d, 1, 2);
    int64_t channels = groups * per;
    Plane plane = draw_plane(d, 2);
    if (groups > 1)
        set_int(d, "group", groups);
    if (moves > 1)
        set_int(d, "offset_group", moves);
    int64_t taps = plane.kernel[0] * plane.kernel[1], size = plane.in[0] * plane.in[1], area = plane.out[0] * plane.out[1];
    Value *x = filled(d, DT_F32, 4, (int64_t[]){batch, channels, plane.in[0], plane.in[1]}, -2, 2),
          *w = filled(d, DT_F32, 4, (int64_t[]){groups * maps, per, plane.kernel[0], plane.kernel[1]}, -2, 2),
          *by = filled(d, DT_F32, 4, (int64_t[]){batch, moves * taps * 2, plane.out[0], plane.out[1]}, -2, 2),
          *b = coin(d) ? filled(d, DT_F32, 1, (int64_t[]){groups * maps}, -2, 2) : NULL,
          *m = coin(d) ? filled(d, DT_F32, 4, (int64_t[]){batch, moves * taps, plane.out[0], plane.out[1]}, 0, 1) : NULL,
          *y = tensor(d, DT_F32, 4, (int64_t[]){batch, groups * maps, plane.out[0], plane.out[1]});
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[4], corner[4];
        double weight[4];
        unravel(y, e, at);
        y->f[e] = b != NULL ? b->f[at[1]] : 0;
        for (int64_t k = 0; k < per * taps; k++) {
            int64_t c = at[1] / maps * per + k / taps, t = k % taps, move = c / (channels / moves), o = at[2] * plane.out[1] + at[3];
            const double *shift = by->f + ((at[0] * moves + move) * taps + t) * 2 * area + o;
            corners((double)(at[2] * plane.stride[0] - plane.pads[0] + t / plane.kernel[1] * plane.dilation[0]) + shift[0],
                    (double)(at[3] * plane.stride[1] - plane.pads[1] + t % plane.kernel[1] * plane.dilation[1]) + shift[area], plane.in[0], plane.in[1], corner, weight);
            double v = 0;
            for (int q = 0; q < 4; q++)
                v += corner[q] < 0 ? 0 : weight[q] * x->f[(at[0] * channels + c) * size + corner[q]];
            y->f[e] += v * w->f[at[1] * per * taps + k] * (m != NULL ? m->f[((at[0] * moves + move) * taps + t) * area + o] : 1);
        }
    }
    give(d, x);
    give(d, w);
    give(d, by);
    if (b != NULL || m != NULL)
        give(d, b);
    if (m != NULL)
        give(d, m);
    expect(d, y);
    d->absolute = d->relative = 1e-4;
}

static const Row rows[] = {
    {"Resize", "resize", resize, 150},
    {"GridSample", "grid_sample", grid_sample, 60},
    {"RoiAlign", "roi_align", roi_align, 40},
    {"DeformConv", "deform_conv", deform_conv, 40},
};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
