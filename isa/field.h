/*
 * isa/field.h: bit fields of records and commands, described by rows.
 *
 * In:   a FieldSet (made from the rows of a .def file) and a C struct with one member a row.
 * Out:  little-endian 32-bit words and back. A field may cross word borders.
 * Keep: encode and decode are inverse; a value that does not fit and a bit that no field owns are refused,
 *       never cut.
 */
#ifndef WEIR_ISA_FIELD_H
#define WEIR_ISA_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Field {
    const char *name;
    uint16_t offset; /* of the member in the struct, bytes */
    uint16_t size;   /* of the member: 4 or 8 bytes */
    uint16_t bit;    /* lowest bit, from bit 0 of word 0 */
    uint16_t width;  /* bits, at most 40 */
    bool is_signed;
    const char *doc;
} Field;

typedef struct FieldSet {
    const char *name;
    const Field *fields;
    uint32_t n;
    uint32_t words; /* 32-bit words of one record */
} FieldSet;

/* The member's type by the row's kind, and a row of a Field table. */
#define FIELD_TYPE_U uint32_t
#define FIELD_TYPE_S int32_t
#define FIELD_TYPE_W uint64_t
#define FIELD_SIGNED_U false
#define FIELD_SIGNED_S true
#define FIELD_SIGNED_W false
#define FIELD_ROW(T, kind, member, bit, width, doc)                                                                    \
    {#member, (uint16_t)offsetof(T, member), (uint16_t)sizeof(((T *)0)->member), bit, width, FIELD_SIGNED_##kind, doc},

/* The member's value as bits (signed ones cut to the field's width). */
uint64_t field_get(const Field *field, const void *record);
void field_put(const Field *field, void *record, uint64_t bits);
/* The largest encoding: all ones. */
uint64_t field_max(const Field *field);
/* Does the member's value fit the field? */
bool field_fits(const Field *field, const void *record);

/* Writes set->words words. NULL on success, else the first field whose value does not fit (nothing is written). */
const Field *fields_encode(const FieldSet *set, const void *record, uint32_t *out_words);
/* False when a bit outside the fields is set; the record is written in any case. */
bool fields_decode(const FieldSet *set, const uint32_t *words, void *out_record);

#endif
