/* backends/device.c: groups to steps of an image; see backends/device.h. */
#include "backends/device.h"

#include <string.h>

#include "ir/index.h"
#include "passes/fuse.h"
#include "support/file.h"

enum { INLINE_ELEMENTS = 16 }; /* larger constants of host steps are rows of TENS */

/* ---- what strategies ask ---- */

Mapping *device_on_host(const Scheduling *s)
{
    weir_context *cx = s->pass->cx;
    Mapping *m = schedule_plain(s);
    m->machine = intern_text(&cx->names, arena_printf(&cx->arena, "%s.host", cx_text(cx, m->machine)));
    return m;
}

static bool at_top(const Cascade *cs, StatementId id)
{
    for (uint32_t i = 0; i < cs->top.n; i++)
        if (cs->top.at[i].i == id.i)
            return true;
    return false;
}

static bool static_dims(const Cascade *cs, const TensorDecl *tensor)
{
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        if (tensor->dims[d].next || rank_at(cs, tensor->dims[d].rank)->kind != RANK_STATIC)
            return false;
    return tensor->format == 0;
}

bool device_plain_target(const Cascade *cs, StatementId id)
{
    const Statement *st = statement_at(cs, id);
    const TensorDecl *tensor = tensor_at(cs, st->targets[0].tensor);
    bool plain = st->kind == ST_DEFINE && st->scatter == RED_NONE && st->condition.i == 0 && at_top(cs, id) && static_dims(cs, tensor);
    for (uint32_t d = 0; plain && d < st->targets[0].n_index; d++) {
        RankId rank;
        plain = index_is_rank(cs, st->targets[0].index[d], &rank) && rank_same(rank, tensor->dims[d].rank);
    }
    return plain;
}

bool device_affine_read(const Cascade *cs, ExprId access)
{
    const Expr *x = expr_at(cs, access);
    if (x->kind != EX_ACCESS || x->part != PART_VALUE || x->pad == PAD_TENSOR || !static_dims(cs, tensor_at(cs, x->tensor)))
        return false;
    for (uint32_t d = 0; d < x->n_args; d++) {
        Affine a;
        if (!expr_affine(cs, expr_arg(cs, access, d), &a))
            return false;
        for (uint32_t k = 0; k < a.n; k++)
            if (rank_at(cs, a.rank[k])->kind != RANK_STATIC)
                return false;
    }
    return true;
}

/* ---- the share of the device ---- */

static void count_operation(void *data, ExprId e)
{
    void **pair = data;
    const Expr *x = expr_at(pair[0], e);
    *(double *)pair[1] += x->kind == EX_CALL || x->kind == EX_CAST ? 1 : 0;
}

/* Scalar operations of a definition: calls of its body and one addition a point of a reduction. */
static double operations(const Cascade *cs, const Statement *st)
{
    RankId ranks[CASCADE_MAX_RANKS];
    double calls = st->reduction != RED_NONE ? 1 : 0, points = 1;
    void *pair[2] = {(void *)(uintptr_t)cs, &calls};
    expr_visit(cs, st->body, count_operation, pair);
    uint32_t n = target_ranks(cs, st, ranks, CASCADE_MAX_RANKS);
    for (uint32_t k = 0; k < n; k++)
        points *= (double)rank_at(cs, ranks[k])->extent;
    return calls * points;
}

static double block_operations(const Cascade *cs, const Block *block)
{
    double sum = 0;
    for (uint32_t i = 0; i < block->n; i++) {
        const Statement *st = statement_at(cs, block->at[i]);
        double times = st->kind == ST_ITERATE ? (double)rank_at(cs, st->rank)->extent : 1;
        sum += st->kind == ST_DEFINE ? operations(cs, st) : 0;
        sum += times * (block_operations(cs, &st->body_items) + block_operations(cs, &st->else_items));
    }
    return sum;
}

