// Up to eight small matrices from their rows to their singular values. Private to cpp/src.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ends.hpp"
#include "lane_eigen.hpp"
#include "rankme/matrix_view.hpp"
#include "simd.hpp"
#include "small_gram.hpp"
#include "tail_ends.hpp"
#include "top_space.hpp"

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
  // Lanes, in the order of add(), whose last values the quick way has not found: where no gap parts
  // them from the others.
  const std::vector<int>& unsettled() const { return unsettled_; }

private:
  struct Lane {
    std::vector<double> triangle;  // packed, without the zero lines, its trace from 1 to 4
    std::int64_t order;            // of the triangle
    Extent extent;
    MatrixView z;
    std::vector<std::int64_t> live;  // the lines that the triangle is of
    int half;                        // the triangle is the Gram matrix times 4^-half
    double trace;                    // of the triangle
    double delta;                    // of its eigenvalues
    double absolute;                 // of its singular values
    Ends values;
  };
  // A matrix whose last values are looked at once more (tail_ends.hpp).
  struct Tail {
    Lane* lane;
    int at;  // the number of the lane
    std::int64_t begin;
    TailErrors errors;
    int half;      // its triangle is the second Gram matrix times 4^-half
    double delta;  // of the triangle's eigenvalues
    std::vector<double> triangle;
  };
  void load(int at, std::int64_t order, const std::vector<double>& triangle);
  void sort_eigenvalues(int at, std::int64_t order);
  void finish(int at);
  bool prepare(Tail& tail);
  void finish_tail(int at);

  bool center_;
  bool normalize_;
  int used_ = 0;
  SmallGram gram_;
  std::array<Lane, lanes> lanes_;
  LaneSolver solver_;
  std::vector<double> eigenvalues_;
  TopSpace top_;
  std::vector<double> ends_;
  int tailed_ = 0;
  std::array<Tail, lanes> tails_;
  std::vector<int> unsettled_;
};

}  // namespace rankme
