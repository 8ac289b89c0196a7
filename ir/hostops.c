/*
 * ir/hostops.c: operations that are no einsums: sort, select, count.
 *
 * In:   whole tensors and named literals. Out: target tensors at their extents at run time.
 * Keep: ties go by position; NaN is above every number.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/eval_plan.h"
#include "ir/hostop.h"

typedef struct Host {
    Eval *ev;
    const Statement *st;
    uint32_t n_inputs;
    const Tensor *input[8];
    int64_t extent[8][TENSOR_MAX_DIMS]; /* at run time */
} Host;

/* ---- arguments ---- */

double hostop_number(const Cascade *cs, const Statement *st, const char *name)
{
    double otherwise = 0;
    for (const HostNumber *n = hostop_info(st->hostop)->numbers; n < hostop_info(st->hostop)->numbers + HOST_NUMBERS && n->name != NULL; n++)
        if (strcmp(n->name, name) == 0)
            otherwise = n->otherwise;
    for (uint32_t a = 0; a < st->n_args; a++) {
        const HostArg *arg = &st->args[a];
        if (arg->key.i == 0 || strcmp(cx_text(cs->cx, arg->key), name) != 0)
            continue;
        const Expr *e = expr_at(cs, arg->literal);
        double given = e->decimal ? e->f : (double)e->i;
        return isnan(given) && isnan(otherwise) ? (double)INFINITY : given;
    }
    return otherwise;
}

int64_t hostop_axis(const Cascade *cs, const Statement *st, uint32_t n_dims)
{
    double axis = hostop_number(cs, st, "axis");
    return isnan(axis) ? -1 : (int64_t)axis + (axis < 0 ? n_dims : 0);
}

static double number(const Host *h, const char *name)
{
    return hostop_number(h->ev->cs, h->st, name);
}

static weir_status read_inputs(Host *h)
{
    for (uint32_t a = 0; a < h->st->n_args; a++) {
        const HostArg *arg = &h->st->args[a];
        if (arg->key.i != 0 || h->n_inputs == 8)
            continue;
        uint32_t i = h->n_inputs++;
        TRY(tensor_value(h->ev, arg->tensor, PART_VALUE, &h->input[i]));
        TRY(logical_extents(h->ev, arg->tensor, PART_VALUE, h->input[i], h->st, h->extent[i]));
    }
    return WEIR_OK;
}

static Tensor *prepared(Host *h, uint32_t target)
{
    return target < h->st->n_targets ? &h->ev->values[h->st->targets[target].tensor.i] : NULL;
}

static Tensor *first_target(Host *h)
{
    return &h->ev->values[h->st->targets[0].tensor.i];
}

static weir_status prepare(Host *h, uint32_t target)
{
    if (target >= h->st->n_targets)
        return WEIR_OK;
    return tensor_prepare(h->ev, h->st->targets[target].tensor, h->st);
}

/* The scalar target that gives an extent of the others: stored first, so that their extents can be asked for. */
static weir_status store_count(Host *h, uint32_t target, int64_t count)
{
    TRY(prepare(h, target));
    Tensor *value = prepared(h, target);
    if (value != NULL)
        dtype_store_i64(value->type, value->data, 0, count);
    return WEIR_OK;
}

/* ---- order ---- */

/* An element in a form that compares: NaN above all. */
typedef struct Item {
    bool is_float;
    double f;
    int64_t i;
    bool is_u64;
    int64_t position;
} Item;

static Item load_item(const Tensor *t, int64_t at)
{
    Item item = {.is_float = dtype_kind(t->type) == DK_FLOAT || dtype_kind(t->type) == DK_CODE,
                 .is_u64 = t->type == DT_U64,
                 .position = at};
    if (item.is_float)
        item.f = dtype_load_f64(t->type, t->data, (size_t)at);
    else
        item.i = dtype_load_i64(t->type, t->data, (size_t)at);
    return item;
}

static int compare_items(const Item *a, const Item *b)
{
    if (a->is_float) {
        bool x = isnan(a->f), y = isnan(b->f);
        if (x || y)
            return (int)x - (int)y;
        return (a->f > b->f) - (a->f < b->f);
    }
    if (a->is_u64)
        return ((uint64_t)a->i > (uint64_t)b->i) - ((uint64_t)a->i < (uint64_t)b->i);
    return (a->i > b->i) - (a->i < b->i);
}

static int ascending(const void *x, const void *y)
{
    const Item *a = x, *b = y;
    int c = compare_items(a, b);
    return c != 0 ? c : (a->position > b->position) - (a->position < b->position);
}

