// Vectors of numbers, and the products of matrices and vectors that nearly all of a forward pass consists of.
//
// Written with the vector types of GCC and Clang, which are made into whatever the CPU has. Only instructions that
// round once where two operations would round twice are named: a compiler that puts them in as it likes (-ffp-contract)
// gives the same sum different last bits in different places. Part of kernel.cpp.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <utility>
#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

// Sizes of a register and of a tile: TILE_ROWS x TILE_TOKENS accumulators and what they are made of fit the registers.
#if defined(__AVX512F__)
constexpr int LANES = 16, TILE_ROWS = 6, TILE_TOKENS = 4;
#elif defined(__AVX__)
constexpr int LANES = 8, TILE_ROWS = 3, TILE_TOKENS = 4;
#else
constexpr int LANES = 4, TILE_ROWS = 3, TILE_TOKENS = 4;
#endif
static_assert(TILE_ROWS <= LANES, "the sums of a tile's rows fit one vector");

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint16_t Shorts __attribute__((vector_size(2 * LANES)));
struct bfloat16 {
    uint16_t bits;
};

float widen(float x) { return x; }
float widen(bfloat16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float wide;
    memcpy(&wide, &bits, 4);
    return wide;
}
void narrow(float x, float& y) { y = x; }
void narrow(float x, bfloat16& y) {  // to the nearest, ties to even
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    y.bits = uint16_t(x != x ? bits >> 16 | 0x40 : rounded);
}

// Vector of LANES numbers, as float32; or of only the first `count`, then zeros, without reading further.
Floats load(const float* x) {
    Floats v;
    memcpy(&v, x, sizeof v);
    return v;
}
Floats load(const bfloat16* x) {
    Shorts v;
    memcpy(&v, x, sizeof v);
    return (Floats)(__builtin_convertvector(v, Ints) << 16);
}
template <class T> Floats load(const T* x, long count) {
    if (count >= LANES) return load(x);
    T part[LANES] = {};
    memcpy(part, x, count * sizeof(T));
    return load(part);
}
// a * b + c, rounded once where the CPU can.
Floats multiply_add(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
    return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}
void store(float* to, Floats v) { memcpy(to, &v, sizeof v); }

Ints numbers() {
    Ints v;
    for (int lane = 0; lane < LANES; lane++) v[lane] = lane;
    return v;
}
Floats keep(Floats v, long count, float otherwise = 0) { return numbers() < int(count) ? v : Floats{} + otherwise; }

// Each group of 2 SPAN lanes of a, and then of b, becomes one of SPAN: its first half plus its second.
template <int SPAN, int... LANE> Floats fold(Floats a, Floats b, std::integer_sequence<int, LANE...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, (LANE / SPAN * 2 * SPAN + LANE % SPAN)...) +
           __builtin_shufflevector(a, b, (LANE / SPAN * 2 * SPAN + LANE % SPAN + SPAN)...);
#else
    return __builtin_shuffle(a, b, Ints{(LANE / SPAN * 2 * SPAN + LANE % SPAN)...}) +
           __builtin_shuffle(a, b, Ints{(LANE / SPAN * 2 * SPAN + LANE % SPAN + SPAN)...});
#endif
}
// The sums of N vectors' lanes, in the first N lanes of one. Each is the same tree, whatever N: halves are added until
// one lane is left. Vectors are folded in pairs, an odd one with itself.
template <int N, int SPAN = LANES / 2> inline Floats sums(const Floats (&v)[N]) {
    if constexpr (SPAN == 0) return v[0];
    else {
        Floats half[(N + 1) / 2];
#pragma GCC unroll 8
        for (int i = 0; i < (N + 1) / 2; i++)
            half[i] = fold<SPAN>(v[2 * i], v[std::min(2 * i + 1, N - 1)], std::make_integer_sequence<int, LANES>());
        return sums<(N + 1) / 2, SPAN / 2>(half);
    }
}
float sum(Floats v) { return sums<1>({v})[0]; }
float largest(Floats v) {
    float top = v[0];
    for (int lane = 1; lane < LANES; lane++) top = v[lane] > top ? v[lane] : top;
    return top;
}