static void measure_share(Device *device)
{
    Job *job = device->job;
    double all = block_operations(job->cs, &job->cs->top), here = 0;
    for (uint32_t g = 0; g < job->groups->list.n; g++)
        for (uint32_t s = 0; device->on_device[g] && s < job->groups->list.at[g].n; s++)
            here += operations(job->cs, statement_at(job->cs, job->groups->list.at[g].statements[s]));
    job->device_share = all > 0 ? here / all : 0;
}

/* ---- cutting ---- */

typedef struct Touch {
    Device *device;
    uint32_t now; /* step + 1 */
    bool device_step;
} Touch;

static void touch(Touch *t, TensorId tensor)
{
    uint32_t *owner = &t->device->owner[tensor.i];
    t->device->touched[tensor.i] = t->device->touched[tensor.i] || t->device_step;
    if (tensor.i != 0)
        *owner = *owner == 0 || *owner == t->now ? t->now : UINT32_MAX;
}

static void touch_node(void *data, ExprId e)
{
    Touch *t = data;
    const Expr *x = expr_at(t->device->job->pinned, e);
    if (x->kind == EX_ACCESS) {
        touch(t, x->tensor);
        touch(t, x->pad_tensor);
    }
}

static void touch_expr(void *data, ExprId root)
{
    expr_visit(((Touch *)data)->device->job->pinned, root, touch_node, data);
}

static void touch_item(Touch *t, StatementId id)
{
    const Cascade *cs = t->device->job->pinned;
    const Statement *st = statement_at(cs, id);
    for (uint32_t k = 0; k < st->n_targets; k++)
        touch(t, st->targets[k].tensor);
    for (uint32_t a = 0; a < st->n_args; a++)
        touch(t, st->args[a].tensor);
    touch(t, st->trip);
    statement_exprs(cs, st, touch_expr, t);
    for (uint32_t i = 0; i < st->body_items.n; i++)
        touch_item(t, st->body_items.at[i]);
    for (uint32_t i = 0; i < st->else_items.n; i++)
        touch_item(t, st->else_items.at[i]);
}

/* Static ranks only outside of regions: what may be cut. */
static bool may_cut(const Cascade *cs)
{
    for (uint32_t r = 1; r < cs->ranks.n; r++)
        if (cs->ranks.at[r].kind == RANK_SCALAR || cs->ranks.at[r].kind == RANK_COUNT)
            return false;
    return true;
}

static void all_on_host(Device *device)
{
    memset(device->on_device, 0, device->job->groups->list.n * sizeof *device->on_device);
}

/* The step at which each tensor gets its last piece, by tensor: position of the top item. */
static uint32_t *last_definitions(const Cascade *cs)
{
    uint32_t *last = ARENA_ARRAY(&cs->cx->arena, uint32_t, cs->tensors.n);
    for (uint32_t i = 0; i < cs->top.n; i++) {
        const Statement *st = statement_at(cs, cs->top.at[i]);
        for (uint32_t k = 0; k < st->n_targets; k++)
            last[st->targets[k].tensor.i] = i;
        for (uint32_t b = 0; b < st->body_items.n + st->else_items.n; b++) {
            StatementId id = b < st->body_items.n ? st->body_items.at[b] : st->else_items.at[b - st->body_items.n];
            const Statement *inner = statement_at(cs, id);
            for (uint32_t k = 0; k < inner->n_targets; k++)
                last[inner->targets[k].tensor.i] = i;
        }
    }
    return last;
}

/* The group + 1 of a top item that gives a tensor of job->cs; 0: the host. */
static uint32_t group_of(const Device *device, const uint32_t *by_statement, StatementId id)
{
    uint32_t group = id.i < device->job->cs->statements.n ? by_statement[id.i] : 0;
    return group != 0 && device->on_device[group - 1] ? group : 0;
}

