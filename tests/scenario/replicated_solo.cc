#include "scenario/replicated_solo.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"

namespace vlog::testing {

using loglets::replicated::AppliedState;
using loglets::replicated::CallId;
using loglets::replicated::CoreSetup;
using loglets::replicated::PeerMessage;
using loglets::replicated::ReplicaKind;
using loglets::replicated::ReplyTo;
using loglets::replicated::StateView;
using loglets::replicated::Ticket;
using loglets::replicated::Token;

namespace {

enum EntryType : uint16_t { kBatch = 1, kSeal = 2, kTrim = 3 };

}  // namespace

// ---- the state ----

void SoloState::Apply(const storage::Entry& entry) {
  if (entry.type == kBatch) {
    StatusOr<BatchHeader> header = DecodeBatchHeader(entry.meta);
    VLOG_CHECK(header.ok(), "an entry of the journal is as it was written");
    AppliedState::Result result = applied_.Apply(*header);
    VLOG_CHECK(damaged_ || result.outcome == AppliedState::Outcome::kTaken,
               "only batches that are taken are written");
  } else if (entry.type == kSeal) {
    applied_.ApplySeal(entry.meta);
  } else if (entry.type == kTrim) {
    Decoder in(entry.meta);
    trim_ = std::max(trim_, Offset(in.Fixed<uint64_t>()));
  }
  end_ = std::max(end_, entry.first + entry.count);
}

void SoloState::SkipTo(uint64_t end) {
  damaged_ = true;
  end_ = std::max(end_, end);
}

std::string SoloState::Encode() const {
  std::string out;
  PutFixed(&out, end_);
  PutFixed(&out, trim_.value());
  PutFixed(&out, static_cast<uint8_t>(damaged_));
  applied_.EncodeTo(&out);
  return out;
}

Status SoloState::Decode(std::string_view data) {
  Decoder in(data);
  end_ = in.Fixed<uint64_t>();
  trim_ = Offset(in.Fixed<uint64_t>());
  damaged_ = in.Fixed<uint8_t>() != 0;
  StatusOr<AppliedState> applied = AppliedState::Decode(in.Raw(in.remaining()));
  VLOG_RETURN_IF_ERROR(applied);
  applied_ = *std::move(applied);
  return absl::OkStatus();
}

// ---- the core ----

SoloCore::SoloCore(const CoreSetup& setup)
    : self_(setup.self),
      durable_(static_cast<const SoloState&>(setup.recovered)),
      accepted_(durable_.applied()) {}

SoloCore::Output SoloCore::TakeOutput() { return std::exchange(output_, {}); }

void SoloCore::Answer(Token token, StatusOr<Offset> result) {
  output_.answers.push_back({token, std::move(result)});
}

void SoloCore::OnRequest(const Replica&, PeerMessage message, ReplyTo to, Instant) {
  output_.replies.push_back({to, std::move(message)});  // an echo
}

void SoloCore::OnReply(CallId, StatusOr<PeerMessage>, Instant) {}

void SoloCore::Append(Batch batch, Token token, Instant) {
  if (!leads_) return Answer(token, absl::AbortedError("asleep"));
  if (refusing_) return Answer(token, absl::ResourceExhaustedError("full"));
  if (sealing_ || !sealers_.empty()) return Answer(token, absl::UnavailableError("sealing"));
  AppliedState::Result judged = accepted_.Apply(batch.header);
  switch (judged.outcome) {
    case AppliedState::Outcome::kTaken: {
      storage::Entry entry;
      entry.type = kBatch;
      entry.first = judged.offset.value();
      entry.count = batch.header.count;
      entry.meta = EncodeBatchHeader(batch.header);
      entry.payload = batch.body;
      entry.payload_crc = batch.body_crc;
      return Write(std::move(entry), false, token, judged.offset);
    }
    case AppliedState::Outcome::kDuplicate:
      if (judged.offset < applied_end()) return Answer(token, judged.offset);
      // Its first copy is on its way, and so is its answer: this one is asked again.
      return Answer(token, absl::UnavailableError("on its way"));
    case AppliedState::Outcome::kOutOfOrder:
      return Answer(token, absl::InvalidArgumentError("out of order"));
    case AppliedState::Outcome::kTooOld:
      return Answer(token, absl::OutOfRangeError("too old"));
    case AppliedState::Outcome::kSealed:
      return Answer(token, absl::FailedPreconditionError("sealed"));
  }
}

void SoloCore::CheckTail(Token token, Instant) {
  if (!leads_) return Answer(token, absl::AbortedError("asleep"));
  Answer(token, applied_end());
}

void SoloCore::Seal(std::string proposal, Token token, Instant) {
  if (!leads_) return Answer(token, absl::AbortedError("asleep"));
  if (sealed()) return Answer(token, applied_end());
  sealers_.push_back({token, std::move(proposal)});
  SealIfQuiet();
}

void SoloCore::SealIfQuiet() {
  if (sealers_.empty() || sealing_ || !in_flight_.empty()) return;
  sealing_ = true;
  storage::Entry entry;
  entry.type = kSeal;
  entry.first = durable_.end();
  entry.count = 1;
  entry.meta = sealers_.front().proposal;
  Write(std::move(entry), true, 0, Offset());
}

void SoloCore::Trim(Offset to, Token token, Instant) {
  to = std::min(to, applied_end());
  if (to <= trim_point()) return Answer(token, trim_point());
  storage::Entry entry;
  entry.type = kTrim;
  PutFixed(&entry.meta, to.value());
  Write(std::move(entry), true, token, to);
}

void SoloCore::Campaign(bool, Instant) { leads_ = true; }

void SoloCore::Write(storage::Entry entry, bool control, Token token, Offset result) {
  Ticket ticket = next_ticket_++;
  std::optional<Token> answered;
  if (token != 0) answered = token;
  in_flight_.push_back({ticket, entry, answered, result});
  output_.persist.push_back({ticket, std::move(entry), control});
}

void SoloCore::Persisted(Ticket ticket, Instant) {
  VLOG_CHECK(!in_flight_.empty() && in_flight_.front().ticket == ticket,
             "entries become durable in the order in which they were written");
  InFlight done = std::move(in_flight_.front());
  in_flight_.pop_front();
  durable_.Apply(done.entry);
  if (done.token) Answer(*done.token, done.result);
  if (done.entry.type == kSeal) {
    sealing_ = false;
    for (const Sealer& sealer : std::exchange(sealers_, {})) Answer(sealer.token, applied_end());
  }
  if (in_flight_.empty()) {
    refusing_ = false;
    accepted_ = durable_.applied();
  }
  SealIfQuiet();
}

void SoloCore::Refused(Ticket ticket, Instant) {
  auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                         [ticket](const InFlight& each) { return each.ticket == ticket; });
  VLOG_CHECK(it != in_flight_.end(), "only what is on its way is refused");
  if (it->token) Answer(*it->token, absl::ResourceExhaustedError("full"));
  if (it->entry.type == kSeal) {
    sealing_ = false;
    for (const Sealer& sealer : std::exchange(sealers_, {})) {
      Answer(sealer.token, absl::ResourceExhaustedError("full"));
    }
  }
  in_flight_.erase(it);
  // All data that waits is refused; then it begins again behind what is durable.
  refusing_ = !in_flight_.empty();
  if (!refusing_) accepted_ = durable_.applied();
}

