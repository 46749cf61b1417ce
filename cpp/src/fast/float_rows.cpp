#include "float_rows.hpp"

#include <algorithm>
#include <cmath>

#include "multiversion.hpp"
#include "rankme/parallel.hpp"

namespace rankme {

namespace {

// Magnitudes of a block are brought below 2^most, whose squares leave room for a chunk of sums; and
// a column whose largest is below 2^least might lose its squares at the other end of float32.
constexpr int most_exponent = 57;
constexpr double least_magnitude = 0x1p-20;

// So many rows wait together: a square of the matrix is then worth the way to it.
constexpr std::int64_t waiting_rows = 768;
// A group of panels stays in the second-level cache while the others go by.
constexpr std::int64_t group_bytes = 384 << 10;

// What is known of each column of a panel.
struct OfColumns {
  double largest[panel_width] = {};
  double squares[panel_width] = {};
};

// Rounds the rows of a panel to float32; `found` is of the numbers before that.
RANKME_MULTIVERSION void round_rows(const double* __restrict from, std::int64_t step,
                                    std::int64_t rows, std::int64_t width, double scale,
                                    float* __restrict to, OfColumns& found) {
  if (width == panel_width) {
    double* __restrict largest = found.largest;
    double* __restrict squares = found.squares;
    for (std::int64_t i = 0; i < rows; ++i, from += step, to += panel_width) {
      for (std::int64_t j = 0; j < panel_width; ++j) {
        const double x = from[j] * scale;
        const double magnitude = std::abs(x);
        largest[j] = magnitude > largest[j] ? magnitude : largest[j];
        squares[j] += x * x;
        to[j] = static_cast<float>(x);
      }
    }
    return;
  }
  for (std::int64_t i = 0; i < rows; ++i, from += step, to += panel_width) {
    for (std::int64_t j = 0; j < width; ++j) {
      const double x = from[j] * scale;
      found.largest[j] = std::max(found.largest[j], std::abs(x));
      found.squares[j] += x * x;
      to[j] = static_cast<float>(x);
    }
    std::fill(to + width, to + panel_width, 0.0f);
  }
}

// The same of columns that lie one behind the other.
RANKME_MULTIVERSION void round_columns(const double* __restrict from, std::int64_t step,
                                       std::int64_t rows, std::int64_t width, double scale,
                                       float* __restrict to, OfColumns& found) {
  constexpr std::int64_t some = 8;  // rows at a time, whose lines stay in the first-level cache
  for (std::int64_t first = 0; first < rows; first += some) {
    const std::int64_t last = std::min(rows, first + some);
    for (std::int64_t j = 0; j < width; ++j) {
      for (std::int64_t i = first; i < last; ++i) {
        const double x = from[j * step + i] * scale;
        found.largest[j] = std::max(found.largest[j], std::abs(x));
        found.squares[j] += x * x;
        to[i * panel_width + j] = static_cast<float>(x);
      }
    }
    for (std::int64_t i = first; i < last; ++i) {
      std::fill(to + i * panel_width + width, to + (i + 1) * panel_width, 0.0f);
    }
  }
}

}  // namespace

void FloatRows::reserve(std::int64_t block_rows, std::int64_t dim) {
  const std::int64_t room = std::max(block_rows, waiting_rows / block_rows * block_rows);
  if (dim == dim_ && room <= room_) return;
  const std::int64_t panels = (dim + panel_width - 1) / panel_width;
  memory_ = zeros<AlignedDoubles>(panels * room, panel_width / 2, "rows in float32");
  chunks_.reserve(static_cast<std::size_t>(room));
  lost_.resize(static_cast<std::size_t>(panels));
  for (auto* each : {&block_squares_, &squares_}) {
    each->assign(static_cast<std::size_t>(panels * panel_width), 0.0);
  }
  floats_ = reinterpret_cast<float*>(memory_.data());
  dim_ = dim;
  room_ = room;
  rows_ = 0;
}

void FloatRows::clear() {
  rows_ = 0;
  chunks_.clear();
  std::fill(squares_.begin(), squares_.end(), 0.0);
}

bool FloatRows::take_panel(const Block& block, std::int64_t p, double scale) {
  const std::int64_t column = p * panel_width;
  const std::int64_t width = std::min(panel_width, block.cols - column);
  float* to = panel(p) + rows_ * panel_width;
  OfColumns found;
  if (block.layout == Layout::row_major) {
    round_rows(block.data + column, block.cols, block.rows, width, scale, to, found);
  } else {
    round_columns(block.data + column * block.rows, block.rows, block.rows, width, scale, to,
                  found);
  }
  std::copy(found.squares, found.squares + panel_width, block_squares_.data() + column);
  return std::all_of(found.largest, found.largest + width,
                     [](double x) { return x == 0 || x >= least_magnitude; });
}

bool FloatRows::take(const Block& block, double largest) {
  // Where nothing is left of the rows any scale will do.
  const int exponent =
      largest > 0 ? std::clamp(most_exponent - std::ilogb(largest) - 1, -400, 400) : 0;
  const double scale = std::ldexp(1.0, exponent);
  const std::int64_t panels = (dim_ + panel_width - 1) / panel_width;
  for (std::int64_t p = 0; p < panels; ++p) {
    if (!take_panel(block, p, scale)) return false;
  }
  const double factor = std::ldexp(1.0, -2 * exponent);
  for (std::int64_t row = 0; row < block.rows; row += chunk_rows) {
    chunks_.push_back({rows_ + row, std::min(chunk_rows, block.rows - row), factor});
  }
  for (std::size_t j = 0; j < squares_.size(); ++j) squares_[j] += factor * block_squares_[j];
  rows_ += block.rows;
  return true;
}

void FloatRows::add_panels(std::int64_t down, std::int64_t across, double* gram,
                           const double* soon) {
  if (down == across || (down + 1) * panel_width > dim_) return add_edge(down, across, gram);
  float_kernels().add_square(panel(down), panel(across), chunks_.data(),
                             static_cast<std::int64_t>(chunks_.size()),
                             gram + (down * dim_ + across) * panel_width, dim_, soon);
}

// The same where the square reaches over the edge of the triangle or of the matrix.
void FloatRows::add_edge(std::int64_t down, std::int64_t across, double* gram) {
  alignas(64) double square[panel_width * panel_width] = {};
  float_kernels().add_square(panel(down), panel(across), chunks_.data(),
                             static_cast<std::int64_t>(chunks_.size()), square, panel_width,
                             nullptr);
  const std::int64_t row = down * panel_width;
  const std::int64_t column = across * panel_width;
  const std::int64_t rows = std::min(panel_width, dim_ - row);
  if (down == across) {
    double& lost = lost_[static_cast<std::size_t>(down)];
    lost = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
      double& entry = square[i * (panel_width + 1)];
      lost += entry - squares_[static_cast<std::size_t>(row + i)];
      entry = squares_[static_cast<std::size_t>(row + i)];
    }
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < (down == across ? i + 1 : panel_width); ++j) {
      gram[(row + i) * dim_ + column + j] += square[i * panel_width + j];
    }
  }
}