/* Earlier pieces and starts of a tensor wait for its last definition, with the partial sums before them. */
static void order_items(Device *device, StatementId *order)
{
    const Cascade *cs = device->job->pinned;
    Arena *arena = &device->cx->arena;
    uint32_t *last = last_definitions(cs), n = 0;
    struct { VEC(StatementId) items; } *late = arena_alloc(arena, (cs->top.n + 1) * sizeof *late);
    memset(late, 0, (cs->top.n + 1) * sizeof *late);
    uint32_t first = 0; /* of the partials before an item */
    for (uint32_t i = 0; i < cs->top.n; i++) {
        const Statement *st = statement_at(cs, cs->top.at[i]);
        if (st->kind == ST_DEFINE && cs->top.at[i].i >= device->job->cs->statements.n)
            continue; /* a partial: goes with the next item */
        uint32_t to = st->kind == ST_DEFINE ? last[st->targets[0].tensor.i] : i;
        for (uint32_t k = first; k <= i; k++)
            vec_push(arena, &late[to].items, cs->top.at[k]);
        first = i + 1;
    }
    for (uint32_t i = 0; i < cs->top.n; i++)
        for (uint32_t k = 0; k < late[i].items.n; k++)
            order[n++] = late[i].items.at[k];
}

static void cut(Device *device)
{
    const Cascade *cs = device->job->pinned;
    Arena *arena = &device->cx->arena;
    const uint32_t *by_statement = groups_by_statement(device->job->groups);
    StatementId *order = ARENA_ARRAY(arena, StatementId, cs->top.n);
    order_items(device, order);
    for (uint32_t i = 0; i < cs->top.n; i++) {
        uint32_t end = i; /* partials belong to the item that they end in */
        while (end + 1 < cs->top.n && order[end].i >= device->job->cs->statements.n && statement_at(cs, order[end])->kind == ST_DEFINE)
            end++;
        uint32_t group = group_of(device, by_statement, order[end]);
        bool same = device->steps.n != 0 && device->steps.at[device->steps.n - 1].group == group;
        if (statement_at(cs, order[i])->kind == ST_RANK || statement_at(cs, order[i])->kind == ST_TENSOR)
            continue;
        if (!same) {
            DeviceStep step = {.group = group};
            vec_push(arena, &device->steps, step);
        }
        vec_push(arena, &device->steps.at[device->steps.n - 1].items, order[i]);
    }
    device->owner = ARENA_ARRAY(arena, uint32_t, cs->tensors.n);
    device->touched = ARENA_ARRAY(arena, bool, cs->tensors.n);
    for (uint32_t s = 0; s < device->steps.n; s++) {
        Touch t = {device, s + 1, device->steps.at[s].group != 0};
        for (uint32_t i = 0; i < device->steps.at[s].items.n; i++)
            touch_item(&t, device->steps.at[s].items.at[i]);
    }
}

/* ---- rows ---- */

static ImageKind kind_of(const TensorDecl *tensor)
{
    return tensor->role == TENSOR_IN ? IMAGE_IN : tensor->role == TENSOR_CONST ? IMAGE_CONST : tensor->is_out ? IMAGE_OUT : IMAGE_TEMP;
}

uint32_t device_row(Device *device, TensorId id)
{
    Cascade *cs = device->job->pinned;
    const TensorDecl *tensor = tensor_at(cs, id);
    if (device->row[id.i] != DEVICE_NO_ROW)
        return device->row[id.i];
    ImageTensor row = {.name = tensor_name(cs, id), .type = tensor->type, .kind = kind_of(tensor), .arg = IMAGE_NO_ARG,
                       .n_dims = tensor->n_dims};
    row.tier = device->touched[id.i] ? 0 : device->host_tier;
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        row.extent[d] = dim_extent(cs, id, d);
    if (row.kind == IMAGE_CONST) {
        const Tensor *value;
        if (cascade_const(cs, id, &value) != WEIR_OK)
            weir_bug(device->cx, "the value of constant %s is gone", row.name);
        row.data = value->data;
    }
    device->row[id.i] = image_add_tensor(device->cx, &device->image, row);
    return device->row[id.i];
}

