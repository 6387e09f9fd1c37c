#include "loglets/replicated/log_map.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::replicated {

void LogMap::Append(uint64_t index, Offset offset, uint32_t records, uint64_t position,
                    uint32_t positions) {
  VLOG_CHECK(positions > 0 && (records == 0 || records == positions),
             "an entry occupies one position for each record, and at least one");
  if (!runs_.empty()) {
    Run& last = runs_.back();
    VLOG_CHECK(index == last.end_index && offset == last.end_offset, "entries follow each other");
    bool in_step = last.end_position - last.position == last.end_offset - last.offset;
    if (in_step && records > 0 && position == last.end_position) {
      ++last.end_index;
      last.end_offset += records;
      last.end_position += positions;
      return;
    }
  }
  runs_.push_back({index, index + 1, offset, offset + records, position, position + positions});
}

void LogMap::Cut(uint64_t index, Offset offset, uint64_t position) {
  while (!runs_.empty() && runs_.back().index >= index) runs_.pop_back();
  if (runs_.empty() || runs_.back().end_index <= index) return;
  Run& last = runs_.back();
  VLOG_CHECK(position > last.position && position < last.end_position,
             "an entry is cut off where it began");
  last.end_index = index;
  last.end_offset = offset;
  last.end_position = position;
}

void LogMap::ForgetBelow(uint64_t index) {
  while (!runs_.empty() && runs_.front().end_index <= index) runs_.pop_front();
}

std::optional<LogMap::Run> LogMap::FindOffset(Offset offset) const {
  auto above = std::upper_bound(runs_.begin(), runs_.end(), offset,
                                [](Offset o, const Run& run) { return o < run.offset; });
  // Runs without records share their offset with the run behind them.
  while (above != runs_.begin()) {
    --above;
    if (above->offset <= offset && offset < above->end_offset) return *above;
    if (above->end_offset < offset) break;
  }
  return std::nullopt;
}

std::optional<LogMap::Run> LogMap::FindIndex(uint64_t index) const {
  auto above = std::upper_bound(runs_.begin(), runs_.end(), index,
                                [](uint64_t i, const Run& run) { return i < run.index; });
  if (above == runs_.begin()) return std::nullopt;
  --above;
  if (index >= above->end_index) return std::nullopt;
  return *above;
}

std::optional<uint64_t> LogMap::lowest_position() const {
  std::optional<uint64_t> lowest;
  for (const Run& run : runs_) lowest = std::min(lowest.value_or(run.position), run.position);
  return lowest;
}

void LogMap::EncodeTo(std::string* out) const {
  PutFixed(out, static_cast<uint32_t>(runs_.size()));
  for (const Run& run : runs_) {
    PutFixed(out, run.index);
    PutFixed(out, run.end_index);
    PutFixed(out, run.offset.value());
    PutFixed(out, run.end_offset.value());
    PutFixed(out, run.position);
    PutFixed(out, run.end_position);
  }
}

LogMap LogMap::Decode(Decoder& in) {
  LogMap map;
  uint32_t runs = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < runs && in.ok(); ++i) {
    Run run;
    run.index = in.Fixed<uint64_t>();
    run.end_index = in.Fixed<uint64_t>();
    run.offset = Offset(in.Fixed<uint64_t>());
    run.end_offset = Offset(in.Fixed<uint64_t>());
    run.position = in.Fixed<uint64_t>();
    run.end_position = in.Fixed<uint64_t>();
    map.runs_.push_back(run);
  }
  return map;
}

}  // namespace vlog::loglets::replicated
