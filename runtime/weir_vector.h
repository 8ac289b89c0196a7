/* Vectors of W lanes of 32 bits: the compiler's vector types, intrinsics where they are one instruction, loops over lanes elsewhere.
 * bool is a mask: all bits or none. */
#if defined __AVX2__ || defined __SSE4_1__
#include <immintrin.h>
#endif
#define W_EACH(W, T, EXPR) T r; for (int l = 0; l < (W); l++) r[l] = (EXPR); return r
#define W_VECTOR(W)                                                                                                  \
    typedef float wt_f32_##W __attribute__((vector_size(4 * W)));                                                    \
    typedef int32_t wt_i32_##W __attribute__((vector_size(4 * W)));                                                  \
    typedef uint32_t wt_u32_##W __attribute__((vector_size(4 * W)));                                                 \
    typedef wt_i32_##W wt_bool_##W;                                                                                  \
    typedef float wu_f32_##W __attribute__((vector_size(4 * W), aligned(4), may_alias));                             \
    typedef int32_t wu_i32_##W __attribute__((vector_size(4 * W), aligned(4), may_alias));                           \
    typedef uint32_t wu_u32_##W __attribute__((vector_size(4 * W), aligned(4), may_alias));                          \
    W_INLINE wt_f32_##W wv_splat_f32_##W(float x) { return x - (wt_f32_##W){0}; }                                    \
    W_INLINE wt_i32_##W wv_splat_i32_##W(int32_t x) { return x - (wt_i32_##W){0}; }                                  \
    W_INLINE wt_u32_##W wv_splat_u32_##W(uint32_t x) { return x - (wt_u32_##W){0}; }                                 \
    W_INLINE wt_bool_##W wv_splat_bool_##W(int x) { return -(x != 0) - (wt_i32_##W){0}; }                            \
    W_INLINE wt_bool_##W wv_load_bool_##W(const uint8_t *p) { W_EACH(W, wt_i32_##W, -(int32_t)(p[l] != 0)); }        \
    W_INLINE void wv_store_bool_##W(uint8_t *p, wt_bool_##W a) { for (int l = 0; l < W; l++) p[l] = (uint8_t)(a[l] & 1); } \
    W_INLINE wt_f32_##W wv_select_f32_##W(wt_bool_##W c, wt_f32_##W a, wt_f32_##W b)                                 \
    {                                                                                                                \
        return (wt_f32_##W)((c & (wt_i32_##W)a) | (~c & (wt_i32_##W)b));                                             \
    }                                                                                                                \
    W_INLINE wt_i32_##W wv_select_i32_##W(wt_bool_##W c, wt_i32_##W a, wt_i32_##W b) { return (c & a) | (~c & b); }  \
    W_INLINE wt_u32_##W wv_select_u32_##W(wt_bool_##W c, wt_u32_##W a, wt_u32_##W b)                                 \
    {                                                                                                                \
        return ((wt_u32_##W)c & a) | (~(wt_u32_##W)c & b);                                                           \
    }                                                                                                                \
    W_INLINE wt_bool_##W wv_select_bool_##W(wt_bool_##W c, wt_bool_##W a, wt_bool_##W b) { return (c & a) | (~c & b); } \
    W_INLINE wt_i32_##W wv_add_i32_##W(wt_i32_##W a, wt_i32_##W b) { return (wt_i32_##W)((wt_u32_##W)a + (wt_u32_##W)b); } \
    W_INLINE wt_i32_##W wv_sub_i32_##W(wt_i32_##W a, wt_i32_##W b) { return (wt_i32_##W)((wt_u32_##W)a - (wt_u32_##W)b); } \
    W_INLINE wt_i32_##W wv_mul_i32_##W(wt_i32_##W a, wt_i32_##W b) { return (wt_i32_##W)((wt_u32_##W)a * (wt_u32_##W)b); } \
    W_INLINE wt_i32_##W wv_neg_i32_##W(wt_i32_##W a) { return (wt_i32_##W)(0u - (wt_u32_##W)a); }                    \
    W_INLINE wt_u32_##W wv_neg_u32_##W(wt_u32_##W a) { return 0u - a; }                                              \
    W_INLINE wt_i32_##W wv_abs_i32_##W(wt_i32_##W a) { return wv_select_i32_##W(a < 0, wv_neg_i32_##W(a), a); }      \
    W_INLINE wt_u32_##W wv_abs_u32_##W(wt_u32_##W a) { return a; }                                                   \
    W_INLINE wt_i32_##W wv_min_i32_##W(wt_i32_##W a, wt_i32_##W b) { return wv_select_i32_##W(a < b, a, b); }        \
    W_INLINE wt_i32_##W wv_max_i32_##W(wt_i32_##W a, wt_i32_##W b) { return wv_select_i32_##W(a > b, a, b); }        \
    W_INLINE wt_u32_##W wv_min_u32_##W(wt_u32_##W a, wt_u32_##W b) { return wv_select_u32_##W((wt_i32_##W)(a < b), a, b); } \
    W_INLINE wt_u32_##W wv_max_u32_##W(wt_u32_##W a, wt_u32_##W b) { return wv_select_u32_##W((wt_i32_##W)(a > b), a, b); } \
    W_INLINE wt_i32_##W wv_shl_i32_##W(wt_i32_##W a, int32_t n) { return (wt_i32_##W)((wt_u32_##W)a << n); }         \
    W_INLINE wt_i32_##W wv_shr_i32_##W(wt_i32_##W a, int32_t n) { return a >> n; }                                   \
    W_INLINE wt_f32_##W wv_neg_f32_##W(wt_f32_##W a) { return (wt_f32_##W)((wt_i32_##W)a ^ INT32_MIN); }             \
    W_INLINE wt_f32_##W wv_abs_f32_##W(wt_f32_##W a) { return (wt_f32_##W)((wt_i32_##W)a & INT32_MAX); }             \
    W_INLINE wt_f32_##W wv_one_f32_##W(wt_f32_##W a)                                                                 \
    {                                                                                                                \
        wt_bool_##W nan = ((wt_i32_##W)a & INT32_MAX) > 0x7F800000;                                                  \
        return (wt_f32_##W)(((wt_i32_##W)a & ~nan) | (nan & 0x7FC00000));                                            \
    }                                                                                                                \
    W_INLINE wt_f32_##W wv_sign_f32_##W(wt_f32_##W a) { W_EACH(W, wt_f32_##W, w_sign_f32(a[l])); }                   \
    W_INLINE wt_i32_##W wv_bits_i32_from_f32_##W(wt_f32_##W a) { return (wt_i32_##W)a; }                             \
    W_INLINE wt_f32_##W wv_bits_f32_from_i32_##W(wt_i32_##W a) { return (wt_f32_##W)a; }                             \
    W_INLINE wt_f32_##W wv_cast_f32_from_i32_##W(wt_i32_##W a) { return __builtin_convertvector(a, wt_f32_##W); }    \
    W_INLINE wt_i32_##W wv_cast_i32_from_f32_##W(wt_f32_##W a)                                                       \
    {                                                                                                                \
        wt_bool_##W high = a >= 0x1p31f, low = a < -0x1p31f, in = ~(high | low) & (a == a);                          \
        wt_i32_##W r = __builtin_convertvector((wt_f32_##W)((wt_i32_##W)a & in), wt_i32_##W);                        \
        return (r & in) | (high & INT32_MAX) | (low & INT32_MIN);                                                    \
    }                                                                                                                \
    W_INLINE wt_i32_##W wv_sat_i32_from_f32_##W(wt_f32_##W a) { return wv_cast_i32_from_f32_##W(a); }                \
    W_INLINE wt_f32_##W wv_any_max_f32_##W(wt_f32_##W a, wt_f32_##W b)                                               \
    {                                                                                                                \
        wt_i32_##W same = (wt_i32_##W)a & (wt_i32_##W)b, more = (wt_i32_##W)wv_select_f32_##W(a > b, a, b);          \
        wt_bool_##W equal = a == b, nan = (a != a) | (b != b);                                                       \
        return (wt_f32_##W)((equal & same) | (~equal & more) | (nan & 0x7FC00000));                                  \
    }                                                                                                                \
    W_INLINE wt_f32_##W wv_any_min_f32_##W(wt_f32_##W a, wt_f32_##W b)                                               \
    {                                                                                                                \
        wt_i32_##W same = (wt_i32_##W)a | (wt_i32_##W)b, less = (wt_i32_##W)wv_select_f32_##W(a < b, a, b);          \
        wt_bool_##W equal = a == b, nan = (a != a) | (b != b);                                                       \
        return (wt_f32_##W)((equal & same) | (~equal & less) | (nan & 0x7FC00000));                                  \
    }
/* r[l] of a, b, c by a function of floats */
#define W_LANES_F32(W)                                                                                               \
    W_INLINE wt_f32_##W wv_fma_f32_##W(wt_f32_##W a, wt_f32_##W b, wt_f32_##W c) { W_EACH(W, wt_f32_##W, fmaf(a[l], b[l], c[l])); } \
    W_INLINE wt_f32_##W wv_sqrt_f32_##W(wt_f32_##W a) { W_EACH(W, wt_f32_##W, sqrtf(a[l])); }                        \
    W_INLINE wt_f32_##W wv_floor_f32_##W(wt_f32_##W a) { W_EACH(W, wt_f32_##W, floorf(a[l])); }                      \
    W_INLINE wt_f32_##W wv_ceil_f32_##W(wt_f32_##W a) { W_EACH(W, wt_f32_##W, ceilf(a[l])); }                        \
    W_INLINE wt_f32_##W wv_trunc_f32_##W(wt_f32_##W a) { W_EACH(W, wt_f32_##W, truncf(a[l])); }                      \
    W_INLINE wt_f32_##W wv_rint_f32_##W(wt_f32_##W a) { W_EACH(W, wt_f32_##W, rintf(a[l])); }                        \
    W_INLINE wt_f32_##W wv_max_f32_##W(wt_f32_##W a, wt_f32_##W b) { return wv_any_max_f32_##W(a, b); }              \
    W_INLINE wt_f32_##W wv_min_f32_##W(wt_f32_##W a, wt_f32_##W b) { return wv_any_min_f32_##W(a, b); }
/* the same by intrinsics: P is _mm or _mm256, M the register type */
#define W_INTRINSICS_F32(W, P, M)                                                                                    \
    W_INLINE wt_f32_##W wv_fma_f32_##W(wt_f32_##W a, wt_f32_##W b, wt_f32_##W c) { return (wt_f32_##W)P##_fmadd_ps((M)a, (M)b, (M)c); } \
    W_INLINE wt_f32_##W wv_sqrt_f32_##W(wt_f32_##W a) { return (wt_f32_##W)P##_sqrt_ps((M)a); }                      \
    W_INLINE wt_f32_##W wv_floor_f32_##W(wt_f32_##W a) { return (wt_f32_##W)P##_round_ps((M)a, 9); }                 \
    W_INLINE wt_f32_##W wv_ceil_f32_##W(wt_f32_##W a) { return (wt_f32_##W)P##_round_ps((M)a, 10); }                 \
    W_INLINE wt_f32_##W wv_trunc_f32_##W(wt_f32_##W a) { return (wt_f32_##W)P##_round_ps((M)a, 11); }                \
    W_INLINE wt_f32_##W wv_rint_f32_##W(wt_f32_##W a) { return (wt_f32_##W)P##_round_ps((M)a, 8); }                  \
    W_INLINE wt_f32_##W wv_max_f32_##W(wt_f32_##W a, wt_f32_##W b)                                                   \
    {                                                                                                                \
        M both = P##_and_ps(P##_max_ps((M)a, (M)b), P##_max_ps((M)b, (M)a));                                         \
        return (wt_f32_##W)((wt_i32_##W)both | ((a != a) | (b != b)));                                               \
    }                                                                                                                \
    W_INLINE wt_f32_##W wv_min_f32_##W(wt_f32_##W a, wt_f32_##W b)                                                   \
    {                                                                                                                \
        M both = P##_or_ps(P##_min_ps((M)a, (M)b), P##_min_ps((M)b, (M)a));                                          \
        return (wt_f32_##W)((wt_i32_##W)both | ((a != a) | (b != b)));                                               \
    }
#if defined __AVX2__ && defined __FMA__
#define W_F32_4 W_INTRINSICS_F32(4, _mm, __m128)
#define W_F32_8 W_INTRINSICS_F32(8, _mm256, __m256)
#else
#define W_F32_4 W_LANES_F32(4)
#define W_F32_8 W_LANES_F32(8)
#endif
#define W_F32_16 W_LANES_F32(16)
