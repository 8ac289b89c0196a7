/*
 * tests/unit/format.c: block formats on seeded tensors with ties, subnormals, infinities and short blocks, by digest.
 * values: decoded, as f32, -0 written +0, NaN 7FC00000; scales: as stored, then the tensor's, then zero points.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/format.h"
#include "tests/unit/sha256.h"

typedef struct Row {
    char tensor;
    Format format;
    FormatAxes axes;
    const char *values, *scales; /* first 16 digits of the digests */
} Row;

static const Row rows[] = {
    {'D', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "1154f993cd241878", "ba0ef8f4fe267f27"},
    {'D', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "820223580561bd35", "ba0ef8f4fe267f27"},
    {'D', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "7fd429567264d4fe", "ba0ef8f4fe267f27"},
    {'D', {FORMAT_MX, DT_F8E5M2, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "58fd882ad99e1974", "5e91b17b7302a50d"},
    {'D', {FORMAT_MX, DT_F8E5M2, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "0d3fe62565c1c06f", "5e91b17b7302a50d"},
    {'D', {FORMAT_MX, DT_F8E5M2, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "bec880638273b4ca", "5e91b17b7302a50d"},
    {'D', {FORMAT_MX, DT_F6E3M2, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "7191054ec29d0f90", "e49024783724e80b"},
    {'D', {FORMAT_MX, DT_F6E3M2, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "d74fcaf52e82b76d", "e49024783724e80b"},
    {'D', {FORMAT_MX, DT_F6E3M2, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "f04b32223feb6f58", "e49024783724e80b"},
    {'D', {FORMAT_MX, DT_F6E2M3, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "a1b1786e67146a62", "1fa0e973125fba9f"},
    {'D', {FORMAT_MX, DT_F6E2M3, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "627c4ec984e84dc3", "1fa0e973125fba9f"},
    {'D', {FORMAT_MX, DT_F6E2M3, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "1a12b48fce44ecf0", "1fa0e973125fba9f"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "e91b80145211d526", "1fa0e973125fba9f"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "8d24e03d08bfe9b3", "1fa0e973125fba9f"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "81eb8132e6e7404d", "1fa0e973125fba9f"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "b156ca0d0d638556", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "31da8b8e87cc8884", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "d0a715cf67e8882b", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "c724e451e0e40a3b", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_AWAY, DT_E8M0, false, DT_NONE}, "56135690a5a00a74", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_TRUNC, DT_E8M0, false, DT_NONE}, "11aeb8166da85be1", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "ff9b43c3810e39da", "4ff2f650d3f3f011"},
    {'D', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "698c2f9a01a49783", "bcd44d29c6c8b434"},
    {'D', {FORMAT_MX, DT_F8E5M2, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "9246ef96f8352cca", "e02457fd26449e88"},
    {'D', {FORMAT_MX, DT_F8E5M2, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "9246ef96f8352cca", "ecda948fdc47ea82"},
    {'D', {FORMAT_MX, DT_F6E3M2, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "c09cb1ab9f746862", "58bfacdecf5c45d5"},
    {'D', {FORMAT_MX, DT_F6E3M2, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "e3ebb18b580785f7", "df76865425ff06e0"},
    {'D', {FORMAT_MX, DT_F6E2M3, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "277a24a42b3cc11a", "b0b37ace9dfecf8a"},
    {'D', {FORMAT_MX, DT_F6E2M3, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "ea404223a87a7493", "b0a801ae6148fc65"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "a29aa1dee15d96f3", "f76a76ce253d974c"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "cea580aa31db9f54", "98058ef687e6b00d"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "b055080a7c7c45de", "882a7b7bad7ba264"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "77dd22a88482d8b7", "eb03dc1684d2e025"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_EVEN, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "48f6ac678f63c6f3", "b580c5bff48e22d6"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "a1f63b2722d78280", "1b51c43cf360166d"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 16, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "d4eb8d1504f0d7fd", "ee525de877070604"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 64, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "c8d17fdf88946c4b", "591052cc6651f82e"},
    {'D', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 128, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "c8d17fdf88946c4b", "9b8bf4a5b7a4824a"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 16, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "9cb9a087a0be53c7", "ee525de877070604"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 64, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "fae5415bdf5675db", "591052cc6651f82e"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 128, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "fae5415bdf5675db", "9b8bf4a5b7a4824a"},
    {'D', {FORMAT_MX, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "b156ca0d0d638556", "b619ddd0c3ce05fc"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {0, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "e44efc566df13d0e", "7f24601ef5a3b1d1"},
    {'O', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {0, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "0b65425b11453aad", "2b3298f27abc450f"},
    {'B', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "3e2e2d1bf5f83d36", "751fb69f7d393a30"},
    {'B', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 16, FORMAT_RCEIL, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "29b66185d95535a0", "e342c4176f5559a7"},
    {'O', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "f87416f1816ae832", "4737bfd167b604b7"},
    {'O', {FORMAT_MX, DT_F8E4M3FN, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "c2dbe46066fdde7d", "80bb5973fd34fcae"},
    {'O', {FORMAT_MX, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_E8M0, false, DT_NONE}, "e3fedebb9bc0692f", "28d1692b8c810e29"},
    {'D', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 16, FORMAT_AMAX, FORMAT_RNE, DT_F8E4M3FN, true, DT_NONE}, "ff7523bcaa557334", "0d42a719a1593d34"},
    {'O', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 16, FORMAT_AMAX, FORMAT_RNE, DT_F8E4M3FN, true, DT_NONE}, "e38c90922a91ee58", "eee98704b39923dd"},
    {'G', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 16, FORMAT_AMAX, FORMAT_AWAY, DT_F8E4M3FN, true, DT_NONE}, "65a8ecd4961a67a2", "62c46c336958c37d"},
    {'B', {FORMAT_MX, DT_F4E2M1, 0, NULL}, {1, -1, 16, FORMAT_AMAX, FORMAT_RNE, DT_F8E4M3FN, true, DT_NONE}, "8caa2bdfcae38d00", "512f95cc0ac2b32b"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {-1, -1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "2ff44fc0f0fa58a7", "6ab007a8417dca9e"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {-1, 0, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "3ed26aff159d8858", "f13e84a63084b5dc"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {-1, 1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "e546d1fa3c3f3d32", "b8ecd7eb2c6b1bd2"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "746004912953cd84", "efded533721a4c1d"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {-1, -1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "c6f9b7c9b3f851e7", "2945467a1a7d2c82"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {-1, 0, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "081d0ba3f175228b", "a781ab527a1e8fa9"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {-1, 1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "4650a45b510aa7ec", "da48a7df0726db46"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "be1510b3b424936d", "54010288f7fb6790"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {-1, -1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U8}, "f5b27e118d69054c", "0ed9a9329e746d1c"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {-1, 0, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U8}, "e6d90563f038fe0c", "7ea753774a1e80e4"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {-1, 1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U8}, "21f072c0238751ae", "948b7fcac8abc101"},
    {'O', {FORMAT_INT, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U8}, "963e6f47fcd8b7b7", "8095aacedca9e435"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {-1, -1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U4}, "0ccac95768b29e9b", "9358b90b9e3de769"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {-1, 0, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U4}, "0256241aaca80ad5", "160f7d4253ed837a"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {-1, 1, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U4}, "1199f510019e934f", "4b2f1ac21a998ad5"},
    {'O', {FORMAT_INT, DT_I4, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U4}, "d5e0023d47619507", "601edce0bf38a65b"},
    {'D', {FORMAT_INT, DT_I8, 0, NULL}, {1, -1, 32, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "a709145e3c269602", "363da00e0afa6ef1"},
    {'D', {FORMAT_INT, DT_I4, 0, NULL}, {1, -1, 64, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_U4}, "99b160866146a4f1", "b84405da8b0bcf33"},
    {'L', {FORMAT_INT, DT_I4, 0, NULL}, {1, -1, 128, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "bdbf66c058db2120", "67e282268eeec130"},
    {'B', {FORMAT_INT, DT_I8, 0, NULL}, {-1, 0, 0, FORMAT_FLOOR, FORMAT_RNE, DT_F32, false, DT_NONE}, "6e9bcddbf5c50b68", "b03f835457dffcf7"},
};

static uint64_t next(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Rows of all magnitudes, many ties. */
static Tensor tensor_d(weir_context *cx)
{
    static const int shift[13] = {0, 0, 0, 0, 0, 60, -60, 100, -100, 117, -112, -122, -133};
    Tensor t = tensor_new(cx, DT_F32, 2, (const int64_t[]){40, 263});
    uint64_t state = 1;
    for (uint32_t i = 0; i < 40 * 263; i++) {
        uint64_t w = next(&state);
        int e = 127 + (int)((w >> 32) % 13) - 8 + shift[i / 263 % 13];
        e = e < 0 ? 0 : e > 254 ? 254 : e;
        uint32_t m = (uint32_t)w & 0x7FFFFF, k = (uint32_t)(w >> 40) % 8;
        if (k < 7)
            m = m >> (22 - k) << (22 - k);
        uint32_t sign = (uint32_t)(w >> 63) << 31;
        ((uint32_t *)t.data)[i] = (w >> 48) % 31 == 0 ? sign : (sign | (uint32_t)e << 23 | m);
    }
    return t;
}

static Tensor tensor_b(weir_context *cx)
{
    Tensor t = tensor_new(cx, DT_F32, 2, (const int64_t[]){256, 256});
    for (uint32_t i = 0; i < 65536; i++)
        ((uint32_t *)t.data)[i] = i << 16;
    return t;
}

static Tensor tensor_g(weir_context *cx, uint64_t seed)
{
    Tensor t = tensor_new(cx, DT_F32, 2, (const int64_t[]){64, 256});
    seeded_fill(&t, seed, LAW_NORMAL, 1);
    return t;
}

static Tensor tensor_l(weir_context *cx)
{
    Tensor t = tensor_new(cx, DT_F32, 2, (const int64_t[]){64, 256});
    uint64_t state = 3;
    for (uint32_t i = 0; i < 64 * 256; i++) {
        uint64_t k = 0, first;
        for (;; k++) {
            uint64_t before = first = next(&state) >> 40, v;
            int n = 1;
            while ((v = next(&state) >> 40) < before) {
                before = v;
                n++;
            }
            if (n % 2 != 0)
                break;
        }
        float x = (float)((double)((k << 24) + first) / 0x1p24);
        ((float *)t.data)[i] = next(&state) >> 63 != 0 ? -x : x;
    }
    return t;
}

static Tensor tensor_o(weir_context *cx)
{
    Tensor t = tensor_g(cx, 4);
    for (uint32_t i = 0; i < 64 * 256; i++)
        ((float *)t.data)[i] *= i % 256 % 32 == 5 ? 24.0f : i % 256 % 32 == 17 ? 0.125f : 1.0f;
    return t;
}

static Tensor make(weir_context *cx, char name)
{
    switch (name) {
    case 'D':
        return tensor_d(cx);
    case 'B':
        return tensor_b(cx);
    case 'G':
        return tensor_g(cx, 2);
    case 'L':
        return tensor_l(cx);
    default:
        return tensor_o(cx);
    }
}

static void digest_values(const Tensor *t, char *out_hex)
{
    size_t n = (size_t)tensor_elements(t);
    uint32_t *bits = malloc(n * 4);
    assert_non_null(bits);
    for (size_t i = 0; i < n; i++) {
        float x = ((const float *)t->data)[i];
        memcpy(&bits[i], &x, 4);
        if (x == 0)
            bits[i] = 0;
        if (isnan(x))
            bits[i] = 0x7FC00000;
    }
    sha256_hex(bits, n * 4, out_hex);
    free(bits);
}

static void digest_scales(const Row *row, const Encoded *e, char *out_hex)
{
    size_t n = (size_t)tensor_elements(&e->scale), bytes = n * dtype_bytes(e->scale.type);
    unsigned char *room = malloc(bytes + 4 + n);
    assert_non_null(room);
    memcpy(room, e->scale.data, bytes);
    if (row->axes.tensor_scale) {
        memcpy(room + bytes, &e->tensor_scale, 4);
        bytes += 4;
    }
    for (size_t i = 0; e->zero.data != NULL && i < n; i++)
        room[bytes++] = (unsigned char)((const int32_t *)e->zero.data)[i];
    sha256_hex(room, bytes, out_hex);
    free(room);
}

static void digests(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_context *cx = weir_context_new();
        Tensor t = make(cx, rows[i].tensor);
        Encoded e;
        char values[65], scales[65];
        assert_int_equal(format_encode(cx, &rows[i].format, &rows[i].axes, &t, &e), WEIR_OK);
        digest_scales(&rows[i], &e, scales);
        format_decode(&rows[i].format, &rows[i].axes, &e, &t);
        digest_values(&t, values);
        if (strncmp(values, rows[i].values, 16) != 0 || strncmp(scales, rows[i].scales, 16) != 0) {
            print_error("row %zu: values %.16s (%s), scales %.16s (%s)\n", i, values, rows[i].values, scales, rows[i].scales);
            wrong++;
        }
        weir_context_free(cx);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(digests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
