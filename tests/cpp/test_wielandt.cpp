#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "check.hpp"
#include "rankme/wielandt.hpp"

namespace {

using rankme::Interval;
using rankme::Uncertainty;
using Engine = std::mt19937_64;

struct Known {
  std::vector<double> scaled;
  std::vector<double> low;
  std::vector<double> high;
  Uncertainty uncertainty;
};

Interval bounds_of(const Known& known, double eps) {
  return rankme::rankme_bounds(known.scaled, known.low, known.high, known.uncertainty, eps);
}

double uniform(Engine& engine, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(engine);
}

// Powers, steps, flat ones, and some with a tail that the ball swallows.
std::vector<double> random_sigma(Engine& engine, std::size_t count) {
  std::vector<double> sigma(count);
  const auto kind = engine() % 6;
  const double power = uniform(engine, 0, 3);
  const double step = std::pow(10, uniform(engine, -9, 0));
  for (std::size_t k = 0; k < count; ++k) {
    const double x = static_cast<double>(k);
    switch (kind) {
      case 0:
        sigma[k] = std::pow(x + 1, -power);
        break;
      case 1:
        sigma[k] = 4 * k < count ? 1 : step;
        break;
      case 2:
        sigma[k] = 1 + 1e-3 * uniform(engine, 0, 1);
        break;
      case 3:
        sigma[k] = std::exp(-power * x);
        break;
      case 4:
        sigma[k] = 4 * k < count ? 1 : 0;
        break;
      default:
        sigma[k] = uniform(engine, 0, 1);
    }
  }
  std::sort(sigma.rbegin(), sigma.rend());
  return sigma;
}

// What a Gram matrix (of_squares) or a factor tells of singular values. The last ones may be known
// by their ends alone.
Known random_known(Engine& engine, bool of_squares) {
  Known known;
  const std::size_t count = 1 + engine() % 64;
  known.scaled = random_sigma(engine, count);
  Uncertainty& u = known.uncertainty;
  u.of_squares = of_squares;
  u.ball = std::pow(10, uniform(engine, -15, -1));
  u.free = engine() % 3 == 0 ? 0 : std::pow(10, uniform(engine, -15, -2));
  u.solver_frobenius = u.free * uniform(engine, 1, 3);
  u.relative = engine() % 2 == 0 ? 0 : std::pow(10, uniform(engine, -15, -4));
  u.absolute = engine() % 2 == 0 ? 0 : std::pow(10, uniform(engine, -15, -6));
  u.solved = static_cast<std::int64_t>(count - engine() % (1 + count / 4));
  const double delta = u.ball + u.free;
  for (const double s : known.scaled) {
    const double y = of_squares ? s * s : s;
    const double least = std::max(0.0, y - delta);
    const double low = of_squares ? std::sqrt(least) : least;
    const double high = of_squares ? std::sqrt(y + delta) : y + delta;
    const double moved = u.relative * high + u.absolute;
    known.low.push_back(std::max(0.0, low - moved));
    known.high.push_back(high + moved);
  }
  return known;
}

// Directions in which values may be pushed, before they are scaled to the ball.
std::vector<double> random_direction(Engine& engine, const Known& known, double eps) {
  const std::size_t count = known.scaled.size();
  std::vector<double> direction(count);
  const auto kind = engine() % 5;
  const double power = uniform(engine, 0, 2);
  const double sum = std::accumulate(known.scaled.begin(), known.scaled.end(), 0.0);
  const double score = rankme::rankme(known.scaled, eps);
  for (std::size_t k = 0; k < count; ++k) {
    const double sign = engine() % 2 == 0 ? 1 : -1;
    const double noise = std::normal_distribution<double>()(engine);
    const double share = known.scaled[k] / sum + eps + 1e-12;
    // The slope of RankMe in sigma^2, or of its sign in the tail.
    const double slope = -std::log(share * score) / (known.scaled[k] + 1e-6);
    switch (kind) {
      case 0:
        direction[k] = noise;
        break;
      case 1:
        direction[k] = engine() % 5 == 0 ? noise : 0;
        break;
      case 2:
        direction[k] = std::pow(static_cast<double>(k + 1), power) * sign;
        break;
      case 3:
        direction[k] = slope;
        break;
      default:
        direction[k] = -slope;
    }
  }
  return direction;
}

// A point of the set, at its edge as a rule: pushed by the ball, the solver and then by what moves
// singular values themselves. The solver's error is given to both of its norms.
std::vector<double> random_point(Engine& engine, const Known& known, double eps) {
  const Uncertainty& u = known.uncertainty;
  const std::vector<double> direction = random_direction(engine, known, eps);
  const auto solved = static_cast<std::size_t>(u.solved);
  double squares = 1e-300;
  for (std::size_t k = 0; k < solved; ++k) squares += direction[k] * direction[k];
  const bool along = engine() % 2 == 0;
  const double even = std::min(u.free, u.solver_frobenius / std::sqrt(double(solved)));
  const double length = (u.ball + (along ? std::min(u.free, u.solver_frobenius) : 0)) *
                        (1 - 1e-12) / std::sqrt(squares);
  const double away = engine() % 3 == 0 ? uniform(engine, 0, 1) : 1;
  std::vector<double> sigma = known.scaled;
  for (std::size_t k = 0; k < sigma.size(); ++k) {
    if (k >= solved) {
      sigma[k] = direction[k] > 0 ? known.high[k] : known.low[k];
      continue;
    }
    const double side = direction[k] > 0 ? 1 : -1;
    const double y = u.of_squares ? sigma[k] * sigma[k] : sigma[k];
    const double solver = along ? 0 : side * even * (1 - 1e-12);
    const double pushed = std::max(0.0, y + away * (direction[k] * length + solver));
    const double moved = u.of_squares ? std::sqrt(pushed) : pushed;
    sigma[k] = moved + away * side * (u.relative * moved + u.absolute) * (1 - 1e-12);
    sigma[k] = std::clamp(sigma[k], known.low[k], known.high[k]);
  }
  return sigma;
}

// Every point of the set that is tried has its RankMe inside, and a set in which no value is lost
// is described tightly: some point comes near its ends.
void holds_what_attacks_it(bool of_squares) {
  Engine engine(of_squares ? 1 : 2);
  int tight = 0;
  const int rounds = 400;
  for (int round = 0; round < rounds; ++round) {
    const Known known = random_known(engine, of_squares);
    const double eps = std::array{0.0, 1e-7, 1e-2}[engine() % 3];
    const Interval bounds = bounds_of(known, eps);
    const Interval box = rankme::rankme_bounds(known.low, known.high, eps);
    const double slack = 0.01 * (box.high - box.low) + 1e-11 * box.high;
    CHECK(bounds.low >= box.low - slack && bounds.high <= box.high + slack);
    double least = std::numeric_limits<double>::infinity();
    double most = 0;
    for (int attack = 0; attack < 200; ++attack) {
      const double value = rankme::rankme(random_point(engine, known, eps), eps);
      least = std::min(least, value);
      most = std::max(most, value);
    }
    CHECK(bounds.low <= least && most <= bounds.high);
    if (bounds.high - bounds.low <= 4 * (most - least) + 1e-12 * most) ++tight;
  }
  CHECK(tight >= 0.8 * rounds);
}

// Weyl, Hoffman and Wielandt by name: eigenvalues of 2 x 2 blocks that are moved by exact matrices,
// whose eigenvalues are known in closed form.
void holds_perturbed_matrices() {
  Engine engine(3);
  for (int round = 0; round < 2000; ++round) {
    const std::size_t pairs = 1 + engine() % 20;
    const double decades = uniform(engine, 0, 12);
    std::vector<double> before, after;
    double squares = 0;
    const double size = std::pow(10, uniform(engine, -14, -2));
    for (std::size_t i = 0; i < pairs; ++i) {
      const double a = std::pow(10, -uniform(engine, 0, decades));
      const double b = std::pow(10, -uniform(engine, 0, decades));
      // diag(a, b) + (x, z; z, y), of which (a + x) (b + y) >= z^2 keeps it a Gram matrix.
      const double x = size * uniform(engine, -1, 1), y = size * uniform(engine, -1, 1);
      const double z = size * uniform(engine, -1, 1);
      if (a + x <= 0 || (a + x) * (b + y) < 1.001 * z * z) continue;
      const double mean = (a + x + b + y) / 2, gap = (a + x - b - y) / 2;
      const double root = std::hypot(gap, z);
      before.insert(before.end(), {a, b});
      const double larger = mean + root;
      after.insert(after.end(), {larger, ((a + x) * (b + y) - z * z) / larger});
      squares += x * x + y * y + 2 * z * z;
    }
    if (before.empty()) continue;
    std::sort(before.rbegin(), before.rend());
    std::sort(after.rbegin(), after.rend());
    Known known;
    known.uncertainty.ball = std::sqrt(squares) * (1 + 1e-12);
    known.uncertainty.solved = static_cast<std::int64_t>(before.size());
    std::vector<double> exact;
    for (std::size_t k = 0; k < before.size(); ++k) {
      const double delta = known.uncertainty.ball;
      known.scaled.push_back(std::sqrt(before[k]));
      known.low.push_back(std::sqrt(std::max(0.0, before[k] - delta)));
      known.high.push_back(std::sqrt(before[k] + delta));
      exact.push_back(std::sqrt(after[k]));
    }
    for (const double eps : {0.0, 1e-7}) {
      const Interval bounds = bounds_of(known, eps);
      const double value = rankme::rankme(exact, eps);
      CHECK(bounds.low <= value * (1 + 1e-14) && value * (1 - 1e-14) <= bounds.high);
    }
  }
}

// What a Gram matrix of order K with an ordinary error has.
Known known_of(const std::vector<double>& sigma) {
  const auto order = static_cast<double>(sigma.size());
  const double unit = 0x1p-53;
  Known known;
  known.scaled = sigma;
  Uncertainty& u = known.uncertainty;
  u.free = 4 * (10 + order / 4) * unit;
  u.ball = u.free / 2;
  double squares = 0;
  for (const double s : sigma) squares += s * s * s * s;
  u.solver_frobenius = u.free * std::sqrt(squares);
  u.relative = 2 * unit;
  u.solved = static_cast<std::int64_t>(sigma.size());
  for (const double s : sigma) {
    known.low.push_back(std::sqrt(std::max(0.0, s * s - u.free - u.ball)) * (1 - 2 * unit));
    known.high.push_back(std::sqrt(s * s + u.free + u.ball) * (1 + 2 * unit));
  }
  return known;
}

std::vector<double> power_law(std::size_t count, double power) {
  std::vector<double> sigma(count);
  for (std::size_t k = 0; k < count; ++k) {
    sigma[k] = std::pow(static_cast<double>(k + 1), -power);
  }
  return sigma;
}

void is_narrow() {
  const auto half_width = [](const Known& known) {
    const Interval bounds = bounds_of(known, 1e-7);
    return (bounds.high - bounds.low) / (bounds.high + bounds.low);
  };
  CHECK(half_width(known_of(power_law(1024, 1))) < 2e-9);
  CHECK(half_width(known_of(power_law(1024, 0.5))) < 2e-12);
  CHECK(half_width(known_of(std::vector<double>(1024, 1))) < 2e-13);
  // The box alone is ten times wider and more.
  for (const double power : {0.5, 1.0, 2.0}) {
    const Known known = known_of(power_law(1024, power));
    const Interval bounds = bounds_of(known, 1e-7);
    const Interval box = rankme::rankme_bounds(known.low, known.high, 1e-7);
    CHECK(10 * (bounds.high - bounds.low) < box.high - box.low);
  }
}

void falls_back_to_the_box() {
  const std::vector<double> sigma = {3, 2, 1e-5, 0};
  const std::vector<double> low = {2.9, 1.9, 0, 0};
  const std::vector<double> high = {3.1, 2.1, 1e-4, 0};
  const Interval box = rankme::rankme_bounds(low, high, 1e-7);
  const auto same_as_box = [&](const Uncertainty& uncertainty) {
    const Interval bounds = rankme::rankme_bounds(sigma, low, high, uncertainty, 1e-7);
    return bounds.low == box.low && bounds.high == box.high;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Uncertainty usable{0.1, 0, 0, 0, 0, true, 3};
  CHECK(!same_as_box(usable));
  CHECK(same_as_box({}));
  CHECK(same_as_box({nan, 0, 0, 0, 0, true, 3}));
  CHECK(same_as_box({0.1, nan, 0, 0, 0, true, 3}));
  CHECK(same_as_box({0.1, 0, 0, nan, 0, true, 3}));
  CHECK(same_as_box({0.1, 0, 0, 0, nan, true, 3}));
  CHECK(same_as_box({0.1, 0, 0, 0, 0, true, 0}));
  const std::vector<double> zeros(4);
  CHECK(rankme::rankme_bounds(zeros, zeros, zeros, usable, 1e-7).high == 0);
  CHECK_THROWS(rankme::rankme_bounds(sigma, low, {}, usable, 0), std::invalid_argument,
               "same length");
  CHECK_THROWS(rankme::rankme_bounds(sigma, low, high, usable, -1), std::invalid_argument, "eps");
}

// The scale of Z changes nothing, nor do values that are exactly 0 but their number.
void sees_no_scale() {
  const Known known = known_of(power_law(50, 1.5));
  const Interval wanted = bounds_of(known, 1e-7);
  for (const double scale : {0x1p-400, 0x1p400}) {
    Known scaled = known;
    for (std::vector<double>* part : {&scaled.scaled, &scaled.low, &scaled.high}) {
      for (double& value : *part) value *= scale;
    }
    Uncertainty& u = scaled.uncertainty;
    for (double* square : {&u.ball, &u.free, &u.solver_frobenius}) *square *= scale * scale;
    const Interval got = bounds_of(scaled, 1e-7);
    CHECK(got.low == wanted.low && got.high == wanted.high);
  }
  Known longer = known;
  for (std::vector<double>* part : {&longer.scaled, &longer.low, &longer.high}) part->resize(80);
  const double value = rankme::rankme(longer.scaled, 1e-7);
  const Interval got = bounds_of(longer, 1e-7);
  CHECK(got.low <= value && value <= got.high);
  CHECK_CLOSE(got.high - got.low,
              (wanted.high - wanted.low) * value / rankme::rankme(known.scaled, 1e-7), 1e-3);
}

}  // namespace

int main() {
  for (const bool of_squares : {true, false}) holds_what_attacks_it(of_squares);
  holds_perturbed_matrices();
  is_narrow();
  falls_back_to_the_box();
  sees_no_scale();
  return check::finish("wielandt");
}
