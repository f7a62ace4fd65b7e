// Forward and backward sweeps over memory. Compile without contraction of a*b+c: the formulas rely on it.
#include "dynact.h"

#include <algorithm>
#include <cstring>

#if defined(__AVX__) || defined(__F16C__) || defined(__FMA__)
#include <immintrin.h>
#endif

namespace dynact {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
constexpr int kVectors = kLanes / kWidth;

typedef float V __attribute__((vector_size(kWidth * 4)));
typedef int32_t M __attribute__((vector_size(kWidth * 4)));
typedef uint32_t U __attribute__((vector_size(kWidth * 4)));
typedef uint16_t U16 __attribute__((vector_size(kWidth * 2)));
typedef float HalfV __attribute__((vector_size(kWidth * 2)));
typedef double HalfD __attribute__((vector_size(kWidth * 4)));

struct D { // as many doubles as V has floats
  HalfD low, high;
};
struct Parts {
  V a, rest, slope;
};

#define INLINE __attribute__((always_inline)) inline
INLINE D operator+(D a, D b) { return {a.low + b.low, a.high + b.high}; }
INLINE D operator-(D a, D b) { return {a.low - b.low, a.high - b.high}; }
INLINE D operator*(D a, D b) { return {a.low * b.low, a.high * b.high}; }
INLINE D operator/(D a, D b) { return {a.low / b.low, a.high / b.high}; }

template <class T> INLINE T constant(double value);
template <> INLINE V constant<V>(double value) { return V{} + static_cast<float>(value); }
template <> INLINE D constant<D>(double value) { return {HalfD{} + value, HalfD{} + value}; }

#if defined(__AVX512F__) // elsewhere compilers see through the copies
INLINE D wide(V x) {
  const __m256d high = _mm512_extractf64x4_pd(_mm512_castps_pd((__m512)x), 1);
  return {(HalfD)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)), (HalfD)_mm512_cvtps_pd(_mm256_castpd_ps(high))};
}
INLINE V narrow(D x) {
  const __m512d low = _mm512_castps_pd(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)x.low)));
  return (V)_mm512_castpd_ps(_mm512_insertf64x4(low, _mm256_castps_pd(_mm512_cvtpd_ps((__m512d)x.high)), 1));
}
#else
INLINE D wide(V x) {
  HalfV low, high;
  std::memcpy(&low, &x, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char *>(&x) + sizeof low, sizeof high);
  return {__builtin_convertvector(low, HalfD), __builtin_convertvector(high, HalfD)};
}
INLINE V narrow(D x) {
  const HalfV low = __builtin_convertvector(x.low, HalfV), high = __builtin_convertvector(x.high, HalfV);
  V result;
  std::memcpy(&result, &low, sizeof low);
  std::memcpy(reinterpret_cast<char *>(&result) + sizeof low, &high, sizeof high);
  return result;
}
#endif
INLINE V pow2(V biased) { return (V)((U)biased << 23); }
INLINE V magnitude(V x) { return (V)((U)x & 0x7fffffffu); }
// a b - result, rounded once: exact in float64 before that, where there is no such instruction.
#if defined(__AVX512F__)
INLINE V lost(V a, V b, V result) { return (V)_mm512_fmsub_ps((__m512)a, (__m512)b, (__m512)result); }
#elif defined(__FMA__) && defined(__AVX__)
INLINE V lost(V a, V b, V result) { return (V)_mm256_fmsub_ps((__m256)a, (__m256)b, (__m256)result); }
#else
INLINE V lost(V a, V b, V result) { return narrow(wide(a) * wide(b) - wide(result)); }
#endif
#if defined(__AVX512F__) // these instructions give the second operand if one is NaN or both are zeros
INLINE V at_least(V x, V low) { return (V)_mm512_max_ps((__m512)low, (__m512)x); }
INLINE V at_most(V x, V high) { return (V)_mm512_min_ps((__m512)high, (__m512)x); }
#else
INLINE V at_least(V x, V low) { return x < low ? low : x; }
INLINE V at_most(V x, V high) { return x > high ? high : x; }
#endif

