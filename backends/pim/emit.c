/*
 * backends/pim/emit.c: a group in the banks as a command stream.
 *
 * In:   a group whose mapping the strategy `banks` made. Out: a host step that lays the vectors into bursts, a stream for all
 *       channels that hold weights, a host step that takes the results out of their bursts.
 * Keep: bursts of an output are added in ascending order whatever the pieces in which the global buffer and the rows hold them.
 *       A row stays open over passes until a refresh is due or another row is needed.
 */
#include "backends/pim/pim_target.h"

#include <string.h>

#include "ir/pin.h"

enum { BURST_BYTES = 2 * PIM_LANES, ROW_CYCLES = 1024 }; /* ROW_CYCLES: more than the work between two chances to refresh takes */

typedef struct Banks {
    PimEmit *e;
    Device *device;
    const Group *group;
    BankSum sum;
    int64_t channels, blocks, bursts;   /* channels used; blocks of 16 outputs a channel; bursts of a vector */
    uint32_t vectors, weights, bias, results; /* rows of TENS */
    int64_t first_row, open_row;        /* open_row -1: all banks are closed */
    PimTrain train;
} Banks;

/* ---- constants ---- */

static int64_t affine_at(const Affine *a, RankId r0, int64_t v0, RankId r1, int64_t v1)
{
    int64_t value = a->constant;
    for (uint32_t t = 0; t < a->n; t++)
        value += a->coefficient[t] * (rank_same(a->rank[t], r0) ? v0 : rank_same(a->rank[t], r1) ? v1 : 0);
    return value;
}

/* Element of the weights for an output and a term, 0 behind the edges. */
static uint16_t weight(const Banks *b, const Affine *index, const Tensor *value, int64_t output, int64_t term)
{
    int64_t element = 0;
    uint16_t bits;
    if (output >= b->sum.outputs || term >= b->sum.terms)
        return 0;
    for (uint32_t d = 0; d < value->n_dims; d++)
        element = element * value->extent[d] + affine_at(&index[d], b->sum.output, output, b->sum.reduced, term);
    memcpy(&bits, (const char *)value->data + 2 * element, 2);
    return bits;
}

/* [channel][bank][block][burst][lane]. */
static weir_status lay_weights(Banks *b)
{
    Cascade *cs = b->device->job->pinned;
    const Expr *x = expr_at(cs, b->sum.weights);
    const Tensor *value;
    Affine index[TENSOR_MAX_DIMS];
    TRY(cascade_const(cs, x->tensor, &value));
    for (uint32_t d = 0; d < x->n_args; d++)
        if (!expr_affine(cs, expr_arg(cs, b->sum.weights, d), &index[d]))
            weir_bug(cs->cx, "weights in the banks are not affine");
    uint64_t stride = (uint64_t)(b->blocks * b->bursts * BURST_BYTES), bytes = stride * PIM_LANES * (uint64_t)b->channels, at = 0;
    unsigned char *data = context_buffer(cs->cx, bytes);
    for (int64_t c = 0; c < b->channels; c++)
        for (int64_t bank = 0; bank < PIM_LANES; bank++)
            for (int64_t n = 0; n < b->blocks * b->bursts * PIM_LANES; n++, at += 2) {
                int64_t block = n / (b->bursts * PIM_LANES), term = n % (b->bursts * PIM_LANES);
                uint16_t bits = weight(b, index, value, (c * b->blocks + block) * PIM_LANES + bank, term);
                memcpy(data + at, &bits, 2);
            }
    ImageTensor row = {.type = DT_BF16, .tier = 1, .n_dims = 5, .extent = {b->channels, PIM_LANES, b->blocks, b->bursts, PIM_LANES},
                       .address = (uint64_t)b->first_row, .bytes = bytes, .stride = stride, .data = data};
    b->weights = device_own_row(b->device, arena_printf(&cs->cx->arena, "%s_banks", tensor_name(cs, x->tensor)),
                                "channel, bank, block, burst, lane", row);
    return WEIR_OK;
}

/* A burst a block; zeros without a bias: sums start at +0. */
static weir_status lay_bias(Banks *b)
{
    Cascade *cs = b->device->job->pinned;
    int64_t n = b->channels * b->blocks * PIM_LANES;
    unsigned char *data = context_buffer(cs->cx, (size_t)n * 2);
    memset(data, 0, (size_t)n * 2);
    if (b->sum.bias.i != 0) {
        const Tensor *value;
        TRY(cascade_const(cs, b->sum.bias, &value));
        memcpy(data, value->data, (size_t)b->sum.outputs * 2);
    }
    ImageTensor row = {.type = DT_BF16, .n_dims = 1, .extent = {n}, .stride = (uint64_t)(b->blocks * BURST_BYTES), .data = data};
    row.address = image_next_address(&b->device->image, b->device->image.tensors.n, 0);
    const char *base = b->sum.bias.i != 0 ? tensor_name(cs, b->sum.bias) : "zero";
    b->bias = device_own_row(b->device, arena_printf(&cs->cx->arena, "%s_start", base), "channel, block, bank", row);
    return WEIR_OK;
}

