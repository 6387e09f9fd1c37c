#include "loglets/sequencer/rehome_run.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::sequencer {
namespace {

// A trim that comes in between, or a server that goes silent, ends an attempt.
constexpr int kAttempts = 3;

}  // namespace

RehomeRun::RehomeRun(std::shared_ptr<LogletClient> client, Home home, Offset end,
                     RehomeTiming timing, std::function<bool()> give_up)
    : client_(std::move(client)),
      home_(std::move(home)),
      end_(end),
      timing_(timing),
      give_up_(std::move(give_up)),
      words_(client_->params.replica_count()),
      moved_(client_->env.scheduler()) {
  result_.holds.resize(home_.params.replica_count());
}

Params RehomeRun::Union(const Home& home) {
  Params params = home.params;
  for (const Replica& replica : home.leaving) params.replicas.push_back(replica);
  return params;
}

Task<StatusOr<RehomeResult>> RehomeRun::Run(std::shared_ptr<RehomeRun> self) {
  for (int attempt = 1;; ++attempt) {
    StatusOr<Outcome> outcome = co_await self->Attempt();
    if (outcome.ok() && *outcome == Outcome::kDone) co_return self->result_;
    if (outcome.ok() && attempt < kAttempts) continue;
    VLOG_CO_RETURN_IF_ERROR(outcome);
    if (!self->repair_) co_return absl::UnavailableError("it is trimmed all the time");
    const RepairCore& repair = *self->repair_;
    std::string message =
        absl::StrCat("no log server that answers has the records [", repair.lost_from().value(),
                     ", ", self->end_.value(), ") of this loglet");
    if (repair.nobody_silent()) co_return absl::DataLossError(message);
    co_return absl::UnavailableError(message);
  }
}

Task<StatusOr<RehomeRun::Outcome>> RehomeRun::Attempt() {
  ++attempt_;
  Status sealed = co_await SealAll();
  VLOG_CO_RETURN_IF_ERROR(sealed);
  Offset trim = std::min(client_->trims().highest(), end_);
  StatusOr<Offset> begin = end_;
  if (trim < end_) begin = co_await FindBegin(trim);
  if (client_->trims().highest() > trim && trim < end_) co_return Outcome::kAgain;
  VLOG_CO_RETURN_IF_ERROR(begin);
  Status behind = co_await TrimBehind(*begin);
  VLOG_CO_RETURN_IF_ERROR(behind);
  StatusOr<Outcome> copied = co_await Copy(*begin, trim);
  VLOG_CO_RETURN_IF_ERROR(copied);
  if (*copied == Outcome::kAgain) co_return Outcome::kAgain;
  Status trimmed = co_await TrimHolders(end_);
  VLOG_CO_RETURN_IF_ERROR(trimmed);
  for (size_t server = 0; server < home_.comes.size(); ++server) {
    if (!home_.comes[server] || result_.holds[server]) continue;
    co_return absl::UnavailableError(absl::StrCat(
        "node ", home_.params.replicas[server].node.value(), " did not take all of it"));
  }
  co_return Outcome::kDone;
}

// ---- one question to many servers ----

template <typename Request>
void RehomeRun::Ask(size_t server, rpc::Method method, const Request& request) {
  ++waiting_;
  words_[server].reset();
  auto answered = [self = shared_from_this(), server](StatusOr<ServerAnswer> answer) {
    --self->waiting_;
    if (answer.ok()) {
      const ServerWord& word = answer->word;
      self->gone_ = self->gone_ || word.code == ServerCode::kGone;
      bool counts = word.code == ServerCode::kOk && word.sealed;
      if (counts) self->words_[server] = word;
    }
    self->moved_.NotifyAll();
  };
  client_->Ask(server, method, request, timing_.answer, std::move(answered));
}

