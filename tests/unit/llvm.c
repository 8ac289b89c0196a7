/*
 * The target llvm in process against eval of the pinned cascade, bit for bit: the forms of forms.h, the examples; and objects as
 * files. Skips where the module was not built.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/llvm_api.h"

#define FORMS_TARGET "llvm"
#define FORMS_LEVEL (-1)
#include "tests/unit/forms.h"

static void examples(void **state)
{
    (void)state;
    static const char *const names[] = {
        "argmax", "attention_causal", "attention_onepass", "concat_pieces", "conv3x3", "conv3x3_bf16", "conv_dilation_group", "conv_int8",
        "convtranspose_phases", "cumsum", "einsum_diagonal", "gather", "gqa_rope_cache", "gru_linear_before_reset", "if_scalar", "integer_rules",
        "layernorm", "loop_while", "lstm_bidirectional_lengths", "pooling", "qdq_linear", "resize_linear_cubic", "rmsnorm", "scan_two_states",
        "scatternd", "selective_scan", "softmax", "space_to_depth", "walkthrough"};
    settings.opt_level = 1;
    for (uint32_t k = 0; k < COUNT(names); k++) {
        Job *job;
        const Source *inputs;
        good(job_new(cx, &settings, &job));
        good(job_load(job, arena_printf(&cx->arena, WEIR_SOURCE_DIR "/tests/data/cascade/%s.cascade", names[k])));
        good(job_compile(job));
        Tensor *values = ARENA_ARRAY(&cx->arena, Tensor, job->source->tensors.n);
        good(file_source(cx, arena_printf(&cx->arena, WEIR_SOURCE_DIR "/tests/data/cascade/%s.expect", names[k]), &inputs));
        good(expect_read(job->source, inputs, values));
        same_as_eval(job, values);
    }
}

static void object_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-unit-llvm-XX" "XX" "XX";
    Job *job = compiled("cascade net {\nrank i = 4\nin A[i] : f32\nout Y[i] : f32 = exp(A[i])\n}\n");
    Text ir;
    text_init(&ir, &cx->arena);
    assert_non_null(mkdtemp(folder));
    good(job->target->write(job, folder));
    assert_true(job->target->emit(job, "llvm-ir", &ir));
    assert_non_null(strstr(ir.at, "net_run"));
    static const char *const files[] = {"net.o", "net.h", "net.weights"};
    for (uint32_t k = 0; k < 3; k++) {
        const char *path = arena_printf(&cx->arena, "%s/%s", folder, files[k]);
        assert_int_equal(access(path, R_OK), 0);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void missing_module(void **state)
{
    (void)state;
    const LlvmApi *api;
    char *before = getenv("WEIR_LLVM_MODULE");
    const char *kept = before != NULL ? arena_printf(&cx->arena, "%s", before) : NULL;
    setenv("WEIR_LLVM_MODULE", "/nowhere/weir-llvm.so", 1);
    assert_int_equal(llvm_api(cx, &api), WEIR_UNSUPPORTED);
    assert_int_equal(cx->diag.list.at[0].id, E_LLVM_MISSING);
    if (kept != NULL)
        setenv("WEIR_LLVM_MODULE", kept, 1);
    else
        unsetenv("WEIR_LLVM_MODULE");
}

static bool is_built(void)
{
    const LlvmApi *api;
    weir_context *own = weir_context_new();
    bool built = own != NULL && llvm_api(own, &api) == WEIR_OK;
    if (own != NULL)
        weir_context_free(own);
    return built;
}

int main(void)
{
    const struct CMUnitTest without[] = {CASE(missing_module)};
    const struct CMUnitTest all[] = {FORMS, CASE(examples), CASE(object_files)};
    int failed = cmocka_run_group_tests(without, NULL, NULL);
    if (is_built())
        return failed + cmocka_run_group_tests(all, NULL, NULL);
    print_message("the module weir-llvm is not there: the rest is skipped\n");
    return failed;
}