/* ---- what the host lays out ---- */

/* A buffer of the host as a row and as a tensor of `cs`, a copy of the pinned cascade. */
static TensorId buffer(Banks *b, Cascade *cs, const char *base, uint32_t n, const RankId *ranks, uint64_t stride, TensorRole role,
                       uint32_t *out_row)
{
    ImageTensor row = {.type = DT_BF16, .n_dims = n, .stride = stride};
    TensorDecl tensor = {.role = role, .type = DT_BF16, .n_dims = n};
    tensor.dims = ARENA_ARRAY(&cs->cx->arena, TensorDim, n);
    for (uint32_t d = 0; d < n; d++) {
        tensor.dims[d].rank = ranks[d];
        row.extent[d] = rank_at(cs, ranks[d])->extent;
    }
    row.address = image_next_address(&b->device->image, b->device->image.tensors.n, 0);
    *out_row = device_own_row(b->device, base, "", row);
    tensor.name = intern_text(&cs->cx->names, b->device->image.tensors.at[*out_row].name);
    return cascade_add_tensor(cs, tensor);
}

static RankId fresh_rank(Banks *b, Cascade *cs, const char *base, int64_t extent)
{
    return cascade_add_rank(cs, (Rank){.name = cascade_fresh_name(b->device->job->pinned, base), .kind = RANK_STATIC, .extent = extent});
}

/* V[steps, k1, k0] = X[.., 16 * k1 + k0]?0 */
static void lay_vectors(Banks *b)
{
    Cascade *cs = cascade_clone(b->device->job->pinned);
    const Expr x = *expr_at(cs, b->sum.vector);
    RankId ranks[CASCADE_MAX_RANKS];
    ExprId index[TENSOR_MAX_DIMS], *to = ARENA_ARRAY(&cs->cx->arena, ExprId, cs->ranks.n);
    uint32_t n = b->sum.n_steps, n_ranks = cs->ranks.n;
    memcpy(ranks, b->sum.steps, n * sizeof *ranks);
    ranks[n] = fresh_rank(b, cs, "burst", b->bursts);
    ranks[n + 1] = fresh_rank(b, cs, "lane", PIM_LANES);
    to[b->sum.reduced.i] = ex_binary(cs, FN_ADD, ex_scale(cs, PIM_LANES, ex_rank(cs, ranks[n])), ex_rank(cs, ranks[n + 1]));
    const Rewrite rewrite = {.n_ranks = n_ranks, .rank_to = to};
    for (uint32_t d = 0; d < x.n_args; d++)
        index[d] = expr_rewrite(cs, expr_arg(cs, b->sum.vector, d), &rewrite);
    const char *base = arena_printf(&cs->cx->arena, "%s_bursts", tensor_name(cs, x.tensor));
    TensorId tensor = buffer(b, cs, base, n + 2, ranks, 0, TENSOR_TMP, &b->vectors);
    cs->open.n = 0;
    StatementId id = st_define(cs, tensor, ex_access_pad(cs, x.tensor, x.n_args, index, ex_literal(cs, DT_BF16, 0)), (Name){0});
    device_host_step(b->device, cs, 1, &id);
}

/* Y[..] = R[steps, u]: the bursts of the accumulators are the outputs in order, and some behind them. */
static void take_results(Banks *b, Cascade *cs, TensorId results)
{
    const Target target = statement_at(cs, b->group->statements[1])->targets[0];
    ExprId index[CASCADE_MAX_RANKS];
    uint32_t n = b->sum.n_steps;
    for (uint32_t i = 0; i < n; i++)
        index[i] = ex_rank(cs, b->sum.steps[i]);
    index[n] = ex_rank(cs, b->sum.output);
    cs->open.n = 0;
    StatementId id = st_define_at(cs, target.tensor, target.n_index, target.index, ex_access(cs, results, n + 1, index), (Name){0});
    device_host_step(b->device, cs, 1, &id);
}

/* ---- the stream ---- */

/* A chance to refresh; rows are closed for it. */
static void chance(Banks *b)
{
    const PimTrain *t = &b->train;
    bool due = t->machine->refresh != PIM_REFRESH_OFF && t->channel.now + ROW_CYCLES > (t->channel.refreshes + 1) * t->machine->interval;
    if (!due)
        return;
    if (b->open_row >= 0)
        pim_pre_all(&b->train);
    b->open_row = -1;
    pim_refresh_if_due(&b->train, ROW_CYCLES);
}

static void open_row(Banks *b, int64_t row)
{
    chance(b);
    if (b->open_row == row)
        return;
    if (b->open_row >= 0)
        pim_pre_all(&b->train);
    pim_act_all(&b->train, (uint32_t)row);
    b->open_row = row;
}

