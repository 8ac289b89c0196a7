/* Host operations of generated C: sort, select, count. What ir/hostops.def says, on memory with the strides of the bounds. */
typedef struct w_tensor {
    void *data;
    int bytes, kind, dims; /* kind: W_SIGNED .. */
    int64_t extent[8], bound[8]; /* now; in memory */
} w_tensor;
typedef struct w_item { uint64_t key; int64_t position; } w_item;
enum { W_SIGNED, W_UNSIGNED, W_BINARY, W_BRAIN }; /* integers; floats; bf16 */

W_INLINE uint64_t w_get(const w_tensor *t, int64_t at)
{
    const char *from = (const char *)t->data + at * t->bytes;
    uint64_t u = 0;
    uint32_t half = 0;
    uint16_t quarter = 0;
    if (t->bytes == 8) {
        memcpy(&u, from, 8);
        return u;
    }
    if (t->bytes == 4)
        memcpy(&half, from, 4);
    else if (t->bytes == 2)
        memcpy(&quarter, from, 2);
    else
        quarter = (unsigned char)*from;
    return t->bytes == 4 ? half : quarter;
}
W_INLINE double w_get_float(const w_tensor *t, int64_t at)
{
    uint64_t u = w_get(t, at);
    if (t->kind == W_BRAIN)
        return (double)w_bf16_value((uint16_t)u);
    return t->bytes == 2 ? (double)w_f16_value((uint16_t)u) : t->bytes == 4 ? (double)w_f32_of_u32((uint32_t)u) : w_f64_of_u64(u);
}
/* Keys in the order of the values: -0 is 0, NaN is above every number. */
W_INLINE uint64_t w_key(const w_tensor *t, int64_t at)
{
    const uint64_t top = (uint64_t)1 << 63;
    if (t->kind == W_UNSIGNED)
        return w_get(t, at);
    if (t->kind == W_SIGNED) {
        int free_bits = 64 - 8 * t->bytes;
        return (uint64_t)((int64_t)(w_get(t, at) << free_bits) >> free_bits) ^ top;
    }
    double x = w_get_float(t, at);
    if (x != x)
        return UINT64_MAX;
    uint64_t u = x == 0 ? 0 : w_u64_of_f64(x);
    return (u & top) != 0 ? ~u : u | top;
}
W_INLINE int w_is_set(const w_tensor *t, int64_t at)
{
    return w_key(t, at) != (t->kind == W_UNSIGNED ? 0 : (uint64_t)1 << 63);
}
W_INLINE void w_put(const w_tensor *t, int64_t at, int64_t value)
{
    uint32_t half = (uint32_t)value;
    uint16_t quarter = (uint16_t)value;
    uint8_t eighth = (uint8_t)value;
    if (t != 0)
        memcpy((char *)t->data + at * t->bytes,
               t->bytes == 8 ? (const void *)&value : t->bytes == 4 ? (const void *)&half : t->bytes == 2 ? (const void *)&quarter : &eighth,
               (size_t)t->bytes);
}
W_INLINE void w_put_float(const w_tensor *t, int64_t at, double x)
{
    double one = w_one_f64(x);
    if (t->bytes == 8)
        w_put(t, at, (int64_t)w_u64_of_f64(one));
    else if (t->bytes == 4)
        w_put(t, at, w_u32_of_f32((float)one));
    else
        w_put(t, at, t->kind == W_BRAIN ? w_bf16_bits(w_odd_f32(one)) : w_f16_bits(w_odd_f32(one)));
}
W_INLINE void w_move(const w_tensor *from, int64_t i, const w_tensor *to, int64_t j)
{
    memcpy((char *)to->data + j * to->bytes, (const char *)from->data + i * from->bytes, (size_t)from->bytes);
}
W_INLINE int64_t w_place(const w_tensor *t, const int64_t *at)
{
    int64_t i = 0;
    for (int d = 0; d < t->dims; d++)
        i = i * t->bound[d] + at[d];
    return i;
}
W_INLINE int64_t w_elements(const w_tensor *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->dims; d++)
        n *= t->extent[d];
    return n;
}
W_INLINE int w_next(int dims, const int64_t *extent, int64_t *at)
{
    for (int d = dims; d-- > 0;) {
        if (++at[d] < extent[d])
            return 1;
        at[d] = 0;
    }
    return 0;
}
W_INLINE int w_before(w_item a, w_item b) { return a.key != b.key ? a.key < b.key : a.position < b.position; }
/* Heap sort: no two items are equal, so that any sort is stable. */
W_INLINE void w_sort(w_item *items, int64_t n)
{
    for (int64_t end = n, root = n / 2; end > 1;) {
        w_item item;
        if (root > 0) {
            item = items[--root];
        } else {
            item = items[--end];
            items[end] = items[0];
        }
        int64_t hole = root;
        for (int64_t child = 2 * hole + 1; child < end; child = 2 * hole + 1) {
            if (child + 1 < end && w_before(items[child], items[child + 1]))
                child++;
            if (!w_before(item, items[child]))
                break;
            items[hole] = items[child];
            hole = child;
        }
        items[hole] = item;
    }
}

