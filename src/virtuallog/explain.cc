#include "virtuallog/explain.h"

#include <algorithm>

#include "virtuallog/reader.h"

namespace vlog::virtuallog {
namespace {

constexpr Duration kPatience = std::chrono::seconds(3);

void Locate(const Chain& chain, Explanation* explanation) {
  explanation->policy = chain.policy();
  explanation->segment.reset();
  explanation->end.reset();
  const Segment* segment = chain.Find(explanation->lsn);
  if (segment == nullptr) return;
  explanation->segment = *segment;
  explanation->end = chain.EndOf(segment->index);
  for (const Segment& later : chain.segments()) {
    if (later.index > segment->index) {
      explanation->followed = later;
      break;
    }
  }
}

// The end of the last segment; none: it is sealed, so that only the chain will tell.
Task<StatusOr<std::optional<Lsn>>> TailOf(LogContext& context, Segment open) {
  StatusOr<std::shared_ptr<loglets::Loglet>> opened = co_await context.Open(open);
  VLOG_CO_RETURN_IF_ERROR(opened);
  std::shared_ptr<loglets::Loglet> loglet = *opened;
  StatusOr<loglets::Tail> tail = co_await loglet->CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  std::optional<Lsn> end;
  if (!tail->sealed) end = open.base + tail->offset.value();
  co_return end;
}

// Whether there is a record, if nobody has to be asked for it but the last segment.
Task<bool> IsWritten(LogContext& context, Reconfigurer& reconfigurer, Explanation* explanation) {
  while (!explanation->end) {
    Segment last = *explanation->segment;
    StatusOr<std::optional<Lsn>> tail = co_await TailOf(context, last);
    Status helped = tail.status();
    if (tail.ok() && *tail) {
      explanation->until = **tail;
      if (explanation->lsn >= **tail) explanation->fate = Fate::kNotWritten;
      co_return explanation->lsn < **tail;
    }
    if (tail.ok()) helped = co_await reconfigurer.Help(last.index);
    if (!helped.ok()) {
      explanation->problem = Message(helped);
      co_return false;
    }
    Locate(*context.chain(), explanation);
    // The record may belong to the successor, or the log has ended below it.
    if (!explanation->segment || explanation->segment->is_marker()) co_return false;
  }
  co_return true;
}

void TakeItem(const ReadItem& item, Explanation* explanation) {
  explanation->fate = Fate::kStored;
  if (item.gap) {
    bool trimmed = item.gap->why == Gap::Why::kTrimmed;
    explanation->fate = trimmed ? Fate::kTrimmed : Fate::kLost;
    explanation->until = item.gap->end;
    return;
  }
  item.runs.front().ForEach([explanation](Lsn lsn, std::string_view payload) {
    if (lsn == explanation->lsn) explanation->bytes = payload.size();
  });
}

// A record below the tail: whether a reader gets it.
Task<void> ReadIt(LogContext& context, Reconfigurer& reconfigurer, Explanation* explanation) {
  Reader reader(context, reconfigurer, explanation->lsn);
  reader.set_read_bytes(1);
  Instant deadline = context.env().scheduler().Now() + kPatience;
  StatusOr<ReadItem> item = co_await reader.Next(deadline);
  if (item.ok()) {
    TakeItem(*item, explanation);
  } else {
    explanation->problem = Message(item.status());
  }
}

Task<void> AskCopies(LogContext& context, Explanation* explanation) {
  const Segment& segment = *explanation->segment;
  StatusOr<loglets::LogletKind*> kind = context.factory().Find(segment.made.kind);
  if (!kind.ok()) {
    explanation->problem = Message(kind.status());
    co_return;
  }
  explanation->needs = (*kind)->NeedsOf(segment.made.params);
  if (explanation->fate == Fate::kNotWritten) co_return;
  Offset offset(explanation->lsn - segment.base);
  explanation->copies =
      co_await (*kind)->AskCopies(context.IdOf(segment), segment.made.params, offset);
}

}  // namespace

const char* ToString(Fate fate) {
  switch (fate) {
    case Fate::kStored:
      return "stored";
    case Fate::kTrimmed:
      return "trimmed";
    case Fate::kLost:
      return "lost";
    case Fate::kNotWritten:
      return "not written";
    case Fate::kEnded:
      return "ended";
    case Fate::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Task<StatusOr<Explanation>> Explain(LogContext& context, Reconfigurer& reconfigurer, Lsn lsn) {
  Status fresh = co_await context.Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  Explanation explanation;
  explanation.lsn = lsn;
  Locate(*context.chain(), &explanation);
  bool is_loglet = explanation.segment && !explanation.segment->is_marker();
  bool written = false;
  if (is_loglet) written = co_await IsWritten(context, reconfigurer, &explanation);
  if (!explanation.segment) {
    explanation.fate = Fate::kTrimmed;
    explanation.until = context.chain()->first_lsn();
  } else if (explanation.segment->is_marker()) {
    explanation.fate = Fate::kEnded;
    explanation.until = explanation.segment->base;
  } else {
    if (written) co_await ReadIt(context, reconfigurer, &explanation);
    co_await AskCopies(context, &explanation);
  }
  explanation.version = context.version();
  co_return std::move(explanation);
}

}  // namespace vlog::virtuallog
