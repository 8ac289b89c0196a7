/* The binary reader: a model written by hand, tensors of all forms, external data, bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend/graph.h"
#include "support/file.h"

static int setup(void **state)
{
    *state = weir_context_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    weir_context_free(*state);
    return 0;
}

/* ---- a small writer of messages ---- */

typedef struct Bytes {
    unsigned char at[1 << 16];
    size_t n;
} Bytes;

static void put_varint(Bytes *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        b->at[b->n++] = (unsigned char)(v | 0x80);
    b->at[b->n++] = (unsigned char)v;
}

static void put_int(Bytes *b, unsigned field, int64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, (uint64_t)v);
}

static void put_bytes(Bytes *b, unsigned field, const void *data, size_t n)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, n);
    memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void put_text(Bytes *b, unsigned field, const char *text)
{
    put_bytes(b, field, text, strlen(text));
}

static void put_message(Bytes *b, unsigned field, const Bytes *message)
{
    put_bytes(b, field, message->at, message->n);
}

static void put_value(Bytes *graph, unsigned field, const char *name)
{
    Bytes info = {.n = 0};
    put_text(&info, 1, name);
    put_message(graph, field, &info);
}

/* A model of graph `graph` with opset 17. */
static void put_model(Bytes *model, const Bytes *graph)
{
    Bytes opset = {.n = 0};
    put_int(&opset, 2, 17);
    put_int(model, 1, 8);
    put_message(model, 7, graph);
    put_message(model, 8, &opset);
}

static void head(Bytes *tensor, const char *name, int type, int64_t d0, int64_t d1)
{
    put_int(tensor, 1, d0);
    if (d1 >= 0)
        put_int(tensor, 1, d1);
    put_int(tensor, 2, type);
    put_text(tensor, 8, name);
}

/* Reads a model whose graph has one initializer. */
static weir_status read_one(weir_context *cx, const Bytes *tensor, const char *path, Model **out)
{
    Bytes graph = {.n = 0}, *model = arena_alloc(&cx->arena, sizeof *model);
    put_message(&graph, 5, tensor);
    put_model(model, &graph);
    Source *source = ARENA_NEW(&cx->arena, Source);
    source->path = path;
    jmp_buf pad;
    cx->arena.pad = &pad;
    int unwound = setjmp(pad);
    weir_status status =
        unwound != 0 ? (weir_status)unwound : model_read_binary(cx, source, model->at, model->n, out);
    cx->arena.pad = NULL;
    return status;
}

static DiagId last_diag(const weir_context *cx)
{
    return cx->diag.list.n == 0 ? DIAG_COUNT : cx->diag.list.at[cx->diag.list.n - 1].id;
}

/* ---- tests ---- */

static void graph_and_nodes(void **state)
{
    weir_context *cx = *state;
    Bytes graph = {.n = 0}, node = {.n = 0}, attribute = {.n = 0}, model = {.n = 0};
    put_text(&attribute, 1, "axis");
    put_int(&attribute, 3, -1);
    put_int(&attribute, 20, 2);
    put_text(&node, 1, "x");
    put_text(&node, 1, "");
    put_text(&node, 2, "y");
    put_text(&node, 3, "n0");
    put_text(&node, 4, "Softmax");
    put_message(&node, 5, &attribute);
    put_text(&node, 7, "ai.onnx");
    put_text(&node, 77, "a field of the future");
    put_message(&graph, 1, &node);
    put_text(&graph, 2, "g");
    put_value(&graph, 11, "x");
    put_value(&graph, 12, "y");
    put_model(&model, &graph);
    Source source = {.path = "m.onnx"};
    Model *m;
    assert_int_equal(model_read_binary(cx, &source, model.at, model.n, &m), WEIR_OK);
    assert_int_equal(m->ir_version, 8);
    assert_int_equal(model_opset(cx, m, (Name){0}), 17);
    assert_int_equal(m->graph.n_nodes, 1);
    const Node *n = &m->graph.nodes[0];
    assert_string_equal(cx_text(cx, n->op), "Softmax");
    assert_int_equal(n->domain.i, 0);
    assert_int_equal(n->n_inputs, 2);
    assert_int_equal(n->inputs[1].i, 0);
    assert_int_equal(node_int(cx, n, "axis", 5), -1);
    assert_int_equal(node_int(cx, n, "other", 5), 5);
    assert_false(m->graph.inputs[0].type.has_shape);
}