// The row of a table that the low five bits of each lane's place name.
constexpr int kRowsOfTable = 32, kColumns = 8;
typedef float Table[kRowsOfTable * kColumns];
struct Row {
  V at[kColumns];
};
#if defined(__AVX512F__)
struct Columns { // a column is two vectors
  float at[kColumns][kRowsOfTable];
  constexpr Columns(const Table &rows) : at() {
    for (int n = 0; n < kRowsOfTable * kColumns; ++n) at[n % kColumns][n / kColumns] = rows[n];
  }
};
template <const Table &kTable> INLINE Row look_up(V place) {
  static constexpr Columns columns(kTable);
  Row row;
  for (int c = 0; c < kColumns; ++c)
    row.at[c] = (V)_mm512_permutex2var_ps(_mm512_loadu_ps(columns.at[c]), (__m512i)place,
                                          _mm512_loadu_ps(columns.at[c] + kWidth));
  return row;
}
INLINE bool any(M mask) { return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0; }
#elif defined(__AVX__)
template <const Table &kTable> INLINE Row look_up(V place) { // rows are vectors, turned into columns
  const __m256i offsets = (__m256i)(((U)place % kRowsOfTable) * kColumns);
  const __m128i low = _mm256_castsi256_si128(offsets), high = _mm256_extractf128_si256(offsets, 1);
  const uint64_t pairs[] = {(uint64_t)_mm_cvtsi128_si64(low), (uint64_t)_mm_extract_epi64(low, 1),
                            (uint64_t)_mm_cvtsi128_si64(high), (uint64_t)_mm_extract_epi64(high, 1)};
  const auto row_of = [&](int lane) { return kTable + static_cast<uint32_t>(pairs[lane / 2] >> lane % 2 * 32); };
  const auto half = [&](int lane, int column) { // of a row and of the fourth after it
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row_of(lane) + column)),
                                _mm_loadu_ps(row_of(lane + 4) + column), 1);
  };
  Row row;
  for (int c = 0; c < kColumns; c += 4) {
    const __m256 first = half(0, c), second = half(1, c), third = half(2, c), fourth = half(3, c);
    const __m256 a = _mm256_unpacklo_ps(first, second), b = _mm256_unpacklo_ps(third, fourth);
    const __m256 d = _mm256_unpackhi_ps(first, second), e = _mm256_unpackhi_ps(third, fourth);
    row.at[c] = (V)_mm256_shuffle_ps(a, b, 0x44);
    row.at[c + 1] = (V)_mm256_shuffle_ps(a, b, 0xee);
    row.at[c + 2] = (V)_mm256_shuffle_ps(d, e, 0x44);
    row.at[c + 3] = (V)_mm256_shuffle_ps(d, e, 0xee);
  }
  return row;
}
INLINE bool any(M mask) { return _mm256_movemask_ps((__m256)mask) != 0; }
#else
template <const Table &kTable> INLINE Row look_up(V place) {
  Row row;
  for (int lane = 0; lane < kWidth; ++lane)
    for (int c = 0; c < kColumns; ++c) row.at[c][lane] = kTable[((U)place)[lane] % kRowsOfTable * kColumns + c];
  return row;
}
INLINE bool any(M mask) {
  int32_t all = 0;
  for (int lane = 0; lane < kWidth; ++lane) all |= mask[lane];
  return all != 0;
}
#endif

// A fast formula, and a slow one for vectors that hold values beyond its reach; each lane's bits are its own.
#define SELDOM __attribute__((noinline, cold))
#define TWO_WAYS(name)                                                                                         \
  INLINE V name(const V x) {                                                                                   \
    const V near = name##_near(x);                                                                             \
    const M beyond = name##_beyond(x);                                                                         \
    return __builtin_expect(any(beyond), 0) ? beyond ? name##_everywhere(x) : near : near;                     \
  }

#include "formulas.h"

struct BFloat16 {
  uint16_t bits;
};
struct Half {
  uint16_t bits;
};

template <class T> INLINE V load(const T *from);
template <class T> INLINE void store(T *to, V value);

template <> INLINE V load(const float *from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <> INLINE void store(float *to, V value) { std::memcpy(to, &value, sizeof value); }

template <> INLINE V load(const BFloat16 *from) {
  U16 bits;
  std::memcpy(&bits, from, sizeof bits);
  return (V)(__builtin_convertvector(bits, U) << 16);
}
template <> INLINE void store(BFloat16 *to, V value) {
  const U bits = (U)value, odd = (bits >> 16) & 1u;
  const U rounded = (bits + (odd + 0x7fffu)) >> 16;
  const U16 result = __builtin_convertvector((U)(value != value ? (M)(U{} + 0x7fc0u) : (M)rounded), U16);
  std::memcpy(to, &result, sizeof result);
}

#if defined(__F16C__)
template <> INLINE V load(const Half *from) {
#if defined(__AVX512F__)
  return (V)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
#else
  return (V)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
#endif
}
template <> INLINE void store(Half *to, V value) {
#if defined(__AVX512F__)
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), _mm512_cvtps_ph((__m512)value, 0));
#else
  _mm_storeu_si128(reinterpret_cast<__m128i *>(to), _mm256_cvtps_ph((__m256)value, 0));