static int descending(const void *x, const void *y)
{
    const Item *a = x, *b = y;
    int c = compare_items(b, a);
    return c != 0 ? c : (a->position > b->position) - (a->position < b->position);
}

static void copy_element(const Tensor *from, int64_t i, Tensor *to, int64_t j)
{
    size_t bytes = dtype_bytes(from->type);
    if (from->type == to->type)
        memcpy((char *)to->data + (size_t)j * bytes, (const char *)from->data + (size_t)i * bytes, bytes);
    else
        dtype_store_f64(to->type, to->data, (size_t)j, dtype_load_f64(from->type, from->data, (size_t)i));
}

/* Element number of coordinates in the stored tensor. */
static int64_t element_at(const Tensor *t, const int64_t *at)
{
    int64_t i = 0;
    for (uint32_t d = 0; d < t->n_dims; d++)
        i = i * t->extent[d] + at[d];
    return i;
}

static uint32_t axis_of(const Host *h, uint32_t n_dims)
{
    int64_t axis = hostop_axis(h->ev->cs, h->st, n_dims);
    if (axis < 0 || axis >= n_dims)
        weir_bug(h->ev->cx, "a host operation's axis is outside");
    return (uint32_t)axis;
}

/* topk and sort: each fibre along axis in order, its first elements. */
static weir_status run_sort(Host *h, bool largest)
{
    const Tensor *in = h->input[0];
    uint32_t axis = axis_of(h, in->n_dims);
    TRY(prepare(h, 0));
    TRY(prepare(h, 1));
    Tensor *values = first_target(h), *places = prepared(h, 1);
    int64_t n = h->extent[0][axis], k = values->extent[axis];
    if (k > n)
        return eval_trap(h->ev, h->st, "", "%lld elements are wanted of %lld", (long long)k, (long long)n);
    Item *items = context_buffer(h->ev->cx, arena_array_bytes(&h->ev->cx->arena, (size_t)n, sizeof *items));
    int64_t at[TENSOR_MAX_DIMS] = {0}, outer[TENSOR_MAX_DIMS];
    memcpy(outer, values->extent, sizeof outer);
    outer[axis] = 1;
    bool any = tensor_elements(values) != 0;
    while (any) {
        for (int64_t i = 0; i < n; i++) {
            at[axis] = i;
            items[i] = load_item(in, element_at(in, at));
            items[i].position = i;
        }
        at[axis] = 0;
        qsort(items, (size_t)n, sizeof *items, largest ? descending : ascending);
        for (int64_t i = 0; i < k; i++) {
            at[axis] = items[i].position;
            int64_t from = element_at(in, at);
            at[axis] = i;
            copy_element(in, from, values, element_at(values, at));
            if (places != NULL)
                dtype_store_i64(places->type, places->data, (size_t)element_at(places, at), items[i].position);
        }
        at[axis] = 0;
        any = next_point(values->n_dims, outer, at);
    }
    context_buffer_free(h->ev->cx, items);
    return WEIR_OK;
}

/* ---- nonzero, compress ---- */

static bool is_set(const Tensor *t, int64_t i)
{
    Item item = load_item(t, i);
    return item.is_float ? item.f != 0 : item.i != 0;
}

static weir_status run_nonzero(Host *h)
{
    const Tensor *in = h->input[0];
    int64_t at[TENSOR_MAX_DIMS] = {0}, count = 0;
    int64_t elements = 1;
    for (uint32_t d = 0; d < in->n_dims; d++)
        elements *= h->extent[0][d];
    for (int64_t i = 0; i < elements; i++) {
        count += is_set(in, element_at(in, at));
        next_point(in->n_dims, h->extent[0], at);
    }
    TRY(store_count(h, 1, count));
    TRY(prepare(h, 0));
    Tensor *places = first_target(h);
    size_t to = 0;
    memset(at, 0, sizeof at);
    for (int64_t i = 0; i < elements; i++) {
        if (is_set(in, element_at(in, at)))
            for (uint32_t d = 0; d < in->n_dims; d++)
                dtype_store_i64(places->type, places->data, to++, at[d]);
        next_point(in->n_dims, h->extent[0], at);
    }
    return WEIR_OK;
}

