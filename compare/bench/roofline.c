/* The limit: npcf's per-rating loop (npcf/kernels/per_rating/sweep.py) in C with intrinsics.

   The same rule (no range), the same tables, the same order of ratings, the same prefetch; compiled
   for this processor, with the number of lanes known to the compiler.  Returns the sum of squared
   errors.  rows: (N, 16 lanes) floats; scalars: (N, 4) floats, bias, decay of factors, of bias.  */

#include <immintrin.h>
#include <stdint.h>

#define AHEAD 8

#ifdef __AVX512F__
typedef __m512 vec;
#define WIDE 16
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SPREAD _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define MUL _mm512_mul_ps
#define ADD _mm512_add_ps
static inline float total(vec a) { return _mm512_reduce_add_ps(a); }
#else
typedef __m256 vec;
#define WIDE 8
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SPREAD _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define MUL _mm256_mul_ps
#define ADD _mm256_add_ps
static inline float total(vec a) {
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}
#endif

typedef struct {
    float *rows, *scalars;
} side;

static inline __attribute__((always_inline)) double segment(
    const int32_t *users, const int32_t *items, const float *rating, int64_t first, int64_t end,
    side left, side right, const float *rule, int lanes) {
    const int64_t width = 16 * (int64_t)lanes;
    const float lr = rule[0], bias_lr = rule[1], mean = rule[2];
    double sum = 0;
    for (int64_t t = first; t < end; t++) {
        const int64_t a = t + AHEAD < end ? t + AHEAD : end - 1;
        for (int k = 0; k < lanes; k++) {
            __builtin_prefetch(left.rows + users[a] * width + 16 * k, 1, 3);
            __builtin_prefetch(right.rows + items[a] * width + 16 * k, 1, 3);
        }
        __builtin_prefetch(left.scalars + 4 * (int64_t)users[a], 1, 3);
        __builtin_prefetch(right.scalars + 4 * (int64_t)items[a], 1, 3);
        float *p = left.rows + users[t] * width, *q = right.rows + items[t] * width;
        float *x = left.scalars + 4 * (int64_t)users[t], *y = right.scalars + 4 * (int64_t)items[t];
        vec s[4] = {SPREAD(0), SPREAD(0), SPREAD(0), SPREAD(0)};
        for (int k = 0; k < width / WIDE; k++)
            s[k % 4] = FMA(LOAD(p + WIDE * k), LOAD(q + WIDE * k), s[k % 4]);
        const float dot = total(ADD(ADD(s[0], s[1]), ADD(s[2], s[3])));
        const float e = rating[t] - (mean + x[0] + y[0] + dot);
        sum += (double)e * e;
        const vec pull = SPREAD(lr * e), keep_p = SPREAD(1 - lr * x[1]), keep_q = SPREAD(1 - lr * y[1]);
        for (int64_t k = 0; k < width; k += WIDE) {
            const vec u = LOAD(p + k), v = LOAD(q + k);
            STORE(p + k, FMA(pull, v, MUL(keep_p, u)));
            STORE(q + k, FMA(pull, u, MUL(keep_q, v)));
        }
        x[0] += bias_lr * (e - x[2] * x[0]);
        y[0] += bias_lr * (e - y[2] * y[0]);
    }
    return sum;
}

#define CASE(n)                                                                                   \
    case n:                                                                                       \
        sum += segment(users, items, rating, firsts[i], ends[i], left, right, rule, n);           \
        break;

double epoch(const int32_t *users, const int32_t *items, const float *rating, const int64_t *firsts,
             const int64_t *ends, int64_t n, side left, side right, const float *rule, int lanes) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) switch (lanes) {
            CASE(1)
            CASE(2)
            CASE(4)
            CASE(8)
            CASE(16)
            default:
                sum += segment(users, items, rating, firsts[i], ends[i], left, right, rule, lanes);
        }
    return sum;
}
