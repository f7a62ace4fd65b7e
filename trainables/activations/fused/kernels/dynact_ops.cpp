// The operators ablate::dyn_act and ablate::base_act on CPU, and their autograd for every device.
// Schemas, fake and vmap rules are declared in ops.py; the loops are in dynact_kernels.cpp.
#include "dynact.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/library.h>

#include <array>
#include <numeric>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace {

using at::IntArrayRef;
using at::Tensor;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
using Three = std::tuple<Tensor, Tensor, Tensor>;
using Four = std::tuple<Tensor, Tensor, Tensor, Tensor>;

constexpr int64_t kGrain = 16384;          // elements worth a thread
// Sums of the first stage, up to this number, lie in a buffer that a thread keeps: new ones every time would be
// cut from the room that the last call's tensors left, whose successors then fault in new pages.
constexpr size_t kKeptSums = 1u << 16;
constexpr size_t kHugeBytes = 3u << 20;    // outputs from here on ask for large pages

using Forward = Tensor(const Tensor &, const Tensor &, const Tensor &, IntArrayRef, IntArrayRef, int64_t);
using Backward = Three(const Tensor &, const Tensor &, const Tensor &, const Tensor &, IntArrayRef, IntArrayRef,
                       int64_t, bool);
using DoubleBackward = Four(const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &,
                            const Tensor &, const Tensor &, IntArrayRef, IntArrayRef, int64_t);
using BaseForward = Tensor(const Tensor &, IntArrayRef, IntArrayRef);
using BaseBackward = Tensor(const Tensor &, const Tensor &, IntArrayRef, IntArrayRef);
using BaseDoubleBackward = std::tuple<Tensor, Tensor>(const Tensor &, const Tensor &, const Tensor &, IntArrayRef,
                                                      IntArrayRef);
#define OPERATION(signature, name)                                                                             \
  ([]() -> auto & {                                                                                            \
    static auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<signature>();          \
    return handle;                                                                                             \
  }())

// A new tensor's pages are faulted in one by one, which costs more than the arithmetic; large pages are few.
// x is dense and on the CPU; made directly, as what the dispatcher takes shows below 1e5 elements.
Tensor output_like(const Tensor &x) {
  Tensor y = at::detail::empty_strided_cpu(x.sizes(), x.strides(), x.scalar_type());
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (y.nbytes() >= kHugeBytes) {
    const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t begin = (reinterpret_cast<uintptr_t>(y.data_ptr()) + page - 1) / page * page;
    const uintptr_t end = (reinterpret_cast<uintptr_t>(y.data_ptr()) + y.nbytes()) / page * page;
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
  }
#endif
  return y;
}

// Dimensions from the slowest in memory to the fastest.
std::vector<int64_t> memory_order(const Tensor &x) {
  std::vector<int64_t> order(x.dim());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return x.stride(a) > x.stride(b); });
  return order;
}

// x as it is if its elements lie without gaps and member by member, else a contiguous copy.
Tensor dense(const Tensor &x, bool members) {
  if (x.is_contiguous()) return x;
  const std::vector<int64_t> order = memory_order(x);
  if (members && !order.empty() && order[0] != 0) return x.contiguous();
  return x.permute(order).is_contiguous() ? x : x.contiguous();
}

dynact::Dtype dtype_of(const Tensor &x) {
  return x.scalar_type() == at::kFloat      ? dynact::Dtype::kFloat
         : x.scalar_type() == at::kBFloat16 ? dynact::Dtype::kBFloat16
                                            : dynact::Dtype::kHalf;
}

// What one call works on: members of equal layout, in groups of one base each.
struct Job {
  dynact::Layout layout;
  int64_t members;
  std::vector<int> base_of; // member -> base
  dynact::Dtype dtype;

