#include "testing/history_recorder.h"

#include "checker/history_format.h"

namespace vlog::testing {

using checker::Event;
using checker::EventType;
using checker::Op;

Event HistoryRecorder::Begin(const std::string& log, Op op, EventType type, uint64_t id) {
  Event event;
  event.t = world_.now().since_start().count();
  event.log = log;
  event.op = op;
  event.type = type;
  event.id = id;
  return event;
}

void HistoryRecorder::Add(Event event) {
  if (keep_lines_) lines_.push_back(checker::PrintEvent(event));
  checker_.Add(event);
}

uint64_t HistoryRecorder::InvokeAppend(const std::string& log, const std::string& handle, SeqNo seq,
                                       std::string value) {
  Event event = Begin(log, Op::kAppend, EventType::kInvoke, next_id_++);
  event.sess = handle;
  event.seq = seq.value();
  event.values.push_back(std::move(value));
  Add(event);
  return event.id;
}

uint64_t HistoryRecorder::Invoke(const std::string& log, Op op, const std::string& handle) {
  Event event = Begin(log, op, EventType::kInvoke, next_id_++);
  event.sess = handle;
  Add(event);
  return event.id;
}

uint64_t HistoryRecorder::InvokeRead(const std::string& log, const std::string& handle, Lsn from) {
  Event event = Begin(log, Op::kRead, EventType::kInvoke, next_id_++);
  event.sess = handle;
  event.from = from.value();
  Add(event);
  return event.id;
}

uint64_t HistoryRecorder::InvokeTrim(const std::string& log, const std::string& handle, Lsn to) {
  Event event = Begin(log, Op::kTrim, EventType::kInvoke, next_id_++);
  event.sess = handle;
  event.position = to.value();
  Add(event);
  return event.id;
}

void HistoryRecorder::Ok(const std::string& log, Op op, uint64_t id, Lsn position) {
  Event event = Begin(log, op, EventType::kOk, id);
  event.position = position.value();
  Add(event);
}

std::vector<checker::ReadItem> HistoryRecorder::Items(const virtuallog::ReadItem& item) {
  std::vector<checker::ReadItem> items;
  for (const virtuallog::RecordRun& run : item.runs) {
    run.ForEach([&](Lsn lsn, std::string_view payload) {
      items.push_back(checker::ReadItem::Record(lsn.value(), std::string(payload)));
    });
  }
  if (item.gap) {
    uint64_t begin = item.gap->begin.value();
    uint64_t end = item.gap->end.value();
    bool trimmed = item.gap->why == virtuallog::Gap::Why::kTrimmed;
    items.push_back(trimmed ? checker::ReadItem::Trimmed(begin, end)
                            : checker::ReadItem::DataLoss(begin, end));
  }
  return items;
}

void HistoryRecorder::OkRead(const std::string& log, uint64_t id,
                             const virtuallog::ReadItem& item) {
  OkReadToEnd(log, id, Items(item));
}

void HistoryRecorder::OkReadToEnd(const std::string& log, uint64_t id,
                                  std::vector<checker::ReadItem> items) {
  Event event = Begin(log, Op::kRead, EventType::kOk, id);
  event.items = std::move(items);
  Add(event);
}

void HistoryRecorder::OkChain(const std::string& log, uint64_t id, Version version,
                              const virtuallog::Chain& chain) {
  Event event = Begin(log, Op::kChain, EventType::kOk, id);
  event.chain.version = version.value();
  for (const virtuallog::Segment& segment : chain.segments()) {
    if (segment.is_marker()) {
      event.chain.ended = true;
      if (!event.chain.segments.empty()) event.chain.segments.back().end = segment.base.value();
      continue;
    }
    checker::ChainSegment view;
    view.index = segment.index.value();
    view.base = segment.base.value();
    view.kind = segment.made.kind;
    event.chain.segments.push_back(std::move(view));
  }
  // A log that ended empty has no segment left to show.
  if (!event.chain.segments.empty()) Add(event);
}

void HistoryRecorder::Failed(const std::string& log, Op op, uint64_t id, const Status& status) {
  bool open = absl::IsUnknown(status) || absl::IsCancelled(status);
  Add(Begin(log, op, open ? EventType::kInfo : EventType::kFail, id));
}

}  // namespace vlog::testing
