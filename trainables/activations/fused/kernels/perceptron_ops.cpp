// The operator ablate::perceptron_steps on CPU; its caller is trainables/perceptrons/compiled.py.
#include "perceptron.h"

#include <ATen/core/Tensor.h>
#include <torch/library.h>

namespace {

using at::Tensor;

float *floats(const Tensor &tensor, const char *name) {
  TORCH_CHECK_VALUE(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.is_cpu(), name,
                    " must be contiguous float32 on the CPU");
  return tensor.numel() ? static_cast<float *>(tensor.data_ptr()) : nullptr;
}

perceptron::Piece piece(const Tensor &values, const Tensor &first, const Tensor &second) {
  for (const Tensor *moment : {&first, &second})
    TORCH_CHECK_VALUE(moment->numel() == 0 || moment->numel() == values.numel(), "moments have another size");
  return {floats(values, "parameters"), floats(first, "moments"), floats(second, "moments"), values.numel()};
}

// weights and scalars are [values, first moment, second moment]; moments that are not kept are empty.
void steps(const Tensor &x, const Tensor &y, const Tensor &order, int64_t batch, at::TensorList weights,
           at::TensorList scalars, at::IntArrayRef starts, int64_t width, int64_t classes, int64_t base, int64_t rule,
           at::ArrayRef<double> rates, at::ArrayRef<double> factors, double smoothing, bool train_scalars,
           double steps_before, const std::optional<Tensor> &masks, Tensor losses) {
  const int64_t num = order.numel(), depth = static_cast<int64_t>(starts.size());
  TORCH_CHECK_VALUE(order.is_contiguous() && order.scalar_type() == at::kLong && y.is_contiguous() &&
                        y.scalar_type() == at::kLong && weights.size() == 3 && scalars.size() == 3 &&
                        rates.size() == 6 && depth > 0 && batch > 0,
                    "perceptron_steps: wrong arguments");
  TORCH_CHECK_VALUE(losses.numel() == (num + batch - 1) / batch, "one loss is needed for each step");
  TORCH_CHECK_VALUE(static_cast<int64_t>(factors.size()) == losses.numel(), "one factor is needed for each step");
  TORCH_CHECK_VALUE(!masks || masks->numel() == losses.numel() * depth * batch * width, "masks have another size");
  TORCH_CHECK_VALUE(rule == 0 || weights[2].numel() == weights[0].numel(), "this optimizer keeps two moments");
  perceptron::Network network{x.size(1), width, classes, depth, {starts.begin(), starts.end()},
                              static_cast<int>(base), smoothing, 0, 1, piece(weights[0], weights[1], weights[2]),
                              piece(scalars[0], scalars[1], scalars[2])};
  if (scalars[0].numel()) {
    network.scalar_layers = scalars[0].size(0);
    network.channels = scalars[0].size(2);
  }
  const perceptron::Optimizer optimizer{static_cast<perceptron::Rule>(rule), rates[0], rates[1], rates[2], rates[3],
                                        rates[4], rates[5], train_scalars && scalars[0].numel() > 0};
  perceptron::train(network, optimizer, factors.data(), steps_before,
                    {floats(x, "x"), y.const_data_ptr<int64_t>()}, order.const_data_ptr<int64_t>(), num, batch, masks ? floats(*masks, "masks") : nullptr,
                    floats(losses, "losses"));
}

} // namespace

TORCH_LIBRARY_FRAGMENT(ablate, library) {
  library.def("perceptron_steps(Tensor x, Tensor y, Tensor order, int batch, Tensor(a!)[] weights, "
              "Tensor(b!)[] scalars, int[] starts, int width, int classes, int base, int rule, float[] rates, "
              "float[] factors, float smoothing, bool train_scalars, float steps_before, Tensor? masks, Tensor(c!) losses) -> ()");
}

TORCH_LIBRARY_IMPL(ablate, CPU, library) { library.impl("perceptron_steps", steps); }
