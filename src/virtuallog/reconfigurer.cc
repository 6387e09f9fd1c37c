#include "virtuallog/reconfigurer.h"

#include <algorithm>

#include "virtuallog/monitor_core.h"

namespace vlog::virtuallog {
namespace {

// An intent that nobody finished by then may be cleared; a planned swap takes milliseconds.
constexpr int64_t kIntentMillis = 10'000;
constexpr int64_t kGraceMillis = 20;

}  // namespace

bool Reconfigurer::Counts(const Intent& intent, const Segment& last) {
  return intent.replaces == last.index && context_.env().WallNow() < intent.deadline;
}

Task<StatusOr<Proposal>> Reconfigurer::Propose(ReconfigureRequest request, Segment last) {
  Proposal proposal;
  proposal.id = ProposalId(context_.env().RandomId());
  proposal.kind = request.kind.empty() ? last.made.kind : request.kind;
  proposal.reason = request.reason;
  proposal.who = context_.env().ProcessName();
  proposal.fail_overs = request.fail_overs;
  if (proposal.kind == kMarkerKind) co_return std::move(proposal);
  StatusOr<loglets::LogletKind*> kind = context_.factory().Find(proposal.kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  loglets::ProposeRequest propose;
  loglets::Policy policy = request.policy.value_or(context_.chain()->policy());
  bool other_kind = policy.kind != proposal.kind;
  if (other_kind && !request.policy) policy.options.clear();
  policy.kind = proposal.kind;
  if (policy != context_.chain()->policy()) proposal.policy = policy;
  propose.policy = std::move(policy);
  propose.wish = request.placement;
  propose.previous_kind = last.made.kind;
  propose.previous_params = last.made.params;
  StatusOr<std::string> params = co_await (*kind)->ProposeParams(std::move(propose));
  VLOG_CO_RETURN_IF_ERROR(params);
  proposal.params = *std::move(params);
  co_return std::move(proposal);
}

Task<Status> Reconfigurer::Reconfigure(ReconfigureRequest request) {
  Status fresh = co_await context_.Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  Proposal proposal;
  std::optional<SegmentIndex> proposed_on;
  for (;;) {
    std::shared_ptr<const Chain> chain = context_.chain();
    if (chain->Holds(proposal.id)) co_return absl::OkStatus();
    if (chain->ended()) {
      co_return absl::FailedPreconditionError("the log has ended: " + chain->last().made.reason);
    }
    Segment last = chain->last();
    if (request.replaces && last.index != *request.replaces) {
      co_return absl::AbortedError("superseded: another segment is the last by now");
    }
    if (proposed_on != last.index) {
      // Nothing was declared yet. What another swap changed meanwhile, kind and policy, is what
      // this one leaves as it is.
      StatusOr<Proposal> proposed = co_await Propose(request, last);
      VLOG_CO_RETURN_IF_ERROR(proposed);
      proposal = *std::move(proposed);
      proposed_on = last.index;
      continue;
    }
    const std::optional<Intent>& intent = chain->intent();
    if (intent && Counts(*intent, last) && intent->successor.id != proposal.id) {
      // Somebody else's swap is under way: finish it, then do ours.
      Status helped = co_await HelpIntent(last, intent->successor);
      if (!helped.ok() && !absl::IsAborted(helped)) co_return helped;
      fresh = co_await context_.Refresh();
      VLOG_CO_RETURN_IF_ERROR(fresh);
      continue;
    }
    Status declared = co_await DeclareIntent(proposal);
    if (absl::IsAborted(declared)) {
      fresh = co_await context_.Refresh();
      VLOG_CO_RETURN_IF_ERROR(fresh);
      continue;
    }
    VLOG_CO_RETURN_IF_ERROR(declared);
    Status prepared = co_await Prepare(proposal, SegmentIndex(last.index.value() + 1));
    if (!prepared.ok()) co_return co_await Withdraw(proposal, last, prepared);
    Choice choice;
    choice.successor = proposal;
    Status swapped = co_await SealAndExtend(last, std::move(choice), EncodeProposal(proposal));
    bool superseded = absl::IsAborted(swapped) && context_.chain()->last().index > last.index;
    if (swapped.ok() || superseded) co_return swapped;
    // The plan stands: whoever finds the segment sealed carries it out.
    co_return absl::UnknownError("it may still happen: " + Message(swapped));
  }
}

Task<Status> Reconfigurer::HelpIntent(Segment last, Proposal successor) {
  Status prepared = co_await Prepare(successor, SegmentIndex(last.index.value() + 1));
  if (!prepared.ok()) co_return co_await ClearIntent(successor.id);
  Choice choice;
  choice.successor = std::move(successor);
  choice.planned = true;
  // Nothing is kept with the seal: the plan stands in the chain, or was withdrawn.
  co_return co_await SealAndExtend(last, std::move(choice), std::string());
}

Task<Status> Reconfigurer::Withdraw(Proposal proposal, Segment last, Status why) {
  Status cleared = co_await ClearIntent(proposal.id);
  // Somebody to whom the successor answered may have carried it out.
  if (context_.chain()->Holds(proposal.id)) co_return absl::OkStatus();
  if (!cleared.ok()) {
    co_return absl::UnknownError("it may still happen: the plan could not be withdrawn: " +
                                 Message(cleared) + "; it was to be, because: " + Message(why));
  }
  if (context_.chain()->last().index > last.index) {
    co_return absl::AbortedError("superseded: another segment follows; this one would not do: " +
                                 Message(why));
  }
  co_return Annotate(why, "the plan was withdrawn");
}

Task<Status> Reconfigurer::DeclareIntent(Proposal proposal) {
  std::shared_ptr<const Chain> chain = context_.chain();
  Version version = context_.version();
  Intent intent;
  intent.replaces = chain->last().index;
  intent.successor = std::move(proposal);
  intent.deadline = WallTime{context_.env().WallNow().unix_millis + kIntentMillis};
  StatusOr<Chain> next = chain->WithIntent(std::move(intent));
  VLOG_CO_RETURN_IF_ERROR(next);
  co_return co_await context_.CompareAndSet(version, *std::move(next));
}

Task<Status> Reconfigurer::Prepare(Proposal proposal, SegmentIndex index) {
  if (proposal.kind == kMarkerKind) co_return absl::OkStatus();
  StatusOr<loglets::LogletKind*> kind = context_.factory().Find(proposal.kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  LogletId id{context_.log(), index, proposal.id};
  co_return co_await (*kind)->Prepare(std::move(id), proposal.params);
}

Task<Status> Reconfigurer::SealAndExtend(Segment last, Choice choice, std::string kept_proposal) {
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet = co_await context_.Open(last);
  VLOG_CO_RETURN_IF_ERROR(loglet);
  std::shared_ptr<loglets::Loglet> keep = *loglet;
  StatusOr<loglets::Sealed> sealed = co_await keep->Seal(std::move(kept_proposal));
  if (absl::IsFailedPrecondition(sealed.status())) {
    // Dropped, or passed: somebody finished a swap of this segment, perhaps this very one.
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
    if (context_.chain()->Holds(choice.successor.id)) co_return absl::OkStatus();
    co_return absl::AbortedError("superseded: the segment is gone");
  }
  VLOG_CO_RETURN_IF_ERROR(sealed);
  co_return co_await ExtendTo(last, *std::move(sealed), std::move(choice));
}

Task<Status> Reconfigurer::ExtendTo(Segment last, loglets::Sealed sealed, Choice choice) {
  Lsn end = last.base + sealed.tail.value();
  for (;;) {
    std::shared_ptr<const Chain> chain = context_.chain();
    Version version = context_.version();
    if (chain->Holds(choice.successor.id)) co_return absl::OkStatus();
    const std::optional<Intent>& intent = chain->intent();
    bool bound = intent && Counts(*intent, last) && intent->successor.id != choice.successor.id &&
                 intent->successor.id != choice.refused;
    if (bound) co_return absl::AbortedError("superseded: another swap was planned meanwhile");
    bool withdrawn = choice.planned && (!intent || intent->successor.id != choice.successor.id);
    if (withdrawn) co_return absl::AbortedError("superseded: the plan was withdrawn");
    StatusOr<Chain> next = chain->Extend(last.index, end, choice.successor,
                                         context_.env().WallNow(), sealed.least_copies);
    if (!next.ok()) co_return next.status();
    // On a conflict the sealed segment is often still the last: its end stays valid, try again.
    Status written = co_await context_.CompareAndSet(version, *std::move(next));
    if (written.ok() && end == last.base) {
      // Of the empty segment that was replaced nothing is needed. What cannot be dropped now goes
      // with a later trim.
      Status dropped = co_await context_.DropDead();
      (void)dropped;
    }
    if (!absl::IsAborted(written)) co_return written;
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
  }
}

Task<Status> Reconfigurer::ClearIntent(ProposalId proposal) {
  for (;;) {
    std::shared_ptr<const Chain> chain = context_.chain();
    Version version = context_.version();
    StatusOr<Chain> next = chain->WithoutIntent(proposal);
    if (!next.ok()) co_return absl::OkStatus();  // gone already
    Status written = co_await context_.CompareAndSet(version, *std::move(next));
    if (!absl::IsAborted(written)) co_return written;
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
  }
}

Task<StatusOr<Reconfigurer::Choice>> Reconfigurer::ChooseSuccessor(Segment last,
                                                                   std::string kept_proposal) {
  SegmentIndex index(last.index.value() + 1);
  std::shared_ptr<const Chain> chain = context_.chain();
  Choice choice;
  std::string refused;
  if (chain->intent() && Counts(*chain->intent(), last)) {
    choice.successor = chain->intent()->successor;
    Status prepared = co_await Prepare(choice.successor, index);
    choice.planned = prepared.ok();
    if (prepared.ok()) co_return std::move(choice);
    choice.refused = choice.successor.id;
    refused = "; intent of " + choice.successor.who + " refused: " + Message(prepared);
  }
  std::optional<Proposal> kept = DecodeProposal(kept_proposal);
  if (kept) {
    Status prepared = co_await Prepare(*kept, index);
    if (!prepared.ok()) refused += "; proposal of " + kept->who + " refused: " + Message(prepared);
    if (prepared.ok()) {
      choice.successor = *std::move(kept);
      choice.successor.reason += refused;
      co_return std::move(choice);
    }
  }
  ReconfigureRequest request;
  request.reason = "sealed without a successor" + refused;
  // Its loglet has ended by itself: that counts, or such a log would never come to rest.
  request.fail_overs = NextFailOver(*chain, context_.env().WallNow());
  StatusOr<Proposal> clone = co_await Propose(std::move(request), last);
  VLOG_CO_RETURN_IF_ERROR(clone);
  Status prepared = co_await Prepare(*clone, index);
  VLOG_CO_RETURN_IF_ERROR(prepared);
  choice.successor = *std::move(clone);
  co_return std::move(choice);
}

Task<Status> Reconfigurer::Help(SegmentIndex sealed_segment) {
  // What is known to be passed needs no metastore, which may be away.
  if (context_.chain()->last().index > sealed_segment) co_return absl::OkStatus();
  Status fresh = co_await context_.Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  if (context_.chain()->last().index > sealed_segment) co_return absl::OkStatus();
  int64_t grace = 1 + static_cast<int64_t>(context_.env().RandomBelow(kGraceMillis));
  Instant until = context_.env().scheduler().Now() + std::chrono::milliseconds(grace);
  Status changed;
  do {
    changed = co_await context_.AwaitChange(context_.version(), until);
    if (context_.chain()->last().index > sealed_segment) co_return absl::OkStatus();
  } while (changed.ok());
  if (!absl::IsDeadlineExceeded(changed)) co_return changed;
  if (context_.read_only()) co_return absl::UnavailableError("waiting for the writing process");
  for (;;) {
    fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
    Segment last = context_.chain()->last();
    if (last.index > sealed_segment) co_return absl::OkStatus();
    Status finished = co_await Finish(last, std::string());
    // Superseded is as good if the chain has moved on; else another intent came: follow that one.
    if (!finished.ok() && !absl::IsAborted(finished)) co_return finished;
  }
}

Task<StatusOr<bool>> Reconfigurer::FailOver(SegmentIndex broken, ReconfigureRequest request,
                                            bool proven) {
  if (proven) {
    // Every moment counts: what is known of the chain will do, the compare-and-set tells if not.
    context_.tasks().Spawn(ReserveBeside());
  } else {
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
    Status reserved = co_await context_.Reserve();
    if (!reserved.ok()) {
      co_return absl::UnavailableError("nothing was sealed: " + Message(reserved));
    }
  }
  Segment last = context_.chain()->last();
  if (last.index != broken || last.is_marker()) co_return false;
  StatusOr<Proposal> successor = co_await Propose(std::move(request), last);
  VLOG_CO_RETURN_IF_ERROR(successor);
  while (context_.chain()->last().index == broken) {
    Status finished = co_await Finish(last, EncodeProposal(*successor));
    if (!finished.ok() && !absl::IsAborted(finished)) co_return finished;
    // Another plan came, or the one that was carried out was withdrawn.
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
  }
  // An earlier attempt of this process may have sealed and left its proposal there.
  const Proposal& made = context_.chain()->last().made;
  co_return made.id == successor->id || made.who == successor->who;
}

// A failure shows again in the write.
Task<void> Reconfigurer::ReserveBeside() {
  Status reserved = co_await context_.Reserve();
  (void)reserved;
}

Task<Status> Reconfigurer::Finish(Segment last, std::string proposal) {
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet = co_await context_.Open(last);
  VLOG_CO_RETURN_IF_ERROR(loglet);
  std::shared_ptr<loglets::Loglet> keep = *loglet;
  StatusOr<loglets::Sealed> sealed = co_await keep->Seal(std::move(proposal));
  if (absl::IsFailedPrecondition(sealed.status())) {
    co_return absl::AbortedError("superseded: the segment is gone");
  }
  VLOG_CO_RETURN_IF_ERROR(sealed);
  StatusOr<Choice> choice = co_await ChooseSuccessor(last, sealed->proposal);
  VLOG_CO_RETURN_IF_ERROR(choice);
  co_return co_await ExtendTo(last, *std::move(sealed), *std::move(choice));
}

}  // namespace vlog::virtuallog