uint32_t device_own_row(Device *device, const char *base, const char *layout, ImageTensor row)
{
    Cascade *pinned = device->job->pinned;
    uint64_t address = row.address;
    row.name = cx_text(device->cx, cascade_fresh_name(pinned, base));
    for (uint32_t n = 2; image_tensor_named(&device->image, row.name) >= 0; n++)
        row.name = cx_text(device->cx, cascade_fresh_name(pinned, arena_printf(&device->cx->arena, "%s_%u", base, n)));
    row.layout = layout;
    row.arg = IMAGE_NO_ARG;
    row.kind = row.data != NULL ? IMAGE_CONST : IMAGE_TEMP;
    uint32_t number = image_add_tensor(device->cx, &device->image, row);
    if (address != 0 || row.stride != 0)
        device->image.tensors.at[number].address = address;
    return number;
}

void device_source(Device *device, uint32_t a, uint32_t b, StatementId id)
{
    const Cascade *cs = device->job->pinned;
    const Statement *st = statement_at(cs, id);
    Text text;
    text_init(&text, &device->cx->arena);
    text_printf(&text, "%s", tensor_name(cs, st->targets[0].tensor));
    for (uint32_t k = 0; k < st->n_provenance; k++)
        text_printf(&text, "%s %s", k == 0 ? " @" : ",", cx_text(device->cx, st->provenance[k]));
    ImageDebug row = {.kind = DEBUG_SOURCE, .a = a, .b = b, .text = text.at};
    vec_push(&device->cx->arena, &device->image.debug, row);
}

/* ---- host steps ---- */

/* Large constants of plain floats become rows, so that their text is short. */
static void constants_to_rows(Device *device, Cascade *part)
{
    for (uint32_t t = 1; t < part->tensors.n && t < device->job->pinned->tensors.n; t++) {
        TensorDecl *tensor = &part->tensors.at[t];
        bool moves = tensor->role == TENSOR_CONST && tensor->format == 0 && (tensor->type == DT_F32 || tensor->type == DT_BF16) &&
                     (tensor->data.kind == DATA_INLINE || tensor->data.kind == DATA_FILE) && tensor_size(part, (TensorId){t}) > INLINE_ELEMENTS;
        if (!moves || device->owner[t] == 0)
            continue;
        (void)device_row(device, (TensorId){t});
        tensor->role = TENSOR_IN;
    }
}

static void add_host_step(Device *device, Cascade *part)
{
    constants_to_rows(device, part);
    for (uint32_t t = 1; t < device->job->pinned->tensors.n && t < part->tensors.n; t++)
        if ((part->tensors.at[t].role == TENSOR_IN || part->tensors.at[t].is_out) && device->owner[t] != 0)
            (void)device_row(device, (TensorId){t});
    Text text;
    text_init(&text, &device->cx->arena);
    cascade_print(part, &text);
    ImageStep step = {.op = STEP_HOST, .a = device->image.hosts.n};
    vec_push(&device->cx->arena, &device->image.hosts, text.at);
    vec_push(&device->cx->arena, &device->image.steps, step);
}

void device_host_step(Device *device, Cascade *cs, uint32_t n, const StatementId *items)
{
    const char *name = cx_text(device->cx, device->job->pinned->name);
    device_part(device, cs, n, items, arena_printf(&device->cx->arena, "%s_host%u", name, device->image.hosts.n));
    add_host_step(device, cs);
}

/* ---- the whole way ---- */

