#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/check.h"

namespace vlog::bench {
namespace {

// Four digits and a thousand's letter: 1.234 M.
std::string Short(double value) {
  const char* suffix = "";
  if (value >= 1e6) {
    value /= 1e6;
    suffix = " M";
  } else if (value >= 1e4) {
    value /= 1e3;
    suffix = " k";
  }
  int digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return absl::StrFormat("%.*f%s", digits, value, suffix);
}

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNone:
      return "";
    case Verdict::kMet:
      return "met";
    case Verdict::kMissed:
      return "missed";
    case Verdict::kInvalid:
      return "INVALID";
  }
  return "";
}

}  // namespace

double Quantile(std::vector<double> values, double q) {
  VLOG_CHECK(!values.empty(), "a quantile is of something");
  auto at = static_cast<size_t>(std::floor(q * static_cast<double>(values.size() - 1) + 0.5));
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(at), values.end());
  return values[at];
}

double Rounds::Ratio() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(ours[i] / reference[i]);
  return Median(std::move(ratios));
}

void PrintHeader() {
  std::printf("%-50s %14s  %-30s %7s  %-12s %-7s %9s %9s  %s\n", "row", "ours", "reference",
              "ratio", "aim", "", "syncs/s", "B/sync", "note");
  std::fflush(stdout);
}

void Print(const Row& row) {
  std::string reference;
  if (!row.reference_name.empty()) {
    reference = row.reference_name + " " + Short(row.reference) + " " + row.unit;
  }
  std::string ratio = row.ratio > 0 ? absl::StrFormat("%.2f", row.ratio) : "";
  std::string syncs = row.syncs_per_second > 0 ? Short(row.syncs_per_second) : "";
  std::string bytes = row.bytes_per_sync > 0 ? Short(row.bytes_per_sync) : "";
  std::printf("%-50s %14s  %-30s %7s  %-12s %-7s %9s %9s  %s\n", row.name.c_str(),
              (Short(row.ours) + " " + row.unit).c_str(), reference.c_str(), ratio.c_str(),
              row.aim.c_str(), Name(row.verdict), syncs.c_str(), bytes.c_str(), row.note.c_str());
  std::fflush(stdout);
}

void Progress(const std::string& what) { std::fprintf(stderr, "vlog-bench: %s\n", what.c_str()); }

}  // namespace vlog::bench
