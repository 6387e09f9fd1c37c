// Reconfiguration: seals the last segment and lets another follow (DESIGN 5.1; Delos 3.2).
//
// Every step can be finished by anybody: the intent in the chain says what is to come, the sealed
// loglet keeps the first sealer's proposal, and the chain's compare-and-set picks what counts.
#ifndef VLOG_VIRTUALLOG_RECONFIGURER_H_
#define VLOG_VIRTUALLOG_RECONFIGURER_H_

#include <string>

#include "virtuallog/log_context.h"

namespace vlog::virtuallog {

struct ReconfigureRequest {
  std::string kind;    // "" = the same kind again; kMarkerKind ends the log for good
  std::string reason;  // for people
  loglets::Placement placement = {};
};

// Thread rule: the context's. The context outlives it. Calls overlap.
class Reconfigurer {
 public:
  explicit Reconfigurer(LogContext& context) : context_(context) {}

  // OK: the chain holds this proposal. kAborted: superseded by another change. kInvalidArgument: no
  // such kind. kFailedPrecondition: the log has ended. kUnknown: it may still happen. Other errors:
  // it did not happen; if the segment was sealed already, whoever comes next finishes with a
  // successor of its own.
  Task<Status> Reconfigure(ReconfigureRequest request);

  // Returns OK once a segment follows `sealed_segment` in the chain: waits a short grace for
  // whoever sealed it, then finishes the reconfiguration itself: by the intent, else by the
  // proposal kept with the seal, else with the same kind again. kInternal: it cannot be finished
  // here.
  Task<Status> Help(SegmentIndex sealed_segment);

 private:
  struct Choice {
    Proposal successor;
    ProposalId refused;  // an intent that was tried and would not work; 0: none
  };

  // Whether an intent still binds; one whose deadline has passed is free to be replaced.
  bool Counts(const Intent& intent, const Segment& last);
  Task<StatusOr<Proposal>> Propose(ReconfigureRequest request, Segment last);
  Task<Status> DeclareIntent(Proposal proposal);
  Task<Status> Prepare(Proposal proposal, SegmentIndex index);
  Task<StatusOr<Choice>> ChooseSuccessor(Segment last, std::string kept_proposal);
  Task<Status> SealAndExtend(Segment last, Proposal successor);
  Task<Status> Finish(Segment last);
  Task<Status> ExtendTo(Segment last, Lsn end, Choice choice);
  Task<Status> ClearIntent(ProposalId proposal);

  LogContext& context_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_RECONFIGURER_H_