  Job(const Tensor &x, int64_t num_scalars, IntArrayRef bases, IntArrayRef counts, int64_t channel_dim) {
    members = counts.empty() ? 1 : std::accumulate(counts.begin(), counts.end(), int64_t{0});
    TORCH_CHECK_VALUE(counts.empty() ? bases.size() == 1 : bases.size() == counts.size(),
                      "one base is needed for each group of members");
    TORCH_CHECK_VALUE(counts.empty() || (x.dim() > 0 && x.size(0) == members), "groups hold ", members,
                      " members, x has shape ", x.sizes());
    for (size_t group = 0; group < bases.size(); ++group)
      base_of.insert(base_of.end(), counts.empty() ? 1 : counts[group], static_cast<int>(bases[group]));
    const int64_t numel = members ? x.numel() / members : 0;
    const int64_t channels = members ? num_scalars / members : 1;
    layout = {1, 1, numel};
    if (channels > 1) split(x, channels, channel_dim, counts.empty() ? 0 : 1);
    dtype = dtype_of(x);
  }

  void split(const Tensor &x, int64_t channels, int64_t channel_dim, int64_t leading) {
    TORCH_CHECK_VALUE(channel_dim >= leading && channel_dim < x.dim() && x.size(channel_dim) == channels, channels,
                      " scalars for dimension ", channel_dim, " of a tensor of shape ", x.sizes());
    const std::vector<int64_t> order = memory_order(x);
    layout = {1, channels, 1};
    bool after = false;
    for (int64_t at = 0; at < x.dim(); ++at) {
      const int64_t dim = order[at];
      if (dim == channel_dim) after = true;
      else if (!(leading && dim == 0)) (after ? layout.inner : layout.outer) *= x.size(dim);
    }
  }

  // work(member, first unit, past the last unit), spread over threads in a way that results cannot show
  template <class Work> void each(const Work &work) const {
    const int64_t units = layout.units();
    if (layout.numel() == 0 || members == 0) return;
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, layout.numel() / units));
    at::parallel_for(0, members * units, grain, [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t member = begin / units, first = begin % units;
        const int64_t count = std::min(end - begin, units - first);
        work(member, first, first + count);
        begin += count;
      }
    });
  }
};

bool compiled(const Tensor &x) {
  return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf;
}

// From how many elements of a member on the kernels serve, by dtype; below, the plain form does. Set once, when
// ops.py has loaded this library, from the table of measured crossovers. Both give equal bits.
std::array<int64_t, 3> served_from{0, 0, 0};

void serve_from(IntArrayRef elements) {
  TORCH_CHECK_VALUE(elements.size() == served_from.size(), "one number for each dtype");
  std::copy(elements.begin(), elements.end(), served_from.begin());
}

bool served(const Tensor &x, IntArrayRef counts) {
  if (!compiled(x)) return false;
  const int64_t from = served_from[static_cast<size_t>(dtype_of(x))];
  if (from == 0) return true;
  const int64_t members = counts.empty() ? 1 : std::accumulate(counts.begin(), counts.end(), int64_t{0});
  return members == 0 || x.numel() / members >= from;
}

Tensor as_floats(const Tensor &scalars) {
  return scalars.scalar_type() == at::kFloat && scalars.is_contiguous() ? scalars
                                                                        : scalars.to(at::kFloat).contiguous();
}
Tensor as(const Tensor &t, at::ScalarType type) { return t.scalar_type() == type ? t : t.to(type); }
const char *at_member(const Tensor &x, const Job &job, int64_t member) {
  return static_cast<const char *>(x.const_data_ptr()) + member * job.layout.numel() * x.element_size();
}
char *at_member(Tensor &x, const Job &job, int64_t member) {
  return static_cast<char *>(x.data_ptr()) + member * job.layout.numel() * x.element_size();
}

void forward_into(const Tensor &x, const Tensor &alpha, const Tensor &beta, IntArrayRef bases, IntArrayRef counts,
                  int64_t channel_dim, Tensor &y) {
  const Tensor a = as_floats(alpha), b = as_floats(beta);
  const Job job(x, alpha.numel(), bases, counts, channel_dim);
  const float *pa = a.const_data_ptr<float>(), *pb = b.const_data_ptr<float>();
  job.each([&](int64_t member, int64_t begin, int64_t end) {
    const int64_t at = member * job.layout.channels;
    dynact::forward(job.base_of[member], job.dtype, job.layout, at_member(x, job, member),
                    at_member(y, job, member), pa + at, pb + at, begin, end);
  });
}