#endif
}
#else
template <> INLINE V load(const Half *from) {
  V value;
  for (int lane = 0; lane < kWidth; ++lane) {
    _Float16 half;
    std::memcpy(&half, from + lane, 2);
    value[lane] = static_cast<float>(half);
  }
  return value;
}
template <> INLINE void store(Half *to, V value) {
  for (int lane = 0; lane < kWidth; ++lane) {
    const _Float16 half = static_cast<_Float16>(value[lane]);
    std::memcpy(to + lane, &half, 2);
  }
}
#endif

template <int kBase> V base_forward(V x);
template <int kBase> Parts base_parts(V x);
#define SPECIALISE(number, name)                                                                               \
  template <> INLINE V base_forward<number>(V x) { return name##_forward(x); }                                 \
  template <> INLINE Parts base_parts<number>(V x) { return name##_parts(x); }
FOR_EACH_BASE(SPECIALISE)

// Scalars of a run: either one value everywhere or one a channel. Their difference is rounded once, here.
struct Scalars {
  V difference, beta;
  M none; // beta is zero: leave beta * x out, for infinity times zero is no number
};
INLINE Scalars scalars(V alpha, V beta) { return {alpha - beta, beta, beta == constant<V>(0)}; }

constexpr int kCheap = 4; // bases below this number take less than the loop around them

enum class Mode { kBase, kOnlyAlpha, kBoth, kEither }; // kEither: some channels have a beta

template <int kBase, Mode kMode> INLINE V value_at(V x, const Scalars &s) {
  const V a = base_forward<kBase>(x);
  if (kMode == Mode::kBase) return a;
  const V scaled = a * s.difference;
  if (kMode == Mode::kOnlyAlpha) return scaled;
  const V both = scaled + s.beta * x;
  return kMode == Mode::kBoth ? both : s.none ? scaled : both;
}

// The last, incomplete vector runs through the same code in a padded copy.
template <class T> struct Padded {
  T values[kLanes] = {};
  Padded(const T *from, int64_t count) { std::memcpy(values, from, count * sizeof(T)); }
};

template <int kBase, class T, Mode kMode>
void run_forward(const T *x, T *y, int64_t count, const Scalars &given) {
  const Scalars s = given; // a copy stays in registers: what is stored could not have changed it
  int64_t i = 0;
  if constexpr (kBase < kCheap)
    for (; i + 4 * kWidth <= count; i += 4 * kWidth) {
      store(y + i, value_at<kBase, kMode>(load(x + i), s));
      store(y + i + kWidth, value_at<kBase, kMode>(load(x + i + kWidth), s));
      store(y + i + 2 * kWidth, value_at<kBase, kMode>(load(x + i + 2 * kWidth), s));
      store(y + i + 3 * kWidth, value_at<kBase, kMode>(load(x + i + 3 * kWidth), s));
    }
  for (; i + kWidth <= count; i += kWidth) store(y + i, value_at<kBase, kMode>(load(x + i), s));
  if (i < count) {
    Padded<T> tail(x + i, count - i);
    store(tail.values, value_at<kBase, kMode>(load(tail.values), s));
    std::memcpy(y + i, tail.values, (count - i) * sizeof(T));
  }
}

template <int kBase, class T>
void run_forward(const T *x, T *y, int64_t count, const float *alpha, const float *beta) {
  if (alpha == nullptr) return run_forward<kBase, T, Mode::kBase>(x, y, count, Scalars{});
  const Scalars s = scalars(constant<V>(*alpha), constant<V>(*beta));
  if (*beta == 0) return run_forward<kBase, T, Mode::kOnlyAlpha>(x, y, count, s);
  run_forward<kBase, T, Mode::kBoth>(x, y, count, s);
}

template <int kBase> INLINE V slope_at(V x, const Parts &parts, const Scalars &s) {
  const auto bent = [&](V slope) { return slope * s.difference + s.beta; };
  if constexpr (kBase == 1 || kBase == 2) { // relu and leaky_relu have two slopes: the same for every vector
    const V below = bent(base_parts<kBase>(constant<V>(0)).slope), above = bent(base_parts<kBase>(constant<V>(1)).slope);
    return x <= constant<V>(0) ? below : above;
  }
  return bent(parts.slope);
}

// Sums of one run, side by side.
struct Totals {
  V first{}, second{}, third{}, fourth{}; // as many as kVectors says are used
  template <int k> INLINE V &at() {
    if constexpr (k == 0) return first;
    else if constexpr (k == 1) return second;
    else if constexpr (k == 2) return third;
    else return fourth;
  }
};

template <int kBase, class T, bool kSums, int k = 0>
INLINE void step(const T *grad, const T *x, T *grad_x, const Scalars &s, Totals &alpha, Totals &beta) {
  const V g = load(grad + k * kWidth), in = load(x + k * kWidth);
  const Parts parts = base_parts<kBase>(in);
  store(grad_x + k * kWidth, g * slope_at<kBase>(in, parts, s));
  if constexpr (kSums) {
    alpha.at<k>() += g * parts.a;
    beta.at<k>() += g * parts.rest;
  }
  if constexpr (k + 1 < kVectors) step<kBase, T, kSums, k + 1>(grad, x, grad_x, s, alpha, beta);
}

// Adds the upper half of the lanes to the lower until one is left.
#if defined(__AVX512F__)
INLINE float halve(V sums) {
  const __m512d whole = _mm512_castps_pd((__m512)sums);
  const __m256 eight = _mm256_add_ps(_mm256_castpd_ps(_mm512_castpd512_pd256(whole)),
                                     _mm256_castpd_ps(_mm512_extractf64x4_pd(whole, 1)));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
#else
// Inlined, its memory would hold the sums while they are being added up, and every step would wait for the last.
__attribute__((noinline)) float halve(V sums) {
  typedef float Eight __attribute__((vector_size(32)));
  typedef float Four __attribute__((vector_size(16)));
  Four quarter;
  if constexpr (kWidth == 4) {
    std::memcpy(&quarter, &sums, sizeof quarter);
  } else {
    Eight low, high{};
    std::memcpy(&low, &sums, sizeof low);
    if constexpr (kWidth == 16) {
      std::memcpy(&high, reinterpret_cast<const char *>(&sums) + sizeof low, sizeof high);
      low += high;
    }
    Four upper;
    std::memcpy(&quarter, &low, sizeof quarter);
    std::memcpy(&upper, reinterpret_cast<const char *>(&low) + sizeof quarter, sizeof upper);
    quarter += upper;
  }
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}
#endif

INLINE double total(const Totals &t) {
  if constexpr (kVectors == 1) return static_cast<double>(halve(t.first));
  else if constexpr (kVectors == 2) return static_cast<double>(halve(t.first + t.second));
  else return static_cast<double>(halve((t.first + t.third) + (t.second + t.fourth)));
}

template <int kBase, class T, bool kSums>
void run_backward(const T *grad, const T *x, T *grad_x, int64_t count, const Scalars &given, double *sums) {
  const Scalars s = given;
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t end = std::min(count, start + kBlock);
    Totals alpha_sum, beta_sum;
    int64_t i = start;
    for (; i + kLanes <= end; i += kLanes)
      step<kBase, T, kSums>(grad + i, x + i, grad_x + i, s, alpha_sum, beta_sum);
    if (i < end) {
      Padded<T> tail_grad(grad + i, end - i), tail(x + i, end - i);
      step<kBase, T, kSums>(tail_grad.values, tail.values, tail.values, s, alpha_sum, beta_sum);
      std::memcpy(grad_x + i, tail.values, (end - i) * sizeof(T));
    }
    if (kSums) {
      sums[0] += total(alpha_sum);
      sums[1] += total(beta_sum);
    }
  }
}

struct Channels { // scalars of up to kWidth neighbouring channels
  float alpha[kWidth] = {}, beta[kWidth] = {};
  Channels(const float *from_alpha, const float *from_beta, int64_t count) {
    std::memcpy(alpha, from_alpha, count * sizeof(float));
    std::memcpy(beta, from_beta, count * sizeof(float));
  }
  // Again and again until the vector is full.
  static Channels tiled(const float *from_alpha, const float *from_beta, int64_t count) {
    Channels all(from_alpha, from_beta, count);
    for (int lane = static_cast<int>(count); lane < kWidth; ++lane) {
      all.alpha[lane] = from_alpha[lane % count];
      all.beta[lane] = from_beta[lane % count];
    }
    return all;
  }
  Scalars scalars() const { return dynact::scalars(load(alpha), load(beta)); }
};

template <int kBase, class T>
void rows_forward(const T *x, T *y, int64_t rows, int64_t channels, const float *alpha, const float *beta) {
  if (kWidth % channels == 0) // several rows a vector
    return run_forward<kBase, T, Mode::kEither>(x, y, rows * channels, Channels::tiled(alpha, beta, channels).scalars());
  for (int64_t c = 0; c < channels; c += kWidth) {
    const int64_t count = std::min<int64_t>(kWidth, channels - c);
    const Scalars s = Channels(alpha + c, beta + c, count).scalars();
    for (int64_t row = 0; row < rows; ++row)
      run_forward<kBase, T, Mode::kEither>(x + row * channels + c, y + row * channels + c, count, s);
  }
}

template <int kBase, class T>
INLINE void row_step(const T *grad, const T *x, T *grad_x, const Scalars &s, V &alpha_sum, V &beta_sum) {
  const V g = load(grad), in = load(x);
  const Parts parts = base_parts<kBase>(in);
  store(grad_x, g * slope_at<kBase>(in, parts, s));
  alpha_sum += g * parts.a;
  beta_sum += g * parts.rest;
}

template <int kChannels> struct RowOf;
#define ROW_OF(channels)                                                                                       \
  template <> struct RowOf<channels> {                                                                         \
    typedef float type __attribute__((vector_size(channels * 4)));                                             \
  };
ROW_OF(2)
ROW_OF(4)
ROW_OF(8)

// Rows so short that several fill a vector. Each channel still adds up its rows one after the other.
template <int kBase, class T, int kChannels>
void short_rows_backward(const T *grad, const T *x, T *grad_x, int64_t rows, const float *alpha, const float *beta,
                         double *sums) {
  using Row = typename RowOf<kChannels>::type;
  const Scalars s = Channels::tiled(alpha, beta, kChannels).scalars();
  Row alpha_sum{}, beta_sum{};
  const auto add = [&](const V &to_alpha, const V &to_beta, int64_t num_rows) {
    for (int row = 0; row < num_rows; ++row) {
      Row a, b;
      std::memcpy(&a, reinterpret_cast<const char *>(&to_alpha) + row * sizeof a, sizeof a);
      std::memcpy(&b, reinterpret_cast<const char *>(&to_beta) + row * sizeof b, sizeof b);
      alpha_sum += a;
      beta_sum += b;
    }
  };
  const int64_t count = rows * kChannels;
  int64_t at = 0;
  for (; at + kWidth <= count; at += kWidth) {
    V to_alpha{}, to_beta{};
    row_step<kBase>(grad + at, x + at, grad_x + at, s, to_alpha, to_beta);
    add(to_alpha, to_beta, kWidth / kChannels);
  }
  if (at < count) {
    Padded<T> one_grad(grad + at, count - at), one(x + at, count - at);
    V to_alpha{}, to_beta{};
    row_step<kBase>(one_grad.values, one.values, one.values, s, to_alpha, to_beta);
    std::memcpy(grad_x + at, one.values, (count - at) * sizeof(T));
    add(to_alpha, to_beta, (count - at) / kChannels);
  }
  for (int c = 0; sums != nullptr && c < kChannels; ++c) {
    sums[2 * c] = static_cast<double>(alpha_sum[c]);
    sums[2 * c + 1] = static_cast<double>(beta_sum[c]);
  }
}

template <int kBase, class T>
void rows_backward(const T *grad, const T *x, T *grad_x, int64_t rows, int64_t channels, const float *alpha,
                   const float *beta, double *sums) {
  if (channels == 2) return short_rows_backward<kBase, T, 2>(grad, x, grad_x, rows, alpha, beta, sums);
  if constexpr (kWidth > 4)
    if (channels == 4) return short_rows_backward<kBase, T, 4>(grad, x, grad_x, rows, alpha, beta, sums);
  if constexpr (kWidth > 8)
    if (channels == 8) return short_rows_backward<kBase, T, 8>(grad, x, grad_x, rows, alpha, beta, sums);
  for (int64_t c = 0; c < channels; c += kWidth) {
    const int64_t count = std::min<int64_t>(kWidth, channels - c);
    const Scalars s = Channels(alpha + c, beta + c, count).scalars();
    V alpha_sum{}, beta_sum{};
    for (int64_t at = c; at < rows * channels + c; at += channels) {
      if (count == kWidth) {
        row_step<kBase>(grad + at, x + at, grad_x + at, s, alpha_sum, beta_sum);
      } else {
        Padded<T> one_grad(grad + at, count), one(x + at, count);
        row_step<kBase>(one_grad.values, one.values, one.values, s, alpha_sum, beta_sum);
        std::memcpy(grad_x + at, one.values, count * sizeof(T));
      }
    }
    for (int64_t lane = 0; sums != nullptr && lane < count; ++lane) {
      sums[2 * (c + lane)] = static_cast<double>(alpha_sum[lane]);
      sums[2 * (c + lane) + 1] = static_cast<double>(beta_sum[lane]);
    }
  }
}

template <int kBase, class T> struct Sweep {
  static void forward(const Layout &l, const void *from, void *to, const float *alpha, const float *beta,
                      int64_t begin, int64_t end) {
    const T *x = static_cast<const T *>(from);
    T *y = static_cast<T *>(to);
    if (l.channels == 1) {
      const int64_t start = begin * kBlock, stop = std::min(l.numel(), end * kBlock);
      return run_forward<kBase, T>(x + start, y + start, stop - start, alpha, beta);
    }
    if (l.vertical()) {
      const int64_t start = begin * kRows, stop = std::min(l.outer, end * kRows);
      return rows_forward<kBase, T>(x + start * l.channels, y + start * l.channels, stop - start, l.channels,
                                    alpha, beta);
    }
    for (int64_t row = begin * l.channels; row < end * l.channels; ++row)
      run_forward<kBase, T>(x + row * l.inner, y + row * l.inner, l.inner, alpha + row % l.channels,
                            beta + row % l.channels);
  }

  static void backward(const Layout &l, const void *from_grad, const void *from, void *to, const float *alpha,
                       const float *beta, double *sums, int64_t begin, int64_t end) {
    const T *grad = static_cast<const T *>(from_grad), *x = static_cast<const T *>(from);
    T *out = static_cast<T *>(to);
    for (int64_t unit = begin; unit < end; ++unit) {
      double *unit_sums = sums == nullptr ? nullptr : sums + 2 * unit * l.channels;
      if (l.channels == 1) {
        const int64_t at = unit * kBlock, count = std::min(kBlock, l.numel() - at);
        block(grad + at, x + at, out + at, count, alpha, beta, unit_sums);
      } else if (l.vertical()) {
        const int64_t at = unit * kRows * l.channels, rows = std::min(kRows, l.outer - unit * kRows);
        rows_backward<kBase, T>(grad + at, x + at, out + at, rows, l.channels, alpha, beta, unit_sums);
      } else {
        for (int64_t c = 0; c < l.channels; ++c) {
          const int64_t at = (unit * l.channels + c) * l.inner;
          block(grad + at, x + at, out + at, l.inner, alpha + c, beta + c, sums == nullptr ? nullptr : unit_sums + 2 * c);
        }
      }
    }
  }

  static void block(const T *grad, const T *x, T *out, int64_t count, const float *alpha, const float *beta,
                    double *sums) {
    const Scalars s = alpha == nullptr ? scalars(constant<V>(1), constant<V>(0))
                                       : scalars(constant<V>(*alpha), constant<V>(*beta));
    if (sums == nullptr) return run_backward<kBase, T, false>(grad, x, out, count, s, sums);
    run_backward<kBase, T, true>(grad, x, out, count, s, sums);
  }
};

} // namespace

#define BY_DTYPE(number, call)                                                                                 \
  switch (dtype) {                                                                                             \
  case Dtype::kFloat: return Sweep<number, float>::call;                                                       \
  case Dtype::kBFloat16: return Sweep<number, BFloat16>::call;                                                 \
  case Dtype::kHalf: return Sweep<number, Half>::call;                                                         \
  }

void forward(int base, Dtype dtype, const Layout &layout, const void *x, void *y, const float *alpha,
             const float *beta, int64_t begin, int64_t end) {
#define FORWARD_CASE(number, name)                                                                             \
  case number: BY_DTYPE(number, forward(layout, x, y, alpha, beta, begin, end)) break;
  switch (base) { FOR_EACH_BASE(FORWARD_CASE) }
}

void backward(int base, Dtype dtype, const Layout &layout, const void *grad, const void *x, void *grad_x,
              const float *alpha, const float *beta, double *sums, int64_t begin, int64_t end) {
#define BACKWARD_CASE(number, name)                                                                            \
  case number: BY_DTYPE(number, backward(layout, grad, x, grad_x, alpha, beta, sums, begin, end)) break;
  switch (base) { FOR_EACH_BASE(BACKWARD_CASE) }
}

} // namespace dynact
