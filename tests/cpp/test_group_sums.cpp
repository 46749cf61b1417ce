#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"
#include "sums.hpp"

namespace {

using oracle::Matrix;
using rankme::GroupSpectra;
using rankme::GroupSums;
using rankme::MatrixView;
using rankme::SingularValues;

using Labels = std::vector<std::int64_t>;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

// Runs of so many rows, dealt in turn.
Labels dealt(std::int64_t rows, std::int64_t groups, std::int64_t run) {
  Labels labels;
  for (std::int64_t row = 0; row < rows; ++row) labels.push_back(row / run % groups);
  return labels;
}

Matrix chosen(const Matrix& z, const Labels& labels, std::int64_t group, bool outside) {
  Matrix rows(0, z.cols);
  for (std::int64_t i = 0; i < z.rows; ++i) {
    if ((labels[static_cast<std::size_t>(i)] == group) == outside) continue;
    ++rows.rows;
    for (std::int64_t j = 0; j < z.cols; ++j) rows.entries.push_back(z(i, j));
  }
  return rows;
}

void close(const SingularValues& values, Matrix z, bool center, bool normalize,
           double tolerance = 1e-9) {
  if (normalize) z = oracle::normalized(std::move(z));
  if (center) z = oracle::centered(std::move(z));
  CHECK_CLOSE(rankme::rankme(values.scaled, 1e-7),
              rankme::rankme(oracle::singular_values(std::move(z)), 1e-7), tolerance);
}

void agrees(const GroupSums& sums, const Matrix& z, const Labels& labels, bool normalize,
            double tolerance = 1e-9) {
  for (const bool center : {false, true}) {
    const GroupSpectra without = sums.leave_out_spectra(center);
    const GroupSpectra alone = sums.group_spectra(center);
    close(without.whole, chosen(z, labels, -1, true), center, normalize, tolerance);
    CHECK(without.rows == sums.group_rows() && alone.rows == without.rows);
    std::size_t at = 0;
    for (std::int64_t group = 0; group < sums.n_groups(); ++group) {
      const std::int64_t rows = std::count(labels.begin(), labels.end(), group);
      CHECK(without.rows[static_cast<std::size_t>(group)] == rows);
      if (rows == 0) continue;
      close(without.filled[at], chosen(z, labels, group, true), center, normalize, tolerance);
      if (rows > 1) {
        close(alone.filled[at], chosen(z, labels, group, false), center, normalize, tolerance);
      }
      ++at;
    }
    CHECK(at == without.filled.size() && at == alone.filled.size());
  }
}

// Equal groups, unequal ones, ones without rows, and more threads than groups.
void leaving_out_agrees_with_the_rows() {
  const Matrix z = oracle::random_matrix(700, 24, 3, 0.9);
  for (const int threads : {1, 2, 3, 7, 20}) {
    rankme::set_num_threads(threads);
    for (const auto& [groups, run] : {std::pair{8, 100}, {5, 1}, {16, 32}, {3, 699}, {40, 19}}) {
      const Labels labels = dealt(z.rows, groups, run);
      for (const bool normalize : {false, true}) {
        GroupSums sums(24, groups, normalize, 1);
        sums.update(view(z), labels.data());
        CHECK(sums.n_rows() == 700);
        agrees(sums, z, labels, normalize);
      }
    }
  }
  rankme::set_num_threads(2);
}

// However the rows are cut, and whoever multiplies them.
void any_cut_gives_the_same_groups() {
  const Matrix z = oracle::random_matrix(3000, 30, 4, 0.9);
  const Labels labels = dealt(z.rows, 6, 32);
  GroupSums whole(30, 6, false, 0);
  whole.update(view(z), labels.data());
  for (const int threads : {1, 2, 9}) {
    rankme::set_num_threads(threads);
    for (const std::int64_t step : {1, 7, 64, 1000}) {
      GroupSums parts(30, 6, false, 0);
      for (std::int64_t row = 0; row < z.rows; row += step) {
        parts.update(view(z).row_range(row, std::min(z.rows, row + step)), labels.data() + row);
      }
      CHECK(parts.group_rows() == whole.group_rows());
      for (std::int64_t group = 0; group < 6; ++group) {
        const auto got = sums::dense(parts.group(group)), wanted = sums::dense(whole.group(group));
        double worst = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
          worst = std::max(worst, std::abs(got[i] - wanted[i]));
        }
        CHECK(worst <= 1e-13 * 30 * wanted.front());
      }
    }
  }
  rankme::set_num_threads(2);
}

