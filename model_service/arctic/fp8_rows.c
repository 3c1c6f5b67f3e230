/* y[t][r] = scale[r] * sum over c of x[t][c] * w[r][c], where w holds float8_e4m3fn codes; widened in registers only.

   A code's sign and its seven other bits, moved to where fp16 keeps sign, exponent and mantissa, are the code's value / 256,
   exactly, subnormals too; the processor widens fp16 to fp32 eight at a time. Built by fp8_kernel.py, with OpenMP or without. */

#include <stdint.h>

#if defined(__AVX2__) && defined(__F16C__) && defined(__FMA__)
#include <immintrin.h>

static inline __m256i as_fp16(const uint8_t *codes) {
    __m256i bits = _mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)codes)), 7);
    return _mm256_and_si256(bits, _mm256_set1_epi16((short)0xBFFF));
}

static inline float one(const uint8_t *code) {
    __m128i bits = _mm_cvtsi32_si128((*code & 0x80) << 8 | (*code & 0x7F) << 7);
    return _mm_cvtss_f32(_mm_cvtph_ps(bits));
}

/* Row by row as they lie in memory: two rows at once load x once for both, and yet take twice as long from memory. */
static float row(const uint8_t *w, const float *x, long columns) {
    __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    long c = 0;
    for (; c + 32 <= columns; c += 32)
        for (int i = 0; i < 4; i += 2) {
            __m256i half = as_fp16(w + c + 8 * i); /* 16 codes */
            __m256 low = _mm256_cvtph_ps(_mm256_castsi256_si128(half));
            __m256 high = _mm256_cvtph_ps(_mm256_extracti128_si256(half, 1));
            sums[i] = _mm256_fmadd_ps(low, _mm256_loadu_ps(x + c + 8 * i), sums[i]);
            sums[i + 1] = _mm256_fmadd_ps(high, _mm256_loadu_ps(x + c + 8 * i + 8), sums[i + 1]);
        }
    float parts[8], total = 0;
    _mm256_storeu_ps(parts, _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
    for (int i = 0; i < 8; i++) total += parts[i];
    for (; c < columns; c++) total += one(w + c) * x[c];
    return total;
}

void arctic_fp8_rows(const uint8_t *w, const float *scale, const float *x, float *y, long tokens, long rows, long columns,
                     int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (long r = 0; r < rows; r++)
        for (long t = 0; t < tokens; t++)
            y[t * rows + r] = row(w + r * columns, x + t * columns, columns) * 256 * scale[r];
    (void)threads;
}
#else
#error "no F16C: torch's own way is as fast"
#endif