Tensor dyn_act_cpu(const Tensor &given, const Tensor &alpha, const Tensor &beta, IntArrayRef bases,
                   IntArrayRef counts, int64_t channel_dim) {
  if (!served(given, counts))
    return OPERATION(Forward, "ablate::dyn_act_plain").call(given, alpha, beta, bases, counts, channel_dim);
  const Tensor x = dense(given, !counts.empty());
  Tensor y = output_like(x);
  forward_into(x, alpha, beta, bases, counts, channel_dim, y);
  return y;
}

// The second stage: units in order, in float64.
void add_up(const Job &job, const double *sums, Tensor &alpha, Tensor &beta) {
  float *pa = alpha.data_ptr<float>(), *pb = beta.data_ptr<float>();
  const int64_t units = job.layout.units(), channels = job.layout.channels;
  for (int64_t member = 0; member < job.members; ++member)
    for (int64_t c = 0; c < channels; ++c) {
      double total_a = 0, total_b = 0;
      for (int64_t unit = 0; unit < units; ++unit) {
        const double *at = sums + 2 * ((member * units + unit) * channels + c);
        total_a += at[0];
        total_b += at[1];
      }
      pa[member * channels + c] = static_cast<float>(total_a);
      pb[member * channels + c] = static_cast<float>(total_b);
    }
}

Tensor like(const Tensor &grad, const Tensor &x) {
  return grad.strides() == x.strides() && grad.scalar_type() == x.scalar_type() ? grad
                                                                                : at::empty_like(x).copy_(grad);
}

// Empty grad_alpha and grad_beta, which are float32, are not asked for.
void backward_into(const Tensor &grad, const Tensor &x, const Tensor &alpha, const Tensor &beta, IntArrayRef bases,
                   IntArrayRef counts, int64_t channel_dim, Tensor &grad_x, Tensor &grad_alpha, Tensor &grad_beta) {
  const Tensor a = as_floats(alpha), b = as_floats(beta);
  const Job job(x, alpha.numel(), bases, counts, channel_dim);
  const float *pa = a.const_data_ptr<float>(), *pb = b.const_data_ptr<float>();
  const int64_t units = job.layout.units(), channels = job.layout.channels;
  const bool scalars = grad_alpha.defined() && grad_alpha.numel() > 0;
  const size_t needed = scalars ? 2 * job.members * units * channels : 0;
  thread_local std::vector<double> kept;
  std::vector<double> own;
  std::vector<double> &buffer = needed > kKeptSums ? own : kept;
  buffer.assign(needed, 0.0);
  double *const sums = buffer.data();
  job.each([&](int64_t member, int64_t begin, int64_t end) {
    const int64_t at = member * channels;
    dynact::backward(job.base_of[member], job.dtype, job.layout, at_member(grad, job, member),
                     at_member(x, job, member), at_member(grad_x, job, member), pa + at, pb + at,
                     scalars ? sums + 2 * member * units * channels : nullptr, begin, end);
  });
  if (scalars) add_up(job, sums, grad_alpha, grad_beta);
}

// Gradients of scalars that nobody asks for are undefined.
Three backward_of(const Tensor &given_grad, const Tensor &given, const Tensor &alpha, const Tensor &beta,
                  IntArrayRef bases, IntArrayRef counts, int64_t channel_dim, bool scalars) {
  const Tensor x = dense(given, !counts.empty()), grad = like(given_grad, x);
  Tensor grad_a, grad_b; // before the large one: small ones after it split the room that it leaves
  if (scalars) {
    grad_a = at::detail::empty_cpu(alpha.sizes(), at::kFloat);
    grad_b = at::detail::empty_cpu(beta.sizes(), at::kFloat);
  }
  Tensor grad_x = output_like(x);
  backward_into(grad, x, alpha, beta, bases, counts, channel_dim, grad_x, grad_a, grad_b);
  if (!scalars) return {grad_x, grad_a, grad_b};
  return {grad_x, as(grad_a, alpha.scalar_type()), as(grad_b, beta.scalar_type())};
}