/* Bursts first..first+n-1 of a block, which the global buffer holds from 0 on. */
static void mac_block(Banks *b, int64_t block, int64_t first, int64_t n, uint32_t accumulator)
{
    int64_t columns = b->e->machine->columns;
    for (int64_t done = 0; done < n;) {
        int64_t at = block * b->bursts + first + done, column = at % columns;
        int64_t count = n - done < columns - column ? n - done : columns - column;
        open_row(b, b->first_row + at / columns);
        pim_mac_all(&b->train, (uint32_t)(b->first_row + at / columns), (uint32_t)column, (uint32_t)count, (uint32_t)done, accumulator);
        done += count;
    }
}

/* One vector and as many blocks as there are accumulators. */
static void one_pass(Banks *b, int64_t vector, int64_t block, int64_t n_blocks)
{
    const PimMachine *m = b->e->machine;
    for (int64_t first = 0; first < b->bursts; first += m->gb_bursts) {
        int64_t n = b->bursts - first < m->gb_bursts ? b->bursts - first : m->gb_bursts;
        pim_tmod(&b->train);
        pim_wrgb(&b->train, (uint32_t)n, 0, b->vectors, (uint64_t)((vector * b->bursts + first) * BURST_BYTES));
        if (first == 0)
            pim_wrmac(&b->train, 0, (uint32_t)n_blocks, b->bias, (uint64_t)(block * BURST_BYTES));
        pim_tmod(&b->train);
        for (int64_t k = 0; k < n_blocks; k++)
            mac_block(b, block + k, first, n, (uint32_t)k);
        chance(b);
    }
    pim_tmod(&b->train);
    uint64_t offset = (uint64_t)((vector * b->channels * b->blocks + block) * BURST_BYTES);
    pim_rdmac(&b->train, 0, (uint32_t)n_blocks, b->results, offset);
    pim_tmod(&b->train);
    chance(b);
}

static uint32_t stream(Banks *b)
{
    const PimMachine *m = b->e->machine;
    pim_train_open(&b->train, b->e->cx, m, b->channels == 64 ? UINT64_MAX : (UINT64_C(1) << b->channels) - 1);
    for (int64_t vector = 0; vector < b->sum.vectors; vector++)
        for (int64_t block = 0; block < b->blocks; block += m->accumulators) {
            int64_t left = b->blocks - block;
            one_pass(b, vector, block, left < m->accumulators ? left : m->accumulators);
        }
    if (b->open_row >= 0)
        pim_pre_all(&b->train);
    return pim_train_close(&b->train, &b->e->code);
}

/* The tree's plan must be bursts as trees, added in order: what the commands do. */
static weir_status check_plan(const Banks *b)
{
    PinPlan plan;
    const Mapping *m = b->group->mapping;
    TRY(pin_plan(m, b->group->statements[0], b->device->job->machine, &plan));
    bool fits = plan.ordered && plan.n_steps == 2 && plan.steps[0].order == ORDER_PAIRS && plan.steps[1].order == ORDER_PLAIN &&
                plan.steps[1].n_over == 1 && !plan.add_from;
    if (!fits)
        weir_bug(b->e->cx, "group %s is no sum of the banks", cx_text(b->e->cx, b->group->name));
    return WEIR_OK;
}

weir_status pim_emit_banks(PimEmit *e, Device *device, const Group *group)
{
    Banks b = {.e = e, .device = device, .group = group, .open_row = -1, .first_row = e->next_row};
    if (!pim_bank_sum(device->job->cs, group, &b.sum))
        weir_bug(e->cx, "group %s has changed", cx_text(e->cx, group->name));
    TRY(check_plan(&b));
    b.blocks = pim_blocks(&b.sum, e->machine->channels, &b.channels);
    b.bursts = (b.sum.terms + PIM_LANES - 1) / PIM_LANES;
    lay_vectors(&b);
    TRY(lay_weights(&b));
    TRY(lay_bias(&b));
    Cascade *cs = cascade_clone(device->job->pinned);
    RankId ranks[CASCADE_MAX_RANKS];
    memcpy(ranks, b.sum.steps, b.sum.n_steps * sizeof *ranks);
    ranks[b.sum.n_steps] = fresh_rank(&b, cs, "bank", b.channels * b.blocks * PIM_LANES);
    const char *base = arena_printf(&e->cx->arena, "%s_bursts", tensor_name(cs, statement_at(cs, group->statements[1])->targets[0].tensor));
    TensorId results = buffer(&b, cs, base, b.sum.n_steps + 1, ranks, (uint64_t)(b.blocks * BURST_BYTES), TENSOR_IN, &b.results);
    ImageStep launch = {.op = STEP_LAUNCH, .a = stream(&b)};
    vec_push(&e->cx->arena, &device->image.steps, launch);
    device_source(device, launch.a, 0, group->statements[0]);
    take_results(&b, cs, results);
    int64_t columns = e->machine->columns;
    e->next_row += (b.blocks * b.bursts + columns - 1) / columns;
    return WEIR_OK;
}