static void raw_floats_are_not_copied(void **state)
{
    weir_context *cx = *state;
    static const float values[4] = {1, -2, 0.5f, 3};
    Bytes t = {.n = 0};
    head(&t, "w", 1, 2, 2);
    put_bytes(&t, 9, values, sizeof values);
    Model *m;
    assert_int_equal(read_one(cx, &t, "m.onnx", &m), WEIR_OK);
    const Initializer *w = &m->graph.initializers[0];
    assert_int_equal(w->tensor.type, DT_F32);
    assert_int_equal(w->tensor.n_dims, 2);
    assert_memory_equal(w->tensor.data, values, sizeof values);
    assert_string_equal(w->file, "m.onnx");
    assert_true(w->tensor.writable == ((uintptr_t)w->tensor.data % 4 == 0 && w->file_offset % 4 != 0));
}

static void typed_forms_of_small_types(void **state)
{
    weir_context *cx = *state;
    static const struct {
        int type;
        int64_t entries[3];
        int n_entries;
        Dtype dtype;
        int64_t n;
        double values[4];
    } rows[] = {
        {3, {-128, 127, -1}, 3, DT_I8, 3, {-128, 127, -1}},
        {2, {0, 255, 7}, 3, DT_U8, 3, {0, 255, 7}},
        {10, {0x3c00, 0xc000, 0}, 3, DT_F16, 3, {1, -2, 0}},
        {16, {0x3f80, 0x4040, 0}, 3, DT_BF16, 3, {1, 3, 0}},
        {22, {0xf1, 0x07, 0}, 2, DT_I4, 3, {1, -1, 7}},
        {21, {0xf1, 0x07, 0}, 2, DT_U4, 3, {1, 15, 7}},
        {26, {0xe4, 0, 0}, 1, DT_I2, 4, {0, 1, -2, -1}},
        {17, {0x38, 0xb8, 0x7e}, 3, DT_F8E4M3FN, 3, {1, -1, 448}},
        {9, {0, 1, 1}, 3, DT_BOOL, 3, {0, 1, 1}},
        {6, {INT32_MIN, INT32_MAX, -5}, 3, DT_I32, 3, {INT32_MIN, INT32_MAX, -5}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Bytes t = {.n = 0}, packed = {.n = 0};
        head(&t, "w", rows[i].type, rows[i].n, -1);
        for (int k = 0; k < rows[i].n_entries; k++) {
            if (i % 2 == 0)
                put_varint(&packed, (uint64_t)rows[i].entries[k]);
            else
                put_int(&t, 5, rows[i].entries[k]); /* not packed: as good */
        }
        if (i % 2 == 0)
            put_message(&t, 5, &packed);
        Model *m;
        assert_int_equal(read_one(cx, &t, "m.onnx", &m), WEIR_OK);
        const Tensor *w = &m->graph.initializers[0].tensor;
        assert_int_equal(w->type, rows[i].dtype);
        for (int64_t k = 0; k < rows[i].n; k++) {
            double value = dtype_kind(w->type) == DK_FLOAT || dtype_kind(w->type) == DK_CODE
                               ? dtype_load_f64(w->type, w->data, (size_t)k)
                               : (double)dtype_load_i64(w->type, w->data, (size_t)k);
            assert_true(value == rows[i].values[k]);
        }
    }
}

static void strings_keep_their_length(void **state)
{
    weir_context *cx = *state;
    Bytes t = {.n = 0};
    head(&t, "w", ONNX_STRING, 2, -1);
    put_text(&t, 6, "one");
    put_text(&t, 6, "");
    Model *m;
    assert_int_equal(read_one(cx, &t, "m.onnx", &m), WEIR_OK);
    assert_string_equal(cx_text(cx, m->graph.initializers[0].strings[0]), "one");
    assert_int_equal(m->graph.initializers[0].strings[1].i, 0);
}

static void tensors_that_contradict_themselves(void **state)
{
    weir_context *cx = *state;
    static const float four[4] = {1, 2, 3, 4};
    Model *m;
    Bytes few = {.n = 0}, huge = {.n = 0}, both = {.n = 0}, wide = {.n = 0}, negative = {.n = 0}, product = {.n = 0};
    head(&few, "w", 1, 5, -1);
    put_bytes(&few, 9, four, sizeof four);
    head(&huge, "w", 1, 1000000000, 1000000000);
    put_bytes(&huge, 9, four, 4);
    head(&both, "w", 1, 4, -1);
    put_bytes(&both, 9, four, sizeof four);
    put_bytes(&both, 4, four, sizeof four);
    head(&wide, "w", 3, 1, -1);
    put_int(&wide, 5, 300);
    head(&negative, "w", 1, -4, -1);
    head(&product, "w", 1, INT64_MAX, INT64_MAX);
    const Bytes *all[] = {&few, &huge, &both, &wide, &negative, &product};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(read_one(cx, all[i], "m.onnx", &m), WEIR_INVALID);
        assert_int_equal(last_diag(cx), E_ONNX_TENSOR);
    }
}

