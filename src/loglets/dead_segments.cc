#include "loglets/dead_segments.h"

#include <algorithm>

#include "base/coding.h"

namespace vlog::loglets {

void DeadSegments::Add(const std::string& log, SegmentIndex from, SegmentIndex to) {
  if (from >= to) return;
  Ranges& ranges = logs_[log];
  auto first = ranges.upper_bound(from);
  if (first != ranges.begin() && std::prev(first)->second >= from) --first;
  auto last = first;
  for (; last != ranges.end() && last->first <= to; ++last) {
    from = std::min(from, last->first);
    to = std::max(to, last->second);
  }
  ranges.erase(first, last);
  ranges.emplace(from, to);
}

void DeadSegments::Merge(const DeadSegments& other) {
  for (const auto& [log, ranges] : other.logs_) {
    for (const auto& [from, to] : ranges) Add(log, from, to);
  }
}

bool DeadSegments::Covers(const std::string& log, SegmentIndex from, SegmentIndex to) const {
  auto ranges = logs_.find(log);
  if (ranges == logs_.end()) return false;
  auto above = ranges->second.upper_bound(from);
  return above != ranges->second.begin() && std::prev(above)->second >= to;
}

std::string DeadSegments::Encode() const {
  std::string out;
  for (const auto& [log, ranges] : logs_) {
    PutString(&out, log);
    PutFixed(&out, static_cast<uint32_t>(ranges.size()));
    for (const auto& [from, to] : ranges) {
      PutFixed(&out, from.value());
      PutFixed(&out, to.value());
    }
  }
  return out;
}

StatusOr<DeadSegments> DeadSegments::Decode(std::string_view data) {
  DeadSegments dead;
  Decoder in(data);
  while (in.ok() && in.remaining() > 0) {
    std::string log(in.String());
    uint32_t ranges = in.Fixed<uint32_t>();
    for (uint32_t i = 0; i < ranges && in.ok(); ++i) {
      SegmentIndex from(in.Fixed<uint64_t>());
      SegmentIndex to(in.Fixed<uint64_t>());
      dead.Add(log, from, to);
    }
  }
  if (!in.ok()) return absl::DataLossError("malformed list of dead segments");
  return dead;
}

}  // namespace vlog::loglets
