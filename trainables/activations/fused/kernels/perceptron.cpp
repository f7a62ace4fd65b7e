// The steps behind perceptron_ops.cpp. Products are summed in order of k with fused multiply-adds, each
// element by itself, so results depend neither on the machine's vectors nor on how rows are blocked.
#include "perceptron.h"

#include "dynact.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace perceptron {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16, kVectors = 4;
#elif defined(__AVX__)
constexpr int kWidth = 8, kVectors = 2;
#else
constexpr int kWidth = 4, kVectors = 4;
#endif
constexpr int kMostRows = 8;
constexpr int64_t kPad = 16; // rows in scratch memory are a multiple of this, whatever the vectors
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8; // torch's defaults

typedef float V __attribute__((vector_size(kWidth * 4)));
#define INLINE __attribute__((always_inline)) inline
INLINE V load(const float *from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
INLINE void store(float *to, V value) { std::memcpy(to, &value, sizeof value); }
constexpr int64_t padded(int64_t size) { return (size + kPad - 1) / kPad * kPad; }
constexpr int rows_at_once(int vectors) { return vectors * 8 > 24 || kWidth == 8 ? 6 : kMostRows; }

// a(i, k) lies at a + i * row + k * step: a matrix, or its transpose.
struct Left {
  const float *at;
  int64_t row, step;
};

template <int kRows, int kCols>
INLINE void tile(const Left &a, const float *b, int64_t ldb, const float *start, float *c, int64_t ldc, int64_t depth) {
  V sum[kRows][kCols];
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kCols; ++j) sum[i][j] = start == nullptr ? V{} : load(start + j * kWidth);
  for (int64_t k = 0; k < depth; ++k) {
    V right[kCols];
    for (int j = 0; j < kCols; ++j) right[j] = load(b + k * ldb + j * kWidth);
    const float *left = a.at + k * a.step;
    for (int i = 0; i < kRows; ++i) {
      const V each = V{} + left[i * a.row];
      for (int j = 0; j < kCols; ++j) sum[i][j] += each * right[j];
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kCols; ++j) store(c + i * ldc + j * kWidth, sum[i][j]);
}

template <int kRows, int kCols>
__attribute__((noinline)) void last_rows(const Left &a, const float *b, int64_t ldb, const float *start, float *c,
                                         int64_t ldc, int64_t rows, int64_t depth) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return tile<kRows, kCols>(a, b, ldb, start, c, ldc, depth);
    last_rows<kRows - 1, kCols>(a, b, ldb, start, c, ldc, rows, depth);
  }
}

template <int kCols>
void columns(Left a, const float *b, int64_t ldb, const float *start, float *c, int64_t ldc, int64_t rows,
             int64_t depth) {
  constexpr int kRows = rows_at_once(kCols);
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows, a.at += kRows * a.row)
    tile<kRows, kCols>(a, b, ldb, start, c + i * ldc, ldc, depth);
  last_rows<kRows - 1, kCols>(a, b, ldb, start, c + i * ldc, ldc, rows - i, depth);
}

template <int kCols>
void rest_columns(const Left &a, const float *b, int64_t ldb, const float *start, float *c, int64_t ldc, int64_t rows,
                  int64_t cols, int64_t depth) {
  if constexpr (kCols > 0) {
    if (cols == kCols * kWidth) return columns<kCols>(a, b, ldb, start, c, ldc, rows, depth);
    rest_columns<kCols - 1>(a, b, ldb, start, c, ldc, rows, cols, depth);
  }
}

// c [rows, cols] = start + a b; start is a row or null, cols a multiple of kPad.
void product(const Left &a, const float *b, int64_t ldb, const float *start, float *c, int64_t ldc, int64_t rows,
             int64_t cols, int64_t depth) {
  int64_t j = 0;
  for (; j + kVectors * kWidth <= cols; j += kVectors * kWidth)
    columns<kVectors>(a, b + j, ldb, start == nullptr ? nullptr : start + j, c + j, ldc, rows, depth);
  if (j < cols)
    rest_columns<kVectors - 1>(a, b + j, ldb, start == nullptr ? nullptr : start + j, c + j, ldc, rows, cols - j,
                               depth);
}

void sum_rows(const float *from, int64_t ld, int64_t rows, int64_t cols, float *to) {
  std::fill(to, to + cols, 0.0f);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) to[j] += from[i * ld + j];
}

