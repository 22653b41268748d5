// The forward pass of a transformer on a CPU: weights where PyTorch keeps them, logits out, nothing in between.
//
// kernel.py compiles this file on first use and calls `orrery_forward`, at the end. It computes what
// models/transformer.py computes, without a few microseconds for each of hundreds of small operations a token.
//
// The idea. Nearly all the work is `product` (kernel_vectors.h): every output is the dot product of a row of weights,
// as it lies in memory, and a token's vector. One token uses each weight once, so it can be as fast as memory is; many
// tokens use each weight that was read many times, so they can be as fast as the arithmetic is. Both are done by the
// same little function, `tile`: R rows of weights by X tokens, a sum for each pair in a register.
//
// The promise. A token's result is the same, bit for bit, whatever other tokens are computed beside it and by however
// many threads: every dot product is summed up in one order, along the row, LANES partial sums at a time, and these
// always in the same tree; and whatever else is done to a token is done to it alone.
//
// Precision. Accumulators, the residual stream, norms, softmax and activations are float32. With bfloat16 weights the
// vectors that meet weights, keys or values are rounded to bfloat16 first, as are keys and values in the cache.
//
// Shapes, at the end of lines:
//     N tokens   D width   H query heads   K key/value heads   G = H / K   C head width   M MLP width   V vocabulary
//     S tokens attended to

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <vector>

#include "kernel_threads.h"
#include "kernel_vectors.h"

// What kernel.py fills in; the same fields in the same order stand there. Null: there is no such part.
struct Block {
    const void *attention_norm, *attention_norm_bias, *qkv, *qkv_bias, *query_norm, *key_norm, *output, *output_bias;
    const void *mlp_norm, *mlp_norm_bias, *gate, *up, *up_bias, *down, *down_bias;
};
struct Model {
    int64_t vocab, width, heads, kv_heads, head_width, mlp_width, layers, slots, capacity;
    int64_t layer_stride, slot_stride, head_stride, position_stride;  // of the cache, in numbers
    double norm_eps;
    int64_t is_bfloat16;
    const void *tokens, *positions, *final_norm, *final_norm_bias, *unembedding;
    const float* frequencies;  // C/2; null: positions are learned vectors
    void *keys, *values;
    const Block* blocks;
};

namespace {

// Memory that grows as needed and is used again, each piece beginning on a cache line.
class Scratch {
    struct alignas(64) Line {
        char bytes[64];
    };
    std::vector<Line> lines_;

  public:
    template <class T> T* get(size_t count) {
        size_t needed = (count * sizeof(T) + 63) / 64 + 1;  // one to spare: whole vectors may reach beyond the end
        if (lines_.size() < needed) lines_.resize(needed);
        return reinterpret_cast<T*>(lines_.data());
    }
};

constexpr int TOKENS_AT_ONCE = 128;  // a longer call is computed in pieces, whose vectors stay in the cache
constexpr int CHUNK = 48;            // rows of weights a thread takes at a time, or a few times as many; a multiple
constexpr int WIDEST = 4 * CHUNK;    // of TILE_ROWS and LANES
static_assert(CHUNK % TILE_ROWS == 0 && CHUNK % LANES == 0, "chunks are whole tiles and whole vectors");

long padded(long count) { return (count + LANES - 1) / LANES * LANES; }

// RMSNorm, or LayerNorm where there is a bias, of `count` numbers; `x` may be read up to the next whole vector.
template <class T, class To>
void normalise(const float* x, long count, const T* weight, const T* bias, float eps, To* to) {
    float mean = 0;
    if (bias) {
        Floats total = {};
        for (long i = 0; i < count; i += LANES) total += keep(load(x + i), count - i);
        mean = sum(total) / count;
    }
    Floats squares = {};
    for (long i = 0; i < count; i += LANES) {
        Floats away = keep(load(x + i) - mean, count - i);
        squares += away * away;
    }
    float inverse = 1 / std::sqrt(sum(squares) / count + eps);
    for (long i = 0; i < count; i++)
        narrow((x[i] - mean) * inverse * widen(weight[i]) + (bias ? widen(bias[i]) : 0), to[i]);
}

// Turn the pairs (x[i], x[i + C/2]) by the angles whose cosines and sines are given.
void rotate(float* x, const float* cosine, const float* sine, long half) {
    for (long i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + half] = b * cosine[i] + a * sine[i];
    }
}

