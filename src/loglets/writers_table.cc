#include "loglets/writers_table.h"

#include "base/check.h"
#include "base/coding.h"

namespace vlog::loglets {

Verdict WritersTable::Judge(const BatchHeader& batch) const {
  auto it = writers_.find(batch.writer);
  if (it == writers_.end()) {
    return {batch.first_in_loglet ? Judgement::kNext : Judgement::kOutOfOrder, Offset()};
  }
  const Writer& writer = it->second;
  if (batch.first > writer.last) {
    bool next = !batch.first_in_loglet && batch.prev == writer.last;
    return {next ? Judgement::kNext : Judgement::kOutOfOrder, Offset()};
  }
  for (const Taken& taken : writer.window) {
    if (taken.first == batch.first && taken.count == batch.count) {
      return {Judgement::kDuplicate, taken.offset};
    }
  }
  // What was taken and forgotten ended before the oldest batch that is known.
  bool forgotten = writer.window.size() == kWindow && batch.last() < writer.window.front().first;
  return {forgotten ? Judgement::kTooOld : Judgement::kOutOfOrder, Offset()};
}

void WritersTable::Take(const BatchHeader& batch, Offset first) {
  auto [it, fresh] = writers_.try_emplace(batch.writer);
  Writer& writer = it->second;
  VLOG_CHECK(fresh || batch.first > writer.last, "nothing is taken twice");
  writer.last = batch.last();
  writer.window.push_back({batch.first, batch.count, first});
  if (writer.window.size() > kWindow) writer.window.erase(writer.window.begin());
}

void WritersTable::EncodeTo(std::string* out) const {
  for (const auto& [id, writer] : writers_) {
    PutFixed(out, id.value());
    PutFixed(out, writer.last.value());
    PutFixed(out, static_cast<uint32_t>(writer.window.size()));
    for (const Taken& taken : writer.window) {
      PutFixed(out, taken.first.value());
      PutFixed(out, taken.count);
      PutFixed(out, taken.offset.value());
    }
  }
}

StatusOr<WritersTable> WritersTable::Decode(std::string_view data) {
  WritersTable table;
  Decoder in(data);
  while (in.ok() && in.remaining() > 0) {
    Writer& writer = table.writers_[WriterId(in.Fixed<uint64_t>())];
    writer.last = SeqNo(in.Fixed<uint64_t>());
    uint32_t window = in.Fixed<uint32_t>();
    for (uint32_t i = 0; i < window && in.ok(); ++i) {
      Taken taken;
      taken.first = SeqNo(in.Fixed<uint64_t>());
      taken.count = in.Fixed<uint32_t>();
      taken.offset = Offset(in.Fixed<uint64_t>());
      writer.window.push_back(taken);
    }
  }
  if (!in.ok()) return absl::DataLossError("malformed writers' table");
  return table;
}

}  // namespace vlog::loglets
