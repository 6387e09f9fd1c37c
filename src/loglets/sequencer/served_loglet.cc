#include "loglets/sequencer/served_loglet.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::sequencer {
namespace {

// Beside the body: the batch's header, and where it came from.
constexpr size_t kEntryOverhead = 256;

LogServerState StateOf(const storage::Journal& journal, const LogletId& id) {
  storage::Stream* stream = journal.streams().Find(LogServerStreamKey(id));
  if (stream == nullptr) return LogServerState();
  return static_cast<const LogServerState&>(*stream->state);
}

// The batches of what was read, as long as they follow each other.
std::vector<PlacedBatch> ToBatches(const std::vector<storage::Entry>& entries) {
  std::vector<PlacedBatch> batches;
  for (const storage::Entry& entry : entries) {
    StatusOr<PlacedBatch> placed = LogServerState::ToBatch(entry);
    bool follows = placed.ok() && (batches.empty() || placed->first == batches.back().end());
    if (!follows || batches.size() == kMaxBatches) break;
    batches.push_back(*std::move(placed));
  }
  return batches;
}

}  // namespace

ServedLoglet::ServedLoglet(std::shared_ptr<ServingContext> context, LogletId id)
    : context_(std::move(context)),
      id_(std::move(id)),
      core_(context_->disk, StateOf(context_->journal, id_)) {}

void ServedLoglet::Recover(bool new_for_sure) {
  const storage::StreamTable& streams = context_->journal.streams();
  storage::Stream* stream = streams.Find(LogServerStreamKey(id_));
  if (stream != nullptr) {
    stream_ = stream->id;
  } else if (streams.lost_bound() && !new_for_sure) {
    core_.SealAsLost(Offset(*streams.lost_bound()));
    Flush();
  }
}

bool ServedLoglet::forgettable() const {
  return stream_ == storage::StreamId(0) && asked_.empty() && !core_.sequencer_heard_at();
}

void ServedLoglet::Create() {
  if (stream_ != storage::StreamId(0)) return;
  auto created = [self = shared_from_this()](const Status& status) {
    if (!status.ok()) self->stream_ = storage::StreamId(0);  // the next entry tries again
  };
  stream_ = context_->journal.CreateStream(kLogServerStreamKind, LogServerStreamKey(id_),
                                           std::move(created));
}

// ---- requests ----

ReplyTo ServedLoglet::Expect(rpc::Responder respond, bool send_held) {
  ReplyTo to = next_reply_++;
  Asked& asked = asked_[to];
  asked.respond = std::move(respond);
  asked.send_held = send_held;
  return to;
}

bool ServedLoglet::Fits(const std::vector<PlacedBatch>& batches) const {
  size_t most = context_->journal.MaxEntryBytes() - kEntryOverhead;
  return std::all_of(batches.begin(), batches.end(),
                     [&](const PlacedBatch& placed) { return placed.batch.body.size() <= most; });
}

void ServedLoglet::Store(StoreRequest request, rpc::Responder respond) {
  if (!Fits(request.batches)) return respond(Encode(Now(core_.Word(ServerCode::kMalformed))));
  core_.Step(std::move(request), Expect(std::move(respond)), context_->env.scheduler().Now());
  Flush();
}

void ServedLoglet::Seal(SealRequest request, rpc::Responder respond) {
  core_.Step(std::move(request), Expect(std::move(respond), true));
  Flush();
}

void ServedLoglet::Repair(RepairRequest request, rpc::Responder respond) {
  if (!Fits(request.batches)) return respond(Encode(Now(core_.Word(ServerCode::kMalformed))));
  core_.Step(std::move(request), Expect(std::move(respond)));
  Flush();
}

void ServedLoglet::Trim(TrimRequest request, rpc::Responder respond) {
  core_.Step(request, Expect(std::move(respond)));
  Flush();
}

void ServedLoglet::Tail(TimedTailRequest request, rpc::Responder respond) {
  ReplyTo to = Expect(std::move(respond));
  if (context_->closing) request.tail.wait = WaitFor::kNothing;
  core_.Step(request.tail, to);
  Flush();
  auto waiting = asked_.find(to);
  if (waiting == asked_.end()) return;
  auto expire = [weak = weak_from_this(), to] {
    if (std::shared_ptr<ServedLoglet> self = weak.lock()) self->Expire(to);
  };
  async::Scheduler& scheduler = context_->env.scheduler();
  waiting->second.timer = scheduler.StartTimer(scheduler.Now() + request.wait, std::move(expire));
}

void ServedLoglet::Expire(ReplyTo to) {
  auto it = asked_.find(to);
  if (it == asked_.end()) return;
  core_.Forget(to);
  rpc::Responder respond = std::move(it->second.respond);
  asked_.erase(it);
  respond(Encode(Now(core_.Word())));
  if (forgettable() && context_->forget) context_->forget(id_);
}

void ServedLoglet::Release() {
  std::vector<ReplyTo> waiting;
  for (const auto& [to, asked] : asked_) {
    if (asked.timer != 0) waiting.push_back(to);
  }
  for (ReplyTo to : waiting) {
    context_->env.scheduler().CancelTimer(asked_.at(to).timer);
    Expire(to);
  }
}