// exp(scale * (score - highest)) in place, for S scores; returns their sum. Lanes up to the next whole vector become 0.
float soften(float* scores, long S, float scale) {
    Floats top = Floats{} - INFINITY;
    for (long s = 0; s < S; s += LANES) {
        Floats score = keep(load(scores + s), S - s, -INFINITY);
        top = score > top ? score : top;
    }
    float highest = largest(top);
    Floats total = {};
    for (long s = 0; s < S; s += LANES) {
        Floats weight = keep(exponential((load(scores + s) - highest) * scale), S - s);
        store(scores + s, weight);
        total += weight;
    }
    return sum(total);
}

// B vectors of the weighted sum of S rows of values, from `values` on; `count` numbers are there to be read. Meanwhile
// memory fetches what lies as far from `next`: the keys of the next head.
template <int B, class T>
void mix(const T* values, const T* next, long stride, const float* weights, long S, long count, float scale, T* to) {
    Floats acc[B] = {};
    for (long s = 0; s < S; s++)
#pragma GCC unroll 4
        for (int b = 0; b < B; b++) {
            __builtin_prefetch(next + s * stride + b * LANES);
            Floats value = load(values + s * stride + b * LANES, count - b * LANES);
            acc[b] = multiply_add(Floats{} + weights[s], value, acc[b]);
        }
    float mixed[B * LANES];
    for (int b = 0; b < B; b++) store(mixed + b * LANES, acc[b] * scale);
    for (long i = 0; i < std::min<long>(count, B * LANES); i++) narrow(mixed[i], to[i]);
}

// G queries [G C] attend to S keys and values -> `to` [G C]. Memory is kept busy: it fetches values while queries meet
// keys, and the next head's keys while values are mixed.
template <class T>
void attend(const T* q, const T* keys, const T* values, const T* next, long stride, long S, long G, long C, T* to) {
    static thread_local Scratch memory;
    constexpr long SOME = 24, LINE = 64 / sizeof(T);
    const long row = padded(S);
    float* scores = memory.get<float>(G * row);  // G S
    for (long first = 0; first < S; first += SOME) {
        const long some = std::min(SOME, S - first);
        for (long s = first; s < first + some; s++)
            for (long c = 0; c < C; c += LINE) __builtin_prefetch(values + s * stride + c);
        product(keys + first * stride, stride, some, q, C, G, C, scores + first, row);
    }
    for (long g = 0; g < G; g++) {
        float* weights = scores + g * row;
        float scale = 1 / soften(weights, S, 1 / std::sqrt(float(C)));
        long c = 0;
        for (; c + 4 * LANES <= C; c += 4 * LANES)
            mix<4>(values + c, next + c, stride, weights, S, 4 * LANES, scale, to + g * C + c);
        for (; c < C; c += LANES) mix<1>(values + c, next + c, stride, weights, S, C - c, scale, to + g * C + c);
    }
}

// silu(gate) * up, or gelu(up) in its tanh approximation where there is no gate, of `count` numbers. Both activations
// are x times a sigmoid. `up` is overwritten; it and `gate` are read up to the next whole vector.
template <class T> void activate(const float* gate, float* up, long count, T* to) {
    for (long i = 0; i < count; i += LANES) {
        Floats u = load(up + i), y;
        if (gate) {
            Floats g = load(gate + i);
            y = g / (1.0f + exponential(-g)) * u;
        } else
            y = u / (1.0f + exponential(-1.5957691216f * (u + 0.044715f * u * u * u)));  // 2 sqrt(2 / pi)
        store(up + i, y);
    }
    for (long i = 0; i < count; i++) narrow(up[i], to[i]);
}

// Each thread's own room for a chunk of a product, twice: N WIDEST.
float* piece() {
    static thread_local Scratch memory;
    return memory.get<float>(2 * TOKENS_AT_ONCE * WIDEST);
}

template <class T> float at(const T* x, long i) { return x ? widen(x[i]) : 0; }

struct Call {
    int64_t tokens;
    const int64_t *ids, *slots, *positions;  // N each
    int64_t wanted_tokens;
    const int64_t* wanted;
    float* logits;  // wanted V
    Team* team;     // null: this thread alone
    int64_t threads;  // that the team has