// Rows of the matrix that belong to panels `first` to `last`.
void FloatRows::add_group(std::int64_t first, std::int64_t last, double* gram) {
  const std::int64_t whole = std::min(last, dim_ / panel_width);
  for (std::int64_t across = 0; across < last; ++across) {
    for (std::int64_t down = std::max(first, across); down < last; ++down) {
      double* const soon = gram + (down + 1) * panel_width * dim_ + across * panel_width;
      add_panels(down, across, gram, down + 1 < whole ? soon : nullptr);
    }
  }
}

double FloatRows::multiply_into(double* gram, int threads) {
  const std::int64_t panels = (dim_ + panel_width - 1) / panel_width;
  const std::int64_t group =
      std::clamp<std::int64_t>(group_bytes / (4 * panel_width * rows_), 1, panels);
  const std::int64_t groups = (panels + group - 1) / group;
  // The first groups have the shortest rows and the last ones the longest: a thread takes as many
  // of both.
  parallel_ranges((groups + 1) / 2, threads, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const std::int64_t other = groups - 1 - g;
      add_group(g * group, std::min(panels, (g + 1) * group), gram);
      if (other != g) add_group(other * group, std::min(panels, (other + 1) * group), gram);
    }
  });
  clear();
  double lost = 0;
  for (const double of_panel : lost_) lost += of_panel;
  return lost;
}

}  // namespace rankme