static weir_status run_compress(Host *h)
{
    const Tensor *in = h->input[0], *condition = h->input[1];
    uint32_t axis = axis_of(h, in->n_dims);
    int64_t count = 0, most = condition->extent[0] < h->extent[0][axis] ? condition->extent[0] : h->extent[0][axis];
    for (int64_t i = 0; i < most; i++)
        count += is_set(condition, i);
    TRY(store_count(h, 1, count));
    TRY(prepare(h, 0));
    Tensor *out = first_target(h);
    int64_t at[TENSOR_MAX_DIMS] = {0}, outer[TENSOR_MAX_DIMS];
    memcpy(outer, h->extent[0], sizeof outer);
    outer[axis] = 1;
    bool any = tensor_elements(out) != 0;
    while (any) {
        int64_t to = 0;
        for (int64_t i = 0; i < most; i++) {
            if (!is_set(condition, i))
                continue;
            at[axis] = i;
            int64_t from = element_at(in, at);
            at[axis] = to++;
            copy_element(in, from, out, element_at(out, at));
        }
        at[axis] = 0;
        any = next_point(in->n_dims, outer, at);
    }
    return WEIR_OK;
}

/* ---- unique ---- */

typedef struct Slices {
    const Tensor *in;
    uint32_t axis;
    int64_t n, inner; /* slices; elements of one */
    int64_t *element; /* element numbers, slice by slice */
} Slices;

static int compare_slices(const Slices *s, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < s->inner; i++) {
        Item x = load_item(s->in, s->element[a * s->inner + i]), y = load_item(s->in, s->element[b * s->inner + i]);
        int c = compare_items(&x, &y);
        if (c != 0)
            return c;
    }
    return 0;
}

/* Stable merge sort of slice numbers. */
static void sort_slices(const Slices *s, int64_t *order, int64_t *room, int64_t n)
{
    if (n < 2)
        return;
    int64_t half = n / 2, i = 0, j = half, k = 0;
    sort_slices(s, order, room, half);
    sort_slices(s, order + half, room, n - half);
    while (i < half && j < n)
        room[k++] = compare_slices(s, order[j], order[i]) < 0 ? order[j++] : order[i++];
    while (i < half)
        room[k++] = order[i++];
    memcpy(order, room, (size_t)k * sizeof *order);
}

static void list_slices(const Host *h, Slices *s, bool flat)
{
    const Tensor *in = h->input[0];
    int64_t at[TENSOR_MAX_DIMS] = {0}, filled = 0;
    if (flat) {
        for (int64_t i = 0; i < s->n; i++) {
            s->element[i] = element_at(in, at);
            next_point(in->n_dims, h->extent[0], at);
        }
        return;
    }
    int64_t outer[TENSOR_MAX_DIMS];
    memcpy(outer, h->extent[0], sizeof outer);
    outer[s->axis] = 1;
    for (int64_t i = 0; i < s->n; i++) {
        memset(at, 0, sizeof at);
        for (int64_t j = 0; j < s->inner; j++) {
            at[s->axis] = i;
            s->element[filled++] = element_at(in, at);
            at[s->axis] = 0;
            next_point(in->n_dims, outer, at);
        }
    }
}

/* Groups of equal slices: order sorted; out: group of each slice, first slice of each group. */
static int64_t group_slices(const Slices *s, const int64_t *order, bool sorted, int64_t *group, int64_t *first)
{
    int64_t n_groups = 0;
    for (int64_t i = 0; i < s->n; i++) {
        bool same = i != 0 && compare_slices(s, order[i - 1], order[i]) == 0;
        if (!same)
            first[n_groups++] = order[i]; /* the sort is stable: the first of equals */
        group[order[i]] = n_groups - 1;
    }
    if (sorted)
        return n_groups;
    int64_t next = 0; /* renumber by first occurrence */
    for (int64_t i = 0; i < s->n; i++)
        if (first[group[i]] == i)
            first[group[i]] = -1 - next++;
    for (int64_t i = 0; i < s->n; i++)
        group[i] = -1 - first[group[i]];
    for (int64_t i = s->n; i-- > 0;)
        first[group[i]] = i;
    return n_groups;
}

static void store_i64(Tensor *t, int64_t i, int64_t value)
{
    if (t != NULL)
        dtype_store_i64(t->type, t->data, (size_t)i, value);
}

