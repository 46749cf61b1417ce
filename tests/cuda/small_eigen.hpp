// The eigenvalues of a small matrix as a kernel finds them, without a GPU.
#pragma once

#include <array>
#include <vector>

#include "../../cuda/src/kernels/batch_eigen.cuh"
#include "host_team.hpp"

namespace small_eigen {

namespace batch = rankme::cuda::batch;

struct EigenSpace {
  explicit EigenSpace(int n) : pitch(n + 1), a(static_cast<std::size_t>(n * (n + 1))) {
    for (auto& part : parts) part.resize(static_cast<std::size_t>(n));
  }
  batch::Tridiagonal tridiagonal() {
    return {parts[0].data(), parts[1].data(), parts[2].data(), parts[3].data(), parts[4].data()};
  }
  int pitch;
  std::vector<double> a;
  std::array<std::vector<double>, 5> parts;
};

template <class Team>
void solve(const Team& team, EigenSpace& space, int n, double* out) {
  batch::tridiagonalize(team, space.a.data(), n, space.pitch, space.tridiagonal());
  batch::bisect(team, space.tridiagonal(), n, out);
}

inline std::vector<double> computed_eigenvalues(const std::vector<double>& dense, int n,
                                                int warps = 0) {
  EigenSpace space(n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      space.a[static_cast<std::size_t>(i * space.pitch + j)] =
          dense[static_cast<std::size_t>(i * n + j)];
    }
  }
  std::vector<double> out(static_cast<std::size_t>(n));
  if (warps == 0) {
    solve(host_team::Alone(), space, n, out.data());
  } else {
    host_team::run(warps, [&](const host_team::Team& team) { solve(team, space, n, out.data()); });
  }
  return out;
}

}  // namespace small_eigen
