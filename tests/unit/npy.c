/* .npy and .npz: what others wrote, round trips, hostile bytes. data/ has archives as NumPy writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/npy.h"
#include "tests/harness/sweep.h"

#define DATA WEIR_SOURCE_DIR "/tests/unit/data/"

static Tensor tensor_of(weir_context *cx, const Npz *npz, const char *name)
{
    Tensor tensor = {0};
    uint32_t i = npz_find(npz, name);
    assert_true(i < npz->n);
    assert_int_equal(npz_tensor(cx, npz, i, &tensor), WEIR_OK);
    return tensor;
}

static void check_archive(weir_context *cx, const char *path)
{
    Npz npz;
    assert_int_equal(npz_open(cx, path, &npz), WEIR_OK);
    Tensor a = tensor_of(cx, &npz, "a"), b = tensor_of(cx, &npz, "b");
    assert_int_equal(a.type, DT_F32);
    assert_int_equal(b.type, DT_I16);
    for (int t = 0; t < 2; t++) {
        const Tensor *tensor = t == 0 ? &a : &b;
        assert_true(tensor->n_dims == 2 && tensor->extent[0] == 2 && tensor->extent[1] == 3);
        for (size_t i = 0; i < 6; i++)
            assert_true(dtype_load_f64(tensor->type, tensor->data, i) == (double)(i + 1));
    }
    Tensor c = tensor_of(cx, &npz, "c"), z = tensor_of(cx, &npz, "z");
    assert_true(c.type == DT_BOOL && c.n_dims == 0 && ((const uint8_t *)c.data)[0] == 1);
    assert_true(z.type == DT_I64 && z.n_dims == 2 && tensor_elements(&z) == 0);
    assert_int_equal(npz_find(&npz, "nobody"), npz.n);
}

static void archives(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    check_archive(cx, DATA "stored.npz");
    check_archive(cx, DATA "deflated.npz");
    Npz npz;
    assert_int_equal(npz_open(cx, DATA "deflated.npz", &npz), WEIR_OK);
    Tensor big = tensor_of(cx, &npz, "big");
    assert_int_equal(tensor_elements(&big), 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_true(dtype_load_f64(DT_F64, big.data, i) == (double)(i % 7));
    cx->limits.memory_bytes = 5000;
    assert_int_equal(npz_open(cx, DATA "deflated.npz", &npz), WEIR_LIMIT);
    weir_context_free(cx);
}

static void round_trips(void **state)
{
    (void)state;
    static const Dtype types[] = {DT_F64, DT_F32, DT_F16, DT_BF16, DT_F8E5M2, DT_F4E2M1, DT_I64, DT_I8, DT_I4, DT_U2, DT_BOOL};
    enum { N = sizeof types / sizeof *types };
    char path[] = "/tmp/weir-npy-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    weir_context *cx = weir_context_new();
    Tensor tensors[N], back;
    const char *names[N];
    Npz npz;
    for (uint32_t t = 0; t < N; t++) {
        int64_t extent[3] = {2, 1, 3};
        tensors[t] = tensor_new(cx, types[t], t % 4, extent);
        names[t] = dtype_text(types[t]);
        int64_t n = tensor_elements(&tensors[t]);
        for (int64_t i = 0; i < n; i++)
            dtype_store_i64(types[t], tensors[t].data, (size_t)i, i % 2);
        assert_int_equal(npy_write(cx, path, &tensors[t]), WEIR_OK);
        assert_int_equal(npy_read(cx, path, &back), WEIR_OK);
        assert_int_equal(tensor_elements(&back), n);
        assert_int_equal(back.n_dims, tensors[t].n_dims);
        for (int64_t i = 0; i < n; i++)
            assert_true(dtype_load_f64(back.type, back.data, (size_t)i) == (double)(i % 2));
    }
    assert_int_equal(npz_write(cx, path, N, names, tensors), WEIR_OK);
    assert_int_equal(npz_open(cx, path, &npz), WEIR_OK);
    assert_int_equal(npz.n, N);
    for (uint32_t t = 0; t < N; t++) {
        back = tensor_of(cx, &npz, names[t]);
        assert_int_equal(tensor_elements(&back), tensor_elements(&tensors[t]));
    }
    unlink(path);
    weir_context_free(cx);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        weir_status status;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", WEIR_OK},
        {"{\"shape\":(1L,2L),\"descr\":\"<f4\",\"fortran_order\":True}", WEIR_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", WEIR_MALFORMED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", WEIR_MALFORMED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", WEIR_MALFORMED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }", WEIR_MALFORMED},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", WEIR_MALFORMED},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", WEIR_MALFORMED},
        {"{'descr': '<f4', 'fortran_order': False}", WEIR_MALFORMED},
        {"{'descr': '<f4', 'shape': (1,)}", WEIR_MALFORMED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", WEIR_MALFORMED},
        {"{'descr': '<f4", WEIR_MALFORMED},
        {"", WEIR_MALFORMED},
    };
    weir_context *cx = weir_context_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char data[256] = "\x93NUMPY\x01";
        size_t n = strlen(cases[i].text);
        data[8] = (unsigned char)n;
        memcpy(data + 10, cases[i].text, n);
        Tensor tensor;
        assert_int_equal(npy_decode(cx, "x", data, 10 + n + 8, &tensor), cases[i].status);
    }
    weir_context_free(cx);
}

typedef struct Bytes {
    unsigned char data[16384];
    size_t n;
} Bytes;

static weir_status read_all(weir_context *cx, void *path)
{
    Npz npz;
    TRY(npz_open(cx, path, &npz));
    for (uint32_t i = 0; i < npz.n; i++) {
        Tensor tensor;
        TRY(npz_tensor(cx, &npz, i, &tensor));
        int64_t n = tensor_elements(&tensor);
        for (int64_t k = 0; k < n; k++) /* every element can be read */
            if (dtype_load_i64(tensor.type, tensor.data, (size_t)k) == INT64_MAX)
                return WEIR_LIMIT;
    }
    return WEIR_OK;
}

static void hostile(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-npz-XXXXXX";
    int fd = mkstemp(path);
    FILE *from = fopen(DATA "deflated.npz", "rb");
    Bytes *bytes = calloc(1, sizeof *bytes);
    assert_true(fd >= 0 && from != NULL && bytes != NULL);
    bytes->n = fread(bytes->data, 1, sizeof bytes->data, from);
    fclose(from);
    for (size_t i = 0; i < bytes->n; i++) {
        static const unsigned char flips[] = {0xff, 0x01, 0x80};
        unsigned char kept = bytes->data[i];
        bytes->data[i] ^= flips[i % 3];
        assert_int_equal(pwrite(fd, bytes->data, bytes->n, 0), (ssize_t)bytes->n);
        weir_status status = sweep_once(read_all, path, 0, NULL);
        assert_true(status == WEIR_OK || status == WEIR_MALFORMED || status == WEIR_LIMIT);
        bytes->data[i] = kept;
        assert_int_equal(pwrite(fd, bytes->data, bytes->n, 0), (ssize_t)bytes->n);
        assert_int_equal(ftruncate(fd, (off_t)i), 0);
        assert_int_equal(sweep_once(read_all, path, 0, NULL), WEIR_MALFORMED);
    }
    close(fd);
    unlink(path);
    free(bytes);
    assert_int_equal(sweep_allocations(read_all, (char[]){DATA "stored.npz"}, 1, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(headers),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