    template <class Work> void share(int64_t chunks, Work&& work) const {
        if (team && chunks > 1)
            team->share(int(chunks), work);
        else
            for (int64_t chunk = 0; chunk < chunks; chunk++) work(int(chunk));
    }
    // work(row, rows) for chunks of `rows` rows: few, since each costs something to take, but two for every thread, so
    // that one which the system puts aside delays little.
    template <class Work> void share_rows(int64_t rows, Work&& work) const {
        const long fair = team ? rows / (2 * threads) / CHUNK * CHUNK : CHUNK;
        const long each = std::min<long>(std::max<long>(fair, CHUNK), WIDEST);
        share((rows + each - 1) / each, [&](int chunk) {
            work(chunk * each, std::min<long>(each, rows - chunk * each));
        });
    }
    // work(token) for each of `count` tokens, few at a time.
    template <class Work> void share_tokens(int64_t count, Work&& work) const {
        share((count + 3) / 4, [&](int chunk) {
            for (int64_t t = chunk * 4; t < std::min<int64_t>(count, chunk * 4 + 4); t++) work(t);
        });
    }
};

template <class T> const T* as(const void* pointer) { return static_cast<const T*>(pointer); }

template <class T> void forward(const Model& m, const Call& call) {
    const long D = m.width, H = m.heads, K = m.kv_heads, C = m.head_width, M = m.mlp_width, V = m.vocab, G = H / K;
    const long row = padded(D), joint = (H + 2 * K) * C;
    static thread_local Scratch memory[8];
    const long most = std::min<long>(TOKENS_AT_ONCE, call.tokens);
    float* x = memory[0].get<float>(most * row);       // N D, the residual stream
    float* qkv = memory[1].get<float>(most * joint);   // N (H+2K)C
    float* turns = memory[2].get<float>(most * C);     // N C: cosines, then sines
    T* normed = memory[3].get<T>(most * D);            // N D
    T* queries = memory[4].get<T>(most * H * C);       // N H C
    T* mixed = memory[5].get<T>(most * H * C);         // N H C
    T* active = memory[6].get<T>(most * M);            // N M
    T* last = memory[7].get<T>(call.wanted_tokens * D);  // wanted D
    int64_t found = 0;

    for (int64_t start = 0; start < call.tokens; start += most) {
        const long N = std::min<long>(most, call.tokens - start);
        const int64_t *ids = call.ids + start, *slots = call.slots + start, *positions = call.positions + start;

        call.share_tokens(N, [&](long t) {
            const T *token = as<T>(m.tokens) + ids[t] * D, *place = as<T>(m.positions);
            if (place) place += positions[t] * D;
            for (long d = 0; d < D; d++) x[t * row + d] = widen(token[d]) + at(place, d);
            if (m.frequencies)
                for (long i = 0; i < C / 2; i++) {
                    float angle = float(positions[t]) * m.frequencies[i];
                    turns[t * C + i] = std::cos(angle);
                    turns[t * C + C / 2 + i] = std::sin(angle);
                }
        });

        for (long layer = 0; layer < m.layers; layer++) {
            const Block& block = m.blocks[layer];
            T* keys = static_cast<T*>(m.keys) + layer * m.layer_stride;
            T* values = static_cast<T*>(m.values) + layer * m.layer_stride;

            auto normalise_all = [&](const void* weight, const void* bias) {
                call.share_tokens(N, [&](long t) {
                    normalise(x + t * row, D, as<T>(weight), as<T>(bias), float(m.norm_eps), normed + t * D);
                });
            };
            auto add_to_stream = [&](const void* weight, const void* bias, const T* from, long inner) {
                call.share_rows(D, [&](long first, long rows) {
                    float* y = piece();
                    product(as<T>(weight) + first * inner, inner, rows, from, inner, N, inner, y, WIDEST);
                    for (long t = 0; t < N; t++)
                        for (long r = 0; r < rows; r++)
                            x[t * row + first + r] += y[t * WIDEST + r] + at(as<T>(bias), first + r);
                });
            };

            normalise_all(block.attention_norm, block.attention_norm_bias);
            call.share_rows(joint, [&](long first, long rows) {
                product(as<T>(block.qkv) + first * D, D, rows, normed, D, N, D, qkv + first, joint);
            });
            call.share_tokens(N, [&](long t) {
                for (long h = 0; h < H + 2 * K; h++) {
                    float* head = qkv + t * joint + h * C;
                    if (block.qkv_bias)
                        for (long c = 0; c < C; c++) head[c] += at(as<T>(block.qkv_bias), h * C + c);
                    if (h < H + K) {
                        const void* norm = h < H ? block.query_norm : block.key_norm;
                        if (norm) normalise(head, C, as<T>(norm), as<T>(nullptr), float(m.norm_eps), head);
                        if (m.frequencies) rotate(head, turns + t * C, turns + t * C + C / 2, C / 2);
                    }
                    T* to = queries + (t * H + h) * C;
                    if (h >= H) {
                        T* cache = h < H + K ? keys : values;
                        to = cache + slots[t] * m.slot_stride + (h - H) % K * m.head_stride +
                             positions[t] * m.position_stride;
                    }
                    for (long c = 0; c < C; c++) narrow(head[c], to[c]);
                }
            });
            call.share(N * K, [&](int chunk) {
                auto start = [&](long head) { return slots[head / K] * m.slot_stride + head % K * m.head_stride; };
                const long t = chunk / K, at_q = (t * H + chunk % K * G) * C;
                attend(queries + at_q, keys + start(chunk), values + start(chunk),
                       keys + start(std::min<long>(chunk + 1, N * K - 1)), m.position_stride, positions[t] + 1, G, C,
                       mixed + at_q);
            });
            add_to_stream(block.output, block.output_bias, mixed, H * C);

            normalise_all(block.mlp_norm, block.mlp_norm_bias);
            call.share_rows(M, [&](long first, long rows) {
                float *up = piece(), *gate = block.gate ? up + TOKENS_AT_ONCE * WIDEST : nullptr;
                product(as<T>(block.up) + first * D, D, rows, normed, D, N, D, up, WIDEST);
                if (gate) product(as<T>(block.gate) + first * D, D, rows, normed, D, N, D, gate, WIDEST);
                for (long t = 0; t < N; t++) {
                    if (block.up_bias)
                        for (long r = 0; r < rows; r++) up[t * WIDEST + r] += at(as<T>(block.up_bias), first + r);
                    activate(gate ? gate + t * WIDEST : nullptr, up + t * WIDEST, rows, active + t * M + first);
                }
            });
            add_to_stream(block.down, block.down_bias, active, M);
        }

        for (; found < call.wanted_tokens && call.wanted[found] < start + N; found++)
            normalise(x + (call.wanted[found] - start) * row, D, as<T>(m.final_norm), as<T>(m.final_norm_bias),
                      float(m.norm_eps), last + found * D);
    }
    call.share_rows(V, [&](long first, long rows) {
        for (long t = 0; t < call.wanted_tokens; t += TOKENS_AT_ONCE)
            product(as<T>(m.unembedding) + first * D, D, rows, last + t * D, D,
                    std::min<long>(TOKENS_AT_ONCE, call.wanted_tokens - t), D, call.logits + t * V + first, V);
    });
}

}  // namespace

