// Training steps of one perceptron, whole: nothing outside its own numbers can change a bit of them.
#pragma once
#include <cstdint>
#include <vector>

namespace perceptron {

enum class Rule : int { kSgd = 0, kAdam = 1, kAdamW = 2 };

struct Optimizer {
  Rule rule;
  double lr, momentum, weight_decay, clip_norm, scalar_lr, scalar_decay; // peak rates
  bool train_scalars;
};

// A parameter in one flat piece, with its moments; null where the optimizer keeps none.
struct Piece {
  float *values, *first, *second;
  int64_t size;
};

struct Network {
  int64_t inputs, width, classes, depth;
  std::vector<int64_t> starts; // of each hidden layer's weights in the row; the head's are at 0
  int base;
  double smoothing; // of labels: the share of the target that goes to all classes alike
  int64_t scalar_layers, channels; // scalars: [scalar_layers, 2, channels]; no layers: the static base
  Piece weights, scalars;
};

struct Images {
  const float *x; // [images, inputs]
  const int64_t *y;
};

// `order` holds num_images places of images, `batch` to a step and the rest in the last one. `masks` is null
// or [steps, depth, batch, width]. One loss a step goes to `losses`; `factors`, one a step, are what the peak
// rates are multiplied by.
void train(const Network &network, const Optimizer &optimizer, const double *factors, double steps_before,
           const Images &images, const int64_t *order, int64_t num_images, int64_t batch, const float *masks,
           float *losses);

} // namespace perceptron
