/*
 * support/npy.h: NumPy's .npy and .npz.
 *
 * In:   files of any origin: every length is checked before it is used. Out: row-major tensors.
 * Types: f2 f4 f8, i1 .. i8, u1 .. u8, b1, little-endian or big-endian, C or Fortran order. Types NumPy has no name for
 *       (bf16, f8, f6, f4, e8m0) are written as f4 with the same values, 4-bit and 2-bit integers as i1 and u1.
 */
#ifndef WEIR_SUPPORT_NPY_H
#define WEIR_SUPPORT_NPY_H

#include "support/context.h"
#include "support/file.h"
#include "support/tensor.h"

/* One .npy in memory; `path` for messages. In C order and little-endian the tensor's data are in `data`, read-only. */
MUST_USE weir_status npy_decode(weir_context *cx, const char *path, const void *data, size_t bytes, Tensor *out_tensor);
MUST_USE weir_status npy_read(weir_context *cx, const char *path, Tensor *out_tensor);
MUST_USE weir_status npy_write(weir_context *cx, const char *path, const Tensor *tensor);

typedef struct NpzEntry {
    const char *name; /* without .npy */
    uint64_t data_offset, packed_bytes, bytes;
    uint32_t crc;
    uint16_t method; /* 0 stored, 8 deflated */
} NpzEntry;

typedef struct Npz {
    MappedFile file;
    NpzEntry *entries;
    uint32_t n;
} Npz;

/* Reads the directory. The sum of the unpacked sizes is within limits.memory_bytes. */
MUST_USE weir_status npz_open(weir_context *cx, const char *path, Npz *out_npz);
MUST_USE weir_status npz_tensor(weir_context *cx, const Npz *npz, uint32_t i, Tensor *out_tensor);
/* The number of an entry; npz->n if there is none. */
uint32_t npz_find(const Npz *npz, const char *name);
/* Stored, not deflated; the same tensors give the same bytes. */
MUST_USE weir_status npz_write(weir_context *cx, const char *path, uint32_t n, const char *const *names,
                               const Tensor *tensors);

/* The bytes of a .npy, in the arena. */
void npy_encode(weir_context *cx, const Tensor *tensor, unsigned char **out_data, size_t *out_bytes);

#endif
