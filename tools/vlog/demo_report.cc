#include "demo_report.h"

#include <algorithm>
#include <cmath>

#include "base/json_text.h"
#include "demo_timeline.h"
#include "output.h"

namespace vlog::cli {
namespace {

constexpr size_t kChainRows = 12;
constexpr char kHeldBack[] =
    "Where an event outlasts its share of the text the writers are held back, so that the next "
    "one\n"
    "finds lines to write as well.\n\n";

double Millis(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

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

Distribution SwapsUnderLoad(const DemoReport& report, Duration DemoEvent::*figure) {
  Distribution result;
  for (const DemoEvent& event : report.result.measure.events()) {
    bool counts = event.kind == DemoEventKind::kSwap && event.under_load;
    if (counts) result.values.push_back(Millis(event.*figure));
  }
  std::sort(result.values.begin(), result.values.end());
  return result;
}

Distribution Gaps(const DemoReport& report) { return SwapsUnderLoad(report, &DemoEvent::gap); }
Distribution Calls(const DemoReport& report) { return SwapsUnderLoad(report, &DemoEvent::call); }

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
  return std::max(std::chrono::duration<double>(report.result.measure.took()).count(), 1e-9);
}

size_t Swaps(const DemoReport& report) {
  const std::vector<DemoEvent>& events = report.result.measure.events();
  auto is_swap = [](const DemoEvent& event) { return event.kind == DemoEventKind::kSwap; };
  return static_cast<size_t>(std::count_if(events.begin(), events.end(), is_swap));
}

// Segments that a monitor made, unasked.
size_t FailOvers(const DemoReport& report) {
  const std::vector<virtuallog::Segment>& segments = report.chain.chain->segments();
  auto unasked = [](const virtuallog::Segment& segment) { return segment.made.fail_overs > 0; };
  return static_cast<size_t>(std::count_if(segments.begin(), segments.end(), unasked));
}

std::string CrashLine(const DemoReport& report) {
  std::string line;
  for (const DemoEvent& event : report.result.measure.events()) {
    if (event.kind == DemoEventKind::kKill) {
      absl::StrAppendFormat(&line, "SIGKILL      gap %.2f ms with %s appends in flight%s",
                            Millis(event.gap), Grouped(event.in_flight),
                            event.in_flight < 1000 ? " (the text had no more)" : "");
    } else if (event.kind == DemoEventKind::kReturn) {
      absl::StrAppendFormat(&line, "; the node is in use again after %.2f ms, gap %.2f ms\n",
                            Millis(event.call), Millis(event.gap));
    }
  }
  return line;
}

std::string Summary(const DemoReport& report) {
  const DemoResult& result = report.result;
  std::string range = "none";
  if (result.acked > 0) {
    range = absl::StrCat("[", result.first.value(), ", ", result.last.value() + 1, ")");
  }
  std::string out;
  absl::StrAppendFormat(&out, "lines        %s, %s, by %d writers\n", Grouped(report.lines),
                        Megabytes(report.text_bytes), report.writers);
  absl::StrAppendFormat(&out, "LSNs         %s\n", range);
  absl::StrAppendFormat(
      &out, "swaps        %d, %d of them under load; %d segments in the chain, %d by fail-over\n",
      Swaps(report), Gaps(report).values.size(), report.chain.chain->segments().size(),
      FailOvers(report));
  absl::StrAppendFormat(&out, "throughput   %s records/s, %.1f MB/s, in %.2f s%s\n",
                        Grouped(static_cast<uint64_t>(result.acked / Seconds(report))),
                        result.bytes / 1e6 / Seconds(report), Seconds(report),
                        report.in_memory ? " (on a file system in memory: syncs cost nothing)"
                                         : ", all of it durable");
  absl::StrAppend(&out, Line("append gap  ", Gaps(report)), Line("swap call   ", Calls(report)),
                  CrashLine(report));
  absl::StrAppendFormat(&out,
                        "read back    %s records while they were written; each writer's in "
                        "order, and sorted they are the text, byte for byte\n",
                        Grouped(result.read));
  return out;
}

std::string NodesJson(const std::vector<DemoNode>& nodes) {
  std::string out;
  for (const DemoNode& node : nodes) {
    absl::StrAppend(&out, out.empty() ? "" : ",", "{\"node\":", node.node.value(),
                    ",\"pid\":", node.pid, ",\"address\":", JsonString(node.address), "}");
  }
  return "[" + out + "]";
}

}  // namespace

std::string NodesText(const std::vector<DemoNode>& nodes) {
  std::string out;
  for (const DemoNode& node : nodes) {
    absl::StrAppendFormat(&out, "node %d  vlogd, pid %d, on %s\n", node.node.value(), node.pid,
                          node.address);
  }
  return out;
}

std::string DemoText(const DemoReport& report) {
  const DemoMeasure& measure = report.result.measure;
  return absl::StrCat(TimelineText(measure), kHeldBack, EventTable(measure.events()), "\n",
                      ChainTable(report.chain, kChainRows), "\n", Summary(report));
}

std::string DemoJson(const DemoReport& report) {
  const DemoResult& result = report.result;
  return absl::StrCat(
      "{\"file\":", JsonString(report.file), ",\"lines\":", report.lines,
      ",\"text_bytes\":", report.text_bytes, ",\"writers\":", report.writers,
      ",\"nodes\":", NodesJson(report.nodes), ",\"swaps\":", Swaps(report),
      ",\"swaps_under_load\":", Gaps(report).values.size(),
      ",\"segments\":", report.chain.chain->segments().size(),
      ",\"fail_overs\":", FailOvers(report), ",\"first_lsn\":", result.first.value(),
      ",\"end_lsn\":", result.acked > 0 ? result.last.value() + 1 : 0,
      ",\"records_read\":", result.read, absl::StrFormat(",\"seconds\":%.6f", Seconds(report)),
      absl::StrFormat(",\"records_per_second\":%.0f", result.acked / Seconds(report)),
      absl::StrFormat(",\"mb_per_second\":%.3f", result.bytes / 1e6 / Seconds(report)),
      ",\"append_gap_ms\":", Json(Gaps(report)), ",\"swap_call_ms\":", Json(Calls(report)),
      ",\"events\":", EventsJson(result.measure.events()),
      ",\"timeline\":", TimelineJson(result.measure),
      ",\"in_memory\":", report.in_memory ? "true" : "false", ",\"text_identical\":true}");
}

}  // namespace vlog::cli
