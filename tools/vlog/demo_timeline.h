// The run of a demo over time: throughput in equal slices, and the events. Pure.
#ifndef VLOG_TOOLS_VLOG_DEMO_TIMELINE_H_
#define VLOG_TOOLS_VLOG_DEMO_TIMELINE_H_

#include <string>
#include <vector>

#include "demo_measure.h"

namespace vlog::cli {

// Of 10, 20, 50, 100 ... milliseconds the shortest that cuts `took` into at most 40 slices.
Duration SliceOf(Duration took);

// Acknowledgements in each slice, up to the last one. REQUIRES: `slice` is a multiple of
// DemoMeasure::kTick.
std::vector<uint64_t> AcksBySlice(const DemoMeasure& measure, Duration slice);

// A row a slice: when it began, records/s as a number and as a bar, and the events that began in
// it.
std::string TimelineText(const DemoMeasure& measure);

// A row an event: when, what, records in flight, append gap, and how long it took.
std::string EventTable(const std::vector<DemoEvent>& events);

// {"slice_ms":100,"records":[...]}
std::string TimelineJson(const DemoMeasure& measure);
// [{"kind":"swap", ...}, ...]
std::string EventsJson(const std::vector<DemoEvent>& events);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_TIMELINE_H_