static weir_status map_and_pin(Device *device, const Strategy *table, uint32_t n, const DeviceCode *code)
{
    Job *job = device->job;
    PassContext pass = {.cx = job->cx, .machine = job->machine, .verify = job->settings->verify, .plan = job->settings->precision};
    TRY(fuse_groups(&pass, job->cs, &job->groups));
    TRY(schedule_groups(&pass, job->groups, table, n));
    uint32_t n_groups = job->groups->list.n;
    device->on_device = ARENA_ARRAY(&job->cx->arena, bool, n_groups + 1);
    Mapping **mappings = ARENA_ARRAY(&job->cx->arena, Mapping *, n_groups + 1);
    bool cuts = may_cut(job->cs);
    for (uint32_t g = 0; g < n_groups; g++) {
        Group *group = &job->groups->list.at[g];
        device->on_device[g] = group->strategy != table[n - 1].name && cuts && code->accepts(code->data, group);
        if (!device->on_device[g] && group->strategy != table[n - 1].name) {
            Scheduling s = {.pass = &pass, .cs = job->cs, .group = group};
            shape_of(job->cs, group->statements[0], &s.shape);
            group->mapping = device_on_host(&s);
            group->strategy = table[n - 1].name;
        }
        mappings[g] = group->mapping;
        if (job->settings->verify)
            TRY(mapping_verify(group->mapping, job->machine));
    }
    return pin(job->cs, n_groups, mappings, job->machine, &job->pinned);
}

weir_status device_compile(Job *job, const Strategy *table, uint32_t n, const DeviceCode *code, Device **out_device)
{
    Device *device = ARENA_NEW(&job->cx->arena, Device);
    *device = (Device){.job = job, .cx = job->cx, .host_tier = code->host_tier};
    TRY(map_and_pin(device, table, n, code));
    bool whole = !may_cut(job->cs);
    if (whole)
        all_on_host(device);
    measure_share(device);
    cut(device);
    const Cascade *pinned = job->pinned;
    device->row = ARENA_ARRAY(&job->cx->arena, uint32_t, pinned->tensors.n);
    memset(device->row, 0xFF, pinned->tensors.n * sizeof *device->row);
    device->image = (Image){.target = code->target, .machine = cx_text(job->cx, job->machine->name), .producer = "weir"};
    for (uint32_t s = 0; s < device->steps.n; s++) {
        const DeviceStep *step = &device->steps.at[s];
        if (step->group != 0)
            TRY(code->emit(code->data, device, &job->groups->list.at[step->group - 1]));
        else if (whole)
            add_host_step(device, cascade_clone(job->pinned));
        else
            device_host_step(device, cascade_clone(job->pinned), step->items.n, step->items.at);
    }
    ImageStep halt = {.op = STEP_HALT};
    vec_push(&job->cx->arena, &device->image.steps, halt);
    TRY(code->finish(code->data, device));
    *out_device = device;
    return WEIR_OK;
}

/* ---- running, writing ---- */

weir_status device_run(Job *job, const Device *device, weir_status (*simulate)(Job *job, ImageRun *run), Tensor *values,
                       Tensor *crossing)
{
    Cascade *cs = job->pinned;
    ImageRun run;
    image_run_open(job->cx, &device->image, &run);
    for (uint32_t t = 1; t < job->cs->tensors.n; t++)
        if (device->row[t] != DEVICE_NO_ROW && tensor_at(cs, (TensorId){t})->role == TENSOR_IN)
            image_run_set(&run, device->row[t], &values[t]);
    TRY(simulate(job, &run));
    for (uint32_t t = 1; t < cs->tensors.n; t++) {
        const TensorDecl *tensor = tensor_at(cs, (TensorId){t});
        uint32_t row = device->row[t];
        if (row == DEVICE_NO_ROW || tensor->role != TENSOR_TMP)
            continue;
        if (tensor->is_out)
            values[t] = image_run_get(&run, row);
        else if (crossing != NULL && job->keep_crossing)
            crossing[t] = image_run_get(&run, row);
    }
    image_run_close(&run);
    return WEIR_OK;
}

weir_status device_write(const Device *device, const char *output)
{
    ImageBytes bytes = {0};
    image_write(device->cx, &device->image, &bytes);
    return file_write(device->cx, output, bytes.bytes.at, bytes.bytes.n);
}

bool device_emit(const Device *device, const char *what, Text *out)
{
    return strcmp(what, "image") == 0 && image_print(device->cx, &device->image, out) == WEIR_OK;
}
