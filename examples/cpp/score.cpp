// RankMe of a stream of float32 rows, with the interval that holds the exact score.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "rankme/entropy.hpp"
#include "rankme/gram.hpp"
#include "rankme/spectrum.hpp"

int main() {
  constexpr std::int64_t dim = 64;
  constexpr std::int64_t batch = 500;
  rankme::GramAccumulator sum(dim, /*normalize=*/false, /*seed=*/0);
  std::mt19937_64 generator(0);
  std::normal_distribution<float> normal;
  std::vector<float> rows(batch * dim);
  for (int i = 0; i < 8; ++i) {  // your batches
    for (std::size_t k = 0; k < rows.size(); ++k)
      rows[k] = normal(generator) / std::sqrt(static_cast<float>(k % dim + 1));
    sum.update({reinterpret_cast<const std::byte*>(rows.data()), rankme::DType::float32, batch, dim,
                dim * rankme::item_size(rankme::DType::float32),
                rankme::item_size(rankme::DType::float32)});
  }

  std::int64_t n_rows = 0;
  const rankme::SingularValues values = rankme::singular_values(sum, /*center=*/false, &n_rows);
  const double eps = 1e-7;
  const rankme::Interval exact = rankme::rankme_bounds(values, eps);
  std::printf("RankMe %.6f, exact within %.9f and %.9f, of %lld rows\n",
              rankme::rankme(values.scaled, eps), exact.low, exact.high,
              static_cast<long long>(n_rows));
  return exact.low > 50 && exact.high < 60 ? 0 : 1;
}