/* topk, sort: each fibre along axis in order, its first elements; numbers: axis, falls; room: an item for each element of a fibre */
W_INLINE void w_host_sort(const w_tensor *const *in, const w_tensor *const *out, const double *number, void *room)
{
    const w_tensor *x = in[0], *values = out[0], *places = out[1];
    int axis = (int)number[0], falls = number[1] != 0;
    w_item *items = (w_item *)room;
    int64_t at[8] = {0}, outer[8], n = x->extent[axis], k = values->extent[axis];
    memcpy(outer, values->extent, sizeof outer);
    outer[axis] = 1;
    if (w_elements(values) == 0)
        return;
    do {
        for (int64_t i = 0; i < n; i++) {
            at[axis] = i;
            items[i].key = w_key(x, w_place(x, at)) ^ (falls ? UINT64_MAX : 0);
            items[i].position = i;
        }
        w_sort(items, n);
        for (int64_t i = 0; i < k; i++) {
            at[axis] = items[i].position;
            int64_t from = w_place(x, at);
            at[axis] = i;
            w_move(x, from, values, w_place(values, at));
            if (places != 0)
                w_put(places, w_place(places, at), items[i].position);
        }
        at[axis] = 0;
    } while (w_next(values->dims, outer, at));
}
/* nonzero: rows of coordinates as far as there is room, and their number */
W_INLINE void w_host_nonzero(const w_tensor *const *in, const w_tensor *const *out, const double *number, void *room)
{
    const w_tensor *x = in[0], *places = out[0];
    int64_t at[8] = {0}, count = 0;
    (void)number, (void)room;
    if (w_elements(x) != 0)
        do {
            if (!w_is_set(x, w_place(x, at)))
                continue;
            for (int d = 0; d < x->dims && count < places->bound[0]; d++)
                w_put(places, count * places->bound[1] + d, at[d]);
            count++;
        } while (w_next(x->dims, x->extent, at));
    w_put(out[1], 0, count);
}
/* compress: the slices along axis where the condition is set, as far as there is room, and their number; numbers: axis */
W_INLINE void w_host_compress(const w_tensor *const *in, const w_tensor *const *out, const double *number, void *room)
{
    int axis = (int)number[0];
    const w_tensor *x = in[0], *condition = in[1], *to = out[0];
    int64_t at[8] = {0}, outer[8], count = 0, most = x->extent[axis];
    (void)room;
    most = condition->extent[0] < most ? condition->extent[0] : most;
    for (int64_t i = 0; i < most; i++)
        count += w_is_set(condition, i);
    w_put(out[1], 0, count);
    memcpy(outer, x->extent, sizeof outer);
    outer[axis] = 1;
    if (w_elements(x) == 0)
        return;
    do {
        int64_t row = 0;
        for (int64_t i = 0; i < most && row < to->bound[axis]; i++) {
            if (!w_is_set(condition, i))
                continue;
            at[axis] = i;
            int64_t from = w_place(x, at);
            at[axis] = row++;
            w_move(x, from, to, w_place(to, at));
        }
        at[axis] = 0;
    } while (w_next(x->dims, outer, at));
}
/* Slices of a tensor: `inner` places each, in `place`. */
typedef struct w_slices {
    const w_tensor *x;
    int64_t n, inner, *place;
} w_slices;
W_INLINE int w_compare_slices(const w_slices *s, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < s->inner; i++) {
        uint64_t p = w_key(s->x, s->place[a * s->inner + i]), q = w_key(s->x, s->place[b * s->inner + i]);
        if (p != q)
            return p < q ? -1 : 1;
    }
    return 0;
}
/* Merge sort from below, stable; the sorted numbers end up in `order`. */
W_INLINE void w_sort_slices(const w_slices *s, int64_t *order, int64_t *room)
{
    for (int64_t run = 1; run < s->n; run *= 2) {
        for (int64_t low = 0; low < s->n; low += 2 * run) {
            int64_t middle = low + run < s->n ? low + run : s->n, high = low + 2 * run < s->n ? low + 2 * run : s->n;
            for (int64_t i = low, j = middle, k = low; k < high; k++)
                room[k] = j == high || (i < middle && w_compare_slices(s, order[j], order[i]) >= 0) ? order[i++] : order[j++];
        }
        memcpy(order, room, (size_t)s->n * sizeof *order);
    }
}
W_INLINE void w_list_slices(w_slices *s, int axis)
{
    int64_t at[8] = {0}, outer[8], filled = 0;
    memcpy(outer, s->x->extent, sizeof outer);
    if (axis >= 0)
        outer[axis] = 1;
    for (int64_t slice = 0; filled < s->n * s->inner;) {
        if (axis >= 0)
            at[axis] = slice;
        s->place[filled++] = w_place(s->x, at);
        if (axis >= 0)
            at[axis] = 0;
        slice += !w_next(s->x->dims, outer, at);
    }
}
/* Numbers the groups of equal slices, by order or by first occurrence; first: a slice of each group. */
W_INLINE int64_t w_group_slices(const w_slices *s, const int64_t *order, int sorted, int64_t *group, int64_t *first)
{
    int64_t groups = 0, next = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (i == 0 || w_compare_slices(s, order[i - 1], order[i]) != 0)
            first[groups++] = order[i];
        group[order[i]] = groups - 1;
    }
    if (sorted)
        return groups;
    for (int64_t i = 0; i < s->n; i++)
        if (first[group[i]] == i)
            first[group[i]] = -1 - next++;
    for (int64_t i = 0; i < s->n; i++)
        group[i] = -1 - first[group[i]];
    for (int64_t i = s->n; i-- > 0;)
        first[group[i]] = i;
    return groups;
}
/* unique: distinct slices along axis (elements where it is -1), first and inverse positions, counts, their number;
 * numbers: axis, sorted; room: a word for each element and four for each slice */
