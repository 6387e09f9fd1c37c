#include "checker/log_checker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vlog::checker {

using Claim = Linearizability::Claim;
using Proof = Linearizability::Proof;

// Keeps absurd positions of a history from filling the memory.
constexpr uint64_t kMostUnused = 1 << 20;

LogChecker::LogChecker(const Operations& operations, bool allow_data_loss, Verdict& verdict,
                       Counts& counts)
    : operations_(operations),
      allow_data_loss_(allow_data_loss),
      verdict_(verdict),
      counts_(counts),
      order_(operations, verdict),
      records_(operations, order_, verdict, allow_data_loss ? kMostUnused : 0),
      trims_(operations, verdict),
      chain_(operations, verdict) {}

SessionIndex LogChecker::SessionOf(const std::string& name) {
  if (name.empty()) return kNoSession;
  auto [at, added] = session_index_.try_emplace(name, static_cast<SessionIndex>(sessions_.size()));
  if (added) sessions_.emplace_back();
  return at->second;
}

PendingOp LogChecker::Invoke(OpIndex index, const Event& event) {
  PendingOp pending;
  pending.index = index;
  pending.op = event.op;
  pending.stale = event.stale;
  pending.from = event.from;
  pending.to = event.to;
  pending.session = SessionOf(event.sess);
  if (pending.session != kNoSession) {
    pending.trimmed = sessions_[pending.session].trimmed;
    pending.chainver = sessions_[pending.session].chainver;
  }
  if (event.op == Op::kAppend) {
    // Unknown until a completion says otherwise.
    ++counts_.unknown_appends;
    pending.batch = records_.Invoke(index, pending.session, event.seq, event.values);
  } else if (event.op == Op::kTrim) {
    pending.trim = trims_.Invoke(index, event.position);
  }
  return pending;
}

void LogChecker::Complete(PendingOp pending, const Event& event) {
  if (event.chainver.has_value()) CheckChainVersion(pending, *event.chainver);
  if (event.type == EventType::kFail) Fail(pending);
  if (event.type != EventType::kOk) return;
  switch (pending.op) {
    case Op::kAppend:
      return AppendOk(pending, event);
    case Op::kTail:
      return TailOk(pending, event.position, pending.stale || event.stale);
    case Op::kRead:
      pending.stale |= event.stale;
      return ReadOk(pending, event);
    case Op::kTrim:
      return TrimOk(pending, event.position);
    case Op::kChain:
      return ChainOk(pending, event.chain);
    case Op::kReconfigure:
      return chain_.Won(pending.index, event.chain.version, event.proposal);
    case Op::kSeal:
    case Op::kNote:
      return;
  }
}

void LogChecker::Fail(const PendingOp& pending) {
  if (pending.op == Op::kTrim) trims_.Fail(pending.trim);
  if (pending.op != Op::kAppend) return;
  --counts_.unknown_appends;
  ++counts_.failed_appends;
  records_.Fail(pending.index, pending.batch);
}

void LogChecker::AppendOk(const PendingOp& pending, const Event& event) {
  uint32_t count = records_.count(pending.batch);
  --counts_.unknown_appends;
  ++counts_.acked_appends;
  counts_.acked_records += count;
  Position end = event.position + count;
  if (end < event.position || !records_.Bounded(end)) {
    verdict_.Fail(violation::kUnexplained,
                  absl::StrCat(operations_.Describe(pending.index), " was acknowledged at ",
                               event.position, ", but too few records exist to fill all below."),
                  operations_.Lines({pending.index}));
    return;
  }
  records_.Ack(pending.index, pending.batch, event.position);
  if (event.loglet.has_value()) {
    chain_.Acked(pending.index, *event.loglet, event.position, end);
  }
}

void LogChecker::TailOk(const PendingOp& pending, Position tail, bool stale) {
  ++(stale ? counts_.stale_tails : counts_.tails);
  // A cached tail was the tail at some time before: it proves what is written, not what is not.
  if (!stale) order_.ClaimUnwritten(tail, pending.index, Claim::kTail, records_.AckOf(tail));
  ShownWritten(tail, pending.index, Proof::kTail);
}

void LogChecker::ReadOk(const PendingOp& pending, const Event& event) {
  ++counts_.reads;
  Position cursor = pending.from;
  for (size_t i = 0; i < event.items.size() && !verdict_.failed(); ++i) {
    const ReadItem& item = event.items[i];
    bool misplaced = item.from != cursor || item.from >= pending.to;
    // Whatever follows an unwritten position would break the prefix property (I5).
    bool last = i + 1 == event.items.size();
    if (misplaced || (item.kind == ReadItem::Kind::kUnwritten && !last)) {
      verdict_.Fail(
          violation::kNotGapless,
          absl::StrCat(operations_.Describe(pending.index), " has item ", i, " of its answer at ",
                       item.from, "; it read from ", pending.from, " and had got to ", cursor, "."),
          operations_.Lines({pending.index}));
      return;
    }
    cursor = ReadOne(pending, item, cursor, pending.stale);
  }
  if (cursor > pending.from) ShownWritten(cursor, pending.index, Proof::kRead);
}