void ServedLoglet::MarkGone() {
  core_.MarkGone();
  Flush();
}

// ---- effects: first persist, then send ----

void ServedLoglet::Flush() {
  LogServerCore::Output output = core_.TakeOutput();
  for (LogServerCore::Persist& persist : output.persist) Persist(std::move(persist));
  for (const LogServerCore::Reply& reply : output.send) Answer(reply);
}

void ServedLoglet::Persist(LogServerCore::Persist persist) {
  Create();
  persist.entry.stream = stream_;
  bool trim = persist.entry.type == kTrimEntry;
  storage::EntryClass entry_class =
      persist.control ? storage::EntryClass::kControl : storage::EntryClass::kData;
  auto written = [self = shared_from_this(), ticket = persist.ticket, trim](const Status& status) {
    self->Persisted(ticket, trim, status);
  };
  context_->journal.Append(std::move(persist.entry), entry_class, std::move(written));
}

void ServedLoglet::Persisted(Ticket ticket, bool trim, const Status& status) {
  if (status.ok()) {
    core_.Persisted(ticket);
    if (trim) context_->journal.ReclaimSoon();
  } else if (absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    core_.Refused(ticket);  // certainly not done, and the journal goes on
  } else {
    return;  // the journal has stopped, and with it this node
  }
  Flush();
}

ServerAnswer ServedLoglet::Now(ServerWord word) const {
  ServerAnswer answer;
  answer.word = std::move(word);
  if (core_.sequencer_heard_at()) {
    answer.silence = context_->env.scheduler().Now() - *core_.sequencer_heard_at();
  }
  return answer;
}

void ServedLoglet::Answer(const LogServerCore::Reply& reply) {
  auto it = asked_.find(reply.to);
  if (it == asked_.end()) return;
  Asked asked = std::move(it->second);
  asked_.erase(it);
  if (asked.timer != 0) context_->env.scheduler().CancelTimer(asked.timer);
  const ServerWord& word = reply.word;
  bool has_more = asked.send_held && word.code == ServerCode::kOk && word.sealed &&
                  word.durable_tail > word.known_tail;
  if (has_more) {
    context_->tasks.Spawn(AnswerSeal(shared_from_this(), word, std::move(asked.respond)));
  } else {
    asked.respond(Encode(Now(word)));
  }
}

// ---- reads ----

Task<void> ServedLoglet::AnswerSeal(std::shared_ptr<ServedLoglet> self, ServerWord word,
                                    rpc::Responder respond) {
  ServerAnswer answer = self->Now(word);
  ReadRequest request;
  request.disk = self->context_->disk;
  request.from = std::max(word.known_tail, word.holds_from);
  request.to = word.durable_tail;
  request.max_bytes = kMaxHeldBytes;
  if (request.from < request.to) {
    // Only an advance: without it the sealer reads what it needs.
    StatusOr<ReadReply> read = co_await self->ReadJournal(request, request.to);
    if (read.ok()) answer.held = std::move(read->batches);
  }
  respond(Encode(answer));
}

void ServedLoglet::Read(ReadRequest request, rpc::Responder respond) {
  ReadReply reply = core_.Plan(request);
  if (reply.code != ReadCode::kBatches) return respond(Encode(reply));
  context_->tasks.Spawn(AnswerRead(shared_from_this(), request, std::move(respond)));
}

Task<void> ServedLoglet::AnswerRead(std::shared_ptr<ServedLoglet> self, ReadRequest request,
                                    rpc::Responder respond) {
  // It may have been trimmed or dropped since it was asked.
  ReadReply plan = self->core_.Plan(request);
  if (plan.code != ReadCode::kBatches) {
    respond(Encode(plan));
    co_return;
  }
  StatusOr<ReadReply> reply = co_await self->ReadJournal(request, plan.next);
  if (reply.ok()) {
    respond(Encode(*reply));
  } else {
    respond(reply.status());
  }
}

// REQUIRES: [request.from, until) is held, as the core says.
Task<StatusOr<ReadReply>> ServedLoglet::ReadJournal(ReadRequest request, Offset until) {
  std::shared_ptr<ServedLoglet> self = shared_from_this();
  StatusOr<storage::JournalRead> read = co_await context_->journal.Read(
      stream_, request.from.value(), until.value(), request.max_bytes);
  // Trimmed or dropped meanwhile.
  ReadReply reply = core_.Plan(request);
  if (reply.code != ReadCode::kBatches) co_return reply;
  VLOG_CO_RETURN_IF_ERROR(read);
  reply.batches = ToBatches(read->entries);
  if (reply.batches.empty()) {
    // What is unreadable here becomes a hole: others have it.
    Offset lost_end = std::clamp(Offset(read->lost_end), request.from + 1, until);
    core_.NoteHole(request.from, lost_end);
    co_return core_.Plan(request);
  }
  reply.word = core_.Word();
  reply.next = reply.batches.back().end();
  co_return reply;
}

}  // namespace vlog::loglets::sequencer
