#include "loglets/sequencer/sequencer_loglet.h"

#include <algorithm>
#include <utility>

#include "loglets/sequencer/seal_run.h"

namespace vlog::loglets::sequencer {
namespace {

Status Trimmed() { return absl::OutOfRangeError("trimmed"); }

// What the answers to one question to all servers have come to.
struct Poll {
  explicit Poll(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  size_t answers = 0;
  size_t waiting = 0;
};

template <typename Request>
void AskOne(const std::shared_ptr<LogletClient>& client, size_t server, rpc::Method method,
            const Request& request, const std::shared_ptr<Poll>& poll) {
  ++poll->waiting;
  auto answered = [poll](StatusOr<ServerAnswer> answer) {
    --poll->waiting;
    bool speaks = answer.ok() && answer->word.code == ServerCode::kOk;
    if (speaks) ++poll->answers;
    poll->heard.NotifyAll();
  };
  client->Ask(server, method, request, client->timing.trim, std::move(answered));
}

template <typename Request>
void AskAll(const std::shared_ptr<LogletClient>& client, rpc::Method method,
            const std::vector<Request>& requests, const std::shared_ptr<Poll>& poll) {
  for (size_t server = 0; server < requests.size(); ++server) {
    AskOne(client, server, method, requests[server], poll);
  }
}

}  // namespace

SequencerLoglet::SequencerLoglet(std::shared_ptr<LogletClient> client, std::optional<Offset> end)
    : client_(std::move(client)),
      end_(end),
      appends_(std::make_shared<AppendQueue>(client_)),
      rounds_(std::make_shared<TailRounds>(client_)) {
  if (end_) client_->LearnTail(*end_);
  // Handles spread over the servers.
  size_t servers = client_->params.replica_count();
  reads_from_ = watched_ = static_cast<size_t>(client_->env.RandomBelow(servers));
}

Task<void> SequencerLoglet::WarmUp(std::shared_ptr<LogletClient> client) {
  std::vector<TimedTailRequest> requests(client->params.replica_count());
  for (size_t server = 0; server < requests.size(); ++server) {
    requests[server].tail.disk = client->params.replicas[server].disk;
  }
  auto poll = std::make_shared<Poll>(client->env.scheduler());
  AskAll(client, kTailMethod, requests, poll);
  Instant deadline = client->Now() + client->timing.grace;
  while (poll->answers < client->params.write_quorum && poll->waiting > 0) {
    Status waited = co_await poll->heard.Wait(deadline);
    if (!waited.ok()) break;
  }
}

void SequencerLoglet::Append(Batch batch, AppendDone done) {
  appends_->Append(std::move(batch), std::move(done));
}

Task<StatusOr<Tail>> SequencerLoglet::CheckTail() {
  // Sealed once is sealed for ever; the offset is then no answer.
  if (end_ || client_->sealed()) co_return Tail{client_->known_tail(), true};
  std::shared_ptr<TailRounds> rounds = rounds_;
  StatusOr<Tail> tail = co_await TailRounds::Check(rounds);
  co_return tail;
}

Task<void> SequencerLoglet::RefreshTailHint() {
  std::shared_ptr<LogletClient> client = client_;
  size_t server = watched_;
  TimedTailRequest request;
  request.tail.disk = client->params.replicas[server].disk;
  auto poll = std::make_shared<Poll>(client->env.scheduler());
  AskOne(client, server, kTailMethod, request, poll);
  Instant deadline = client->Now() + client->timing.refresh;
  while (poll->waiting > 0) {
    Status waited = co_await poll->heard.Wait(deadline);
    if (!waited.ok()) break;
  }
}

// ---- waiting for news ----

Task<StatusOr<Tail>> SequencerLoglet::AwaitTail(Offset beyond, Instant deadline) {
  std::shared_ptr<SequencerLoglet> self = shared_from_this();
  std::shared_ptr<LogletClient> client = client_;
  while (client->known_tail() <= beyond && !client->sealed() && !end_) {
    ++watchers_;
    Watch();
    Status waited = co_await client->changed().Wait(deadline);
    --watchers_;
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return Tail{client->known_tail(), client->sealed() || end_.has_value()};
}

void SequencerLoglet::Watch() {
  if (watching_) return;
  watching_ = true;
  TimedTailRequest request;
  request.tail.disk = client_->params.replicas[watched_].disk;
  request.tail.wait = WaitFor::kKnown;
  request.tail.beyond = client_->known_tail();
  request.wait = client_->timing.watch;
  auto answered = [weak = weak_from_this()](StatusOr<ServerAnswer> answer) {
    if (std::shared_ptr<SequencerLoglet> self = weak.lock()) self->Watched(std::move(answer));
  };
  Duration patience = request.wait + client_->timing.answer;
  client_->Ask(watched_, kTailMethod, request, patience, std::move(answered));
}

void SequencerLoglet::Watched(StatusOr<ServerAnswer> answer) {
  // One that is cut off from the sequencer hears no news (FAULTS race 53).
  bool well = answer.ok() && answer->silence && *answer->silence <= client_->timing.stale;
  if (!well) watched_ = (watched_ + 1) % client_->params.replica_count();
  auto again = [weak = weak_from_this()] {
    std::shared_ptr<SequencerLoglet> self = weak.lock();
    if (self == nullptr) return;
    self->watching_ = false;
    if (self->watchers_ > 0) self->Watch();
  };
  // Who refuses at once must not be asked at once.
  bool served = answer.ok() && answer->word.code == ServerCode::kOk;
  Instant when = client_->Now();
  if (!served) when = when + client_->timing.min_backoff;
  client_->env.scheduler().StartTimer(when, std::move(again));
}

// ---- reads and trims ----

Task<StatusOr<ReadResult>> SequencerLoglet::Read(Offset from, Offset to, size_t max_bytes) {
  std::shared_ptr<SequencerLoglet> self = shared_from_this();
  std::shared_ptr<LogletClient> client = client_;
  size_t servers = client->params.replica_count();
  size_t lacking = 0;
  Offset next = to;
  Status silent = absl::UnavailableError("no log server answered");
  ReadRequest request;
  request.from = from;
  request.to = to;
  request.max_bytes = std::max<size_t>(max_bytes, 1);
  // Each server once: other reads may move reads_from_ meanwhile.
  size_t first = reads_from_;
  for (size_t tried = 0; tried < servers; ++tried) {
    if (from < TrimHint()) co_return Trimmed();
    size_t server = (first + tried) % servers;
    StatusOr<ReadReply> reply = co_await client->Read(server, request);
    if (!reply.ok()) {
      silent = reply.status();
      continue;
    }
    if (reply->code == ReadCode::kTrimmed || reply->code == ReadCode::kGone) co_return Trimmed();
    if (reply->code == ReadCode::kBatches) {
      reads_from_ = server;
      ReadResult result;
      for (PlacedBatch& placed : reply->batches) {
        result.batches.push_back({placed.first, std::move(placed.batch)});
      }
      co_return std::move(result);
    }
    // It lacks the position, or is not that replica any more.
    ++lacking;
    if (reply->code == ReadCode::kLacks) next = std::min(next, reply->next);
  }
  if (lacking < servers) {
    co_return absl::UnavailableError("no log server that answers has it: " + Message(silent));
  }
  ReadResult lost;
  lost.lost_end = std::max(next, from + 1);
  co_return std::move(lost);
}

Task<StatusOr<Offset>> SequencerLoglet::Trim(Offset to) {
  std::shared_ptr<SequencerLoglet> self = shared_from_this();
  std::shared_ptr<LogletClient> client = client_;
  if (to > client->known_tail()) {
    // Unknown is not empty (FAULTS race 13).
    StatusOr<Tail> tail = co_await CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    to = std::min(to, client->known_tail());
  }
  std::vector<TrimRequest> requests;
  for (size_t server = 0; server < client->params.replica_count(); ++server) {
    requests.push_back(client->trims().RequestFor(server, to, client->known_tail()));
  }
  auto poll = std::make_shared<Poll>(client->env.scheduler());
  AskAll(client, kTrimMethod, requests, poll);
  size_t needed = client->params.write_quorum;
  Instant start = client->Now();
  auto done = [&] { return poll->answers >= needed && client->trims().Holds(to); };
  while (poll->waiting > 0) {
    // Those beyond W get a moment, so that the point in force is told as it is.
    Duration patience = done() ? client->timing.grace : client->timing.trim;
    Status waited = co_await poll->heard.Wait(start + patience);
    if (absl::IsDeadlineExceeded(waited)) break;
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  if (!done()) {
    co_return absl::UnavailableError(absl::StrCat("only ", poll->answers, " of the ", needed,
                                                  " log servers that a trim needs have it"));
  }
  co_return client->trims().effective();
}

Task<StatusOr<Sealed>> SequencerLoglet::Seal(std::string proposal) {
  if (end_) co_return Sealed{*end_, std::string()};
  auto run = std::make_shared<SealRun>(client_, std::move(proposal));
  StatusOr<SealResult> result = co_await SealRun::Run(std::move(run));
  VLOG_CO_RETURN_IF_ERROR(result);
  co_return Sealed{result->tail, std::move(result->proposal), result->least_copies};
}

}  // namespace vlog::loglets::sequencer
