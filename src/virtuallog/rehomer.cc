#include "virtuallog/rehomer.h"

#include <utility>

namespace vlog::virtuallog {
namespace {

// Makes it count. Appends, swaps and truncates that come in between only cost another attempt.
Task<Status> WriteChain(LogContext& context, Segment old, loglets::Rehomed rehomed,
                        Rehoming rehoming) {
  ProposalId proposal(context.env().RandomId());
  for (;;) {
    std::shared_ptr<const Chain> chain = context.chain();
    Version version = context.version();
    StatusOr<Chain> next = chain->Modify(old.index, old.made.params, rehomed.params,
                                         rehomed.least_copies, rehoming, proposal);
    VLOG_CO_RETURN_IF_ERROR(next);
    Status written = co_await context.CompareAndSet(version, *std::move(next));
    if (!absl::IsAborted(written)) co_return written;
    Status fresh = co_await context.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
  }
}

// A trim that the old servers took after their points were copied may not be on the new ones yet.
// Who trims looks at the chain once more; this is for those who looked before it was written. What
// fails here is made good by the next trim.
Task<void> CarryTrim(LogContext& context, Segment old, Offset end) {
  StatusOr<loglets::LogletKind*> kind = context.factory().Find(old.made.kind);
  if (!kind.ok()) co_return;
  StatusOr<std::shared_ptr<loglets::Loglet>> before =
      co_await (*kind)->Open(context.IdOf(old), old.made.params, end);
  if (!before.ok()) co_return;
  std::shared_ptr<loglets::Loglet> keep = *before;
  StatusOr<Offset> told = co_await keep->Trim(Offset());
  if (!told.ok() || *told == Offset()) co_return;
  StatusOr<std::shared_ptr<loglets::Loglet>> after = co_await context.Open(old);
  if (!after.ok()) co_return;
  std::shared_ptr<loglets::Loglet> now = *after;
  StatusOr<Offset> carried = co_await now->Trim(*told);
  (void)carried;
}

}  // namespace

Task<StatusOr<RehomeReport>> RehomeSegment(LogContext& context, RehomeOrder order) {
  Status fresh = co_await context.Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  std::shared_ptr<const Chain> chain = context.chain();
  const Segment* found = chain->Find(order.segment);
  if (found == nullptr) co_return absl::AbortedError("the chain holds no such segment");
  Segment segment = *found;
  std::optional<Lsn> end = chain->EndOf(segment.index);
  if (!end) co_return absl::FailedPreconditionError("the segment is not sealed yet");
  StatusOr<loglets::LogletKind*> kind = context.factory().Find(segment.made.kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  loglets::RehomeRequest request;
  request.id = context.IdOf(segment);
  request.params = segment.made.params;
  request.end = Offset(*end - segment.base);
  request.least_copies = segment.least_copies;
  request.policy = chain->policy();
  request.replace_silent = order.replace_silent;
  request.only_plan = order.only_plan;
  request.give_up = order.give_up;
  StatusOr<loglets::Rehomed> rehomed = co_await (*kind)->Rehome(request);
  if (absl::IsFailedPrecondition(rehomed.status())) {
    co_return absl::AbortedError(Message(rehomed.status()));  // a truncate was quicker
  }
  VLOG_CO_RETURN_IF_ERROR(rehomed);
  RehomeReport report;
  report.changed =
      rehomed->params != request.params || rehomed->least_copies != request.least_copies;
  report.least_copies = rehomed->least_copies;
  report.bytes = rehomed->bytes;
  report.what = rehomed->what;
  if (!report.changed || order.only_plan) co_return std::move(report);
  Rehoming rehoming;
  rehoming.reason = order.reason;
  if (!report.what.empty()) absl::StrAppend(&rehoming.reason, ": ", report.what);
  rehoming.who = context.env().ProcessName();
  rehoming.at = context.env().WallNow();
  Status written = co_await WriteChain(context, segment, *std::move(rehomed), std::move(rehoming));
  VLOG_CO_RETURN_IF_ERROR(written);
  co_await CarryTrim(context, segment, request.end);
  co_return std::move(report);
}

}  // namespace vlog::virtuallog