static void values_defined_twice(void **state)
{
    weir_context *cx = *state;
    Bytes graph = {.n = 0}, node = {.n = 0}, model = {.n = 0};
    put_text(&node, 1, "x");
    put_text(&node, 2, "y");
    put_text(&node, 4, "Relu");
    put_message(&graph, 1, &node);
    put_message(&graph, 1, &node);
    put_value(&graph, 11, "x");
    put_model(&model, &graph);
    Source source = {.path = "m.onnx"};
    Model *m;
    assert_int_equal(model_read_binary(cx, &source, model.at, model.n, &m), WEIR_INVALID);
    assert_int_equal(last_diag(cx), E_ONNX_TWICE);
    assert_int_equal(cx->diag.list.at[0].place.node_index, 1);
}

static void sparse_tensors_become_dense(void **state)
{
    weir_context *cx = *state;
    static const float values[2] = {5, 7};
    static const int64_t flat[2] = {1, 5}, rows[4] = {0, 1, 1, 2}, outside[2] = {1, 6};
    static const struct {
        const int64_t *indices;
        int64_t d1;
        weir_status status;
    } cases[] = {{flat, -1, WEIR_OK}, {rows, 2, WEIR_OK}, {outside, -1, WEIR_INVALID}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Bytes v = {.n = 0}, x = {.n = 0}, sparse = {.n = 0}, graph = {.n = 0}, model = {.n = 0};
        head(&v, "w", 1, 2, -1);
        put_bytes(&v, 9, values, sizeof values);
        head(&x, "", 7, 2, cases[i].d1);
        put_bytes(&x, 9, cases[i].indices, cases[i].d1 < 0 ? 16 : 32);
        put_message(&sparse, 1, &v);
        put_message(&sparse, 2, &x);
        put_int(&sparse, 3, 2);
        put_int(&sparse, 3, 3);
        put_message(&graph, 15, &sparse);
        put_model(&model, &graph);
        Source source = {.path = "m.onnx"};
        Model *m;
        assert_int_equal(model_read_binary(cx, &source, model.at, model.n, &m), cases[i].status);
        if (cases[i].status != WEIR_OK)
            continue;
        static const float dense[6] = {0, 5, 0, 0, 0, 7};
        const Initializer *w = &m->graph.initializers[0];
        assert_string_equal(cx_text(cx, w->name), "w");
        assert_int_equal(w->tensor.n_dims, 2);
        assert_memory_equal(w->tensor.data, dense, sizeof dense);
    }
}