/* Targets: elements, first positions, inverse positions, counts, their number. */
static weir_status run_unique(Host *h)
{
    const Tensor *in = h->input[0];
    bool flat = isnan(number(h, "axis"));
    Slices s = {.in = in, .axis = flat ? 0 : axis_of(h, in->n_dims), .inner = 1, .n = 1};
    for (uint32_t d = 0; d < in->n_dims; d++)
        *(flat || d == s.axis ? &s.n : &s.inner) *= h->extent[0][d];
    size_t n = (size_t)s.n, bytes = arena_array_bytes(&h->ev->cx->arena, n * (size_t)s.inner + 4 * n, sizeof(int64_t));
    s.element = context_buffer(h->ev->cx, bytes);
    int64_t *order = s.element + n * (size_t)s.inner, *room = order + n, *group = room + n, *first = group + n;
    list_slices(h, &s, flat);
    for (int64_t i = 0; i < s.n; i++)
        order[i] = i;
    sort_slices(&s, order, room, s.n);
    int64_t n_groups = group_slices(&s, order, number(h, "sorted") != 0, group, first);
    TRY(store_count(h, 4, n_groups));
    for (uint32_t t = 0; t < 4; t++)
        TRY(prepare(h, t));
    Tensor *out = first_target(h);
    for (int64_t g = 0; g < n_groups; g++)
        store_i64(prepared(h, 1), g, first[g]);
    memset(room, 0, n * sizeof *room);
    for (int64_t i = 0; i < s.n; i++) {
        store_i64(prepared(h, 2), i, group[i]);
        room[group[i]]++;
    }
    for (int64_t g = 0; g < n_groups; g++)
        store_i64(prepared(h, 3), g, room[g]);
    int64_t outer[TENSOR_MAX_DIMS], at[TENSOR_MAX_DIMS];
    memcpy(outer, h->extent[0], sizeof outer);
    if (!flat)
        outer[s.axis] = 1;
    for (int64_t g = 0; g < n_groups; g++) {
        memset(at, 0, sizeof at);
        for (int64_t j = 0; j < s.inner; j++) {
            if (!flat)
                at[s.axis] = g;
            copy_element(in, s.element[first[g] * s.inner + j], out, flat ? g : element_at(out, at));
            if (!flat) {
                at[s.axis] = 0;
                next_point(in->n_dims, outer, at);
            }
        }
    }
    context_buffer_free(h->ev->cx, s.element);
    return WEIR_OK;
}

/* ---- nms ---- */

typedef struct Box {
    double y0, x0, y1, x1;
} Box;