W_INLINE void w_host_unique(const w_tensor *const *in, const w_tensor *const *out, const double *number, void *room)
{
    int axis = (int)number[0];
    w_slices s = {in[0], axis < 0 ? w_elements(in[0]) : in[0]->extent[axis], 1, (int64_t *)room};
    for (int d = 0; axis >= 0 && d < in[0]->dims; d++)
        s.inner *= d == axis ? 1 : in[0]->extent[d];
    int64_t *order = s.place + s.n * s.inner, *spare = order + s.n, *group = spare + s.n, *first = group + s.n, at[8] = {0}, outer[8];
    w_list_slices(&s, axis);
    for (int64_t i = 0; i < s.n; i++)
        order[i] = i;
    w_sort_slices(&s, order, spare);
    int64_t groups = w_group_slices(&s, order, number[1] != 0, group, first), most = out[0]->bound[axis < 0 ? 0 : axis];
    w_put(out[4], 0, groups);
    for (int64_t g = 0; g < s.n; g++)
        spare[g] = 0;
    for (int64_t i = 0; i < s.n; i++) {
        spare[group[i]]++;
        w_put(out[2], i, group[i]);
    }
    memcpy(outer, in[0]->extent, sizeof outer);
    if (axis >= 0)
        outer[axis] = 1;
    for (int64_t g = 0; g < groups && g < most; g++) {
        w_put(out[1], g, first[g]);
        w_put(out[3], g, spare[g]);
        for (int64_t i = 0; i < s.inner; i++) {
            if (axis >= 0)
                at[axis] = g;
            w_move(s.x, s.place[first[g] * s.inner + i], out[0], axis < 0 ? g : w_place(out[0], at));
            if (axis >= 0) {
                at[axis] = 0;
                w_next(in[0]->dims, outer, at);
            }
        }
    }
}
/* y0, x0, y1, x1 of a box; from the centre: x, y, width, height */
W_INLINE void w_box(const w_tensor *t, int64_t batch, int64_t row, int centre, double *box)
{
    double v[4];
    for (int k = 0; k < 4; k++)
        v[k] = w_get_float(t, (batch * t->bound[1] + row) * t->bound[2] + k);
    for (int k = 0; k < 2; k++) {
        double half = v[3 - k] / 2;
        box[k] = centre ? v[1 - k] - half : fmin(v[k], v[k + 2]);
        box[k + 2] = centre ? v[1 - k] + half : fmax(v[k], v[k + 2]);
    }
}
W_INLINE double w_overlap(const double *a, const double *b)
{
    double height = fmin(a[2], b[2]) - fmax(a[0], b[0]), width = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    if (height <= 0 || width <= 0)
        return 0;
    double common = height * width, area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common;
    return area <= 0 ? 0 : common / area;
}
/* nms: selected triples batch, class, box as far as there is room, and their number; boxes [batch, box, 4], scores [batch, class, box];
 * numbers: most of a class, iou, score (NaN: no threshold), from the centre; room: an item and a word for each box */