SoloCore::Place SoloCore::FindRecords(Offset from, Offset to) const {
  return {from.value(), to.value(), from};
}

std::optional<std::pair<Offset, Batch>> SoloCore::ToBatch(const storage::Entry& entry) const {
  if (entry.type != kBatch) return std::nullopt;
  StatusOr<BatchHeader> header = DecodeBatchHeader(entry.meta);
  if (!header.ok()) return std::nullopt;
  return std::make_pair(Offset(entry.first), Batch{*header, entry.payload, entry.payload_crc});
}

ReplicaKind SoloKind() {
  ReplicaKind kind;
  kind.name = "solo";
  kind.base = kSoloBase;
  kind.stream_kind = "solo-replica";
  kind.tombstones = "solo-dropped";
  kind.new_state = [] { return std::make_unique<SoloState>(); };
  kind.new_core = [](CoreSetup setup) { return std::make_unique<SoloCore>(setup); };
  kind.view = [](const storage::StreamState& state) {
    const auto& solo = static_cast<const SoloState&>(state);
    return StateView{solo.trim_point(), solo.applied().end(), solo.applied().sealed()};
  };
  kind.check = [](const loglets::replicated::Params& params) -> Status {
    if (params.members.size() == 1) return absl::OkStatus();
    return absl::InvalidArgumentError("a solo loglet has one member");
  };
  return kind;
}

}  // namespace vlog::testing
