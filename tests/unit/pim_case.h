/* What tests of memories that compute begin with: an image of a text or of a generator of samples/pim, its machine, its buffers. */
#ifndef WEIR_TESTS_UNIT_PIM_CASE_H
#define WEIR_TESTS_UNIT_PIM_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "isa/imagetext.h"
#include "isa/pim/sim.h"
#include "isa/pim/trace.h"
#include "support/file.h"

typedef struct Case {
    weir_context *cx;
    Image image;
    PimMachine machine;
    unsigned char *buffers[16];
    PimResult result;
} Case;

/* What awk makes of a program of samples/pim. */
static inline const char *generated(weir_context *cx, const char *program, const char *variables)
{
    Text text;
    char chunk[4096];
    text_init(&text, &cx->arena);
    const char *command = arena_printf(&cx->arena, "awk %s -f %s/samples/pim/%s", variables, WEIR_SOURCE_DIR, program);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
        text_add(&text, chunk, n);
    assert_int_equal(pclose(pipe), 0);
    return text.at;
}

/* The machine that the image names with values set ("refresh=off channels=8"), peer: with the peer's quirks. */
static inline void take_machine(Case *c, const char *sets, bool peer)
{
    const Machine *machine = NULL;
    setenv("WEIR_MACHINES", WEIR_SOURCE_DIR "/machines", 1);
    weir_status status = machine_load(c->cx, c->image.machine, &machine);
    while (status == WEIR_OK && *sets != 0) {
        size_t n = strcspn(sets, " ");
        status = machine_set(c->cx, machine, arena_string(&c->cx->arena, sets, n), &machine);
        sets += n + (sets[n] == ' ');
    }
    if (status == WEIR_OK)
        status = pim_machine_with(c->cx, machine, peer, &c->machine);
    diagnostics_print(&c->cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
}

static inline void assemble(Case *c, const char *text)
{
    Source *source = ARENA_NEW(&c->cx->arena, Source);
    *source = (Source){.path = "test", .text = text, .bytes = strlen(text)};
    weir_status status = image_assemble(c->cx, source, &c->image);
    diagnostics_print(&c->cx->diag, stderr, false);
    assert_int_equal(status, WEIR_OK);
}

static inline void give_buffers(Case *c)
{
    assert_true(c->image.tensors.n <= 16);
    for (uint32_t i = 0; i < c->image.tensors.n; i++) {
        const ImageTensor *t = &c->image.tensors.at[i];
        c->buffers[i] = context_buffer(c->cx, t->bytes);
        if (t->data != NULL)
            memcpy(c->buffers[i], t->data, t->bytes);
    }
}

static inline void open_generated(Case *c, const char *program, const char *variables, const char *sets, bool peer)
{
    *c = (Case){.cx = weir_context_new()};
    assemble(c, generated(c->cx, program, variables));
    take_machine(c, sets, peer);
}

static inline weir_status run_case(Case *c, PimMode mode)
{
    if ((mode & PIM_VALUES) != 0)
        give_buffers(c);
    return pim_sim(c->cx, &c->image, &c->machine, (PimOptions){.mode = mode}, c->buffers, NULL, &c->result);
}

static inline uint16_t *halves_of(Case *c, const char *name)
{
    int row = image_tensor_named(&c->image, name);
    assert_true(row >= 0);
    return (uint16_t *)(void *)c->buffers[row];
}

#endif
