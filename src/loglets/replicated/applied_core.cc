#include "loglets/replicated/applied_core.h"

#include <utility>

#include "base/coding.h"

namespace vlog::loglets::replicated {

AppliedState::Result AppliedState::Judge(const BatchHeader& batch) const {
  if (sealed_) return {Outcome::kSealed, Offset()};
  Verdict verdict = writers_.Judge(batch);
  switch (verdict.judgement) {
    case Judgement::kNext:
      return {Outcome::kTaken, end_};
    case Judgement::kDuplicate:
      return {Outcome::kDuplicate, verdict.offset};
    case Judgement::kOutOfOrder:
      return {Outcome::kOutOfOrder, Offset()};
    case Judgement::kTooOld:
      break;
  }
  return {Outcome::kTooOld, Offset()};
}

AppliedState::Result AppliedState::Apply(const BatchHeader& batch) {
  Result result = Judge(batch);
  if (result.outcome == Outcome::kTaken) {
    writers_.Take(batch, end_);
    end_ += batch.count;
  }
  return result;
}

void AppliedState::ApplySeal(std::string proposal) {
  if (sealed_) return;
  sealed_ = true;
  proposal_ = std::move(proposal);
  writers_.Clear();
}

void AppliedState::EncodeTo(std::string* out) const {
  PutFixed(out, end_.value());
  PutFixed(out, static_cast<uint8_t>(sealed_));
  PutString(out, proposal_);
  std::string writers;
  writers_.EncodeTo(&writers);
  PutString(out, writers);
}

StatusOr<AppliedState> AppliedState::Decode(std::string_view data) {
  Decoder in(data);
  AppliedState state;
  state.end_ = Offset(in.Fixed<uint64_t>());
  state.sealed_ = in.Fixed<uint8_t>() != 0;
  state.proposal_ = std::string(in.String());
  StatusOr<WritersTable> writers = WritersTable::Decode(in.String());
  VLOG_RETURN_IF_ERROR(writers);
  if (!in.done()) return absl::DataLossError("malformed state of a replicated log");
  state.writers_ = *std::move(writers);
  return state;
}

}  // namespace vlog::loglets::replicated