Three dyn_act_backward_cpu(const Tensor &grad, const Tensor &x, const Tensor &alpha, const Tensor &beta,
                           IntArrayRef bases, IntArrayRef counts, int64_t channel_dim, bool scalars) {
  if (!served(x, counts))
    return OPERATION(Backward, "ablate::dyn_act_backward_plain")
        .call(grad, x, alpha, beta, bases, counts, channel_dim, scalars);
  Three result = backward_of(grad, x, alpha, beta, bases, counts, channel_dim, scalars);
  if (!scalars) { // an operator has to return tensors
    std::get<1>(result) = at::detail::empty_cpu({0}, alpha.scalar_type());
    std::get<2>(result) = at::detail::empty_cpu({0}, beta.scalar_type());
  }
  return result;
}

// For training without autograd, in buffers made once.
void dyn_act_into_cpu(const Tensor &x, const Tensor &alpha, const Tensor &beta, IntArrayRef bases,
                      IntArrayRef counts, int64_t channel_dim, Tensor y) {
  if (served(x, counts) && x.is_contiguous() && y.is_contiguous() && y.scalar_type() == x.scalar_type())
    return forward_into(x, alpha, beta, bases, counts, channel_dim, y);
  y.copy_(dyn_act_cpu(x, alpha, beta, bases, counts, channel_dim));
}

void dyn_act_backward_into_cpu(const Tensor &grad, const Tensor &x, const Tensor &alpha, const Tensor &beta,
                               IntArrayRef bases, IntArrayRef counts, int64_t channel_dim, Tensor grad_x,
                               Tensor grad_alpha, Tensor grad_beta) {
  bool direct = served(x, counts);
  for (const Tensor *t : {&grad, &x, static_cast<const Tensor *>(&grad_x)})
    direct = direct && t->is_contiguous() && t->scalar_type() == x.scalar_type();
  for (const Tensor *t : {&grad_alpha, &grad_beta})
    direct = direct && t->is_contiguous() && t->scalar_type() == at::kFloat;
  if (direct)
    return backward_into(grad, x, alpha, beta, bases, counts, channel_dim, grad_x, grad_alpha, grad_beta);
  auto [into_x, into_alpha, into_beta] =
      dyn_act_backward_cpu(grad, x, alpha, beta, bases, counts, channel_dim, grad_alpha.numel() > 0);
  grad_x.copy_(into_x);
  grad_alpha.copy_(into_alpha.view(grad_alpha.sizes()));
  grad_beta.copy_(into_beta.view(grad_beta.sizes()));
}

void base_into(const Tensor &x, IntArrayRef bases, IntArrayRef counts, Tensor &y) {
  const Job job(x, 0, bases, counts, 0);
  job.each([&](int64_t member, int64_t begin, int64_t end) {
    dynact::forward(job.base_of[member], job.dtype, job.layout, at_member(x, job, member),
                    at_member(y, job, member), nullptr, nullptr, begin, end);
  });
}

Tensor base_act_cpu(const Tensor &given, IntArrayRef bases, IntArrayRef counts) {
  if (!served(given, counts)) return OPERATION(BaseForward, "ablate::base_act_plain").call(given, bases, counts);
  const Tensor x = dense(given, !counts.empty());
  Tensor y = output_like(x);
  base_into(x, bases, counts, y);
  return y;
}

void base_act_into_cpu(const Tensor &x, IntArrayRef bases, IntArrayRef counts, Tensor y) {
  if (served(x, counts) && x.is_contiguous() && y.is_contiguous() && y.scalar_type() == x.scalar_type())
    return base_into(x, bases, counts, y);
  y.copy_(base_act_cpu(x, bases, counts));
}

void base_backward_into(const Tensor &grad, const Tensor &x, IntArrayRef bases, IntArrayRef counts, Tensor &grad_x) {
  const Job job(x, 0, bases, counts, 0);
  job.each([&](int64_t member, int64_t begin, int64_t end) {
    dynact::backward(job.base_of[member], job.dtype, job.layout, at_member(grad, job, member),
                     at_member(x, job, member), at_member(grad_x, job, member), nullptr, nullptr, nullptr, begin,
                     end);
  });
}