void multiply(float *values, int64_t ld, const float *masks, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) values[i * ld + j] *= masks[i * cols + j];
}

struct Rates {
  float lr, decay, shrink, momentum, correction, scale; // scale: of the gradient, by clipping
};

template <Rule kRule> void update(const Piece &piece, const float *grads, const Rates &rates) {
  float *__restrict p = piece.values, *__restrict m = piece.first, *__restrict v = piece.second;
  const float *__restrict given = grads;
  constexpr float kKeep1 = static_cast<float>(1 - kBeta1), kStay2 = static_cast<float>(kBeta2);
  constexpr float kKeep2 = static_cast<float>(1 - kBeta2), kSmall = static_cast<float>(kEpsilon);
  for (int64_t i = 0; i < piece.size; ++i) {
    float g = given[i] * rates.scale, value = p[i];
    if (kRule == Rule::kAdamW) value *= rates.shrink;
    else g += rates.decay * value;
    m[i] += (g - m[i]) * kKeep1;
    v[i] = v[i] * kStay2 + g * g * kKeep2;
    p[i] = value - rates.lr * m[i] / (std::sqrt(v[i]) / rates.correction + kSmall);
  }
}

template <> void update<Rule::kSgd>(const Piece &piece, const float *grads, const Rates &rates) {
  float *__restrict p = piece.values, *__restrict m = piece.first;
  const float *__restrict given = grads;
  for (int64_t i = 0; i < piece.size; ++i) {
    float g = given[i] * rates.scale + rates.decay * p[i];
    if (m != nullptr) g = m[i] = m[i] * rates.momentum + g;
    p[i] -= rates.lr * g;
  }
}

double squares(const float *values, int64_t size) {
  double total = 0;
  for (int64_t i = 0; i < size; ++i) total += static_cast<double>(values[i]) * values[i];
  return total;
}

// Scratch memory of one training, and its steps.
class Trainer {
public:
  Trainer(const Network &network, const Optimizer &optimizer, int64_t batch)
      : n(network), o(optimizer), w(padded(n.width)), h(padded(n.classes)), batch(batch),
        widest(std::max(padded(n.inputs), w)), x(batch * n.inputs), pre(n.depth * batch * w),
        out(n.depth * batch * w), grad(batch * w), grad_pre(batch * w), logits(batch * h),
        grads(n.weights.size), scalar_grads(n.scalars.size),
        panel(n.width == w ? w * h : widest * w + w * h), turned(w * std::max(w, h)),
        rough(widest * std::max(w, h)), bias(std::max(w, h)), alpha(w), beta(w),
        units(batch * w) {}

  float step(const Images &images, const int64_t *order, int64_t count, const float *masks, double number,
             double factor) {
    rows = count;
    for (int64_t i = 0; i < rows; ++i)
      std::memcpy(&x[i * n.inputs], images.x + order[i] * n.inputs, n.inputs * sizeof(float));
    forward(masks);
    const float loss = head(images.y, order);
    backward(masks);
    apply(number, factor);
    return loss;
  }

private:
  const Network &n;
  const Optimizer &o;
  const int64_t w, h, batch, widest;
  int64_t rows = 0;
  std::vector<float> x, pre, out, grad, grad_pre, logits, grads, scalar_grads, panel, turned, rough, bias, alpha,
      beta;
  std::vector<double> units;

  int64_t inputs_of(int64_t layer) const { return layer ? n.width : n.inputs; }
  Left inputs_to(int64_t layer) const {
    return layer ? Left{&out[(layer - 1) * batch * w], w, 1} : Left{x.data(), n.inputs, 1};
  }
  const float *mask(const float *masks, int64_t layer) const { return masks + layer * batch * n.width; }

  // Weights with rows of a multiple of kPad, copied only where they are not so already.
  const float *as_panel(const float *weights, int64_t in, int64_t outputs, int64_t ld) {
    if (outputs == ld) return weights;
    for (int64_t i = 0; i < in; ++i) {
      std::memcpy(&panel[i * ld], weights + i * outputs, outputs * sizeof(float));
      std::fill(&panel[i * ld + outputs], &panel[i * ld + ld], 0.0f);
    }
    return panel.data();
  }
  const float *as_bias(const float *values, int64_t outputs, int64_t ld) {
    std::memcpy(bias.data(), values, outputs * sizeof(float));
    std::fill(bias.begin() + outputs, bias.begin() + ld, 0.0f);
    return bias.data();
  }

