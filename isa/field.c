/* isa/field.c: see isa/field.h. */
#include "isa/field.h"

#include <string.h>

enum { WORD_BITS = 32 };

uint64_t field_max(const Field *field)
{
    return (UINT64_C(1) << field->width) - 1;
}

static uint64_t member_bits(const Field *field, const void *record)
{
    const unsigned char *at = (const unsigned char *)record + field->offset;
    if (field->size == sizeof(uint64_t)) {
        uint64_t wide;
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    uint32_t narrow;
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

uint64_t field_get(const Field *field, const void *record)
{
    return member_bits(field, record) & field_max(field);
}

void field_put(const Field *field, void *record, uint64_t bits)
{
    unsigned char *at = (unsigned char *)record + field->offset;
    if (field->size == sizeof(uint64_t)) {
        memcpy(at, &bits, sizeof bits);
        return;
    }
    uint32_t narrow = (uint32_t)bits;
    memcpy(at, &narrow, sizeof narrow);
}

/* Signed fields are all 32 bits wide, so every i32 fits and no sign extension is due. */
bool field_fits(const Field *field, const void *record)
{
    return member_bits(field, record) <= field_max(field);
}

static void bits_put(uint32_t *words, unsigned bit, unsigned width, uint64_t value)
{
    for (unsigned done = 0; done < width;) {
        unsigned shift = (bit + done) % WORD_BITS;
        unsigned step = WORD_BITS - shift < width - done ? WORD_BITS - shift : width - done;
        uint64_t mask = (UINT64_C(1) << step) - 1;
        words[(bit + done) / WORD_BITS] |= (uint32_t)((value >> done & mask) << shift);
        done += step;
    }
}

static uint64_t bits_get(const uint32_t *words, unsigned bit, unsigned width)
{
    uint64_t value = 0;
    for (unsigned done = 0; done < width;) {
        unsigned shift = (bit + done) % WORD_BITS;
        unsigned step = WORD_BITS - shift < width - done ? WORD_BITS - shift : width - done;
        uint64_t mask = (UINT64_C(1) << step) - 1;
        value |= ((uint64_t)words[(bit + done) / WORD_BITS] >> shift & mask) << done;
        done += step;
    }
    return value;
}

const Field *fields_encode(const FieldSet *set, const void *record, uint32_t *out_words)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (!field_fits(&set->fields[i], record))
            return &set->fields[i];
    memset(out_words, 0, set->words * sizeof *out_words);
    for (uint32_t i = 0; i < set->n; i++) {
        const Field *field = &set->fields[i];
        bits_put(out_words, field->bit, field->width, field_get(field, record));
    }
    return NULL;
}

bool fields_decode(const FieldSet *set, const uint32_t *words, void *out_record)
{
    for (uint32_t i = 0; i < set->n; i++) {
        const Field *field = &set->fields[i];
        field_put(field, out_record, bits_get(words, field->bit, field->width));
    }
    /* A bit that no field owns shows as a difference to the encoding of what was read. */
    enum { MAX_WORDS = 16 };
    uint32_t again[MAX_WORDS];
    return set->words <= MAX_WORDS && fields_encode(set, out_record, again) == NULL &&
           memcmp(again, words, set->words * sizeof *words) == 0;
}
