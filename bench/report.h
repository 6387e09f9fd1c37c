// One line of results, and the statistics behind it.
#ifndef VLOG_BENCH_REPORT_H_
#define VLOG_BENCH_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace vlog::bench {

// REQUIRES: not empty; `q` in [0, 1].
double Quantile(std::vector<double> values, double q);
inline double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

// Ours and the reference, measured right after each other, round by round.
struct Rounds {
  std::vector<double> ours;
  std::vector<double> reference;
  void Add(double our, double their) {
    ours.push_back(our);
    reference.push_back(their);
  }
  // The median over the rounds of ours/reference: what drifts during the run cancels out.
  double Ratio() const;
};

enum class Verdict {
  kNone,  // no aim
  kMet,
  kMissed,
  kInvalid,  // the reference is not what it should be
};
inline Verdict MetIf(bool met) { return met ? Verdict::kMet : Verdict::kMissed; }

struct Row {
  std::string name;
  std::string unit;
  double ours = 0;
  std::string reference_name;
  double reference = 0;
  double ratio = 0;
  std::string aim;
  Verdict verdict = Verdict::kNone;
  double syncs_per_second = 0;  // 0: does not apply
  double bytes_per_sync = 0;
  std::string note;

  void Take(const Rounds& rounds) {
    ours = Median(rounds.ours);
    reference = Median(rounds.reference);
    ratio = rounds.Ratio();
  }
};

void PrintHeader();
void Print(const Row& row);
// "what is done now", on stderr.
void Progress(const std::string& what);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_REPORT_H_
