#include "checker/records.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vlog::checker {

BatchIndex Records::Invoke(OpIndex op, SessionIndex session, std::optional<uint64_t> seq,
                           const std::vector<std::string>& values) {
  if (!values.empty()) {
    ValueIndex known = Find(values.front());
    if (known != kNoValue) return Retry(op, batch_of_[known], session, seq, values);
  }
  BatchIndex index = static_cast<BatchIndex>(batches_.size());
  Batch batch;
  batch.origin = op;
  batch.values = static_cast<ValueIndex>(texts_.size());
  batch.count = static_cast<uint32_t>(values.size());
  batch.session = session;
  batch.seq = seq;
  for (const std::string& value : values) {
    ValueIndex next = static_cast<ValueIndex>(texts_.size());
    texts_.push_back(value);
    if (!values_.emplace(texts_.back(), next).second) {
      verdict_.Fail(violation::kMalformed,
                    absl::StrCat("Two records carry the value \"", value, "\", the second one in ",
                                 operations_.Describe(op), "; values must be unique."),
                    operations_.Lines({op}));
      return kNoBatch;
    }
    batch_of_.push_back(index);
  }
  batches_.push_back(batch);
  possible_ += batch.count;
  if (session != kNoSession && seq.has_value()) {
    if (handles_.size() <= session) handles_.resize(session + 1);
    handles_[session].push_back(index);
  }
  return index;
}

BatchIndex Records::Retry(OpIndex op, BatchIndex index, SessionIndex session,
                          std::optional<uint64_t> seq, const std::vector<std::string>& values) {
  Batch& batch = batches_[index];
  bool same = seq.has_value() && session != kNoSession && batch.session == session &&
              batch.seq == seq && batch.count == values.size() &&
              std::equal(values.begin(), values.end(), texts_.begin() + batch.values);
  if (!same) {
    verdict_.Fail(violation::kMalformed,
                  absl::StrCat("Value \"", values.front(), "\" of ", operations_.Describe(op),
                               " was appended before, and this is no retry: a retry repeats all "
                               "values, the handle and the sequence number."),
                  operations_.Lines({batch.origin, op}));
    return kNoBatch;
  }
  std::vector<OpIndex>& attempts = retried_[index];
  if (batch.attempts == 0) {
    batch.origin = op;
    possible_ += batch.count;
  } else if (attempts.empty()) {
    attempts.push_back(batch.origin);
  }
  attempts.push_back(op);
  ++batch.attempts;
  return index;
}

void Records::Ack(OpIndex op, BatchIndex index, Position first) {
  Batch& batch = batches_[index];
  if (batch.ack != kNoOp && batch.first != first) {
    verdict_.Fail(violation::kRetryMoved,
                  absl::StrCat(operations_.Describe(op), " was told position ", first, ", but ",
                               operations_.Describe(batch.ack), " was told position ", batch.first,
                               " for the same record."),
                  operations_.Lines({op, batch.ack}));
    return;
  }
  if (!Locate(op, index, first)) return;
  if (batch.ack == kNoOp) batch.ack = op;
  order_.ShownWritten(first + batch.count, op, Linearizability::Proof::kAck);
}

void Records::Fail(OpIndex op, BatchIndex index) {
  Batch& batch = batches_[index];
  auto retried = retried_.find(index);
  if (retried != retried_.end()) std::erase(retried->second, op);
  if (--batch.attempts > 0) {
    // The batch was appended by another attempt, if at all, so it cannot be older than that one.
    batch.origin = retried->second.front();
    if (batch.first != kNoPosition) {
      order_.ClaimUnwritten(batch.first, batch.origin, Linearizability::Claim::kAppend, kNoOp);
    }
    return;
  }
  possible_ -= batch.count;
  if (batch.first == kNoPosition) return;
  verdict_.Fail(violation::kFailedAppears,
                absl::StrCat(operations_.Describe(op), " failed for certain, but ",
                             operations_.Describe(batch.witness), " showed its record at position ",
                             batch.first, "."),
                operations_.Lines({op, batch.witness}));
}

void Records::Read(OpIndex reader, Position at, const std::string& value) {
  if (at < positions_.size() && positions_[at] != kNoValue && texts_[positions_[at]] == value) {
    return;
  }
  ValueIndex found = Find(value);
  if (found == kNoValue) {
    verdict_.Fail(violation::kInvented,
                  absl::StrCat(operations_.Describe(reader), " showed value \"", value,
                               "\" at position ", at, ", which nobody had appended."),
                  operations_.Lines({reader}));
    return;
  }
  Batch& batch = BatchOf(found);
  uint32_t offset = found - batch.values;
  if (batch.attempts == 0) {
    verdict_.Fail(
        violation::kFailedAppears,
        absl::StrCat(operations_.Describe(reader), " showed value \"", value, "\" at position ", at,
                     ", but ", operations_.Describe(batch.origin), " failed for certain."),
        operations_.Lines({reader, batch.origin}));
    return;
  }
  // Where the batch would begin below 0 this wraps, which Locate refuses.
  Locate(reader, batch_of_[found], at - offset);
}

