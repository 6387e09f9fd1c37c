#include "loglets/sequencer/log_server_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::sequencer {

LogServerCore::LogServerCore(DiskId disk, LogServerState recovered)
    : disk_(disk),
      durable_(std::move(recovered)),
      journaled_(durable_.journal_end()),
      sequencer_(durable_.sequencer()) {}

ServerWord LogServerCore::Word(ServerCode code) const {
  ServerWord word;
  word.code = code;
  word.sealed = durable_.sealed();
  word.durable_tail = durable_.durable_tail();
  word.possible_tail = durable_.possible_tail();
  word.known_tail = durable_.known_tail();
  word.holds_from = durable_.HoldsFrom();
  word.trim = durable_.trim_point();
  word.proposal = durable_.proposal();
  word.waiters = !waiters_.empty();
  return word;
}

bool LogServerCore::Admit(DiskId disk, ReplyTo to) {
  if (gone_) {
    Send(to, ServerCode::kGone);
    return false;
  }
  if (disk != disk_) {
    Send(to, ServerCode::kWrongDisk);
    return false;
  }
  return true;
}

// ---- requests ----

void LogServerCore::Step(StoreRequest request, ReplyTo to, Instant now) {
  if (!Admit(request.disk, to)) return;
  if (sequencer_ && *sequencer_ != request.sequencer) return Send(to, ServerCode::kFenced);
  if (!WellFormed(request.batches)) return Send(to, ServerCode::kMalformed);
  heard_at_ = now;
  if (sealing()) {
    // What is committed may be learnt from a zombie, but nothing of its is stored or acknowledged.
    durable_.Learn(request.known_tail);
    Send(to, ServerCode::kSealed);
    return AnswerWaiters();
  }
  if (refusing_) return Send(to, ServerCode::kFull);
  sequencer_ = request.sequencer;
  Offset end;
  ServerCode code =
      TakeBatches(request.batches, kStoreEntry, request.known_tail, request.sequencer, &end);
  durable_.Learn(request.known_tail);
  stores_.push_back({to, end, code});
  AnswerStores();
  AnswerWaiters();
}

void LogServerCore::Step(SealRequest request, ReplyTo to) {
  if (!Admit(request.disk, to)) return;
  durable_.Learn(request.known_tail);
  EnsureSeal(request.proposal);
  if (seal_) {
    entries_.push_back({to, *seal_, ServerCode::kOk});
  } else {
    Send(to, ServerCode::kOk);
  }
  AnswerStores();
  AnswerWaiters();
}

void LogServerCore::Step(RepairRequest request, ReplyTo to) {
  if (!Admit(request.disk, to)) return;
  bool valid = WellFormed(request.batches);
  for (const PlacedBatch& placed : request.batches) {
    valid = valid && ValidateBatch(placed.batch).ok();
  }
  if (!valid) return Send(to, ServerCode::kMalformed);
  if (refusing_) return Send(to, ServerCode::kFull);
  durable_.Learn(request.known_tail);
  EnsureSeal(request.proposal);
  Offset end;
  ServerCode code =
      TakeBatches(request.batches, kRepairEntry, request.known_tail, SequencerId(), &end);
  if (in_flight_.empty()) {
    Send(to, code);
  } else {
    entries_.push_back({to, in_flight_.back().ticket, code});
  }
  AnswerStores();
  AnswerWaiters();
}

void LogServerCore::Step(const TrimRequest& request, ReplyTo to) {
  if (!Admit(request.disk, to)) return;
  // A trim teaches no more than it needs: what a server takes for committed and lacks it could not
  // be given any more, as if it had been skipped.
  if (request.to > durable_.known_tail()) durable_.Learn(request.known_tail);
  Offset point = std::min(request.to, durable_.known_tail());
  if (point <= durable_.trim_point()) {
    Send(to, ServerCode::kOk);
  } else {
    if (point > journaled_) SkipToKnown(durable_.known_tail());
    Ticket ticket = Write(LogServerState::TrimEntry(point, durable_.known_tail()), true);
    entries_.push_back({to, ticket, ServerCode::kOk});
  }
  AnswerStores();
  AnswerWaiters();
}

