// The chain: which loglet holds which range of a log. Pure; what the metastore's register holds.
//
//   LSN      0 ........ 100 ........ 150 ........>
//   segment  | #0 local |  #1 local  | #2 local (open)
//
// Invariants: indexes and bases grow along the chain, bases so that there is no gap and no overlap
// (a segment ends where the next begins); only the last segment is open; a marker is last. An index
// is never used twice.
#ifndef VLOG_VIRTUALLOG_CHAIN_H_
#define VLOG_VIRTUALLOG_CHAIN_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"
#include "loglets/factory.h"

namespace vlog::virtuallog {

// A segment of this kind is no loglet: the log ends there for good.
inline constexpr char kMarkerKind[] = "marker";

// Who proposed a loglet, as what, and why.
struct Proposal {
  ProposalId id;
  std::string kind;
  std::string params;  // opaque but to the kind
  std::string reason;
  std::string who;
  // How many fail-overs in a row led here; 0: somebody asked for it.
  uint32_t fail_overs = 0;
  // What the log's policy is from this segment on; none: what it was.
  std::optional<loglets::Policy> policy = {};
};

// The last time that a sealed segment's copies were moved.
struct Rehoming {
  std::string reason;
  std::string who;
  WallTime at;
};

struct Segment {
  SegmentIndex index;
  Lsn base;  // of its offset 0
  Proposal made;
  WallTime made_at;
  // Of a sealed segment that was repaired with too few servers alive: each record is on so many at
  // least, which are fewer than its kind promises (DESIGN 6.2). 0: on as many as that.
  uint32_t least_copies = 0;
  std::optional<Rehoming> rehomed = {};  // none: it is where it was made

  bool is_marker() const { return made.kind == kMarkerKind; }
};

// A planned swap that anybody may finish. It counts only while `replaces` is the last segment.
struct Intent {
  SegmentIndex replaces;
  Proposal successor;
  WallTime deadline;  // policy: after it, the intent may be cleared
};

class Chain {
 public:
  // A log that begins with one segment, of index 0, at LSN 0.
  static Chain Begin(Proposal first, WallTime now);

  std::string Encode() const;
  // kDataLoss; kInvalidArgument for another format version.
  static StatusOr<Chain> Decode(std::string_view data);

  const std::vector<Segment>& segments() const { return segments_; }
  const Segment& last() const { return segments_.back(); }
  Lsn first_lsn() const { return segments_.front().base; }
  bool ended() const { return last().is_marker(); }
  const std::optional<Intent>& intent() const { return intent_; }
  // For successors that nobody asked for. Its kind is that of the last loglet; in a chain that is
  // older than policies nothing else is set.
  const loglets::Policy& policy() const { return policy_; }

  // The segment that covers `lsn`; null below first_lsn(). Above every end it is the last one.
  const Segment* Find(Lsn lsn) const;
  const Segment* Find(SegmentIndex index) const;
  // Where the segment with this index ends: the base of the next higher index. None while it may
  // still grow. REQUIRES: the chain does not start above it.
  std::optional<Lsn> EndOf(SegmentIndex index) const;
  // True if this proposal made a segment or another change that the chain still remembers.
  bool Holds(ProposalId proposal) const;

  // Transitions. Each fails with kAborted if the chain has moved on, and leaves this chain as it
  // is.

  // The last segment, `replaces`, is sealed at `end`, and flagged with `least_copies` unless that
  // is 0; `successor` follows it. An empty segment is replaced: its base is used again, its index
  // is not. Clears the intent; the successor's policy counts from now on, if it has one.
  StatusOr<Chain> Extend(SegmentIndex replaces, Lsn end, Proposal successor, WallTime now,
                         uint32_t least_copies = 0) const;
  StatusOr<Chain> WithIntent(Intent intent) const;
  StatusOr<Chain> WithoutIntent(ProposalId proposal) const;
  // Drops the segments that lie wholly below `to`; never the last.
  Chain Truncate(Lsn to, ProposalId proposal) const;

  // The sealed segment `index` lives as `params` say from now on, where it lived as `from` said,
  // and is flagged with `least_copies` unless that is 0. Nothing else changes: the intent stays.
  // kAborted also for a segment that may still grow, that is gone, or that somebody else moved.
  StatusOr<Chain> Modify(SegmentIndex index, const std::string& from, std::string params,
                         uint32_t least_copies, Rehoming rehoming, ProposalId proposal) const;

  // CHECKs what is said above.
  void CheckInvariants() const;

 private:
  void Remember(ProposalId proposal);
  // The oldest format that says all of it.
  uint32_t FormatNeeded() const;

  std::vector<Segment> segments_;
  std::optional<Intent> intent_;
  loglets::Policy policy_;
  std::vector<ProposalId> recent_;  // of the last 64 changes, oldest first
};

// The ranges [from, to) of segment indexes that the chain passes over: what was truncated and what
// was replaced while it was empty. No later chain holds any of them, so that a chain however old
// never names a segment that lives (FAULTS race 32).
std::vector<std::pair<SegmentIndex, SegmentIndex>> DeadRanges(const Chain& chain);

// A proposal as the bytes that travel with a seal; "" stands for none.
std::string EncodeProposal(const Proposal& proposal);
std::optional<Proposal> DecodeProposal(std::string_view data);

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_CHAIN_H_