  void linear(const Left &a, const float *weights, int64_t in, int64_t outputs, int64_t ld, float *to) {
    const float *start = as_bias(weights + in * outputs, outputs, ld);
    product(a, as_panel(weights, in, outputs, ld), ld, start, to, ld, rows, ld, in);
  }

  void linear_grads(const Left &a, const float *given, int64_t in, int64_t outputs, int64_t ld, float *to) {
    const Left turned_a{a.at, a.step, a.row};
    float *target = outputs == ld ? to : rough.data();
    product(turned_a, given, ld, nullptr, target, ld, in, ld, rows);
    if (target != to)
      for (int64_t i = 0; i < in; ++i) std::memcpy(to + i * outputs, target + i * ld, outputs * sizeof(float));
    sum_rows(given, ld, rows, outputs, to + in * outputs);
  }

  // to [rows, w] = given [rows, ld] times the weights' transpose; ends of rows come out as zeros
  void linear_back(const float *given, const float *weights, int64_t outputs, int64_t ld, float *to) {
    for (int64_t j = 0; j < outputs; ++j) {
      for (int64_t i = 0; i < n.width; ++i) turned[j * w + i] = weights[i * outputs + j];
      std::fill(&turned[j * w + n.width], turned.data() + (j + 1) * w, 0.0f);
    }
    product(Left{given, ld, 1}, turned.data(), w, nullptr, to, w, rows, w, outputs);
  }

  dynact::Layout layout() const {
    return n.channels > 1 ? dynact::Layout{rows, w, 1} : dynact::Layout{1, 1, rows * w};
  }
  int64_t scalars_at(int64_t layer) const { return n.scalar_layers == 1 ? 0 : layer; }
  bool with_scalars(int64_t layer) {
    if (n.scalar_layers == 0) return false;
    const float *from = n.scalars.values + scalars_at(layer) * 2 * n.channels;
    std::fill(alpha.begin(), alpha.end(), 1.0f);
    std::fill(beta.begin(), beta.end(), 0.0f);
    std::copy(from, from + n.channels, alpha.begin());
    std::copy(from + n.channels, from + 2 * n.channels, beta.begin());
    return true;
  }

  void forward(const float *masks) {
    for (int64_t layer = 0; layer < n.depth; ++layer) {
      float *before = &pre[layer * batch * w], *after = &out[layer * batch * w];
      linear(inputs_to(layer), n.weights.values + n.starts[layer], inputs_of(layer), n.width, w, before);
      const bool dynamic = with_scalars(layer);
      dynact::forward(n.base, dynact::Dtype::kFloat, layout(), before, after, dynamic ? alpha.data() : nullptr,
                      dynamic ? beta.data() : nullptr, 0, layout().units());
      if (masks != nullptr) multiply(after, w, mask(masks, layer), rows, n.width);
    }
  }

  // The head's logits, the loss, and in their place the logits' gradient.
  float head(const int64_t *labels, const int64_t *order) {
    linear(inputs_to(n.depth), n.weights.values, n.width, n.classes, h, logits.data());
    double total = 0;
    const float share = 1.0f / static_cast<float>(rows);
    for (int64_t i = 0; i < rows; ++i) {
      float *row = &logits[i * h];
      const int64_t label = labels[order[i]];
      const float highest = *std::max_element(row, row + n.classes), said = row[label] - highest;
      float sum = 0;
      double mean = 0; // of what all classes say, for label smoothing
      if (n.smoothing > 0)
        for (int64_t j = 0; j < n.classes; ++j) mean += (row[j] - highest) / static_cast<double>(n.classes);
      for (int64_t j = 0; j < n.classes; ++j) sum += row[j] = std::exp(row[j] - highest);
      total += std::log(sum) - said;
      for (int64_t j = 0; j < n.classes; ++j) row[j] = row[j] / sum * share;
      row[label] -= share;
      if (n.smoothing > 0) {
        total += n.smoothing * (said - mean);
        row[label] += share * static_cast<float>(n.smoothing);
        const float each = share * static_cast<float>(n.smoothing / static_cast<double>(n.classes));
        for (int64_t j = 0; j < n.classes; ++j) row[j] -= each;
      }
      std::fill(row + n.classes, row + h, 0.0f);
    }
    return static_cast<float>(total / static_cast<double>(rows));
  }