W_INLINE void w_host_nms(const w_tensor *const *in, const w_tensor *const *out, const double *number, void *room)
{
    const w_tensor *boxes = in[0], *scores = in[1];
    w_item *items = (w_item *)room;
    int64_t *picked = (int64_t *)(void *)(items + scores->extent[2]), row = 0;
    int centre = number[3] != 0;
    for (int64_t c = 0; c < scores->extent[0] * scores->extent[1]; c++) {
        int64_t batch = c / scores->extent[1], class_ = c % scores->extent[1], n = 0, n_picked = 0;
        for (int64_t b = 0; b < scores->extent[2]; b++) {
            int64_t at = (batch * scores->bound[1] + class_) * scores->bound[2] + b;
            if (number[2] != number[2] || w_get_float(scores, at) > number[2]) {
                items[n].key = ~w_key(scores, at);
                items[n++].position = b;
            }
        }
        w_sort(items, n);
        for (int64_t i = 0; i < n && (double)n_picked < number[0]; i++) {
            double box[4], other[4];
            int keeps = 1;
            w_box(boxes, batch, items[i].position, centre, box);
            for (int64_t j = 0; keeps && j < n_picked; j++) {
                w_box(boxes, batch, picked[j], centre, other);
                keeps = !(w_overlap(box, other) > number[1]);
            }
            if (!keeps)
                continue;
            picked[n_picked++] = items[i].position;
            if (row < out[0]->bound[0]) {
                w_put(out[0], row * 3, batch);
                w_put(out[0], row * 3 + 1, class_);
                w_put(out[0], row * 3 + 2, items[i].position);
            }
            row++;
        }
    }
    w_put(out[1], 0, row);
}
W_INLINE double w_determinant(double *m, int64_t n)
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
/* det: of every matrix, by elimination in f64; room: a matrix */
W_INLINE void w_host_det(const w_tensor *const *in, const w_tensor *const *out, const double *number, void *room)
{
    const w_tensor *x = in[0], *y = out[0];
    double *m = (double *)room;
    int64_t at[8] = {0}, n = x->extent[x->dims - 1];
    (void)number;
    if (w_elements(y) == 0)
        return;
    do {
        for (int64_t i = 0; i < n * n; i++) {
            at[x->dims - 2] = i / n;
            at[x->dims - 1] = i % n;
            m[i] = w_get_float(x, w_place(x, at));
        }
        at[x->dims - 2] = at[x->dims - 1] = 0;
        w_put_float(y, w_place(y, at), w_determinant(m, n));
    } while (w_next(y->dims, y->extent, at));
}
