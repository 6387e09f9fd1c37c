#include "demo_timeline.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/status.h"
#include "output.h"

namespace vlog::cli {
namespace {

constexpr int64_t kMostSlices = 40;
constexpr uint64_t kBarWidth = 40;
constexpr size_t kMostNames = 3;  // of events in a row

double Seconds(Duration time) { return std::chrono::duration<double>(time).count(); }
double Millis(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

std::string NamesOf(const std::vector<DemoEvent>& events, Duration begin, Duration end) {
  std::string names;
  size_t count = 0;
  for (const DemoEvent& event : events) {
    if (event.at < begin || event.at >= end) continue;
    if (++count <= kMostNames) absl::StrAppend(&names, count > 1 ? ", " : "", event.what);
  }
  if (count > kMostNames) absl::StrAppend(&names, " and ", count - kMostNames, " more");
  return names;
}

}  // namespace

Duration SliceOf(Duration took) {
  Duration slice = DemoMeasure::kTick;
  for (int step = 0; took > slice * kMostSlices; ++step) {
    slice = step % 3 == 1 ? slice * 5 / 2 : slice * 2;
  }
  return slice;
}

std::vector<uint64_t> AcksBySlice(const DemoMeasure& measure, Duration slice) {
  auto ticks = static_cast<size_t>(slice / DemoMeasure::kTick);
  const std::vector<uint64_t>& acks = measure.acks();
  std::vector<uint64_t> slices((acks.size() + ticks - 1) / ticks);
  for (size_t i = 0; i < acks.size(); ++i) slices[i / ticks] += acks[i];
  return slices;
}

std::string TimelineText(const DemoMeasure& measure) {
  Duration slice = SliceOf(measure.took());
  std::vector<uint64_t> slices = AcksBySlice(measure, slice);
  uint64_t highest = 1;
  for (uint64_t acks : slices) highest = std::max(highest, acks);
  std::string out =
      absl::StrFormat("%8s  %11s  %-*s  %s\n", "SECONDS", "RECORDS/S", kBarWidth, "", "EVENTS");
  for (size_t i = 0; i < slices.size(); ++i) {
    Duration begin = slice * static_cast<int64_t>(i);
    auto rate = static_cast<uint64_t>(static_cast<double>(slices[i]) / Seconds(slice));
    std::string bar((slices[i] * kBarWidth + highest - 1) / highest, '#');
    std::string row =
        absl::StrFormat("%8.2f  %11s  %-*s  %s", Seconds(begin), Grouped(rate), kBarWidth, bar,
                        NamesOf(measure.events(), begin, begin + slice));
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  }
  return out;
}

std::string EventTable(const std::vector<DemoEvent>& events) {
  if (events.empty()) return "";
  size_t width = 5;
  for (const DemoEvent& event : events) width = std::max(width, event.what.size());
  std::string out = absl::StrFormat("%8s  %-*s  %9s  %13s  %10s\n", "SECONDS", width, "EVENT",
                                    "IN FLIGHT", "APPEND GAP ms", "CALL ms");
  for (const DemoEvent& event : events) {
    std::string gap = event.under_load ? absl::StrFormat("%.2f", Millis(event.gap)) : "no load";
    absl::StrAppendFormat(&out, "%8.2f  %-*s  %9s  %13s  %10.2f\n", Seconds(event.at), width,
                          event.what, Grouped(event.in_flight), gap, Millis(event.call));
  }
  return out;
}

std::string TimelineJson(const DemoMeasure& measure) {
  Duration slice = SliceOf(measure.took());
  std::string records;
  for (uint64_t acks : AcksBySlice(measure, slice)) {
    absl::StrAppend(&records, records.empty() ? "" : ",", acks);
  }
  return absl::StrFormat("{\"slice_ms\":%.0f,\"records\":[%s]}", Millis(slice), records);
}

std::string EventsJson(const std::vector<DemoEvent>& events) {
  std::string out;
  for (const DemoEvent& event : events) {
    std::string gap = event.under_load ? absl::StrFormat("%.3f", Millis(event.gap)) : "null";
    absl::StrAppendFormat(&out,
                          "%s{\"kind\":\"%s\",\"what\":%s,\"at_ms\":%.3f,\"in_flight\":%d,"
                          "\"append_gap_ms\":%s,\"call_ms\":%.3f}",
                          out.empty() ? "" : ",", ToString(event.kind), JsonString(event.what),
                          Millis(event.at), event.in_flight, gap, Millis(event.call));
  }
  return "[" + out + "]";
}

}  // namespace vlog::cli