void LogServerCore::Step(const TailRequest& request, ReplyTo to) {
  if (!Admit(request.disk, to)) return;
  waiters_.push_back({to, request.wait, request.beyond});
  AnswerWaiters();
}

ReadReply LogServerCore::Plan(const ReadRequest& request) const {
  ReadReply reply;
  reply.word = Word();
  reply.next = kMaxOffset;
  Offset until = std::min(durable_.HeldUntil(request.from), request.to);
  if (gone_) {
    reply.code = ReadCode::kGone;
  } else if (request.disk != disk_) {
    reply.code = ReadCode::kWrongDisk;
  } else if (request.from < durable_.trim_point()) {
    reply.code = ReadCode::kTrimmed;
  } else if (until <= request.from) {
    reply.code = ReadCode::kLacks;
    reply.next = durable_.NextHeld(request.from);
  } else {
    reply.next = until;
  }
  return reply;
}

void LogServerCore::Forget(ReplyTo to) {
  std::erase_if(stores_, [&](const PendingStore& pending) { return pending.to == to; });
  std::erase_if(entries_, [&](const PendingEntry& pending) { return pending.to == to; });
  std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.to == to; });
}

// ---- the accepted half ----

bool LogServerCore::WellFormed(const std::vector<PlacedBatch>& batches) {
  for (size_t i = 0; i < batches.size(); ++i) {
    if (batches[i].batch.header.count == 0) return false;
    if (batches[i].end() < batches[i].first) return false;
    if (i > 0 && batches[i].first != batches[i - 1].end()) return false;
  }
  return true;
}

// Returns why it stopped early, else kOk; `end` is where the part that is held now ends.
ServerCode LogServerCore::TakeBatches(const std::vector<PlacedBatch>& batches,
                                      LogServerEntryType type, Offset known, SequencerId from,
                                      Offset* end) {
  for (const PlacedBatch& placed : batches) {
    Offset accepted = accepted_tail();
    bool held = placed.first < accepted;
    if (held && placed.end() > accepted) return ServerCode::kMalformed;
    if (!held) {
      if (placed.first > accepted && placed.first > known) return ServerCode::kGap;
      SkipToKnown(placed.first);
      Write(LogServerState::BatchEntry(type, placed, known, from), false);
      journaled_ = placed.end();
    }
    *end = placed.end();
  }
  return ServerCode::kOk;
}

// All below `to` is committed: what the journal lacks of it becomes a hole. REQUIRES: `to` is at
// most the known tail, or that of the message in hand.
void LogServerCore::SkipToKnown(Offset to) {
  if (to <= journaled_) return;
  Write(LogServerState::SkipEntry(to, std::max(to, durable_.known_tail())), true);
  journaled_ = to;
}

void LogServerCore::EnsureSeal(const std::string& proposal) {
  if (durable_.seal_recorded() || seal_) return;
  SkipToKnown(accepted_tail());
  Offset counted = std::max(accepted_tail(), durable_.possible_tail());
  seal_ = Write(LogServerState::SealEntry(counted, proposal), true);
}

Ticket LogServerCore::Write(storage::Entry entry, bool control) {
  Ticket ticket = next_ticket_++;
  in_flight_.push_back({ticket, entry, control});
  output_.persist.push_back({ticket, std::move(entry), control});
  return ticket;
}

// ---- the durable half ----

void LogServerCore::Persisted(Ticket ticket) {
  if (gone_) return;
  VLOG_CHECK(!in_flight_.empty() && in_flight_.front().ticket == ticket,
             "entries become durable in the order in which they were written");
  InFlight done = std::move(in_flight_.front());
  in_flight_.pop_front();
  durable_.Apply(done.entry);
  journaled_ = std::max(journaled_, durable_.journal_end());
  Ticket answered = ticket;
  if (seal_ == ticket) {
    seal_.reset();
    if (std::exchange(settle_, false)) {
      // The seal must not count what was refused: its answer waits until that is durable too.
      answered = 0;
      Ticket settled = Write(LogServerState::SettleEntry(durable_.journal_end()), true);
      for (PendingEntry& pending : entries_) {
        if (pending.ticket == ticket) pending.ticket = settled;
      }
      seal_ = settled;
    }
  }
  for (const PendingEntry& pending : entries_) {
    if (pending.ticket == answered) Send(pending.to, pending.code);
  }
  std::erase_if(entries_, [&](const PendingEntry& pending) { return pending.ticket == answered; });
  AnswerStores();
  AnswerWaiters();
}

