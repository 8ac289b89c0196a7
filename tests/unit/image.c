/* The container under attack: cut, flipped and rewritten bytes are refused or accepted, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isa/imagetext.h"

static const char text[] = ".pim 1 machine=gddr6-aim\n.producer \"weir\"\n.setting k 5\n"
                           ".tensor x bf16 [2, 8] in\n.tensor w f32 2 const\n.data w\nhex 0001020304050607\n"
                           "stream ch=0-31 machine=gddr6-aim\ntmod\nwrgb n=1 gb=3 buf=x off=0\ntmod\nact.all row=7\n"
                           ".control\n launch 0\n host 0\n halt\n.host\n| cascade h {\n| }\n"
                           ".debug source 0 1 0 \"n0\"\n";

static ImageBytes sample(weir_context *cx)
{
    Source source = {.path = "test", .text = text, .bytes = sizeof text - 1};
    Image image = {0};
    ImageBytes bytes = {0};
    assert_int_equal(image_assemble(cx, &source, &image), WEIR_OK);
    image_write(cx, &image, &bytes);
    return bytes;
}

/* Reads bytes from a buffer of their exact size (for the sanitizer), prints what is accepted. */
static weir_status try_read(const unsigned char *data, size_t n)
{
    weir_context *cx = weir_context_new();
    unsigned char *copy = context_buffer(cx, n + (n == 0));
    memcpy(copy, data, n);
    Image image = {0};
    weir_status status = image_read(cx, copy, n, &image);
    assert_true(status == WEIR_OK || cx->diag.n_errors == 1);
    if (status == WEIR_OK) {
        Text out;
        text_init(&out, &cx->arena);
        weir_status printed = image_print(cx, &image, &out);
        assert_true(printed == WEIR_OK || cx->diag.n_errors > 0);
    }
    weir_context_free(cx);
    return status;
}

static void cuts_are_refused(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    ImageBytes b = sample(cx);
    assert_int_equal(try_read(b.bytes.at, b.bytes.n), WEIR_OK);
    for (uint32_t n = 0; n < b.bytes.n; n++)
        assert_int_equal(try_read(b.bytes.at, n), WEIR_MALFORMED);
    weir_context_free(cx);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    ImageBytes b = sample(cx);
    uint32_t accepted = 0;
    for (uint32_t bit = 0; bit < 8 * b.bytes.n; bit++) {
        b.bytes.at[bit / 8] ^= (unsigned char)(1u << bit % 8);
        accepted += try_read(b.bytes.at, b.bytes.n) == WEIR_OK;
        b.bytes.at[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* What no checksum covers: padding between sections, and the ignorable flags of the six entries. */
    assert_in_range(accepted, 6, 6 + 8 * 8 * 6);
    weir_context_free(cx);
}

static void set_u32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* The container's checksum, written once more from its definition. */
static uint32_t crc(const unsigned char *data, uint64_t n)
{
    uint32_t sum = 0xFFFFFFFF;
    for (uint64_t i = 0; i < n; i++) {
        sum ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ ((sum & 1) != 0 ? 0xEDB88320 : 0);
    }
    return ~sum;
}

static uint64_t get_u64(const unsigned char *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* Damage inside sections with checksums made right again: only the readers' own checks stand. */
static void damaged_sections_do_not_crash(void **state)
{
    (void)state;
    weir_context *cx = weir_context_new();
    ImageBytes b = sample(cx);
    uint64_t seed = 99;
    uint32_t refused = 0;
    unsigned char *original = arena_copy(&cx->arena, b.bytes.at, b.bytes.n);
    for (int round = 0; round < 4000; round++) {
        memcpy(b.bytes.at, original, b.bytes.n);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned char *entry = b.bytes.at + 64 + 32 * (seed >> 40) % (32 * 6) / 32 * 32;
        uint64_t offset = get_u64(entry + 8), size = get_u64(entry + 16);
        uint64_t at = offset + (seed >> 20) % size;
        if (round % 3 == 0 && at + 4 <= offset + size)
            set_u32(b.bytes.at + at, round % 2 != 0 ? 0xFFFFFFFF : (uint32_t)(seed >> 32) & 0x7F);
        else
            b.bytes.at[at] = (unsigned char)(seed >> 50);
        set_u32(entry + 24, crc(b.bytes.at + offset, size));
        refused += try_read(b.bytes.at, b.bytes.n) != WEIR_OK;
    }
    assert_in_range(refused, 400, 3900);
    weir_context_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_are_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(damaged_sections_do_not_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