static void attributes_say_what_they_are(void **state)
{
    weir_context *cx = *state;
    static const struct {
        unsigned field; /* 2 float, 3 int, 4 string; 0: no value */
        int type;
        weir_status status;
        AttributeKind kind;
    } rows[] = {
        {3, 2, WEIR_OK, ATTR_INT},   {3, 0, WEIR_OK, ATTR_INT},          {0, 2, WEIR_OK, ATTR_INT},
        {0, 7, WEIR_OK, ATTR_INTS},  {4, 3, WEIR_OK, ATTR_STRING},       {3, 1, WEIR_INVALID, ATTR_NONE},
        {0, 0, WEIR_INVALID, ATTR_NONE}, {0, 5, WEIR_INVALID, ATTR_NONE}, {3, 99, WEIR_INVALID, ATTR_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Bytes attribute = {.n = 0}, node = {.n = 0}, graph = {.n = 0}, model = {.n = 0};
        put_text(&attribute, 1, "a");
        if (rows[i].field == 3)
            put_int(&attribute, 3, 4);
        else if (rows[i].field == 4)
            put_text(&attribute, 4, "text");
        if (rows[i].type != 0)
            put_int(&attribute, 20, rows[i].type);
        put_text(&node, 4, "Op");
        put_message(&node, 5, &attribute);
        put_message(&graph, 1, &node);
        put_model(&model, &graph);
        Source source = {.path = "m.onnx"};
        Model *m;
        assert_int_equal(model_read_binary(cx, &source, model.at, model.n, &m), rows[i].status);
        if (rows[i].status == WEIR_OK)
            assert_int_equal(m->graph.nodes[0].attributes[0].kind, rows[i].kind);
        else
            assert_int_equal(last_diag(cx), E_ONNX_ATTRIBUTE);
    }
}

static void tensor_files_there_and_back(void **state)
{
    weir_context *cx = *state;
    char folder[] = "/tmp/weir-onnx-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *path = arena_printf(&cx->arena, "%s/t.pb", folder);
    static const Dtype types[] = {DT_F32, DT_I4, DT_U2, DT_F16, DT_BOOL, DT_I64, DT_F4E2M1};
    bool equal = true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        Tensor t = tensor_new(cx, types[i], 2, (int64_t[]){3, 1}), back = {0};
        for (size_t k = 0; k < 3; k++)
            ((unsigned char *)t.data)[k * dtype_bytes(types[i])] = (unsigned char)(k == 2);
        Name name = {0};
        weir_status status = tensor_proto_write(cx, path, "t", &t);
        if (status == WEIR_OK)
            status = tensor_proto_read(cx, path, &name, &back);
        equal &= status == WEIR_OK && strcmp(cx_text(cx, name), "t") == 0 && back.type == types[i] && back.n_dims == 2 &&
                 back.extent[0] == 3 && memcmp(back.data, t.data, tensor_bytes(cx, &t)) == 0;
    }
    unlink(path);
    rmdir(folder);
    assert_true(equal);
}

/* ---- external data ---- */

static void put_entry(Bytes *tensor, const char *key, const char *value)
{
    Bytes entry = {.n = 0};
    put_text(&entry, 1, key);
    put_text(&entry, 2, value);
    put_message(tensor, 13, &entry);
}

static weir_status read_external(weir_context *cx, const char *folder, const char *location, const char *offset,
                                 Model **out)
{
    Bytes t = {.n = 0};
    head(&t, "w", 1, 2, -1);
    put_entry(&t, "location", location);
    put_entry(&t, "offset", offset);
    put_entry(&t, "length", "8");
    put_int(&t, 14, 1);
    char *path = arena_printf(&cx->arena, "%s/m.onnx", folder);
    return read_one(cx, &t, path, out);
}

