// The last singular values by a second, small Gram matrix: where the tail begins, and how far its
// values can be trusted. Private to cpp/src.
//
// Of A with Gram matrix G let V be n - b orthonormal vectors, about the eigenvectors of the n - b
// smallest eigenvalues, and W = A V. The singular values of W are those of the tail, and a Gram
// matrix of W knows them to 1e-8 of the largest of them, not of sigma_1. In floating point:
//
// 1. W is off by dW, ||dW||_F <= eta: sums of n products. V is orthogonal but for
//    ||V^T V - I|| <= omega, which is measured.
// 2. sigma_{b+j}(A) <= sigma_j(A Q) for every orthonormal Q (Courant and Fischer), and Q =
//    V (V^T V)^-1/2 changes sigma_j(A V) by a factor from sqrt(1 - omega) to sqrt(1 + omega)
//    (Ostrowski). That is the upper end, whatever V is.
// 3. A' = A + dW V^+ has A' V = W exactly, and singular values within eta / sqrt(1 - omega) of
// those
//    of A. In the basis [P, Q], P the complement of Q, its Gram matrix is [B, F; F^T, H] with
//    H of W alone, B = P^T G P as of A, and F = P^T A^T W (V^T V)^-1/2, since P^T V^+T = 0:
//
//      ||F|| <= (||G V - V D|| + ||A|| eta) / sqrt(1 - omega)   for every D,
//
//    where G V - V D is the computed one plus what G is off by.
// 4. By the inertia of [B - x, F; F^T, H - x] (Haynsworth), b + j eigenvalues are above x where b
//    of B are and j of H - F^T (B - x)^-1 F. So lambda_{b+j} >= lambda_j(H) - ||F||^2 / gap with
//    gap = lambda_b(B) - lambda_1(H), and lambda_b(B) >= lambda_b(A'^T A') - lambda_1(H).
//
// Where W is A less its part along b orthonormal columns P instead, W V has the values of the tail,
// is W but for eta, and all else holds as well with omega = 0: what P lacks belongs to eta.
//
// The values of W may have a tail of their own that is too small beside the first of them: then all
// of this is done once more, with W for A, before it is said what they tell of A.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ends.hpp"

namespace rankme {

// Below this part of the scale eigenvalues of a Gram matrix have lost digits that are worth a
// second one.
constexpr double least_resolved = 1e4 * unit_roundoff;

// Where the tail of descending singular values should begin, if one of them is too small beside
// sqrt(scale) to be known and is no exact zero: at the first gap of that ratio below 3e-4 sigma_1,
// which a second Gram matrix reaches from, or else at the widest.
std::optional<std::int64_t> tail_begin(const Ends& values, std::int64_t rank, double scale,
                                       double wide_gap);

struct TailErrors {
  double products = 0;  // eta
  double skewness = 0;  // omega
  double coupling = 0;  // a bound of ||F||
  double above = 0;     // the low end of the singular value of A before the tail
  // What every singular value of A may be off by.
  double relative = 0;
  double absolute = 0;
};

// Cuts the intervals of the values from `first` on with what the singular values of W say of them,
// and takes those where they are known better. All on one scale.
void cut_with_tail(const Ends& tail, std::int64_t first, const TailErrors& errors,
                   const Ends& values);

}  // namespace rankme
