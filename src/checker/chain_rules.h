#ifndef VLOG_CHECKER_CHAIN_RULES_H_
#define VLOG_CHECKER_CHAIN_RULES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checker/event.h"
#include "checker/operations.h"
#include "checker/report.h"

namespace vlog::checker {

// The rules of one log's chain. Observations may be old and may skip versions.
//
//   I6  one content a version; segments adjoin; indices and versions grow; only the last is open;
//       old segments never change, except that the front is dropped (truncate), that the kind of a
//       closed one may change (modify), and that an empty last one may be replaced at its base
//       under a higher index
//   I4  an acknowledgement of segment k lies in [base_k, end_k), whenever it was given: the end
//       that the chain fixes covers all that was ever acknowledged
//
// Not thread-safe.
class ChainRules {
 public:
  // Both must outlive this.
  ChainRules(const Operations& operations, Verdict& verdict)
      : operations_(operations), verdict_(verdict) {}

  // `op` observed this version. Returns false after a violation.
  bool Observe(OpIndex op, const ChainView& chain);
  // Segment `index` acknowledged [first, end).
  void Acked(OpIndex op, uint64_t index, Position first, Position end);
  // `op` claims that its proposal became this version; an empty proposal is not checked.
  void Won(OpIndex op, uint64_t version, const std::string& proposal);

  uint64_t distinct_versions() const { return versions_.size(); }

 private:
  struct Version {
    OpIndex op;
    ChainView chain;  // with every end filled in but that of an open last segment
  };
  struct Segment {
    std::optional<Position> base;
    std::optional<Position> end;
    OpIndex seen = kNoOp;  // an observation that tells the base or the end
    Position lowest_ack = kNoPosition;
    OpIndex lowest_op = kNoOp;
    Position highest_ack = 0;  // exclusive; 0: none
    OpIndex highest_op = kNoOp;
  };
  struct Winner {
    OpIndex op;
    std::string proposal;
  };

  // Fills in the ends and checks one version by itself.
  bool CheckShape(OpIndex op, ChainView& chain);
  // Checks a version against the next higher one that was observed.
  bool CheckStep(const Version& older, const Version& newer);
  bool CheckKept(const Version& older, const Version& newer, size_t old_at, size_t new_at);
  bool CheckDropped(const Version& older, const Version& newer, size_t old_at, size_t new_at);
  // Takes bases and ends over into segments_ and checks the acknowledgements seen so far.
  bool Learn(OpIndex op, const ChainView& chain);
  // Takes over what a chain tells about the segments that it does not hold: those with an index
  // above `after` (absent: any) and below that of `next`.
  bool LearnMissing(OpIndex op, std::optional<uint64_t> after, const ChainSegment& next);
  // A segment that is missing between two neighbours was replaced while empty; one that is missing
  // at the front was dropped and ended at `next` or below.
  static void Close(Segment& segment, bool between, Position next);
  bool CheckAcks(uint64_t index, const Segment& segment);
  bool Fail(std::string_view name, const std::string& why, OpIndex a, OpIndex b);

  const Operations& operations_;
  Verdict& verdict_;
  std::map<uint64_t, Version> versions_;
  std::map<uint64_t, Segment> segments_;  // by segment index
  std::map<uint64_t, Winner> winners_;    // by version
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_CHAIN_RULES_H_