// e^x, to about 1e-7 of its value: e^x = 2^n e^r with |r| < ln(2)/2, and a polynomial for e^r (as in Cephes' expf).
Floats exponential(Floats x) {
    x = x < -87.0f ? Floats{} - 87.0f : x;
    x = x > 88.0f ? Floats{} + 88.0f : x;
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    Floats n = (x * 1.44269504f + magic) - magic;
    Floats r = multiply_add(n, Floats{} + 2.12194440e-4f, x - n * 0.693359375f);  // ln 2 in two parts
    Floats p = Floats{} + 1.9875691500e-4f;
    for (float factor : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
        p = multiply_add(p, r, Floats{} + factor);
    p = multiply_add(p, r * r, r + 1.0f);
    return p * (Floats)((__builtin_convertvector(n, Ints) + 127) << 23);
}

// What a register of T holds, how it is read (or a part of it, the rest being 0), and acc[lane] += the products there.
template <class T> struct Register {
    typedef Floats Held;
    static constexpr int COUNT = LANES;
    static Held read(const T* x) { return load(x); }
    static Held read(const T* x, long count) { return load(x, count); }
    static void add_product(Floats& acc, Held a, Held b) { acc = multiply_add(a, b, acc); }
};
#if defined(__AVX512BF16__)
template <> struct Register<bfloat16> {  // two neighbours a lane, multiplied and added by one instruction
    typedef __m512bh Held;
    static constexpr int COUNT = 2 * LANES;
    static Held read(const bfloat16* x) { return (__m512bh)_mm512_loadu_si512(x); }
    static Held read(const bfloat16* x, long count) {
        return (__m512bh)_mm512_maskz_loadu_epi16(~__mmask32(0) >> (COUNT - count), x);
    }
    static void add_product(Floats& acc, Held a, Held b) { acc = (Floats)_mm512_dpbf16_ps((__m512)acc, a, b); }
};
#endif

// y[token][row] = the dot product of R rows of weights `w` and X vectors `x` of `inner` numbers each; `add`: +=.
// Neighbouring rows, vectors and lines of y lie a stride apart.
template <class T, int R, int X>
void tile(const T* w, long w_stride, const T* x, long x_stride, long inner, float* y, long y_stride, bool add) {
    typedef Register<T> Reg;
    constexpr int AHEAD = X == 1 ? 4 * R : R;  // memory fetches later rows meanwhile; one vector is soon done
    Floats acc[X][R] = {};
    long k = 0;
    auto step = [&](auto read) __attribute__((always_inline)) {
        typename Reg::Held weight[R];
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            weight[r] = read(w + r * w_stride + k);
            __builtin_prefetch(w + (r + AHEAD) * w_stride + k);
        }
#pragma GCC unroll 8
        for (int t = 0; t < X; t++) {
            typename Reg::Held vector = read(x + t * x_stride + k);
#pragma GCC unroll 8
            for (int r = 0; r < R; r++) Reg::add_product(acc[t][r], weight[r], vector);
        }
    };
    for (; k + Reg::COUNT <= inner; k += Reg::COUNT) step([](const T* from) { return Reg::read(from); });
    if (k < inner) step([=](const T* from) { return Reg::read(from, inner - k); });
#pragma GCC unroll 8
    for (int t = 0; t < X; t++) {
        Floats dots = sums<R>(acc[t]), before = {};
        if (add) memcpy(&before, y + t * y_stride, R * sizeof(float));
        dots += before;
        memcpy(y + t * y_stride, &dots, R * sizeof(float));
    }
}

// The same for R rows and any number of vectors.
template <class T, int R>
void band(const T* w, long w_stride, const T* x, long x_stride, long tokens, long inner, float* y, long y_stride,
          bool add) {
    long t = 0;
    for (; t + TILE_TOKENS <= tokens; t += TILE_TOKENS)
        tile<T, R, TILE_TOKENS>(w, w_stride, x + t * x_stride, x_stride, inner, y + t * y_stride, y_stride, add);
    x += t * x_stride, y += t * y_stride;
    if (tokens - t == 3) tile<T, R, 3>(w, w_stride, x, x_stride, inner, y, y_stride, add);
    if (tokens - t == 2) tile<T, R, 2>(w, w_stride, x, x_stride, inner, y, y_stride, add);
    if (tokens - t == 1) tile<T, R, 1>(w, w_stride, x, x_stride, inner, y, y_stride, add);
}

// The same for any number of both: y [tokens rows] = x [tokens inner] w^T. A band of rows stays in the first-level
// cache while all tokens meet it; long rows are therefore cut into pieces, the same ones whatever the number of tokens.
template <class T>
void product(const T* w, long w_stride, long rows, const T* x, long x_stride, long tokens, long inner, float* y,
             long y_stride) {
    constexpr long PIECE = 3072 / sizeof(T);
    auto pieces = [&](long r, auto band) {
        for (long k = 0; k < inner; k += PIECE)
            band(w + r * w_stride + k, w_stride, x + k, x_stride, tokens, std::min(PIECE, inner - k), y + r, y_stride,
                 k > 0);
    };
    long r = 0;
    for (; r + TILE_ROWS <= rows; r += TILE_ROWS) pieces(r, band<T, TILE_ROWS>);
    for (; r < rows; r++) pieces(r, band<T, 1>);
}

}  // namespace
