#include "virtuallog/chain.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::virtuallog {
namespace {

// The first does not count fail-overs, the second has no policies and flags no segments, the third
// has no options in policies and tells of no re-homing.
constexpr uint32_t kFormatVersion = 4;
constexpr uint32_t kWithoutOptions = 3;
constexpr uint32_t kWithoutPolicies = 2;
constexpr uint32_t kOldestFormat = 1;
constexpr size_t kRecent = 64;

void PutPolicy(std::string* out, const loglets::Policy& policy, uint32_t format) {
  PutString(out, policy.kind);
  PutFixed(out, policy.copies);
  PutFixed(out, policy.write_quorum);
  PutFixed(out, policy.least_copies);
  PutFixed(out, static_cast<uint32_t>(policy.candidates.size()));
  for (NodeId node : policy.candidates) PutFixed(out, node.value());
  if (format > kWithoutOptions) PutString(out, policy.options);
}

loglets::Policy GetPolicy(Decoder& in, uint32_t format) {
  loglets::Policy policy;
  policy.kind = std::string(in.String());
  policy.copies = in.Fixed<uint32_t>();
  policy.write_quorum = in.Fixed<uint32_t>();
  policy.least_copies = in.Fixed<uint32_t>();
  auto candidates = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < candidates && in.ok(); ++i) {
    policy.candidates.emplace_back(in.Fixed<uint64_t>());
  }
  if (format > kWithoutOptions) policy.options = std::string(in.String());
  return policy;
}

bool SaysMoreThanKind(const std::optional<loglets::Policy>& policy) {
  return policy && *policy != loglets::Policy{policy->kind};
}

// Without its policy, which a seal's proposal and a chain tell apart in ways of their own.
void PutProposal(std::string* out, const Proposal& proposal) {
  PutFixed(out, proposal.id.value());
  PutString(out, proposal.kind);
  PutString(out, proposal.params);
  PutString(out, proposal.reason);
  PutString(out, proposal.who);
  PutFixed(out, proposal.fail_overs);
}

Proposal GetProposal(Decoder& in, uint32_t format) {
  Proposal proposal;
  proposal.id = ProposalId(in.Fixed<uint64_t>());
  proposal.kind = std::string(in.String());
  proposal.params = std::string(in.String());
  proposal.reason = std::string(in.String());
  proposal.who = std::string(in.String());
  if (format >= 2) proposal.fail_overs = in.Fixed<uint32_t>();
  return proposal;
}

bool HasOptions(const std::optional<loglets::Policy>& policy) {
  return policy && !policy->options.empty();
}

void PutChained(std::string* out, const Proposal& proposal, uint32_t format) {
  PutProposal(out, proposal);
  if (format < 3) return;
  PutFixed(out, static_cast<uint8_t>(proposal.policy.has_value()));
  if (proposal.policy) PutPolicy(out, *proposal.policy, format);
}

void PutRehoming(std::string* out, const std::optional<Rehoming>& rehomed) {
  PutFixed(out, static_cast<uint8_t>(rehomed.has_value()));
  if (!rehomed) return;
  PutString(out, rehomed->reason);
  PutString(out, rehomed->who);
  PutFixed(out, rehomed->at.unix_millis);
}

std::optional<Rehoming> GetRehoming(Decoder& in) {
  if (in.Fixed<uint8_t>() == 0) return std::nullopt;
  Rehoming rehomed;
  rehomed.reason = std::string(in.String());
  rehomed.who = std::string(in.String());
  rehomed.at.unix_millis = in.Fixed<int64_t>();
  return rehomed;
}

Proposal GetChained(Decoder& in, uint32_t format) {
  Proposal proposal = GetProposal(in, format);
  if (format >= 3 && in.Fixed<uint8_t>() != 0) proposal.policy = GetPolicy(in, format);
  return proposal;
}

}  // namespace

// Programs that know no policies read what needs none, so that a cluster can be upgraded node by
// node.
uint32_t Chain::FormatNeeded() const {
  bool options = HasOptions(policy_) || (intent_ && HasOptions(intent_->successor.policy));
  bool policies =
      SaysMoreThanKind(policy_) || (intent_ && SaysMoreThanKind(intent_->successor.policy));
  bool moved = false;
  for (const Segment& segment : segments_) {
    options = options || HasOptions(segment.made.policy);
    policies = policies || segment.least_copies != 0 || SaysMoreThanKind(segment.made.policy);
    moved = moved || segment.rehomed.has_value();
  }
  if (options || moved) return kFormatVersion;
  return policies ? kWithoutOptions : kWithoutPolicies;
}

