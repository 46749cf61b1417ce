#include "products.hpp"

#include <algorithm>
#include <cmath>

#include "blas.hpp"
#include "rankme/budget.hpp"
#include "rankme/matrix_product.hpp"
#include "rankme/memory.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// Rows of a product with a symmetric matrix that are found together.
constexpr std::int64_t band_rows = 256;

// For so few vectors dsymm would copy the matrix, at more than what their products take.
constexpr std::int64_t few_vectors = 4;

// Rows `begin` to `end` of the product, from what stands left of the diagonal block, from that
// block, and from what stands below it. To Fortran the vectors are rows, and the matrix has its
// upper triangle.
void multiply_band(const double* lower, std::int64_t dim, const double* x, std::int64_t count,
                   std::int64_t begin, std::int64_t end, double* product) {
  const int rows = static_cast<int>(count);
  const int step = static_cast<int>(dim);
  const int band = static_cast<int>(end - begin);
  const int left = static_cast<int>(begin);
  const int below = static_cast<int>(dim - end);
  const double one = 1;
  const double nothing = 0;
  double* const to = product + begin * count;
  const BlasCall call;
  RANKME_BLAS(dsymm_)("R", "U", &rows, &band, &one, lower + begin * (dim + 1), &step,
                      x + begin * count, &rows, &nothing, to, &rows);
  if (left > 0) {
    RANKME_BLAS(dgemm_)("N", "N", &rows, &band, &left, &one, x, &rows, lower + begin * dim, &step,
                        &one, to, &rows);
  }
  if (below > 0) {
    RANKME_BLAS(dgemm_)("N", "T", &rows, &band, &below, &one, x + end * count, &rows,
                        lower + end * dim + begin, &step, &one, to, &rows);
  }
}

// Vector j of the product.
void multiply_one(const double* lower, std::int64_t dim, const std::vector<double>& x,
                  std::int64_t count, std::int64_t j, double* product) {
  const auto length = static_cast<std::size_t>(dim);
  std::vector<double> own(length);
  std::vector<double> image(length);
  for (std::int64_t i = 0; i < dim; ++i) {
    own[static_cast<std::size_t>(i)] = x[static_cast<std::size_t>(i * count + j)];
  }
  const int order = static_cast<int>(dim);
  const int step = 1;
  const double one = 1;
  const double nothing = 0;
  {
    const BlasCall call;
    RANKME_BLAS(dsymv_)("U", &order, &one, lower, &order, own.data(), &step, &nothing, image.data(),
                        &step);
  }
  for (std::int64_t i = 0; i < dim; ++i) {
    product[i * count + j] = image[static_cast<std::size_t>(i)];
  }
}

}  // namespace

std::vector<double> multiply_symmetric(const double* lower, std::int64_t dim,
                                       const std::vector<double>& x, std::int64_t count) {
  std::vector<double> product(x.size());
  const bool few = count <= few_vectors;
  const std::int64_t pieces = few ? count : (dim + band_rows - 1) / band_rows;
  const double work = static_cast<double>(dim * dim) * static_cast<double>(count) / least_work;
  const auto most = static_cast<double>(std::min<std::int64_t>(num_threads(), pieces));
  parallel_ranges(pieces, static_cast<int>(std::clamp(work, 1.0, most)),
                  [&](int, std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      if (few) {
                        multiply_one(lower, dim, x, count, i, product.data());
                      } else {
                        multiply_band(lower, dim, x.data(), count, i * band_rows,
                                      std::min(dim, (i + 1) * band_rows), product.data());
                      }
                    }
                  });
  return product;
}

std::vector<double> matrix_product(const double* a, std::int64_t rows, std::int64_t inner,
                                   const double* b, std::int64_t cols) {
  std::vector<double> product = zeros(rows, cols, "a product");
  const double work = static_cast<double>(rows) * static_cast<double>(inner * cols) / least_work;
  const auto most = static_cast<double>(std::clamp<std::int64_t>(rows, 1, num_threads()));
  // What is row-major to us is the transpose to Fortran.
  const int m = static_cast<int>(cols);
  const int k = static_cast<int>(inner);
  const double one = 1;
  const double nothing = 0;
  parallel_ranges(rows, static_cast<int>(std::clamp(work, 1.0, most)),
                  [&](int, std::int64_t begin, std::int64_t end) {
                    const int n = static_cast<int>(end - begin);
                    const BlasCall call;
                    RANKME_BLAS(dgemm_)("N", "N", &m, &n, &k, &one, b, &m, a + begin * inner, &k,
                                        &nothing, product.data() + begin * cols, &m);
                  });
  return product;
}

}  // namespace rankme
