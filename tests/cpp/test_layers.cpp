#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/layers.hpp"
#include "rankme/threads.hpp"
#include "sums.hpp"

namespace {

using oracle::Matrix;
using rankme::LayerAccumulator;
using rankme::MatrixView;
using rankme::SingularValues;
using sums::dense;
using sums::same_bits;

std::vector<Matrix> stack_of(std::int64_t layers, std::int64_t rows, std::int64_t cols) {
  std::vector<Matrix> zs;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    zs.push_back(oracle::random_matrix(rows, cols, static_cast<unsigned>(10 + layer),
                                       1 - 0.02 * static_cast<double>(layer)));
  }
  return zs;
}

std::vector<MatrixView> views(const std::vector<Matrix>& zs, std::int64_t begin, std::int64_t end) {
  std::vector<MatrixView> parts;
  for (const Matrix& z : zs) {
    parts.push_back(rankme::view_of(z.entries.data(), z.rows, z.cols).row_range(begin, end));
  }
  return parts;
}

std::vector<MatrixView> views(const std::vector<Matrix>& zs) {
  return views(zs, 0, zs.front().rows);
}

// With a thread for whole layers every layer is summed as one thread alone would.
void whole_layers_equal_accumulators() {
  const std::vector<Matrix> zs = stack_of(5, 300, 60);
  for (const int threads : {1, 2, 5}) {
    LayerAccumulator stack(5, 60, true, 7);
    for (const auto& [begin, end] : {std::pair{0, 1}, {1, 213}, {213, 300}}) {
      rankme::set_num_threads(threads);
      stack.update(views(zs, begin, end));
    }
    CHECK(stack.n_rows() == 300);
    rankme::set_num_threads(1);
    for (std::size_t layer = 0; layer < 5; ++layer) {
      rankme::GramAccumulator alone(60, true, 7);
      for (const auto& [begin, end] : {std::pair{0, 1}, {1, 213}, {213, 300}}) {
        alone.update(views(zs, begin, end)[layer]);
      }
      std::int64_t n_rows = 0;
      rankme::CentredSum sum = stack.total(static_cast<std::int64_t>(layer), &n_rows);
      // A stack takes into account what an accumulator's second level makes up for.
      CHECK(sum.unseen > 0 && sum.unseen < 1e-14 * 300);
      sum.unseen = 0;
      CHECK(same_bits(sum, alone.total(&n_rows)));
    }
  }
}

// More threads than layers: rows are split, or the matrix is.
void any_number_of_threads_agrees() {
  for (const std::int64_t layers : {1, 2, 3, 5}) {
    for (const std::int64_t cols : {40, 200}) {
      const std::vector<Matrix> zs = stack_of(layers, 2001, cols);
      for (const int threads : {2, 3, 4, 7, 16}) {
        rankme::set_num_threads(threads);
        LayerAccumulator stack(layers, cols, false, 0);
        for (int repeat = 0; repeat < 2; ++repeat) stack.update(views(zs));
        rankme::set_num_threads(1);
        LayerAccumulator plain(layers, cols, false, 0);
        for (int repeat = 0; repeat < 2; ++repeat) plain.update(views(zs));
        for (std::int64_t layer = 0; layer < layers; ++layer) {
          std::int64_t n_rows = 0;
          const std::vector<double> got = dense(stack.total(layer, &n_rows));
          const std::vector<double> wanted = dense(plain.total(layer, &n_rows));
          double worst = 0;
          for (std::size_t i = 0; i < got.size(); ++i) {
            worst = std::max(worst, std::abs(got[i] - wanted[i]));
          }
          CHECK(n_rows == 4002);
          CHECK(worst <= 1e-12 * wanted.front() * 4);
          stack.spectrum(layer, false, &n_rows);  // the probes agree with it
        }
      }
    }
  }
  rankme::set_num_threads(2);
}

// What is taken in at a time has a sum of its own: what adding to the layer may lose counts once an
// update and not once a block.
void large_updates_lose_little() {
  const std::vector<Matrix> zs = stack_of(3, 7000, 40);
  for (const int threads : {1, 2, 5}) {
    rankme::set_num_threads(threads);
    LayerAccumulator stack(3, 40, false, 0);
    for (int update = 0; update < 30; ++update) stack.update(views(zs));
    std::int64_t n_rows = 0;
    for (std::int64_t layer = 0; layer < 3; ++layer) {
      const rankme::CentredSum sum = stack.total(layer, &n_rows);
      double trace = 0;
      for (std::int64_t i = 0; i < 40; ++i) {
        trace += sum.scatter[static_cast<std::size_t>(i * 41)];
      }
      CHECK(sum.unseen > 10 * rankme::unit_roundoff * trace);
      // The middle one of three layers may be shared by three of five threads.
      CHECK(sum.unseen < 60 * rankme::unit_roundoff * trace);
      stack.spectrum(layer, true, &n_rows);
    }
    stack.reset();
    stack.update(views(zs));
    LayerAccumulator fresh(3, 40, false, 0);
    fresh.update(views(zs));
    CHECK(same_bits(stack.total(1, &n_rows), fresh.total(1, &n_rows)));
  }
  rankme::set_num_threads(2);
}

