#include "virtuallog/shared_log.h"

#include <algorithm>

namespace vlog::virtuallog {
namespace {

constexpr int kTrimAttempts = 5;
constexpr int kCreateAttempts = 5;

}  // namespace

SharedLog::SharedLog(env::Env& env, metastore::Metastore& metastore,
                     loglets::LogletFactory& factory, std::string log, bool read_only)
    : context_(env, metastore, factory, std::move(log), read_only), reconfigurer_(context_) {}

Task<StatusOr<std::unique_ptr<SharedLog>>> SharedLog::Open(env::Env& env,
                                                           metastore::Metastore& metastore,
                                                           loglets::LogletFactory& factory,
                                                           std::string log, OpenOptions options) {
  std::unique_ptr<SharedLog> shared(
      new SharedLog(env, metastore, factory, std::move(log), options.read_only));
  Status read = co_await shared->context_.Refresh();
  bool create = !options.create_with_kind.empty();
  for (int attempt = 0; create && attempt < kCreateAttempts && absl::IsNotFound(read); ++attempt) {
    read = co_await shared->Create(options);
    // Somebody else may have created it at the same moment, or moved its register.
    if (absl::IsAborted(read)) read = co_await shared->context_.Refresh();
  }
  VLOG_CO_RETURN_IF_ERROR(read);
  co_return std::move(shared);
}

Task<Status> SharedLog::Create(OpenOptions options) {
  StatusOr<loglets::LogletKind*> kind = context_.factory().Find(options.create_with_kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  loglets::ProposeRequest propose;
  loglets::Policy policy = std::move(options.create_policy);
  policy.kind = options.create_with_kind;
  propose.wish = std::move(options.create_placement);
  propose.policy = policy;
  StatusOr<std::string> params = co_await (*kind)->ProposeParams(std::move(propose));
  VLOG_CO_RETURN_IF_ERROR(params);
  Proposal first;
  first.id = ProposalId(context_.env().RandomId());
  first.kind = std::move(options.create_with_kind);
  first.policy = std::move(policy);
  first.params = *std::move(params);
  first.reason = "created";
  first.who = context_.env().ProcessName();
  LogletId id{context_.log(), SegmentIndex(0), first.id};
  Status prepared = co_await (*kind)->Prepare(std::move(id), first.params);
  VLOG_CO_RETURN_IF_ERROR(prepared);
  Chain chain = Chain::Begin(std::move(first), context_.env().WallNow());
  co_return co_await context_.CompareAndSet(context_.version(), std::move(chain));
}

std::unique_ptr<Appender> SharedLog::NewAppender(AppenderOptions options) {
  return std::make_unique<Appender>(context_, reconfigurer_, options);
}

std::unique_ptr<Reader> SharedLog::NewReader(Lsn from) {
  return std::make_unique<Reader>(context_, reconfigurer_, from);
}

Task<StatusOr<Lsn>> SharedLog::CheckTail() {
  for (;;) {
    Segment last = context_.chain()->last();
    if (last.is_marker()) co_return last.base;
    StatusOr<std::shared_ptr<loglets::Loglet>> opened = co_await context_.Open(last);
    VLOG_CO_RETURN_IF_ERROR(opened);
    std::shared_ptr<loglets::Loglet> loglet = *opened;
    StatusOr<loglets::Tail> tail = co_await loglet->CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    if (!tail->sealed) co_return last.base + tail->offset.value();
    // Only the chain knows where a sealed segment ends.
    Status helped = co_await reconfigurer_.Help(last.index);
    VLOG_CO_RETURN_IF_ERROR(helped);
  }
}

Task<StatusOr<Lsn>> SharedLog::Trim(Lsn to) {
  for (int attempt = 0;; ++attempt) {
    // Whoever does not know the tail learns it first: unknown is not empty (FAULTS race 13).
    StatusOr<Lsn> tail = co_await CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    to = std::min(to, *tail);
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
    if (to < context_.chain()->first_lsn()) co_return co_await TrimPoint();
    StatusOr<Lsn> trimmed = co_await TrimSegment(to);
    VLOG_CO_RETURN_IF_ERROR(trimmed);
    if (*trimmed >= to) break;
    // It was sealed meanwhile, so that its loglet knew less than the tail that was checked.
    if (attempt == kTrimAttempts) {
      co_return absl::UnavailableError(
          absl::StrCat("trimmed only up to ", trimmed->value(), "; try again"));
    }
  }
  Status truncated = co_await Truncate(to);
  VLOG_CO_RETURN_IF_ERROR(truncated);
  co_return co_await FindTrimPoint(false);
}

Task<StatusOr<Lsn>> SharedLog::TrimSegment(Lsn to) {
  for (;;) {
    const Segment* found = context_.chain()->Find(to);
    if (found == nullptr) co_return to;  // dropped by a trim further up
    Segment segment = *found;
    StatusOr<Lsn> trimmed = co_await TrimSegmentOnce(segment, to);
    bool sealed = context_.chain()->last().index > segment.index;
    if (!trimmed.ok() || segment.is_marker() || !sealed) co_return trimmed;
    // Where it was trimmed it may not be any more: then its new home must hear of it.
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
    const Segment* now = context_.chain()->Find(segment.index);
    if (now == nullptr || now->made.params == segment.made.params) co_return trimmed;
  }
}

Task<StatusOr<Lsn>> SharedLog::TrimSegmentOnce(Segment segment, Lsn to) {
  if (segment.is_marker()) co_return to;
  StatusOr<std::shared_ptr<loglets::Loglet>> opened = co_await context_.Open(segment);
  VLOG_CO_RETURN_IF_ERROR(opened);
  std::shared_ptr<loglets::Loglet> loglet = *opened;
  StatusOr<Offset> trimmed = co_await loglet->Trim(Offset(to - segment.base));
  // Dropped by a trim further up: that one counts.
  if (absl::IsOutOfRange(trimmed.status())) co_return to;
  VLOG_CO_RETURN_IF_ERROR(trimmed);
  // With the end known it did what can be done: below may lie what was lost.
  if (context_.chain()->last().index > segment.index) co_return to;
  co_return segment.base + trimmed->value();
}

Task<Status> SharedLog::Truncate(Lsn to) {
  ProposalId proposal(context_.env().RandomId());
  for (;;) {
    std::shared_ptr<const Chain> chain = context_.chain();
    Version version = context_.version();
    Chain next = chain->Truncate(to, proposal);
    if (next.segments().size() == chain->segments().size()) break;
    Status written = co_await context_.CompareAndSet(version, std::move(next));
    if (written.ok()) break;
    if (!absl::IsAborted(written)) co_return written;
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
  }
  co_return co_await context_.DropDead();
}

Task<StatusOr<Lsn>> SharedLog::TrimPoint() { return FindTrimPoint(!context_.read_only()); }

Task<StatusOr<Lsn>> SharedLog::FindTrimPoint(bool ask) {
  Status fresh = co_await context_.Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  Segment first = context_.chain()->segments().front();
  if (first.is_marker()) co_return first.base;
  StatusOr<std::shared_ptr<loglets::Loglet>> opened = co_await context_.Open(first);
  VLOG_CO_RETURN_IF_ERROR(opened);
  std::shared_ptr<loglets::Loglet> loglet = *opened;
  Offset trimmed = loglet->TrimHint();
  if (ask) {
    // A trim of nothing tells what is in force, wherever it was trimmed.
    StatusOr<Offset> told = co_await loglet->Trim(Offset());
    // Dropped by a trim further up: ask again.
    if (absl::IsOutOfRange(told.status())) co_return co_await FindTrimPoint(ask);
    VLOG_CO_RETURN_IF_ERROR(told);
    trimmed = *told;
  }
  Lsn point = first.base + trimmed.value();
  // A loglet may hold a trim point above the end that the chain gave it.
  std::optional<Lsn> end = context_.chain()->EndOf(first.index);
  co_return end ? std::min(point, *end) : point;
}

Task<Status> SharedLog::Reconfigure(ReconfigureRequest request) {
  return reconfigurer_.Reconfigure(std::move(request));
}

Task<StatusOr<bool>> SharedLog::FailOver(SegmentIndex broken, ReconfigureRequest request,
                                         bool proven) {
  return reconfigurer_.FailOver(broken, std::move(request), proven);
}

Task<StatusOr<RehomeReport>> SharedLog::Rehome(RehomeOrder order) {
  return RehomeSegment(context_, std::move(order));
}

Task<Status> SharedLog::SealLog(std::string reason) {
  ReconfigureRequest request;
  request.kind = kMarkerKind;
  request.reason = std::move(reason);
  return reconfigurer_.Reconfigure(std::move(request));
}

Task<StatusOr<std::shared_ptr<const Chain>>> SharedLog::ReadChain() {
  Status fresh = co_await context_.Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  co_return context_.chain();
}

Task<StatusOr<Explanation>> SharedLog::Explain(Lsn lsn) {
  return virtuallog::Explain(context_, reconfigurer_, lsn);
}

Task<void> SharedLog::Close() { return context_.Close(); }

}  // namespace vlog::virtuallog
