/* y[t][r] = sum over c of x[t][c] * w[r][c] / 256, where w holds float8_e4m3fn codes; all of the widening happens in registers.

   A code's sign and its seven other bits, moved to where fp16 keeps sign, exponent and mantissa, are the code's value / 256,
   exactly, subnormals too; the processor widens fp16 to fp32 eight at a time. Built by fp8_kernel.py, with OpenMP or without. */

#include <stdint.h>

#if defined(__AVX2__) && defined(__F16C__) && defined(__FMA__)
#include <immintrin.h>

static inline __m256 widened(const uint8_t *codes) {
    __m128i bits = _mm_slli_epi16(_mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)codes)), 7);
    return _mm256_cvtph_ps(_mm_and_si128(bits, _mm_set1_epi16((short)0xBFFF)));
}

static inline float one(const uint8_t *code) {
    __m128i bits = _mm_cvtsi32_si128((*code & 0x80) << 8 | (*code & 0x7F) << 7);
    return _mm_cvtss_f32(_mm_cvtph_ps(bits));
}

static float row(const uint8_t *w, const float *x, long columns) {
    __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    long c = 0;
    for (; c + 32 <= columns; c += 32)
        for (int i = 0; i < 4; i++)
            sums[i] = _mm256_fmadd_ps(widened(w + c + 8 * i), _mm256_loadu_ps(x + c + 8 * i), sums[i]);
    float parts[8], total = 0;
    _mm256_storeu_ps(parts, _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
    for (int i = 0; i < 8; i++) total += parts[i];
    for (; c < columns; c++) total += one(w + c) * x[c];
    return total;
}

void arctic_fp8_rows(const uint8_t *w, const float *x, float *y, long tokens, long rows, long columns, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (long r = 0; r < rows; r++)
        for (long t = 0; t < tokens; t++) y[t * rows + r] = row(w + r * columns, x + t * columns, columns);
    (void)threads;
}
#else
#error "no F16C: torch's own way is as fast"
#endif