Chain Chain::Begin(Proposal first, WallTime now) {
  Chain chain;
  Segment segment;
  segment.made = std::move(first);
  segment.made_at = now;
  chain.Remember(segment.made.id);
  if (segment.made.policy) chain.policy_ = *segment.made.policy;
  chain.policy_.kind = segment.made.kind;
  chain.segments_.push_back(std::move(segment));
  return chain;
}

std::string Chain::Encode() const {
  std::string out;
  uint32_t format = FormatNeeded();
  PutFixed(&out, format);
  PutFixed(&out, static_cast<uint32_t>(segments_.size()));
  for (const Segment& segment : segments_) {
    PutFixed(&out, segment.index.value());
    PutFixed(&out, segment.base.value());
    PutChained(&out, segment.made, format);
    PutFixed(&out, segment.made_at.unix_millis);
    if (format >= 3) PutFixed(&out, segment.least_copies);
    if (format >= 4) PutRehoming(&out, segment.rehomed);
  }
  PutFixed(&out, static_cast<uint8_t>(intent_.has_value()));
  if (intent_) {
    PutFixed(&out, intent_->replaces.value());
    PutChained(&out, intent_->successor, format);
    PutFixed(&out, intent_->deadline.unix_millis);
  }
  if (format >= 3) PutPolicy(&out, policy_, format);
  PutFixed(&out, static_cast<uint32_t>(recent_.size()));
  for (ProposalId id : recent_) PutFixed(&out, id.value());
  PutFixed(&out, Crc32c(out));
  return out;
}

StatusOr<Chain> Chain::Decode(std::string_view data) {
  Decoder in(data);
  uint32_t format = in.Fixed<uint32_t>();
  if (in.ok() && (format < kOldestFormat || format > kFormatVersion)) {
    return absl::InvalidArgumentError(absl::StrCat("the chain has format version ", format,
                                                   ", this program knows ", kFormatVersion));
  }
  Chain chain;
  uint32_t segments = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < segments && in.ok(); ++i) {
    Segment segment;
    segment.index = SegmentIndex(in.Fixed<uint64_t>());
    segment.base = Lsn(in.Fixed<uint64_t>());
    segment.made = GetChained(in, format);
    segment.made_at.unix_millis = in.Fixed<int64_t>();
    if (format >= 3) segment.least_copies = in.Fixed<uint32_t>();
    if (format >= 4) segment.rehomed = GetRehoming(in);
    chain.segments_.push_back(std::move(segment));
  }
  if (in.Fixed<uint8_t>() != 0) {
    Intent intent;
    intent.replaces = SegmentIndex(in.Fixed<uint64_t>());
    intent.successor = GetChained(in, format);
    intent.deadline.unix_millis = in.Fixed<int64_t>();
    chain.intent_ = std::move(intent);
  }
  if (format >= 3) chain.policy_ = GetPolicy(in, format);
  uint32_t recent = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < recent && in.ok(); ++i) {
    chain.recent_.emplace_back(in.Fixed<uint64_t>());
  }
  uint32_t crc = in.Fixed<uint32_t>();
  if (!in.done() || chain.segments_.empty() ||
      Crc32c(data.substr(0, data.size() - sizeof crc)) != crc) {
    return absl::DataLossError("the chain is damaged");
  }
  if (format < 3 && !chain.ended()) chain.policy_.kind = chain.last().made.kind;
  chain.CheckInvariants();
  return chain;
}

const Segment* Chain::Find(Lsn lsn) const {
  auto above = std::upper_bound(segments_.begin(), segments_.end(), lsn,
                                [](Lsn l, const Segment& s) { return l < s.base; });
  return above == segments_.begin() ? nullptr : &*std::prev(above);
}

const Segment* Chain::Find(SegmentIndex index) const {
  for (const Segment& segment : segments_) {
    if (segment.index == index) return &segment;
  }
  return nullptr;
}

std::optional<Lsn> Chain::EndOf(SegmentIndex index) const {
  for (const Segment& segment : segments_) {
    if (segment.index > index) return segment.base;
  }
  return std::nullopt;
}

bool Chain::Holds(ProposalId proposal) const {
  auto made = [&](const Segment& segment) { return segment.made.id == proposal; };
  return std::any_of(segments_.begin(), segments_.end(), made) ||
         std::find(recent_.begin(), recent_.end(), proposal) != recent_.end();
}

