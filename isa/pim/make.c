/* isa/pim/make.c: see isa/pim/make.h. */
#include "isa/pim/make.h"

void pim_train_open(PimTrain *t, weir_context *cx, const PimMachine *machine, uint64_t channels)
{
    *t = (PimTrain){.cx = cx, .machine = machine, .stream = {.machine = machine->name, .channels = channels}};
    pim_channel_open(&t->channel, machine);
}

uint32_t pim_train_close(PimTrain *t, PimCode *code)
{
    vec_push(&t->cx->arena, &code->streams, t->stream);
    return code->streams.n - 1;
}

void pim_put(PimTrain *t, PimCommand c)
{
    PimAction action;
    const char *why = pim_command_fault(&c);
    if (why == NULL && pim_action_of(t->machine, &c, &action)) {
        why = pim_state_fault(&t->channel, &action);
        (void)pim_issue(&t->channel, &action, c.w.n1 + 1, 0);
    }
    if (why != NULL)
        weir_bug(t->cx, "an illegal command was emitted: %s", why);
    vec_push(&t->cx->arena, &t->stream.commands, c);
}

void pim_act_all(PimTrain *t, uint32_t row)
{
    pim_put(t, (PimCommand){.w = {.op = PIM_OP_ACT, .scope = PIM_ALL, .row = row}});
}

void pim_pre_all(PimTrain *t)
{
    pim_put(t, (PimCommand){.w = {.op = PIM_OP_PRE, .scope = PIM_ALL}});
}

void pim_tmod(PimTrain *t)
{
    pim_put(t, (PimCommand){.w = {.op = PIM_OP_TMOD}});
}

void pim_mac_all(PimTrain *t, uint32_t row, uint32_t col, uint32_t n, uint32_t gb, uint32_t acc)
{
    pim_put(t, (PimCommand){.w = {.op = PIM_OP_MAC, .scope = PIM_ALL, .row = row, .col = col, .n1 = n - 1, .reg = gb,
                                  .aux = acc | PIM_MAC_BROADCAST}});
}

static void put_moving(PimTrain *t, uint32_t op, uint32_t reg, uint32_t n, uint32_t buffer, uint64_t offset)
{
    pim_put(t, (PimCommand){.w = {.op = op, .n1 = n - 1, .reg = reg, .ext = 1}, .x = {.buf = buffer, .off = offset}});
}

void pim_wrgb(PimTrain *t, uint32_t n, uint32_t gb, uint32_t buffer, uint64_t offset)
{
    put_moving(t, PIM_OP_WRGB, gb, n, buffer, offset);
}

void pim_wrmac(PimTrain *t, uint32_t acc, uint32_t n, uint32_t buffer, uint64_t offset)
{
    put_moving(t, PIM_OP_WRMAC, acc, n, buffer, offset);
}

void pim_rdmac(PimTrain *t, uint32_t acc, uint32_t n, uint32_t buffer, uint64_t offset)
{
    put_moving(t, PIM_OP_RDMAC, acc, n, buffer, offset);
}

void pim_refresh_if_due(PimTrain *t, int64_t cycles)
{
    if (t->machine->refresh == PIM_REFRESH_OFF || t->channel.now + cycles <= (t->channel.refreshes + 1) * t->machine->interval)
        return;
    pim_put(t, (PimCommand){.w = {.op = PIM_OP_REF}});
}
