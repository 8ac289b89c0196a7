/*
 * support/packed.c: elements of files: narrow types share bytes, the first element in the lowest bits.
 *
 * In memory every element has a unit of its own; signed narrow types are sign-extended there.
 */
#include <string.h>

#include "support/tensor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian, and so must the machine be");

/* Bits of an element in a file; a bool takes a byte. */
static unsigned file_bits(Dtype type)
{
    return type == DT_BOOL ? 8 : dtype_bits(type);
}

size_t packed_bytes(Dtype type, size_t n)
{
    unsigned bits = file_bits(type);
    if (bits >= 8)
        return n * (bits / 8);
    return n / 8 * bits + (n % 8 * bits + 7) / 8;
}

/* The low `bits` of a byte as the memory form of `type`. */
static uint8_t widen(Dtype type, unsigned code, unsigned bits)
{
    if (dtype_kind(type) == DK_SIGNED && (code >> (bits - 1) & 1) != 0)
        code |= 0xffu << bits;
    return (uint8_t)code;
}

void packed_decode(Dtype type, const void *packed, size_t n, void *out_data)
{
    unsigned bits = file_bits(type);
    const unsigned char *from = packed;
    unsigned char *to = out_data;
    if (n == 0)
        return;
    if (type == DT_BOOL) {
        for (size_t i = 0; i < n; i++)
            to[i] = from[i] != 0;
        return;
    }
    if (bits >= 8) {
        memcpy(to, from, packed_bytes(type, n));
        return;
    }
    unsigned window = 0, ready = 0;
    unsigned mask = (1u << bits) - 1;
    for (size_t i = 0; i < n; i++) {
        if (ready < bits) {
            window |= (unsigned)*from++ << ready;
            ready += 8;
        }
        to[i] = widen(type, window & mask, bits);
        window >>= bits;
        ready -= bits;
    }
}

void packed_encode(Dtype type, const void *data, size_t n, void *out_packed)
{
    unsigned bits = file_bits(type);
    const unsigned char *from = data;
    unsigned char *to = out_packed;
    if (n == 0)
        return;
    if (bits >= 8) {
        memcpy(to, from, packed_bytes(type, n));
        return;
    }
    unsigned window = 0, filled = 0;
    unsigned mask = (1u << bits) - 1;
    for (size_t i = 0; i < n; i++) {
        window |= (from[i] & mask) << filled;
        filled += bits;
        if (filled >= 8) {
            *to++ = (unsigned char)window;
            window >>= 8;
            filled -= 8;
        }
    }
    if (filled != 0)
        *to = (unsigned char)window;
}
