#include "demo_report.h"

#include <algorithm>
#include <cmath>

#include "json_text.h"

namespace vlog::cli {
namespace {

constexpr size_t kChainRows = 12;

// Of the swaps under load, sorted, in milliseconds.
struct Distribution {
  std::vector<double> values;

  // The smallest value that at least this share of all reaches; 0 of none.
  double At(double share) const {
    if (values.empty()) return 0;
    auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
  }
};

template <typename Pick>
Distribution UnderLoad(const std::vector<SwapResult>& swaps, Pick pick) {
  Distribution result;
  for (const SwapResult& swap : swaps) {
    if (!swap.under_load) continue;
    Duration value = pick(swap);
    result.values.push_back(std::chrono::duration<double, std::milli>(value).count());
  }
  std::sort(result.values.begin(), result.values.end());
  return result;
}

Distribution Gaps(const DemoReport& report) {
  return UnderLoad(report.result.swaps, [](const SwapResult& swap) { return swap.gap; });
}

Distribution Calls(const DemoReport& report) {
  return UnderLoad(report.result.swaps, [](const SwapResult& swap) { return swap.took; });
}

std::string Line(const char* what, const Distribution& d) {
  if (d.values.empty()) return absl::StrCat(what, " none under load\n");
  return absl::StrFormat("%s min %.2f  p50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms\n", what, d.At(0),
                         d.At(0.5), d.At(0.9), d.At(0.99), d.At(1));
}

std::string Json(const Distribution& d) {
  if (d.values.empty()) return "null";
  return absl::StrFormat("{\"min\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}",
                         d.At(0), d.At(0.5), d.At(0.9), d.At(0.99), d.At(1));
}

double Seconds(const DemoReport& report) {
  return std::max(std::chrono::duration<double>(report.result.took).count(), 1e-9);
}

}  // namespace

std::string DemoText(const DemoReport& report) {
  const DemoResult& result = report.result;
  std::string range = "none";
  if (result.acked > 0) {
    range = absl::StrCat("[", result.first.value(), ", ", result.last.value() + 1, ")");
  }
  size_t under_load = Gaps(report).values.size();
  std::string out = ChainTable(report.chain, kChainRows);
  absl::StrAppendFormat(&out, "\nlines        %s, %s, by %d writers\n", Grouped(report.lines),
                        Megabytes(report.text_bytes), report.writers);
  absl::StrAppendFormat(&out, "LSNs         %s\n", range);
  absl::StrAppendFormat(&out, "swaps        %d, %d of them under load; %d segments in the chain\n",
                        result.swaps.size(), under_load, report.chain.chain->segments().size());
  absl::StrAppendFormat(&out, "throughput   %s records/s, %.1f MB/s, in %.2f s%s\n",
                        Grouped(static_cast<uint64_t>(result.acked / Seconds(report))),
                        result.bytes / 1e6 / Seconds(report), Seconds(report),
                        report.in_memory ? " (on a file system in memory: syncs cost nothing)"
                                         : ", all of it durable");
  absl::StrAppend(&out, Line("append gap  ", Gaps(report)), Line("swap call   ", Calls(report)));
  absl::StrAppendFormat(&out,
                        "read back    %s records while they were written; each writer's in "
                        "order, and sorted they are the text, byte for byte\n",
                        Grouped(result.read));
  return out;
}

std::string DemoJson(const DemoReport& report) {
  const DemoResult& result = report.result;
  std::string gaps;
  for (const SwapResult& swap : result.swaps) {
    double ms = std::chrono::duration<double, std::milli>(swap.gap).count();
    std::string gap = swap.under_load ? absl::StrFormat("%.3f", ms) : "null";
    absl::StrAppend(&gaps, gaps.empty() ? "" : ",", gap);
  }
  return absl::StrCat(
      "{\"file\":", JsonString(report.file), ",\"lines\":", report.lines,
      ",\"text_bytes\":", report.text_bytes, ",\"writers\":", report.writers,
      ",\"swaps\":", result.swaps.size(), ",\"swaps_under_load\":", Gaps(report).values.size(),
      ",\"segments\":", report.chain.chain->segments().size(),
      ",\"first_lsn\":", result.first.value(),
      ",\"end_lsn\":", result.acked > 0 ? result.last.value() + 1 : 0,
      ",\"records_read\":", result.read, absl::StrFormat(",\"seconds\":%.6f", Seconds(report)),
      absl::StrFormat(",\"records_per_second\":%.0f", result.acked / Seconds(report)),
      absl::StrFormat(",\"mb_per_second\":%.3f", result.bytes / 1e6 / Seconds(report)),
      ",\"append_gap_ms\":", Json(Gaps(report)), ",\"swap_call_ms\":", Json(Calls(report)),
      ",\"append_gaps_ms\":[", gaps, "],\"in_memory\":", report.in_memory ? "true" : "false",
      ",\"text_identical\":true}");
}

}  // namespace vlog::cli