Tensor base_act_backward_cpu(const Tensor &given_grad, const Tensor &given, IntArrayRef bases, IntArrayRef counts) {
  if (!served(given, counts))
    return OPERATION(BaseBackward, "ablate::base_act_backward_plain").call(given_grad, given, bases, counts);
  const Tensor x = dense(given, !counts.empty()), grad = like(given_grad, x);
  Tensor grad_x = output_like(x);
  base_backward_into(grad, x, bases, counts, grad_x);
  return grad_x;
}

void base_act_backward_into_cpu(const Tensor &grad, const Tensor &x, IntArrayRef bases, IntArrayRef counts,
                                Tensor grad_x) {
  bool direct = served(x, counts);
  for (const Tensor *t : {&grad, &x, static_cast<const Tensor *>(&grad_x)})
    direct = direct && t->is_contiguous() && t->scalar_type() == x.scalar_type();
  if (direct) return base_backward_into(grad, x, bases, counts, grad_x);
  grad_x.copy_(base_act_backward_cpu(grad, x, bases, counts));
}

// Autograd. Nodes as torch's own operators have them, so that functorch and compilers see through them.

using NodePtr = std::remove_cvref_t<decltype(std::declval<torch::autograd::Edge>().function)>;

// Nodes are held by std::shared_ptr or, in newer versions of torch, by c10::intrusive_ptr.
template <class T> auto new_node() {
  if constexpr (std::is_same_v<NodePtr, std::shared_ptr<torch::autograd::Node>>)
    return std::shared_ptr<T>(new T(), [](auto *node) { deleteNode(node); });
  else
    return c10::make_intrusive<T>();
}
template <class T> using NodeOf = decltype(new_node<T>());

bool tracked(std::initializer_list<Tensor> inputs) {
  bool tracked = false;
  for (const Tensor &input : inputs) {
    TORCH_CHECK_NOT_IMPLEMENTED(!input.defined() || !input._fw_grad(0).defined(),
                                "dyn_act has no forward-mode derivative; use reverse mode");
    tracked = tracked || (input.defined() && input.requires_grad());
  }
  return tracked && at::GradMode::is_enabled();
}

// Whether all are ordinary CPU tensors and nobody listens in: then operators need no dispatcher to be found.
bool ordinary(std::initializer_list<Tensor> inputs) {
  using c10::DispatchKey;
  constexpr c10::DispatchKeySet usual{DispatchKey::CPU, DispatchKey::ADInplaceOrView, DispatchKey::AutogradCPU,
                                      DispatchKey::AutocastCPU};
  c10::DispatchKeySet keys = c10::impl::tls_local_dispatch_key_set().included_ - c10::default_included_set;
  bool ordinary = true;
  for (const Tensor &input : inputs) {
    ordinary = ordinary && input.defined() && compiled(input);
    keys = keys | input.key_set();
  }
  return ordinary && (keys.raw_repr() & ~usual.raw_repr()) == 0;
}

struct Groups {
  std::vector<int64_t> bases, counts;
  int64_t channel_dim;
};

struct DynActSecond : torch::autograd::Node {
  SavedVariable grad, x, alpha, beta;
  Groups groups;

  std::string name() const override { return "DynActBackwardBackward"; }
  void release_variables() override {
    for (SavedVariable *saved : {&grad, &x, &alpha, &beta}) saved->reset_data();
  }
  variable_list apply(variable_list &&grads) override {
    const Tensor g = grad.unpack(), a = alpha.unpack(), b = beta.unpack(), in = x.unpack();
    const auto or_zero = [](const Tensor &t, const Tensor &like) {
      return t.defined() && t.numel() == like.numel() ? t : at::zeros_like(like);
    };
    auto [out_g, out_x, out_a, out_b] =
        OPERATION(DoubleBackward, "ablate::dyn_act_double_backward")
            .call(or_zero(grads[0], in), or_zero(grads[1], a), or_zero(grads[2], b), g, in, a, b, groups.bases,
                  groups.counts, groups.channel_dim);
    return {out_g, out_x, out_a, out_b};
  }
};