  void backward(const float *masks) {
    std::fill(scalar_grads.begin(), scalar_grads.end(), 0.0f);
    linear_grads(inputs_to(n.depth), logits.data(), n.width, n.classes, h, grads.data());
    linear_back(logits.data(), n.weights.values, n.classes, h, grad.data());
    for (int64_t layer = n.depth - 1; layer >= 0; --layer) {
      if (masks != nullptr) multiply(grad.data(), w, mask(masks, layer), rows, n.width);
      activation_back(layer);
      const float *weights = n.weights.values + n.starts[layer];
      linear_grads(inputs_to(layer), grad_pre.data(), inputs_of(layer), n.width, w, &grads[n.starts[layer]]);
      if (layer) linear_back(grad_pre.data(), weights, n.width, w, grad.data());
    }
  }

  void activation_back(int64_t layer) {
    const bool dynamic = with_scalars(layer), sums = dynamic && o.train_scalars;
    const int64_t num = layout().units(), channels = layout().channels;
    if (sums) units.assign(2 * num * channels, 0.0);
    dynact::backward(n.base, dynact::Dtype::kFloat, layout(), grad.data(), &pre[layer * batch * w], grad_pre.data(),
                     dynamic ? alpha.data() : nullptr, dynamic ? beta.data() : nullptr,
                     sums ? units.data() : nullptr, 0, num);
    if (!sums) return;
    float *to = &scalar_grads[scalars_at(layer) * 2 * n.channels];
    for (int64_t c = 0; c < n.channels; ++c) {
      double total_alpha = 0, total_beta = 0;
      for (int64_t unit = 0; unit < num; ++unit) {
        total_alpha += units[2 * (unit * channels + c)];
        total_beta += units[2 * (unit * channels + c) + 1];
      }
      to[c] += static_cast<float>(total_alpha);
      to[n.channels + c] += static_cast<float>(total_beta);
    }
  }

  void apply(double number, double factor) {
    Rates rates{};
    rates.correction = static_cast<float>(std::sqrt(1 - std::pow(kBeta2, number)));
    rates.momentum = static_cast<float>(o.momentum);
    rates.scale = 1;
    if (o.clip_norm > 0) {
      const double scalars = o.train_scalars ? squares(scalar_grads.data(), n.scalars.size) : 0;
      const double norm = std::sqrt(squares(grads.data(), n.weights.size) + scalars);
      const double scale = o.clip_norm / (norm + 1e-6);
      rates.scale = static_cast<float>(scale < 1 || scale != scale ? scale : 1); // NaN stays and shows
    }
    set(rates, o.lr * factor, o.weight_decay, number);
    update(n.weights, grads.data(), rates);
    if (!o.train_scalars) return;
    set(rates, o.scalar_lr * factor, o.scalar_decay, number);
    update(n.scalars, scalar_grads.data(), rates);
  }

  void set(Rates &rates, double lr, double decay, double number) const {
    rates.lr = static_cast<float>(o.rule == Rule::kSgd ? lr : lr / (1 - std::pow(kBeta1, number)));
    rates.decay = static_cast<float>(decay);
    rates.shrink = static_cast<float>(1 - lr * decay);
  }

  void update(const Piece &piece, const float *gradients, const Rates &rates) const {
    switch (o.rule) {
    case Rule::kSgd: return perceptron::update<Rule::kSgd>(piece, gradients, rates);
    case Rule::kAdam: return perceptron::update<Rule::kAdam>(piece, gradients, rates);
    case Rule::kAdamW: return perceptron::update<Rule::kAdamW>(piece, gradients, rates);
    }
  }
};

} // namespace

void train(const Network &network, const Optimizer &optimizer, const double *factors, double steps_before,
           const Images &images, const int64_t *order, int64_t num_images, int64_t batch, const float *masks,
           float *losses) {
  Trainer trainer(network, optimizer, batch);
  int64_t step = 0;
  for (int64_t start = 0; start < num_images; start += batch, ++step) {
    const float *own = masks == nullptr ? nullptr : masks + step * network.depth * batch * network.width;
    losses[step] = trainer.step(images, order + start, std::min(batch, num_images - start), own,
                                steps_before + static_cast<double>(step + 1), factors[step]);
  }
}

} // namespace perceptron
