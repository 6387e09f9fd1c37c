#include "metastore/paxos/register_client.h"

#include <algorithm>
#include <utility>

namespace vlog::metastore {

Task<void> RunningOperation::Drive(std::shared_ptr<RunningOperation> self, Instant deadline) {
  async::Scheduler& scheduler = self->context_->env.scheduler();
  self->core_.Start();
  self->Pump();
  while (!self->ended() && scheduler.Now() < deadline) {
    // Answers are taken as they come; this loop only sees to it that time does not stand still.
    bool paused = self->pausing_;
    Instant until = std::min(deadline, scheduler.Now() + self->NextWait());
    Status waited = co_await self->moved_.Wait(until);
    if (waited.ok()) continue;
    if (!absl::IsDeadlineExceeded(waited)) break;
    if (self->ended() || paused != self->pausing_ || scheduler.Now() >= deadline) continue;
    self->pausing_ = false;
    self->core_.Tick();
    self->Pump();
  }
  self->stopped_ = true;
  self->ended_.NotifyAll();
}

Duration RunningOperation::NextWait() {
  const RegisterTiming& timing = context_->timing;
  int doublings = std::min(pausing_ ? core_.attempts() : quiet_rounds_++, 20);
  Duration base = pausing_ ? timing.pause : timing.retry;
  for (int i = 0; i < doublings && base < timing.longest_retry; ++i) base *= 2;
  base = std::min(base, timing.longest_retry);
  // A pause is random all over, so that two who collided part; a retry has some jitter only.
  Duration fixed = pausing_ ? Duration(0) : base / 2;
  auto random = static_cast<uint64_t>((base - fixed).count()) + 1;
  return fixed + Duration(static_cast<int64_t>(context_->env.RandomBelow(random)));
}

Task<void> RunningOperation::Await(std::shared_ptr<RunningOperation> self, Instant deadline) {
  while (!self->ended()) {
    Status waited = co_await self->ended_.Wait(deadline);
    if (!waited.ok()) co_return;
  }
}

void RunningOperation::Learn(const Chosen& chosen) {
  if (ended()) return;
  core_.Learn(chosen);
  Pump();
}

void RunningOperation::Stop() {
  stopped_ = true;
  moved_.NotifyAll();
  ended_.NotifyAll();
}

StatusOr<Version> RunningOperation::Outcome() const {
  if (core_.result()) return *core_.result();
  std::string why = last_error_.ok() ? "no majority of the acceptors answered in time"
                                     : "no majority of the acceptors answered in time; one said: " +
                                           Message(last_error_);
  if (core_.may_be_written()) return absl::UnknownError("may have been written: " + why);
  return absl::UnavailableError(why);
}

void RunningOperation::Pump() {
  OperationCore::Output output = core_.TakeOutput();
  pausing_ |= output.pause;
  for (RegisterOutgoing& outgoing : output.send) Send(std::move(outgoing));
  if (core_.result() || output.pause) {
    moved_.NotifyAll();
    if (core_.result()) ended_.NotifyAll();
  }
}

void RunningOperation::Send(RegisterOutgoing outgoing) {
  Replica to = outgoing.to;
  VoteCall vote{context_->cluster, std::move(outgoing.request)};
  rpc::Message message = EncodeVoteCall(vote);
  Instant deadline = context_->env.scheduler().Now() + context_->timing.call_timeout;
  rpc::Call call(kVoteMethod, std::move(message.header), std::move(message.payload), deadline);
  call.disk = to.disk;
  auto answered = [self = shared_from_this(), to](StatusOr<rpc::Reply> reply) {
    self->Answered(to, std::move(reply));
  };
  context_->peers.To(to.node)->Start(std::move(call), std::move(answered));
}

void RunningOperation::Answered(Replica from, StatusOr<rpc::Reply> reply) {
  if (ended()) return;
  if (!reply.ok()) {
    // Silence and refusals alike: the others decide, or the next retry does.
    last_error_ = reply.status();
    return;
  }
  StatusOr<RegisterReply> answer = DecodeVoteReply(reply->header, reply->payload);
  if (!answer.ok()) {
    last_error_ = answer.status();
    return;
  }
  core_.Step(from, *answer);
  Pump();
}

namespace {

void Heard(News& news, Version known, StatusOr<rpc::Reply> reply) {
  --news.waiting;
  news.heard.NotifyAll();
  if (!reply.ok()) return;
  StatusOr<WatchResult> result = DecodeWatchResult(reply->header, reply->payload);
  if (!result.ok()) return;
  news.best.stalled |= result->stalled;
  if (result->version > std::max(known, news.best.version)) {
    news.best.version = result->version;
    news.best.chosen = result->chosen;
  }
}

// What the calls of one AskNodes() have brought so far.
struct Census {
  explicit Census(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  std::vector<NodeInfo> infos;
  size_t waiting = 0;
};

void Counted(Census& census, StatusOr<rpc::Reply> reply) {
  --census.waiting;
  census.heard.NotifyAll();
  if (!reply.ok()) return;
  StatusOr<NodeInfo> info = DecodeNodeInfo(reply->header, reply->payload);
  if (info.ok()) census.infos.push_back(*std::move(info));
}

}  // namespace

Task<std::vector<NodeInfo>> AskNodes(std::shared_ptr<RegisterContext> context,
                                     std::vector<Replica> nodes, size_t enough, Duration wait) {
  auto census = std::make_shared<Census>(context->env.scheduler());
  Instant end = context->env.scheduler().Now() + wait;
  for (const Replica& replica : nodes) {
    rpc::Call call(kInfoMethod, std::string(), rpc::Payload(), end);
    call.disk = replica.disk;
    ++census->waiting;
    auto counted = [census](StatusOr<rpc::Reply> reply) { Counted(*census, std::move(reply)); };
    context->peers.To(replica.node)->Start(std::move(call), std::move(counted));
  }
  while (census->infos.size() < enough && census->waiting > 0) {
    Status waited = co_await census->heard.Wait(end);
    if (!waited.ok()) break;
  }
  co_return std::move(census->infos);
}

Task<void> AwaitNews(std::shared_ptr<RegisterContext> context, std::shared_ptr<News> news,
                     std::vector<Replica> acceptors, Version known, Duration wait) {
  wait = std::max(wait, Duration(0));
  Instant end = context->env.scheduler().Now() + wait;
  WatchCall watch{context->cluster, news->log, known, wait};
  for (const Replica& replica : acceptors) {
    rpc::Call call(kWatchMethod, EncodeWatchCall(watch).header, rpc::Payload(),
                   end + context->timing.call_timeout);
    call.disk = replica.disk;
    ++news->waiting;
    auto heard = [news, known](StatusOr<rpc::Reply> reply) {
      Heard(*news, known, std::move(reply));
    };
    context->peers.To(replica.node)->Start(std::move(call), std::move(heard));
  }
  // Those who refuse do so at once; one that waits is enough to wait for.
  auto over = [&] {
    bool told = news->best.version > known || news->best.stalled;
    return told || news->waiting == 0 || news->ended || context->closed;
  };
  while (!over()) {
    Status waited = co_await news->heard.Wait(end);
    if (!waited.ok()) break;
  }
}

}  // namespace vlog::metastore