static Box load_box(const Tensor *boxes, int64_t at, bool centre)
{
    double v[4];
    for (int k = 0; k < 4; k++)
        v[k] = dtype_load_f64(boxes->type, boxes->data, (size_t)(at * 4 + k));
    if (centre) /* x, y of the centre, width, height */
        return (Box){v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
    return (Box){fmin(v[0], v[2]), fmin(v[1], v[3]), fmax(v[0], v[2]), fmax(v[1], v[3])};
}

static double overlap(const Box *a, const Box *b)
{
    double height = fmin(a->y1, b->y1) - fmax(a->y0, b->y0), width = fmin(a->x1, b->x1) - fmax(a->x0, b->x0);
    if (height <= 0 || width <= 0)
        return 0;
    double common = height * width;
    double area = (a->y1 - a->y0) * (a->x1 - a->x0) + (b->y1 - b->y0) * (b->x1 - b->x0) - common;
    return area <= 0 ? 0 : common / area;
}

/* Inputs: boxes [batch, box, 4], scores [batch, class, box]; then, if not named, scalars max_output, iou, score. */
typedef struct Suppression {
    const Tensor *boxes, *scores;
    int64_t batches, classes, n_boxes, most;
    double iou, least;
    bool has_least, centre;
} Suppression;

/* A number that may be a scalar tensor instead: input i. */
static double scalar_input(const Host *h, uint32_t i, const char *name)
{
    if (i < h->n_inputs)
        return dtype_load_f64(h->input[i]->type, h->input[i]->data, 0);
    return number(h, name);
}

/* Picks of one class into `picked`; their number. */
static int64_t pick_boxes(const Suppression *s, int64_t batch, int64_t class, Item *items, int64_t *picked)
{
    int64_t n = 0, n_picked = 0;
    for (int64_t b = 0; b < s->n_boxes; b++) {
        Item item = load_item(s->scores, (batch * s->classes + class) * s->n_boxes + b);
        item.position = b;
        if (!s->has_least || item.f > s->least)
            items[n++] = item;
    }
    qsort(items, (size_t)n, sizeof *items, descending);
    for (int64_t i = 0; i < n && n_picked < s->most; i++) {
        Box box = load_box(s->boxes, batch * s->n_boxes + items[i].position, s->centre);
        bool keeps = true;
        for (int64_t j = 0; keeps && j < n_picked; j++) {
            Box other = load_box(s->boxes, batch * s->n_boxes + picked[j], s->centre);
            keeps = !(overlap(&box, &other) > s->iou);
        }
        if (keeps)
            picked[n_picked++] = items[i].position;
    }
    return n_picked;
}

static weir_status run_nms(Host *h)
{
    Suppression s = {.boxes = h->input[0], .scores = h->input[1]};
    s.batches = h->extent[1][0];
    s.classes = h->extent[1][1];
    s.n_boxes = h->extent[1][2];
    s.most = (int64_t)scalar_input(h, 2, "max_output");
    s.iou = scalar_input(h, 3, "iou");
    s.least = scalar_input(h, 4, "score");
    s.has_least = h->n_inputs > 4 || !isnan(s.least);
    s.centre = number(h, "center") != 0;
    size_t n = (size_t)(s.n_boxes + 1);
    Item *items = context_buffer(h->ev->cx, arena_array_bytes(&h->ev->cx->arena, n, sizeof *items + sizeof(int64_t)));
    int64_t *picked = (int64_t *)(void *)(items + n), count = 0;
    for (int64_t c = 0; c < s.batches * s.classes; c++)
        count += pick_boxes(&s, c / s.classes, c % s.classes, items, picked);
    TRY(store_count(h, 1, count));
    TRY(prepare(h, 0));
    Tensor *out = first_target(h);
    int64_t row = 0;
    for (int64_t c = 0; c < s.batches * s.classes; c++) {
        int64_t k = pick_boxes(&s, c / s.classes, c % s.classes, items, picked);
        for (int64_t i = 0; i < k; i++, row++) {
            store_i64(out, row * 3, c / s.classes);
            store_i64(out, row * 3 + 1, c % s.classes);
            store_i64(out, row * 3 + 2, picked[i]);
        }
    }
    context_buffer_free(h->ev->cx, items);
    return WEIR_OK;
}

/* ---- det ---- */

static double determinant(double *m, int64_t n)
{
    double det = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t pivot = i;
        for (int64_t r = i + 1; r < n; r++)
            if (fabs(m[r * n + i]) > fabs(m[pivot * n + i]))
                pivot = r;
        if (m[pivot * n + i] == 0)
            return 0;
        for (int64_t c = 0; pivot != i && c < n; c++) {
            double swap = m[i * n + c];
            m[i * n + c] = m[pivot * n + c];
            m[pivot * n + c] = swap;
        }
        det *= pivot != i ? -m[i * n + i] : m[i * n + i];
        for (int64_t r = i + 1; r < n; r++) {
            double factor = m[r * n + i] / m[i * n + i];
            for (int64_t c = i; c < n; c++)
                m[r * n + c] -= factor * m[i * n + c];
        }
    }
    return det;
}

static weir_status run_det(Host *h)
{
    const Tensor *in = h->input[0];
    TRY(prepare(h, 0));
    Tensor *out = first_target(h);
    int64_t n = h->extent[0][in->n_dims - 1], matrices = tensor_elements(out);
    double *m = context_buffer(h->ev->cx, arena_array_bytes(&h->ev->cx->arena, (size_t)(n * n), sizeof *m));
    for (int64_t b = 0; b < matrices; b++) {
        for (int64_t i = 0; i < n * n; i++)
            m[i] = dtype_load_f64(in->type, in->data, (size_t)(b * n * n + i));
        dtype_store_f64(out->type, out->data, (size_t)b, determinant(m, n));
    }
    context_buffer_free(h->ev->cx, m);
    return WEIR_OK;
}

weir_status run_hostop(Eval *ev, StatementId id)
{
    Host h = {.ev = ev, .st = statement_at(ev->cs, id)};
    TRY(read_inputs(&h));
    switch (h.st->hostop) {
    case HOSTOP_TOPK:
        return run_sort(&h, number(&h, "largest") != 0);
    case HOSTOP_SORT:
        return run_sort(&h, number(&h, "descending") != 0);
    case HOSTOP_NONZERO:
        return run_nonzero(&h);
    case HOSTOP_COMPRESS:
        return run_compress(&h);
    case HOSTOP_UNIQUE:
        return run_unique(&h);
    case HOSTOP_NMS:
        return run_nms(&h);
    case HOSTOP_DET:
        return run_det(&h);
    case HOSTOP_NONE:
    case HOSTOP_COUNT:
        break;
    }
    weir_bug(ev->cx, "host operation %d has no definition", (int)h.st->hostop);
}