Three dyn_act_backward_autograd(const Tensor &grad, const Tensor &x, const Tensor &alpha, const Tensor &beta,
                                IntArrayRef bases, IntArrayRef counts, int64_t channel_dim, bool scalars) {
  NodeOf<DynActSecond> node;
  if (tracked({grad, x, alpha, beta})) {
    node = new_node<DynActSecond>();
    node->set_next_edges(torch::autograd::collect_next_edges(grad, x, alpha, beta));
    node->grad = SavedVariable(grad, false);
    node->x = SavedVariable(x, false);
    node->alpha = SavedVariable(alpha, false);
    node->beta = SavedVariable(beta, false);
    node->groups = {bases.vec(), counts.vec(), channel_dim};
  }
  Three result;
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    result = OPERATION(Backward, "ablate::dyn_act_backward")
                 .call(grad, x, alpha, beta, bases, counts, channel_dim, scalars);
  }
  if (node) torch::autograd::set_history(variable_list{std::get<0>(result), std::get<1>(result), std::get<2>(result)}, node);
  return result;
}

struct DynActFirst : torch::autograd::Node {
  SavedVariable x, alpha, beta;
  Groups groups;

  std::string name() const override { return "DynActBackward"; }
  void release_variables() override {
    for (SavedVariable *saved : {&x, &alpha, &beta}) saved->reset_data();
  }
  variable_list apply(variable_list &&grads) override {
    if (!grads[0].defined()) return {Tensor(), Tensor(), Tensor()};
    const bool scalars = task_should_compute_output(1) || task_should_compute_output(2);
    const Tensor in = x.unpack(), a = alpha.unpack(), b = beta.unpack();
    const bool direct =
        !at::GradMode::is_enabled() && ordinary({grads[0], in, a, b}) && served(in, groups.counts);
    auto [grad_x, grad_alpha, grad_beta] =
        direct ? backward_of(grads[0], in, a, b, groups.bases, groups.counts, groups.channel_dim, scalars)
               : OPERATION(Backward, "ablate::dyn_act_backward")
                     .call(grads[0], in, a, b, groups.bases, groups.counts, groups.channel_dim, scalars);
    if (!scalars) return {grad_x, Tensor(), Tensor()};
    return {grad_x, grad_alpha, grad_beta};
  }
};

Tensor dyn_act_autograd(const Tensor &x, const Tensor &alpha, const Tensor &beta, IntArrayRef bases,
                        IntArrayRef counts, int64_t channel_dim) {
  NodeOf<DynActFirst> node;
  if (tracked({x, alpha, beta})) {
    node = new_node<DynActFirst>();
    node->set_next_edges(torch::autograd::collect_next_edges(x, alpha, beta));
    node->x = SavedVariable(x, false);
    node->alpha = SavedVariable(alpha, false);
    node->beta = SavedVariable(beta, false);
    node->groups = {bases.vec(), counts.vec(), channel_dim};
  }
  Tensor y;
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    y = ordinary({x, alpha, beta})
            ? dyn_act_cpu(x, alpha, beta, bases, counts, channel_dim)
            : OPERATION(Forward, "ablate::dyn_act").call(x, alpha, beta, bases, counts, channel_dim);
  }
  if (node) torch::autograd::set_history(y, node);
  return y;
}

// One base and one member. Not a level of its own: what is not ordinary goes on as ablate::dyn_act.
Tensor dyn_act_one(const Tensor &x, const Tensor &alpha, const Tensor &beta, int64_t base, int64_t channel_dim) {
  const bool recording = !c10::impl::tls_local_dispatch_key_set().excluded_.has_any(c10::autograd_dispatch_keyset);
  if (recording && ordinary({x, alpha, beta}))
    return dyn_act_autograd(x, alpha, beta, IntArrayRef(base), IntArrayRef(), channel_dim);
  return OPERATION(Forward, "ablate::dyn_act").call(x, alpha, beta, IntArrayRef(base), IntArrayRef(), channel_dim);
}

struct BaseActSecond : torch::autograd::Node {
  SavedVariable grad, x;
  Groups groups;