// Wide enough that threads share the rows of a group, and that a few of many groups come at a time.
void threads_share_large_groups() {
  const Matrix z = oracle::random_matrix(2100, 160, 5);
  for (const int threads : {2, 5}) {
    rankme::set_num_threads(threads);
    for (const std::int64_t run : {1, 2000, 2100}) {
      const Labels labels = dealt(z.rows, 3, run);
      GroupSums sums(160, 3, false, 0), again(160, 3, false, 0);
      for (int turn = 0; turn < 2; ++turn) {
        sums.update(view(z), labels.data());
        again.update(view(z), labels.data());
      }
      rankme::GramAccumulator plain(160, false, 0);
      for (int turn = 0; turn < 2; ++turn) plain.update(view(z));
      std::int64_t n_rows = 0;
      const rankme::CentredSum total = sums.total(&n_rows);
      CHECK(n_rows == 4200);
      CHECK(sums::same_bits(total, again.total(&n_rows)));
      const auto got = sums::dense(total), wanted = sums::dense(plain.total(&n_rows));
      double worst = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, std::abs(got[i] - wanted[i]));
      }
      CHECK(worst <= 1e-12 * wanted.front());
    }
  }
  rankme::set_num_threads(2);
}

// The total is what an accumulator answers from, certified as ever; and both ways to it agree in
// all bits.
void the_total_is_one_answer() {
  const Matrix z = oracle::random_matrix(500, 20, 6, 0.8);
  const Labels labels = dealt(z.rows, 8, 17);
  GroupSums sums(20, 8, false, 0);
  sums.update(view(z), labels.data());
  for (const bool center : {false, true}) {
    std::int64_t n_rows = 0;
    const SingularValues total =
        rankme::singular_values(sums.total(&n_rows), sums.probes(), center, false);
    const SingularValues whole = sums.leave_out_spectra(center).whole;
    CHECK(total.scaled == whole.scaled && total.low == whole.low && total.high == whole.high);
    const std::vector<double> exact = oracle::singular_values(center ? oracle::centered(z) : z);
    for (std::size_t k = 0; k < exact.size(); ++k) {
      CHECK(total.low[k] <= exact[k] * (1 + 1e-13) && exact[k] * (1 - 1e-13) <= total.high[k]);
    }
  }
}

// Rows that are 1e10 times longer than all others: what is left without them is not what
// subtracting them would leave.
void a_group_of_outliers_hides_nothing() {
  Matrix z = oracle::random_matrix(640, 16, 7);
  const Labels labels = dealt(z.rows, 8, 80);
  for (std::int64_t i = 163; i < 166; ++i) {
    for (std::int64_t j = 0; j < 16; ++j) z(i, j) *= 1e10;
  }
  GroupSums sums(16, 8, false, 0);
  sums.update(view(z), labels.data());
  for (const bool center : {false, true}) {
    const GroupSpectra without = sums.leave_out_spectra(center);
    close(without.filled[2], chosen(z, labels, 2, true), center, false, 1e-12);
  }
}

// All rows equal: of nothing but rounding there is nothing once they are centred.
void equal_rows_leave_nothing() {
  Matrix z(320, 6);
  for (std::int64_t i = 0; i < z.rows; ++i) {
    for (std::int64_t j = 0; j < z.cols; ++j) z(i, j) = 0.1 * static_cast<double>(j + 1);
  }
  const Labels labels = dealt(z.rows, 10, 32);
  GroupSums sums(6, 10, false, 0);
  sums.update(view(z), labels.data());
  for (const SingularValues& values : sums.leave_out_spectra(true).filled) {
    CHECK(values.high.front() == 0);
  }
  for (const SingularValues& values : sums.leave_out_spectra(false).filled) {
    CHECK_CLOSE(rankme::rankme(values.scaled, 0), 1, 1e-6);
  }
}

void merging_is_group_by_group() {
  const Matrix z = oracle::random_matrix(900, 20, 8, 0.9);
  const Labels labels = dealt(z.rows, 8, 50);
  GroupSums left(20, 8, false, 0), right(20, 8, false, 0);
  const std::string a = "a", b = "b";
  left.update(view(z).row_range(0, 333), labels.data(), &a);
  right.update(view(z).row_range(333, 900), labels.data() + 333, &b);
  left.merge(right);
  agrees(left, z, labels, false);
  CHECK((left.shards() == rankme::ShardRows{{"a", 333}, {"b", 567}}) && right.n_rows() == 567);
  const Labels rows = left.group_rows();
  CHECK_THROWS(left.merge(right), rankme::DuplicateShardError, "b");
  CHECK_THROWS(left.merge(GroupSums(20, 9, false, 0)), std::invalid_argument, "8 and 9 groups");
  CHECK_THROWS(left.merge(GroupSums(21, 8, false, 0)), std::invalid_argument, "dim");
  CHECK_THROWS(left.merge(GroupSums(20, 8, true, 0)), std::invalid_argument, "normalizes");
  CHECK_THROWS(left.merge(GroupSums(20, 8, false, 1)), std::invalid_argument, "seed");
  CHECK(left.group_rows() == rows);
  GroupSums twice(20, 8, false, 0);
  twice.update(view(z), labels.data());
  twice.merge(twice);
  CHECK(twice.n_rows() == 1800);
  close(twice.leave_out_spectra(true).filled[3], chosen(z, labels, 3, true), true, false);
  left.reset();
  CHECK(left.n_rows() == 0 && left.shards().empty());
  CHECK_THROWS(left.leave_out_spectra(false), std::invalid_argument, "there are 0");
}