bool Records::Locate(OpIndex witness, BatchIndex index, Position first) {
  Batch& batch = batches_[index];
  bool wrapped = first > first + batch.count;
  if (batch.first == first && !wrapped) return true;
  if (batch.first != kNoPosition || wrapped) {
    OpIndex other = batch.first != kNoPosition ? batch.witness : batch.origin;
    verdict_.Fail(
        violation::kRecordTwice,
        absl::StrCat("The batch of ", operations_.Describe(batch.origin), " begins at ",
                     static_cast<int64_t>(first), " according to ", operations_.Describe(witness),
                     ", but not according to ", operations_.Describe(other), "."),
        operations_.Lines({batch.origin, witness, other}));
    return false;
  }
  if (positions_.size() < first + batch.count) positions_.resize(first + batch.count, kNoValue);
  batch.witness = witness;
  for (uint32_t i = 0; i < batch.count; ++i) {
    if (!Occupy(batch, batch.values + i, first + i)) return false;
  }
  batch.first = first;
  order_.ClaimUnwritten(first, batch.origin, Linearizability::Claim::kAppend, kNoOp);
  return true;
}

bool Records::Occupy(const Batch& batch, ValueIndex value, Position at) {
  if (positions_[at] == kNoValue) {
    positions_[at] = value;
    return true;
  }
  const Batch& holder = BatchOf(positions_[at]);
  verdict_.Fail(violation::kTwoValues,
                absl::StrCat("Position ", at, " holds \"", texts_[value], "\" according to ",
                             operations_.Describe(batch.witness), " but \"", texts_[positions_[at]],
                             "\" according to ", operations_.Describe(holder.witness), "."),
                operations_.Lines({batch.witness, holder.witness}));
  return false;
}

Records::ValueIndex Records::Find(const std::string& value) const {
  auto found = values_.find(std::string_view(value));
  return found == values_.end() ? kNoValue : found->second;
}

OpIndex Records::AckOf(Position at) const {
  if (at >= positions_.size() || positions_[at] == kNoValue) return kNoOp;
  return batches_[batch_of_[positions_[at]]].ack;
}

void Records::Finish() {
  for (std::vector<BatchIndex>& batches : handles_) CheckHandle(batches);
  if (unused_ == 0) CheckUnexplained();
}

void Records::CheckHandle(std::vector<BatchIndex>& batches) {
  std::stable_sort(batches.begin(), batches.end(), [this](BatchIndex a, BatchIndex b) {
    return *batches_[a].seq < *batches_[b].seq;
  });
  const Batch* before = nullptr;   // the one with the next lower number
  const Batch* located = nullptr;  // the last one whose place is known
  for (BatchIndex index : batches) {
    const Batch& batch = batches_[index];
    if (before != nullptr && *before->seq + before->count > *batch.seq) {
      verdict_.Fail(violation::kRecordId,
                    absl::StrCat(operations_.Describe(before->origin), " and ",
                                 operations_.Describe(batch.origin),
                                 " of one handle both use the sequence number ", *batch.seq, "."),
                    operations_.Lines({before->origin, batch.origin}));
      return;
    }
    before = &batch;
    if (batch.first == kNoPosition) continue;
    if (located != nullptr && located->first >= batch.first) {
      verdict_.Fail(
          violation::kFifo,
          absl::StrCat(operations_.Describe(located->origin), " has the lower sequence number (",
                       *located->seq, ") but the higher position (", located->first, ") than ",
                       operations_.Describe(batch.origin), " of the same handle (", *batch.seq,
                       " at ", batch.first, ")."),
          operations_.Lines({located->origin, located->witness, batch.origin, batch.witness}));
      return;
    }
    located = &batch;
  }
}

void Records::CheckUnexplained() {
  std::vector<Position> unexplained;
  for (Position at = 0; at < order_.known_tail(); ++at) {
    if (at >= positions_.size() || positions_[at] == kNoValue) unexplained.push_back(at);
  }
  if (unexplained.empty()) return;
  std::vector<uint64_t> invoked;
  for (const Batch& batch : batches_) {
    if (batch.first != kNoPosition || batch.attempts == 0) continue;
    invoked.insert(invoked.end(), batch.count, operations_.at(batch.origin).invoked);
  }
  std::sort(invoked.begin(), invoked.end());
  order_.MatchUnknown(unexplained, invoked);
}

}  // namespace vlog::checker