void LogServerCore::Refused(Ticket ticket) {
  if (gone_) return;
  auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                         [&](const InFlight& entry) { return entry.ticket == ticket; });
  VLOG_CHECK(it != in_flight_.end(), "only what is on its way is refused");
  InFlight refused = std::move(*it);
  in_flight_.erase(it);
  Drop(refused);
  // A full disk refuses all data that waits; the tail falls back when the last of it is refused.
  refusing_ = false;
  journaled_ = durable_.journal_end();
  for (const InFlight& left : in_flight_) {
    if (!left.control) refusing_ = true;
    if (left.entry.type == kSkipEntry) journaled_ = std::max(journaled_, Offset(left.entry.first));
  }
}

void LogServerCore::Drop(const InFlight& refused) {
  if (seal_ == refused.ticket) {
    seal_.reset();
    settle_ = false;
  } else if (!refused.control && seal_ && refused.ticket < *seal_) {
    settle_ = true;
  }
  bool store = refused.entry.type == kStoreEntry;
  std::erase_if(stores_, [&](const PendingStore& pending) {
    bool waits = store && pending.until > Offset(refused.entry.first);
    if (waits) Send(pending.to, ServerCode::kFull);
    return waits;
  });
  std::erase_if(entries_, [&](const PendingEntry& pending) {
    bool waits = pending.ticket == refused.ticket;
    if (waits) Send(pending.to, ServerCode::kFull);
    return waits;
  });
}

void LogServerCore::AnswerStores() {
  std::erase_if(stores_, [&](const PendingStore& pending) {
    bool durable = pending.until <= durable_.durable_tail();
    if (durable) Send(pending.to, durable_.sealed() ? ServerCode::kSealed : pending.code);
    return durable;
  });
}

void LogServerCore::AnswerWaiters() {
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    bool due = waiter.what == WaitFor::kNothing || durable_.sealed() ||
               (waiter.what == WaitFor::kDurable && durable_.durable_tail() > waiter.beyond) ||
               (waiter.what == WaitFor::kKnown && durable_.known_tail() > waiter.beyond);
    if (due) Send(waiter.to, ServerCode::kOk);
    return due;
  });
}

size_t LogServerCore::bytes_in_flight() const {
  size_t bytes = 0;
  for (const InFlight& entry : in_flight_) bytes += entry.entry.payload.size();
  return bytes;
}

void LogServerCore::SealAsLost(Offset bound) {
  VLOG_CHECK(next_ticket_ == 1 && durable_.durable_tail() == Offset(), "nothing is known of it");
  durable_.Damaged(bound.value());
  EnsureSeal(std::string());
}

void LogServerCore::MarkGone() {
  gone_ = true;
  for (const PendingStore& pending : std::exchange(stores_, {})) {
    Send(pending.to, ServerCode::kGone);
  }
  for (const PendingEntry& pending : std::exchange(entries_, {})) {
    Send(pending.to, ServerCode::kGone);
  }
  for (const Waiter& waiter : std::exchange(waiters_, {})) Send(waiter.to, ServerCode::kGone);
}

void LogServerCore::CheckInvariants() const {
  durable_.CheckInvariants();
  VLOG_CHECK(accepted_tail() >= durable_.durable_tail(), "what is durable was accepted");
  VLOG_CHECK(!in_flight_.empty() || journaled_ == durable_.journal_end(),
             "with nothing on its way all that was accepted is durable");
  VLOG_CHECK(in_flight_.empty() == false || (!seal_ && stores_.empty() && entries_.empty()),
             "whoever waits for the journal waits for an entry on its way");
  VLOG_CHECK(!durable_.sequencer() || durable_.sequencer() == sequencer_,
             "one sequencer stores here");
}

}  // namespace vlog::loglets::sequencer