// What is saved is what looking shows, bit for bit.
void sums_are_a_state() {
  const Matrix z = oracle::random_matrix(777, 20, 9, 0.9);
  const Labels labels = dealt(z.rows, 8, 32);
  GroupSums sums(20, 8, true, 5);
  for (std::int64_t row = 0; row + 37 <= z.rows; row += 37) {
    sums.update(view(z).row_range(row, row + 37), labels.data() + row);
  }
  rankme::ShardRows shards;
  GroupSums loaded(sums.sums(&shards), true, 5, shards);
  std::int64_t n_rows = 0;
  CHECK(loaded.group_rows() == sums.group_rows() && loaded.n_rows() == 777);
  const rankme::CentredSum total = sums.total(&n_rows);
  for (std::int64_t group = 0; group < 8; ++group) {
    CHECK(sums::same_bits(loaded.group(group), sums.group(group)));
  }
  CHECK(sums.leave_out_spectra(true).filled[4].scaled ==
        loaded.leave_out_spectra(true).filled[4].scaled);
  CHECK(sums::same_bits(total, sums.total(&n_rows)));  // to look changes nothing
  CHECK(sums::same_bits(total, loaded.total(&n_rows)));
}

void bad_input_changes_nothing() {
  const Matrix good = oracle::random_matrix(300, 12, 10);
  const Labels labels = dealt(300, 4, 32);
  GroupSums sums(12, 4, false, 0), fresh(12, 4, false, 0);
  sums.update(view(good), labels.data());
  fresh.update(view(good), labels.data());
  Matrix bad = good;
  bad(299, 3) = std::numeric_limits<double>::infinity();
  CHECK_THROWS(sums.update(view(bad), labels.data()), rankme::NonFiniteError, "[299, 3]");
  MatrixView narrow = view(good);
  narrow.cols = 11;
  CHECK_THROWS(sums.update(narrow, labels.data()), std::invalid_argument, "11 columns");
  for (const std::int64_t label : {-1, 4}) {
    Labels wrong = labels;
    wrong[7] = label;
    CHECK_THROWS(sums.update(view(good), wrong.data()), std::out_of_range, "row 7 is of group");
  }
  std::int64_t n_rows = 0;
  CHECK(sums.group_rows() == fresh.group_rows());
  CHECK(sums::same_bits(sums.total(&n_rows), fresh.total(&n_rows)));
  // The first rows are checked while they are added.
  GroupSums first(12, 4, false, 0);
  const std::string shard = "a";
  CHECK_THROWS(first.update(view(bad), labels.data(), &shard), rankme::NonFiniteError, "[299, 3]");
  CHECK(first.n_rows() == 0 && first.group_rows() == GroupSums(12, 4, false, 0).group_rows());
  first.update(view(good), labels.data(), &shard);
  CHECK(sums::same_bits(first.total(&n_rows), fresh.total(&n_rows)));
  CHECK_THROWS(GroupSums(3, 0, false, 0), std::invalid_argument, "n_groups");
  CHECK_THROWS(sums.group(4), std::out_of_range, "group 4 of 4");
}

// Every call at once: for the thread sanitizer, and for the counts.
void one_object_in_several_threads() {
  const Matrix z = oracle::random_matrix(300, 40, 11);
  const Labels labels = dealt(300, 8, 16);
  GroupSums left(40, 8, false, 0), right(40, 8, false, 0);
  left.update(view(z), labels.data());
  std::atomic<int> waiting = 4;
  const auto at_once = [&](auto body) {
    return std::thread([&, body] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      for (int round = 0; round < 5; ++round) body();
    });
  };
  std::thread threads[] = {at_once([&] { left.update(view(z), labels.data()); }),
                           at_once([&] { right.update(view(z), labels.data()); }),
                           at_once([&] { left.merge(right); }), at_once([&] {
                             CHECK(left.leave_out_spectra(true).filled.size() == 8);
                             std::int64_t n_rows = 0;
                             right.total(&n_rows);
                             CHECK(n_rows % 300 == 0);
                           })};
  for (std::thread& thread : threads) thread.join();
  CHECK(right.n_rows() == 1500 && left.n_rows() >= 1800 && left.n_rows() % 300 == 0);
}

}  // namespace

int main() {
  rankme::set_num_threads(2);
  leaving_out_agrees_with_the_rows();
  any_cut_gives_the_same_groups();
  threads_share_large_groups();
  the_total_is_one_answer();
  a_group_of_outliers_hides_nothing();
  equal_rows_leave_nothing();
  merging_is_group_by_group();
  sums_are_a_state();
  bad_input_changes_nothing();
  one_object_in_several_threads();
  return check::finish("group_sums");
}