static void external_data_stays_in_the_folder(void **state)
{
    weir_context *cx = *state;
    char folder[] = "/tmp/weir-onnx-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char inner[64], data[64], link_path[64];
    snprintf(inner, sizeof inner, "%s/in", folder);
    snprintf(data, sizeof data, "%s/in/w.bin", folder);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    static const float values[3] = {9, 1, 2};
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(file_write(cx, data, values, sizeof values), WEIR_OK);
    assert_int_equal(symlink("in/w.bin", link_path), 0);
    Model *m;
    weir_status good = read_external(cx, folder, "in/w.bin", "4", &m);
    float first = good == WEIR_OK ? ((float *)m->graph.initializers[0].tensor.data)[0] : 0;
    static const struct {
        const char *location, *offset;
        weir_status status;
    } bad[] = {
        {"in/w.bin", "8", WEIR_INVALID},  {"in/w.bin", "18446744073709551610", WEIR_INVALID},
        {"link", "0", WEIR_MALFORMED},    {"in/../in/w.bin", "0", WEIR_INVALID},
        {"/etc/passwd", "0", WEIR_INVALID}, {"in", "0", WEIR_MALFORMED},
        {"none.bin", "0", WEIR_MALFORMED}, {"in/w.bin", "-4", WEIR_INVALID},
        {"", "0", WEIR_INVALID},
    };
    weir_status found[sizeof bad / sizeof *bad];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        found[i] = read_external(cx, folder, bad[i].location, bad[i].offset, &m);
    unlink(link_path);
    unlink(data);
    rmdir(inner);
    rmdir(folder);
    assert_int_equal(good, WEIR_OK);
    assert_true(first == 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(found[i], bad[i].status);
}

/* ---- bombs ---- */

static void graphs_within_graphs(void **state)
{
    weir_context *cx = *state;
    Bytes *inner = arena_alloc(&cx->arena, sizeof *inner), *outer = arena_alloc(&cx->arena, sizeof *outer);
    Source source = {.path = "m.onnx"};
    Model *m;
    for (int depth = 1; depth <= 300; depth++) {
        *outer = (Bytes){.n = 0};
        Bytes attribute = {.n = 0}, node = {.n = 0};
        put_text(&attribute, 1, "body");
        put_message(&attribute, 6, inner);
        put_int(&attribute, 20, 5);
        put_text(&node, 4, "If");
        put_message(&node, 5, &attribute);
        put_message(outer, 1, &node);
        *inner = *outer;
        if (depth != 63 && depth != 64 && depth != 300)
            continue;
        Bytes model = {.n = 0};
        put_model(&model, inner);
        assert_int_equal(model_read_binary(cx, &source, model.at, model.n, &m), depth < 64 ? WEIR_OK : WEIR_LIMIT);
    }
    assert_int_equal(last_diag(cx), E_LIMIT);
}

/* A million empty messages of two bytes must be refused before memory is taken for them. */
/* An empty tensor within graphs of every length about 127 bytes, where a length takes another byte. */
static void empty_tensors_in_graphs_of_any_length(void **state)
{
    weir_context *cx = *state;
    for (int extra = 0; extra < 160; extra++) {
        Bytes *graph = calloc(1, sizeof *graph), *tensor = calloc(1, sizeof *tensor), *model = calloc(1, sizeof *model);
        char name[200] = "";
        memset(name, 'n', (size_t)extra);
        put_text(graph, 2, name);
        put_text(tensor, 8, "empty");
        put_int(tensor, 2, 1);
        put_int(tensor, 1, 0);
        put_message(graph, 5, tensor);
        put_model(model, graph);
        Model *read;
        assert_int_equal(model_read_binary(cx, &(Source){.path = "empty"}, model->at, model->n, &read), WEIR_OK);
        assert_int_equal(read->graph.n_initializers, 1);
        assert_int_equal(read->graph.initializers[0].tensor.extent[0], 0);
        free(graph);
        free(tensor);
        free(model);
    }
}

static void empty_messages(void **state)
{
    weir_context *cx = *state;
    enum { N = 1000000 };
    size_t bytes = 5 + 2 * (size_t)N;
    unsigned char *data = context_buffer(cx, bytes);
    static const unsigned char fields[] = {1 << 3 | 2, 5 << 3 | 2, 11 << 3 | 2};
    Source source = {.path = "m.onnx"};
    Model *m;
    for (size_t f = 0; f < sizeof fields; f++) {
        Bytes prefix = {.n = 0};
        put_varint(&prefix, 7 << 3 | 2);
        put_varint(&prefix, 2 * (uint64_t)N);
        memcpy(data, prefix.at, prefix.n);
        for (size_t i = 0; i < N; i++)
            data[prefix.n + 2 * i] = fields[f];
        size_t before = cx->arena.used_bytes;
        assert_int_equal(model_read_binary(cx, &source, data, prefix.n + 2 * (size_t)N, &m), WEIR_LIMIT);
        assert_int_equal(last_diag(cx), E_LIMIT);
        assert_true(cx->arena.used_bytes - before < 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(graph_and_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(raw_floats_are_not_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(typed_forms_of_small_types, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_keep_their_length, setup, teardown),
        cmocka_unit_test_setup_teardown(tensors_that_contradict_themselves, setup, teardown),
        cmocka_unit_test_setup_teardown(values_defined_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(sparse_tensors_become_dense, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_say_what_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(tensor_files_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(external_data_stays_in_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(graphs_within_graphs, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_tensors_in_graphs_of_any_length, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_messages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