  std::string name() const override { return "BaseActBackwardBackward"; }
  void release_variables() override {
    grad.reset_data();
    x.reset_data();
  }
  variable_list apply(variable_list &&grads) override {
    if (!grads[0].defined()) return {Tensor(), Tensor()};
    auto [out_g, out_x] = OPERATION(BaseDoubleBackward, "ablate::base_act_double_backward")
                              .call(grads[0], grad.unpack(), x.unpack(), groups.bases, groups.counts);
    return {out_g, out_x};
  }
};

Tensor base_act_backward_autograd(const Tensor &grad, const Tensor &x, IntArrayRef bases, IntArrayRef counts) {
  NodeOf<BaseActSecond> node;
  if (tracked({grad, x})) {
    node = new_node<BaseActSecond>();
    node->set_next_edges(torch::autograd::collect_next_edges(grad, x));
    node->grad = SavedVariable(grad, false);
    node->x = SavedVariable(x, false);
    node->groups = {bases.vec(), counts.vec(), 0};
  }
  Tensor result;
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    result = OPERATION(BaseBackward, "ablate::base_act_backward").call(grad, x, bases, counts);
  }
  if (node) torch::autograd::set_history(result, node);
  return result;
}

struct BaseActFirst : torch::autograd::Node {
  SavedVariable saved; // x, or y where it tells the slope as well: then the next layer's copy is shared
  Groups groups;

  std::string name() const override { return "BaseActBackward"; }
  void release_variables() override { saved.reset_data(); }
  variable_list apply(variable_list &&grads) override {
    if (!grads[0].defined()) return {Tensor()};
    const Tensor kept = saved.unpack();
    if (!at::GradMode::is_enabled() && ordinary({grads[0], kept}))
      return {base_act_backward_cpu(grads[0], kept, groups.bases, groups.counts)};
    return {OPERATION(BaseBackward, "ablate::base_act_backward").call(grads[0], kept, groups.bases, groups.counts)};
  }
};

constexpr int64_t kSlopeFromOutput = 4; // bases below this number: identity, relu, leaky_relu, relu6

Tensor base_act_autograd(const Tensor &x, IntArrayRef bases, IntArrayRef counts) {
  NodeOf<BaseActFirst> node;
  if (tracked({x})) {
    node = new_node<BaseActFirst>();
    node->set_next_edges(torch::autograd::collect_next_edges(x));
    node->groups = {bases.vec(), counts.vec(), 0};
  }
  Tensor y;
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    y = ordinary({x}) ? base_act_cpu(x, bases, counts)
                      : OPERATION(BaseForward, "ablate::base_act").call(x, bases, counts);
  }
  if (!node) return y;
  const bool output = std::all_of(bases.begin(), bases.end(), [](int64_t b) { return b < kSlopeFromOutput; });
  node->saved = SavedVariable(output ? y.detach() : x, false);
  torch::autograd::set_history(y, node);
  return y;
}

} // namespace

TORCH_LIBRARY_IMPL(ablate, CPU, m) {
  m.impl("dyn_act", dyn_act_cpu);
  m.impl("dyn_act_backward", dyn_act_backward_cpu);
  m.impl("base_act", base_act_cpu);
  m.impl("base_act_backward", base_act_backward_cpu);
  m.impl("dyn_act_into", dyn_act_into_cpu);
  m.impl("dyn_act_backward_into", dyn_act_backward_into_cpu);
  m.impl("base_act_into", base_act_into_cpu);
  m.impl("base_act_backward_into", base_act_backward_into_cpu);
}

TORCH_LIBRARY_IMPL(ablate, CompositeExplicitAutograd, m) { m.impl("serve_from", serve_from); }
TORCH_LIBRARY_IMPL(ablate, CompositeImplicitAutograd, m) { m.impl("dyn_act_one", dyn_act_one); }

TORCH_LIBRARY_IMPL(ablate, Autograd, m) {
  m.impl("dyn_act", dyn_act_autograd);
  m.impl("dyn_act_backward", dyn_act_backward_autograd);
  m.impl("base_act", base_act_autograd);
  m.impl("base_act_backward", base_act_backward_autograd);
}
