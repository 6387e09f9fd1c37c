// Reconfiguration: seals the last segment and lets another follow (DESIGN 5.1; Delos 3.2).
//
// Every step can be finished by anybody: the intent in the chain says what is to come, the sealed
// loglet keeps the first sealer's proposal, and the chain's compare-and-set picks what counts.
#ifndef VLOG_VIRTUALLOG_RECONFIGURER_H_
#define VLOG_VIRTUALLOG_RECONFIGURER_H_

#include <optional>
#include <string>

#include "virtuallog/log_context.h"

namespace vlog::virtuallog {

struct ReconfigureRequest {
  std::string kind;    // "" = the same kind again; kMarkerKind ends the log for good
  std::string reason;  // for people
  loglets::Placement placement = {};
  uint32_t fail_overs = 0;  // how many in a row, if this is one
  // The last segment that it was planned for; none: whichever it is.
  std::optional<SegmentIndex> replaces = {};
  // What the log's policy is to be; none: what it is, with the kind of the new segment.
  std::optional<loglets::Policy> policy = {};
};

// Thread rule: the context's. The context outlives it. Calls overlap.
class Reconfigurer {
 public:
  explicit Reconfigurer(LogContext& context) : context_(context) {}

  // OK: the chain holds this proposal. kAborted: superseded by another change, or not the segment
  // that the request is for. kInvalidArgument: no
  // such kind. kFailedPrecondition: the log has ended. kUnknown: it may still happen, for its plan
  // stands in the chain and others may carry it out. Other errors: it did not and will not happen;
  // if its plan was withdrawn when somebody had sealed the segment for it already, another
  // successor follows.
  Task<Status> Reconfigure(ReconfigureRequest request);

  // The last segment, `broken`, takes no appends any more: seals it and lets a segment follow,
  // without an intent, for every moment counts. A planned swap that waits is carried out instead.
  // `proven`: its loglet is dead, so nothing is lost by a seal; else nothing is sealed unless the
  // metastore says first that a write would succeed now. OK: another segment is the last; true if
  // it is the one that this process proposed. kUnavailable: nothing was sealed, or not all was
  // done.
  Task<StatusOr<bool>> FailOver(SegmentIndex broken, ReconfigureRequest request, bool proven);

  // Returns OK once a segment follows `sealed_segment` in the chain: waits a short grace for
  // whoever sealed it, then finishes the reconfiguration itself: by the intent, else by the
  // proposal kept with the seal, else with the same kind again. kInternal: it cannot be finished
  // here.
  Task<Status> Help(SegmentIndex sealed_segment);

 private:
  struct Choice {
    Proposal successor;
    ProposalId refused;  // an intent that was tried and would not work; 0: none
    // Somebody else's plan: it counts only as long as it stands in the chain, whose owner may
    // withdraw it and say that it will not happen.
    bool planned = false;
  };

  // Whether an intent still binds; one whose deadline has passed is free to be replaced.
  bool Counts(const Intent& intent, const Segment& last);
  Task<StatusOr<Proposal>> Propose(ReconfigureRequest request, Segment last);
  Task<Status> DeclareIntent(Proposal proposal);
  Task<Status> Prepare(Proposal proposal, SegmentIndex index);
  Task<StatusOr<Choice>> ChooseSuccessor(Segment last, std::string kept_proposal);
  // Carries out the intent of somebody else.
  Task<Status> HelpIntent(Segment last, Proposal successor);
  Task<Status> SealAndExtend(Segment last, Choice choice, std::string kept_proposal);
  // Takes the own plan back because of `why`.
  Task<Status> Withdraw(Proposal proposal, Segment last, Status why);
  // Seals `last` with `proposal`, which may be empty, and lets the successor that counts follow.
  Task<Status> Finish(Segment last, std::string proposal);
  Task<Status> ExtendTo(Segment last, loglets::Sealed sealed, Choice choice);
  Task<Status> ClearIntent(ProposalId proposal);
  Task<void> ReserveBeside();

  LogContext& context_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_RECONFIGURER_H_