// So wide that threads share one sum.
void wide_layers_agree() {
  const std::vector<Matrix> zs = stack_of(1, 12, 1500);
  LayerAccumulator stack(1, 1500, false, 0), plain(1, 1500, false, 0);
  rankme::set_num_threads(4);
  stack.update(views(zs));
  rankme::set_num_threads(1);
  plain.update(views(zs));
  rankme::set_num_threads(2);
  std::int64_t n_rows = 0;
  const std::vector<double> got = dense(stack.total(0, &n_rows));
  const std::vector<double> wanted = dense(plain.total(0, &n_rows));
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    worst = std::max(worst, std::abs(got[i] - wanted[i]));
  CHECK(worst <= 1e-13 * wanted.front());
}

void spectra_are_those_of_each_layer() {
  std::vector<Matrix> zs = stack_of(4, 150, 30);
  for (double& entry : zs[2].entries) entry *= 1e200;  // a scale of its own
  LayerAccumulator stack(4, 30, false, 0);
  stack.update(views(zs, 0, 40));
  stack.update(views(zs, 40, 150));
  for (const bool center : {false, true}) {
    std::int64_t n_rows = 0;
    const std::vector<SingularValues> all = stack.spectra(center, &n_rows);
    CHECK(n_rows == 150);
    for (std::size_t layer = 0; layer < 4; ++layer) {
      Matrix z = center ? oracle::centered(zs[layer]) : zs[layer];
      const double scale = layer == 2 ? 1e-200 : 1;
      for (double& entry : z.entries) entry *= scale;
      const std::vector<double> wanted = oracle::singular_values(z);
      const SingularValues alone =
          stack.spectrum(static_cast<std::int64_t>(layer), center, &n_rows);
      CHECK(alone.scaled == all[layer].scaled && alone.exponent == all[layer].exponent);
      CHECK_CLOSE(rankme::rankme(all[layer].scaled, 1e-7), rankme::rankme(wanted, 1e-7), 1e-9);
    }
  }
}

// Beyond the order up to which LAPACK has one thread anyway. No more threads than cores: LAPACK's
// own would spin.
void wide_spectra_agree() {
  const std::vector<Matrix> zs = stack_of(2, 40, 1100);
  LayerAccumulator stack(2, 1100, false, 0);
  stack.update(views(zs));
  for (const int threads : {1, 2}) {
    rankme::set_num_threads(threads);
    std::int64_t n_rows = 0;
    const std::vector<SingularValues> all = stack.spectra(false, &n_rows);
    for (std::size_t layer = 0; layer < 2; ++layer) {
      CHECK_CLOSE(rankme::rankme(all[layer].scaled, 1e-7),
                  rankme::rankme(oracle::singular_values(zs[layer]), 1e-7), 1e-9);
    }
  }
  rankme::set_num_threads(2);
}

// An update that fails leaves every layer as it was.
void bad_input_changes_nothing() {
  const std::vector<Matrix> good = stack_of(6, 50, 12);
  for (const int threads : {1, 2, 4, 9}) {
    rankme::set_num_threads(threads);
    LayerAccumulator stack(6, 12, false, 0);
    stack.update(views(good));
    const auto unchanged = [&] {
      LayerAccumulator fresh(6, 12, false, 0);
      fresh.update(views(good));
      bool same = stack.n_rows() == 50;
      for (std::int64_t layer = 0; layer < 6; ++layer) {
        std::int64_t n_rows = 0;
        same &= same_bits(stack.total(layer, &n_rows), fresh.total(layer, &n_rows));
      }
      return same;
    };
    std::vector<Matrix> bad = good;
    bad[5](2, 1) = std::numeric_limits<double>::infinity();
    bad[4](30, 7) = std::nan("");
    CHECK_THROWS(stack.update(views(bad)), rankme::NonFiniteError, "Zs[4][30, 7] is nan");
    CHECK(unchanged());
    std::vector<MatrixView> ragged = views(good);
    ragged[3] = ragged[3].row_range(0, 49);
    CHECK_THROWS(stack.update(ragged), std::invalid_argument, "Zs[3] has 49 rows and Zs[0] has 50");
    ragged = views(good);
    ragged[0].cols = 11;
    CHECK_THROWS(stack.update(ragged), std::invalid_argument, "Zs[0] has 11 columns");
    ragged.pop_back();
    CHECK_THROWS(stack.update(ragged), std::invalid_argument, "Zs has 5 layers");
    CHECK(unchanged());
  }
  rankme::set_num_threads(2);
  std::int64_t n_rows = 0;
  LayerAccumulator empty(2, 3, false, 0);
  CHECK_THROWS(empty.spectra(false, &n_rows), std::invalid_argument, "no rows");
  CHECK_THROWS(empty.total(2, &n_rows), std::out_of_range, "layer 2 of 2");
  CHECK_THROWS(LayerAccumulator(0, 3, false, 0), std::invalid_argument, "n_layers");
  CHECK_THROWS(LayerAccumulator(2, 0, false, 0), std::invalid_argument, "dim");
}