// Runs N tokens through the model, writes their keys and values into the cache and the logits of those that are wanted.
// Returns -1; or, with nothing touched, which token is not the model's or has no place in the cache, N + i: wanted i.
extern "C" int64_t orrery_forward(
    const Model* m, int64_t tokens, const int64_t* ids, const int64_t* slots, const int64_t* positions,
    int64_t wanted_tokens, const int64_t* wanted, float* logits, int64_t threads) {
    for (int64_t i = 0; i < tokens; i++)
        if (ids[i] < 0 || ids[i] >= m->vocab || slots[i] < 0 || slots[i] >= m->slots || positions[i] < 0 ||
            positions[i] >= m->capacity)
            return i;
    for (int64_t i = 0; i < wanted_tokens; i++)
        if (wanted[i] < 0 || wanted[i] >= tokens || (i && wanted[i] <= wanted[i - 1])) return tokens + i;
    Call call = {tokens, ids, slots, positions, wanted_tokens, wanted, logits, nullptr, threads};
    std::unique_lock<std::mutex> in_use;
    if (threads > 1) {
        Team& team = Team::mine();
        in_use = std::unique_lock<std::mutex>(team.in_use, std::try_to_lock);
        if (in_use) {  // else another call has the team, and this one does without
            team.set_helpers(int(threads) - 1);
            call.team = &team;
        }
    }
    if (m->is_bfloat16)
        forward<bfloat16>(*m, call);
    else
        forward<float>(*m, call);
    return -1;
}

// Whether this build multiplies bfloat16 numbers by an instruction of their own, and so faster than float32.
extern "C" int64_t orrery_has_bfloat16() { return Register<bfloat16>::COUNT > LANES; }
