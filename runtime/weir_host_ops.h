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

/* topk, sort: each fibre along axis in order, its first elements; room: an item for each element of a fibre */
W_INLINE void w_host_sort(const w_tensor *const *in, const w_tensor *const *out, int64_t axis, int64_t falls, void *room)
{
    const w_tensor *x = in[0], *values = out[0], *places = out[1];
    w_item *items = (w_item *)room;
    int64_t at[8] = {0}, outer[8], n = x->extent[axis], k = values->extent[axis];
    memcpy(outer, values->extent, sizeof outer);
    outer[axis] = 1;
    if (w_elements(values) == 0)
        return;
    do {
        for (int64_t i = 0; i < n; i++) {
            at[axis] = i;
            items[i].key = w_key(x, w_place(x, at)) ^ (falls != 0 ? UINT64_MAX : 0);
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
W_INLINE void w_host_nonzero(const w_tensor *const *in, const w_tensor *const *out, int64_t axis, int64_t flag, void *room)
{
    const w_tensor *x = in[0], *places = out[0];
    int64_t at[8] = {0}, count = 0;
    (void)axis, (void)flag, (void)room;
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
/* compress: the slices along axis where the condition is set, as far as there is room, and their number */
W_INLINE void w_host_compress(const w_tensor *const *in, const w_tensor *const *out, int64_t axis, int64_t flag, void *room)
{
    const w_tensor *x = in[0], *condition = in[1], *to = out[0];
    int64_t at[8] = {0}, outer[8], count = 0, most = x->extent[axis];
    (void)flag, (void)room;
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
