// Up to four small matrices from their rows to their singular values. Private to cpp/src.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ends.hpp"
#include "lane_eigen.hpp"
#include "rankme/matrix_view.hpp"
#include "simd.hpp"
#include "small_gram.hpp"

namespace rankme {

class LaneWorker {
public:
  LaneWorker(bool center, bool normalize)
      : center_(center), normalize_(normalize), gram_(center, normalize) {}

  void clear() { used_ = 0; }
  // Puts a matrix into the next free lane; its values go to `values` and `exponent` when solved.
  // False where it is not finite: then the lane stays free.
  [[nodiscard]] bool add(const MatrixView& z, const Ends& values, int* exponent);
  // Throws IntegrityError where an eigenvalue is further below zero than rounding explains.
  void solve();

private:
  struct Lane {
    std::vector<double> triangle;  // packed, without the zero lines, its trace from 1 to 4
    std::int64_t order;            // of the triangle
    Extent extent;
    double delta;     // of its eigenvalues
    double absolute;  // of its singular values
    Ends values;
  };
  void finish(const Lane& lane, int at);

  bool center_;
  bool normalize_;
  int used_ = 0;
  SmallGram gram_;
  std::array<Lane, lanes> lanes_;
  LaneSolver solver_;
  std::vector<double> eigenvalues_;
};

}  // namespace rankme