StatusOr<Chain> Chain::Extend(SegmentIndex replaces, Lsn end, Proposal successor, WallTime now,
                              uint32_t least_copies) const {
  if (last().index != replaces || ended()) {
    return absl::AbortedError("superseded: the chain has a newer last segment");
  }
  VLOG_CHECK(end >= last().base, "a segment ends at or above its base");
  Chain next = *this;
  Segment segment;
  segment.index = SegmentIndex(replaces.value() + 1);
  segment.base = end;
  segment.made = std::move(successor);
  segment.made_at = now;
  if (end == last().base) {
    next.segments_.pop_back();
  } else {
    next.segments_.back().least_copies = least_copies;
  }
  if (segment.made.policy) next.policy_ = *segment.made.policy;
  if (!segment.is_marker()) next.policy_.kind = segment.made.kind;
  next.intent_.reset();
  next.Remember(segment.made.id);
  next.segments_.push_back(std::move(segment));
  next.CheckInvariants();
  return next;
}

StatusOr<Chain> Chain::WithIntent(Intent intent) const {
  if (last().index != intent.replaces || ended()) {
    return absl::AbortedError("superseded: the chain has a newer last segment");
  }
  Chain next = *this;
  next.intent_ = std::move(intent);
  return next;
}

StatusOr<Chain> Chain::WithoutIntent(ProposalId proposal) const {
  if (!intent_ || intent_->successor.id != proposal) {
    return absl::AbortedError("the intent is not there any more");
  }
  Chain next = *this;
  next.intent_.reset();
  return next;
}

Chain Chain::Truncate(Lsn to, ProposalId proposal) const {
  Chain next = *this;
  auto& segments = next.segments_;
  while (segments.size() > 1 && segments[1].base <= to) segments.erase(segments.begin());
  next.Remember(proposal);
  next.CheckInvariants();
  return next;
}

StatusOr<Chain> Chain::Modify(SegmentIndex index, const std::string& from, std::string params,
                              uint32_t least_copies, Rehoming rehoming, ProposalId proposal) const {
  const Segment* found = Find(index);
  if (found == nullptr) return absl::AbortedError("superseded: the chain has dropped the segment");
  if (index == last().index) return absl::AbortedError("the segment is not sealed yet");
  if (found->made.params != from) {
    return absl::AbortedError("superseded: the segment was moved meanwhile");
  }
  Chain next = *this;
  Segment& moved = next.segments_[static_cast<size_t>(found - segments_.data())];
  moved.made.params = std::move(params);
  moved.least_copies = least_copies;
  moved.rehomed = std::move(rehoming);
  next.Remember(proposal);
  next.CheckInvariants();
  return next;
}

void Chain::Remember(ProposalId proposal) {
  recent_.push_back(proposal);
  if (recent_.size() > kRecent) recent_.erase(recent_.begin());
}

void Chain::CheckInvariants() const {
  VLOG_CHECK(!segments_.empty(), "a chain has at least one segment");
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    VLOG_CHECK(segments_[i].index < segments_[i + 1].index, "segment indexes grow");
    VLOG_CHECK(segments_[i].base < segments_[i + 1].base, "no closed segment is empty");
    VLOG_CHECK(!segments_[i].is_marker(), "nothing follows a marker");
  }
}

std::vector<std::pair<SegmentIndex, SegmentIndex>> DeadRanges(const Chain& chain) {
  std::vector<std::pair<SegmentIndex, SegmentIndex>> ranges;
  SegmentIndex next;  // the lowest index that is not passed over
  for (const Segment& segment : chain.segments()) {
    if (next < segment.index) ranges.emplace_back(next, segment.index);
    next = SegmentIndex(segment.index.value() + 1);
  }
  return ranges;
}

std::string EncodeProposal(const Proposal& proposal) {
  std::string out;
  PutProposal(&out, proposal);
  uint32_t format = HasOptions(proposal.policy) ? kFormatVersion : kWithoutOptions;
  if (SaysMoreThanKind(proposal.policy)) PutPolicy(&out, *proposal.policy, format);
  return out;
}

std::optional<Proposal> DecodeProposal(std::string_view data) {
  Decoder in(data);
  Proposal proposal = GetProposal(in, kFormatVersion);
  if (in.ok() && !in.done()) proposal.policy = GetPolicy(in, kWithoutOptions);
  bool options = in.ok() && !in.done() && proposal.policy;
  if (options) proposal.policy->options = std::string(in.String());
  if (!in.done()) return std::nullopt;
  return proposal;
}

}  // namespace vlog::virtuallog