// Stacks of other widths take in the same rows, all of them or none.
void stacks_grow_together() {
  const std::vector<Matrix> wide = stack_of(2, 50, 12), narrow = stack_of(1, 50, 7);
  const auto in_order = [](const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
    return std::vector<MatrixView>{views(a)[0], views(b)[0], views(a)[1]};
  };
  const std::vector<std::size_t> stack_of_layer = {0, 1, 0};
  for (const int threads : {1, 2, 5}) {
    rankme::set_num_threads(threads);
    LayerAccumulator first(2, 12, false, 3), second(1, 7, false, 3);
    LayerAccumulator alone(2, 12, false, 3), other(1, 7, false, 3);
    const std::vector<LayerAccumulator*> both = {&first, &second};
    LayerAccumulator::update_all(both, stack_of_layer, in_order(wide, narrow));
    alone.update(views(wide));
    other.update(views(narrow));
    const auto unchanged = [&] {
      std::int64_t n_rows = 0;
      bool same = first.n_rows() == 50 && second.n_rows() == 50;
      for (std::int64_t layer = 0; layer < 2; ++layer) {
        same &= same_bits(first.total(layer, &n_rows), alone.total(layer, &n_rows));
      }
      return same && same_bits(second.total(0, &n_rows), other.total(0, &n_rows));
    };
    CHECK(unchanged());
    std::vector<Matrix> bad_wide = wide, bad_narrow = narrow;
    bad_wide[1](2, 1) = std::nan("");
    CHECK_THROWS(LayerAccumulator::update_all(both, stack_of_layer, in_order(bad_wide, narrow)),
                 rankme::NonFiniteError, "Zs[2][2, 1] is nan");
    bad_narrow[0](7, 3) = std::nan("");
    CHECK_THROWS(LayerAccumulator::update_all(both, stack_of_layer, in_order(bad_wide, bad_narrow)),
                 rankme::NonFiniteError, "Zs[1][7, 3] is nan");
    CHECK_THROWS(LayerAccumulator::update_all(both, {0, 0, 1}, in_order(wide, narrow)),
                 std::invalid_argument, "Zs[1] has 7 columns, the accumulator has dim 12");
    std::vector<MatrixView> ragged = in_order(wide, narrow);
    ragged[1] = ragged[1].row_range(0, 9);
    CHECK_THROWS(LayerAccumulator::update_all(both, stack_of_layer, ragged), std::invalid_argument,
                 "Zs[1] has 9 rows and Zs[0] has 50");
    ragged.pop_back();
    CHECK_THROWS(LayerAccumulator::update_all(both, stack_of_layer, ragged), std::invalid_argument,
                 "Zs has 2 layers, the accumulator has n_layers 3");
    CHECK(unchanged());
  }
  rankme::set_num_threads(2);
}

void stacks_merge() {
  const std::vector<Matrix> zs = stack_of(3, 90, 20);
  LayerAccumulator whole(3, 20, false, 0), left(3, 20, false, 0), right(3, 20, false, 0);
  whole.update(views(zs));
  left.update(views(zs, 0, 31));
  right.update(views(zs, 31, 90));
  left.merge(right);
  CHECK(left.n_rows() == 90 && right.n_rows() == 59);
  std::int64_t n_rows = 0;
  for (std::int64_t layer = 0; layer < 3; ++layer) {
    CHECK_CLOSE(rankme::rankme(left.spectrum(layer, true, &n_rows).scaled, 1e-7),
                rankme::rankme(whole.spectrum(layer, true, &n_rows).scaled, 1e-7), 1e-12);
  }
  left.merge(left);
  CHECK(left.n_rows() == 180);
  CHECK_CLOSE(dense(left.total(1, &n_rows))[0], 2 * dense(whole.total(1, &n_rows))[0], 1e-12);
  left.reset();
  CHECK(left.n_rows() == 0 && left.total(0, &n_rows).is_zero());
  CHECK_THROWS(left.merge(LayerAccumulator(2, 20, false, 0)), std::invalid_argument, "n_layers");
  CHECK_THROWS(left.merge(LayerAccumulator(3, 21, false, 0)), std::invalid_argument, "dim");
  CHECK_THROWS(left.merge(LayerAccumulator(3, 20, true, 0)), std::invalid_argument, "normalizes");
  CHECK_THROWS(left.merge(LayerAccumulator(3, 20, false, 1)), std::invalid_argument, "seed");
}

}  // namespace

int main() {
  whole_layers_equal_accumulators();
  any_number_of_threads_agrees();
  large_updates_lose_little();
  wide_layers_agree();
  spectra_are_those_of_each_layer();
  wide_spectra_agree();
  bad_input_changes_nothing();
  stacks_grow_together();
  stacks_merge();
  return check::finish("layers");
}
