// The loops behind the operators of dynact_ops.cpp; needs nothing of torch, so it compiles in seconds.
#pragma once
#include <cstdint>

namespace dynact {

constexpr int64_t kLanes = 16;   // partial sums side by side, whatever the machine's vectors hold
constexpr int64_t kBlock = 1024; // elements summed in float32 before float64 takes over
constexpr int64_t kRows = 64;    // the same for the rows of a channels-last tensor

enum class Dtype : int { kFloat = 0, kBFloat16 = 1, kHalf = 2 };

// One member's elements in memory order: outer x channels x inner. One scalar for all: outer = channels = 1.
struct Layout {
  int64_t outer, channels, inner;
  int64_t numel() const { return outer * channels * inner; }
  bool vertical() const { return channels > 1 && inner == 1; }
  // Units are what threads share out. They depend on the shape alone, so the sums do too.
  int64_t units() const {
    if (channels == 1) return (numel() + kBlock - 1) / kBlock;
    return vertical() ? (outer + kRows - 1) / kRows : outer;
  }
};

// x + offsets are of the given dtype. alpha and beta hold layout.channels floats, or are null: the base alone.
void forward(int base, Dtype dtype, const Layout &layout, const void *x, void *y, const float *alpha,
             const float *beta, int64_t begin_unit, int64_t end_unit);

// sums: units x channels x 2 (d-alpha, d-beta); or null where nobody asks.
void backward(int base, Dtype dtype, const Layout &layout, const void *grad, const void *x, void *grad_x,
              const float *alpha, const float *beta, double *sums, int64_t begin_unit, int64_t end_unit);

} // namespace dynact
