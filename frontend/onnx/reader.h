/*
 * frontend/onnx/reader.h: what the parts of the binary reader share.
 *
 * Keep: faults are reported at `place` and remembered in `status`; reading goes on, so that one run names them all.
 */
#ifndef WEIR_FRONTEND_ONNX_READER_H
#define WEIR_FRONTEND_ONNX_READER_H

#include "frontend/graph.h"
#include "frontend/onnx/wire.h"

/* A file of external data, mapped as a whole. */
typedef struct ExternalFile {
    Name location;
    const char *path; /* NULL: could not be opened, and that was said */
    const unsigned char *data;
    size_t bytes;
} ExternalFile;

typedef struct Reader {
    weir_context *cx;
    const Source *source;
    const unsigned char *data; /* the model */
    size_t bytes;
    bool mapped;               /* the model is a mapped file: pages may be given back */
    const WireTensor *tensors; /* by TensorProto.view */
    Place place;               /* of the part being read */
    weir_status status;        /* of the first fault */
    VEC(ExternalFile) externals;
} Reader;

/* As model_read_binary; `mapped`: `data` is a read-only mapping of a file. */
MUST_USE weir_status model_read_bytes(weir_context *cx, const Source *source, const unsigned char *data, size_t bytes,
                                      bool mapped, Model **out_model);

/* Remembers the first status that is not WEIR_OK. */
void reader_fault(Reader *r, weir_status status);
/* E_ONNX_TENSOR and the status; returns false. */
bool tensor_fault(Reader *r, Name name, weir_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Entries of external_data. */
typedef struct ExternalData {
    Name location;
    uint64_t offset, length;
    bool has_length;
    bool given; /* data_location says EXTERNAL */
} ExternalData;

/* Takes in an entry of external_data; unknown keys mean nothing. False after reporting. */
bool external_entry(Reader *r, Name tensor, const char *key, const char *value, ExternalData *external);

/* Bytes that hold a tensor's raw form, and where they came from. */
typedef struct RawBytes {
    const unsigned char *at;
    size_t bytes;
    const char *file;
    uint64_t file_offset;
    bool mapped; /* as in Reader */
} RawBytes;

/* Finds `need` bytes of external data. False after reporting. */
bool external_find(Reader *r, Name tensor, const ExternalData *external, uint64_t need, RawBytes *out_raw);

/* Fills the values of `t`, whose name, onnx_type, tensor.type, n_dims and extents are set, from the tensor's message
 * `wire` (no bytes: a tensor without one) or from `external`. Faults are reported. */
void payload_read(Reader *r, const WireTensor *wire, const ExternalData *external, Initializer *t);
/* The dense form of `n` values at `indices` (flat, or one row of coordinates each): `out` has its extents set. */
void sparse_expand(Reader *r, const Initializer *values, const Initializer *indices, Initializer *out);

#endif