Position LogChecker::ReadOne(const PendingOp& pending, const ReadItem& item, Position cursor,
                             bool stale) {
  if (item.kind == ReadItem::Kind::kUnwritten) {
    if (!stale) {
      order_.ClaimUnwritten(cursor, pending.index, Claim::kUnwritten, records_.AckOf(cursor));
    }
    return cursor;
  }
  if (item.kind != ReadItem::Kind::kRecord) return ReadGap(pending, item);
  ++counts_.records_read;
  if (cursor < pending.trimmed) {
    verdict_.Fail(violation::kTrimBack,
                  absl::StrCat(operations_.Describe(pending.index), " showed the record at ",
                               cursor, " after its handle had been told that all below ",
                               pending.trimmed, " is trimmed."),
                  operations_.Lines({pending.index}));
  } else if (!records_.Bounded(cursor + 1)) {
    verdict_.Fail(violation::kUnexplained,
                  absl::StrCat(operations_.Describe(pending.index), " showed a record at ", cursor,
                               ", but too few records exist to fill all below."),
                  operations_.Lines({pending.index}));
  } else {
    records_.Read(pending.index, cursor, item.value);
  }
  return cursor + 1;
}

Position LogChecker::ReadGap(const PendingOp& pending, const ReadItem& item) {
  ++counts_.gaps;
  if (item.to <= item.from) {
    verdict_.Fail(violation::kNotGapless,
                  absl::StrCat(operations_.Describe(pending.index), " declares the empty gap [",
                               item.from, ", ", item.to, ")."),
                  operations_.Lines({pending.index}));
  } else if (item.kind == ReadItem::Kind::kTrimmed) {
    ShownTrimmed(item.to, pending);
  } else if (!allow_data_loss_) {
    verdict_.Fail(violation::kDataLoss,
                  absl::StrCat(operations_.Describe(pending.index), " declares [", item.from, ", ",
                               item.to, ") lost."),
                  operations_.Lines({pending.index}));
  } else {
    ShownWritten(item.to, pending.index, Proof::kRead);
  }
  return item.to;
}

void LogChecker::TrimOk(const PendingOp& pending, Position trim_point) {
  ++counts_.trims;
  // Damage may have swallowed the trim like any other entry.
  if (trim_point < pending.trimmed && !allow_data_loss_) {
    verdict_.Fail(
        violation::kTrimBack,
        absl::StrCat(operations_.Describe(pending.index), " was told trim point ", trim_point,
                     " after its handle had been told ", pending.trimmed, "."),
        operations_.Lines({pending.index}));
    return;
  }
  ShownTrimmed(trim_point, pending);
}

void LogChecker::ChainOk(const PendingOp& pending, const ChainView& chain) {
  ++counts_.chain_observations;
  CheckChainVersion(pending, chain.version);
  if (!chain_.Observe(pending.index, chain)) return;
  trims_.ShownTrimmed(chain.trim_point.value_or(chain.segments.front().base), pending.index);
  // A segment is entered into the chain after all below its base is readable.
  const ChainSegment& last = chain.segments.back();
  ShownWritten(last.end.value_or(last.base), pending.index, Proof::kChain);
}

bool LogChecker::ShownWritten(Position end, OpIndex op, Proof proof) {
  if (verdict_.failed()) return false;
  if (records_.Bounded(end)) {
    order_.ShownWritten(end, op, proof);
    return true;
  }
  verdict_.Fail(Linearizability::UnexplainedName(proof),
                absl::StrCat(operations_.Describe(op), " shows that all below ", end,
                             " was written, but fewer records had been appended by then."),
                operations_.Lines({op}));
  return false;
}

void LogChecker::ShownTrimmed(Position end, const PendingOp& pending) {
  trims_.ShownTrimmed(end, pending.index);
  if (!ShownWritten(end, pending.index, Proof::kTrim)) return;
  if (pending.session == kNoSession) return;
  Session& session = sessions_[pending.session];
  session.trimmed = std::max(session.trimmed, end);
}

void LogChecker::CheckChainVersion(const PendingOp& pending, uint64_t version) {
  if (pending.session == kNoSession) return;
  if (version < pending.chainver) {
    verdict_.Fail(violation::kChainBack,
                  absl::StrCat(operations_.Describe(pending.index), " used chain version ", version,
                               " after its handle had used ", pending.chainver, "."),
                  operations_.Lines({pending.index}));
  }
  Session& session = sessions_[pending.session];
  session.chainver = std::max(session.chainver, version);
}

void LogChecker::Finish() {
  if (!verdict_.failed()) records_.Finish();
  if (!verdict_.failed()) trims_.Finish();
}

}  // namespace vlog::checker