Task<Status> RehomeRun::AwaitAnswers() {
  while (waiting_ > 0) {
    Status waited = co_await moved_.Wait();  // each answer has its deadline
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  if (gone_) co_return absl::FailedPreconditionError("this loglet is gone: sealed and dropped");
  co_return absl::OkStatus();
}

Task<Status> RehomeRun::SealAll() {
  for (size_t server = 0; server < words_.size(); ++server) {
    if (member(server) && !home_.lives[server]) continue;
    SealRequest request;
    request.disk = DiskOf(server);
    Ask(server, kSealMethod, request);
  }
  co_return co_await AwaitAnswers();
}

Task<StatusOr<Offset>> RehomeRun::FindBegin(Offset trim) {
  if (trim == Offset()) co_return trim;
  ReadRequest request;
  request.from = trim;
  request.to = end_;
  request.max_bytes = 1;
  Status silent = absl::UnavailableError("no log server answers");
  for (size_t server = 0; server < words_.size(); ++server) {
    if (!words_[server] || words_[server]->durable_tail <= trim) continue;
    StatusOr<ReadReply> reply = co_await client_->Read(server, request);
    if (!reply.ok()) {
      silent = reply.status();
    } else if (reply->code == ReadCode::kBatches && !reply->batches.empty()) {
      co_return reply->batches[0].first;
    }
  }
  co_return absl::UnavailableError(absl::StrCat("no log server that answers has the record at ",
                                                trim.value(), ": ", Message(silent)));
}

// A server that begins below `begin` would have a hole there. That is a batch's begin, and all
// below it is committed, so that it may be the known tail.
Task<Status> RehomeRun::TrimBehind(Offset begin) {
  for (size_t server = 0; member(server); ++server) {
    if (!words_[server] || words_[server]->durable_tail >= begin) continue;
    Ask(server, kTrimMethod, TrimRequest{DiskOf(server), begin, begin});
  }
  co_return co_await AwaitAnswers();
}

Task<Status> RehomeRun::TrimHolders(Offset end) {
  for (size_t server = 0; member(server); ++server) {
    bool holds = words_[server].has_value() && repair_->holds(server);
    result_.holds[server] = holds;
    Offset trim = std::min(client_->trims().highest(), end);
    if (!holds || words_[server]->trim >= trim) continue;
    Ask(server, kTrimMethod, TrimRequest{DiskOf(server), trim, end});
  }
  Status asked = co_await AwaitAnswers();
  VLOG_CO_RETURN_IF_ERROR(asked);
  for (size_t server = 0; member(server); ++server) {
    result_.holds[server] = result_.holds[server] && words_[server].has_value();
  }
  co_return absl::OkStatus();
}

// ---- the copy ----

Task<StatusOr<RehomeRun::Outcome>> RehomeRun::Copy(Offset begin, Offset trim) {
  repair_.emplace(client_->params, timing_.repair, begin, end_, std::string(), client_->Now(),
                  Rehoming{trim});
  for (size_t server = 0; server < words_.size(); ++server) {
    if (words_[server]) repair_->AddServer(server, *words_[server], {}, !member(server));
  }
  repair_->Advance(client_->Now());
  Pump();
  while (repair_->state() == RepairCore::State::kWorking) {
    if (give_up_ && give_up_()) co_return absl::CancelledError("given up");
    Status waited = co_await moved_.Wait(repair_->next_tick());
    if (waited.ok()) continue;
    if (!absl::IsDeadlineExceeded(waited)) co_return waited;
    repair_->Tick(client_->Now());
    Pump();
  }
  bool done = repair_->state() == RepairCore::State::kDone;
  co_return done ? Outcome::kDone : Outcome::kAgain;
}

void RehomeRun::Moved() {
  Pump();
  moved_.NotifyAll();
}

void RehomeRun::Pump() {
  RepairCore::Output output = repair_->TakeOutput();
  for (RepairCore::Write& write : output.writes) Send(std::move(write));
  for (RepairCore::Read& read : output.reads) {
    async::Scheduler& scheduler = client_->env.scheduler();
    Instant when = std::max(scheduler.Now(), read_at_);
    read_at_ = when + timing_.pace;
    auto send = [weak = weak_from_this(), attempt = attempt_, read = std::move(read)]() mutable {
      std::shared_ptr<RehomeRun> self = weak.lock();
      if (self != nullptr && self->attempt_ == attempt) self->Send(std::move(read));
    };
    scheduler.StartTimer(when, std::move(send));
  }
}

void RehomeRun::Send(RepairCore::Read read) {
  auto answered = [self = shared_from_this(), id = read.id,
                   attempt = attempt_](StatusOr<ReadReply> answer) {
    if (!answer.ok() || attempt != self->attempt_) return;  // silence is noticed
    self->repair_->OnRead(id, *answer, self->client_->Now());
    self->Moved();
  };
  client_->AskRead(read.server, read.request, std::move(answered));
}

void RehomeRun::Send(RepairCore::Write write) {
  for (const PlacedBatch& placed : write.request.batches) {
    result_.bytes += placed.batch.body.size();
  }
  auto answered = [self = shared_from_this(), id = write.id,
                   attempt = attempt_](StatusOr<ServerAnswer> answer) {
    if (!answer.ok() || attempt != self->attempt_) return;  // silence is noticed
    self->repair_->OnWritten(id, answer->word, self->client_->Now());
    self->Moved();
  };
  client_->Ask(write.server, kRepairMethod, write.request, timing_.answer, std::move(answered));
}

}  // namespace vlog::loglets::sequencer
