#include "loglets/sequencer/sequencer_host.h"

#include <algorithm>
#include <utility>

#include "loglets/sequencer/reach.h"

namespace vlog::loglets::sequencer {
namespace {

// Beside the body: the batch's header, and where it came from.
constexpr size_t kEntryOverhead = 256;
constexpr Duration kStopBound = std::chrono::seconds(1);
constexpr Duration kStopPoll = std::chrono::milliseconds(5);
// A log server that is silent for so long is not reached.
constexpr Duration kReach = std::chrono::milliseconds(400);

SequencerId Self(const HostContext& context) {
  const rpc::Identity& self = context.peers.identity();
  return {self.node, self.incarnation, self.disk};
}

}  // namespace

SequencerHost::SequencerHost(HostContext context, std::function<const DeadSegments&()> dead,
                             SequencerOptions options, SequencerTiming timing)
    : context_(context),
      dead_(std::move(dead)),
      options_(options),
      timing_(timing),
      lives_(Self(context)),
      tasks_(context.env.scheduler()),
      closed_(context.env.scheduler()) {}

SequencerHost::~SequencerHost() {
  for (auto& [id, life] : sequencers_) life->End();
  if (!started_) return;
  for (rpc::Method method : {kAppendMethod, kHandOverMethod, kPrepareMethod, kReachMethod}) {
    context_.dispatcher.Unregister(method);
  }
}

void SequencerHost::Start() {
  started_ = true;
  context_.dispatcher.Register(kAppendMethod, [this](rpc::Request in, rpc::Responder respond) {
    Append(std::move(in), std::move(respond));
  });
  context_.dispatcher.Register(kHandOverMethod, [this](rpc::Request in, rpc::Responder respond) {
    HandOver(std::move(in), std::move(respond));
  });
  context_.dispatcher.Register(kPrepareMethod, [this](rpc::Request in, rpc::Responder respond) {
    Prepare(std::move(in), std::move(respond));
  });
  context_.dispatcher.Register(kReachMethod, [this](rpc::Request in, rpc::Responder respond) {
    Reach(std::move(in), std::move(respond));
  });
}

Task<void> SequencerHost::Stop() {
  closing_ = true;
  closed_.NotifyAll();
  for (auto& [id, seal] : seals_) seal->Stop();
  async::Scheduler& scheduler = context_.env.scheduler();
  Instant deadline = scheduler.Now() + kStopBound;
  auto busy = [this] {
    return std::any_of(sequencers_.begin(), sequencers_.end(),
                       [](const auto& entry) { return !entry.second->idle(); });
  };
  while (busy() && scheduler.Now() < deadline) {
    Status slept = co_await scheduler.Sleep(kStopPoll);
    if (!slept.ok()) break;
  }
  for (auto& [id, life] : sequencers_) life->End();
  co_await tasks_.Join();
}

StatusOr<std::shared_ptr<SequencerLife>> SequencerHost::Get(const SequencerRequest& request) {
  if (closing_) return absl::UnavailableError("this node is stopping");
  if (dead_().Contains(request.loglet)) return absl::AbortedError("dead: this loglet is gone");
  auto known = sequencers_.find(request.loglet);
  if (known != sequencers_.end()) return known->second;
  StatusOr<Params> params = DecodeParams(request.params);
  if (!params.ok()) return absl::InvalidArgumentError(Message(params.status()));
  Status claimed = lives_.Claim(request.loglet, *params);
  if (absl::IsAlreadyExists(claimed)) return absl::AbortedError("dead: " + Message(claimed));
  VLOG_RETURN_IF_ERROR(claimed);
  auto life = std::make_shared<SequencerLife>(context_, request.loglet, *std::move(params),
                                              options_, timing_, *this);
  sequencers_[request.loglet] = life;
  return life;
}

void SequencerHost::Append(rpc::Request in, rpc::Responder respond) {
  StatusOr<SequencerRequest> request = DecodeAppend(in.header, in.payload);
  if (!request.ok()) return respond(request.status());
  size_t most = context_.journal.MaxEntryBytes() - kEntryOverhead;
  if (request->batch.body.size() > most) {
    return respond(
        absl::InvalidArgumentError(absl::StrCat("a batch of ", request->batch.body.size(),
                                                " bytes; the largest that a log "
                                                "server takes has ",
                                                most)));
  }
  StatusOr<std::shared_ptr<SequencerLife>> life = Get(*request);
  if (!life.ok()) return respond(life.status());
  (*life)->Append(std::move(request->batch), std::move(respond));
}

void SequencerHost::HandOver(rpc::Request in, rpc::Responder respond) {
  StatusOr<SequencerRequest> request = DecodeSequencerRequest(in.header);
  if (!request.ok()) return respond(request.status());
  StatusOr<std::shared_ptr<SequencerLife>> life = Get(*request);
  if (!life.ok()) return respond(life.status());
  (*life)->HandOver(std::move(request->proposal), std::move(respond));
}

void SequencerHost::Prepare(rpc::Request in, rpc::Responder respond) {
  StatusOr<SequencerRequest> request = DecodeSequencerRequest(in.header);
  if (!request.ok()) return respond(request.status());
  StatusOr<std::shared_ptr<SequencerLife>> life = Get(*request);
  if (!life.ok()) return respond(life.status());
  tasks_.Spawn(AnswerPrepare(*life, std::move(respond)));
}

Task<void> SequencerHost::AnswerPrepare(std::shared_ptr<SequencerLife> life,
                                        rpc::Responder respond) {
  Status prepared = co_await SequencerLife::Prepare(std::move(life));
  if (prepared.ok()) {
    respond(rpc::Message());
  } else {
    respond(prepared);
  }
}

void SequencerHost::Reach(rpc::Request in, rpc::Responder respond) {
  StatusOr<Params> params = DecodeParams(in.header);
  if (!params.ok()) return respond(absl::InvalidArgumentError(Message(params.status())));
  if (closing_) return respond(absl::UnavailableError("this node is stopping"));
  bool self = params->sequencer == Self(context_);
  if (!self) return respond(absl::AbortedError("this process is another one than is named"));
  tasks_.Spawn(AnswerReach(*std::move(params), std::move(respond)));
}

Task<void> SequencerHost::AnswerReach(Params params, rpc::Responder respond) {
  Instant deadline = context_.env.scheduler().Now() + kReach;
  Status reached = co_await AwaitReach(context_.env, context_.peers, std::move(params), deadline);
  if (reached.ok()) {
    respond(rpc::Message());
  } else {
    respond(reached);
  }
}

// ---- the end of a life ----

void SequencerHost::SealWanted(const LogletId& id) {
  if (!closing_) tasks_.Spawn(FinishSeal(id, sequencers_.at(id)->core().params()));
}

Task<void> SequencerHost::FinishSeal(LogletId id, Params params) {
  Status waited = co_await closed_.Wait(context_.env.scheduler().Now() + timing_.grace);
  if (closing_ || !absl::IsDeadlineExceeded(waited)) co_return;
  auto client = std::make_shared<LogletClient>(context_.env, context_.peers, id, std::move(params),
                                               ClientTiming());
  auto seal = std::make_shared<SealRun>(std::move(client), std::string());
  seals_[id] = seal;
  // If it fails, too few log servers answer: whoever appends next seals it then.
  StatusOr<SealResult> sealed = co_await SealRun::Run(seal);
  seals_.erase(id);
}

void SequencerHost::Over(const LogletId& id) {
  auto it = sequencers_.find(id);
  if (it == sequencers_.end()) return;
  it->second->End();
  sequencers_.erase(it);
}

void SequencerHost::Forget(const std::string& log, SegmentIndex from, SegmentIndex to) {
  for (auto it = sequencers_.begin(); it != sequencers_.end();) {
    const LogletId& id = it->first;
    if (id.log == log && id.segment >= from && id.segment < to) {
      it->second->End();
      it = sequencers_.erase(it);
    } else {
      ++it;
    }
  }
  if (dead_().Covers(log, SegmentIndex(0), to)) lives_.ForgetBelow(log, to);
}

std::shared_ptr<const SequencerLife> SequencerHost::Find(const LogletId& id) const {
  auto it = sequencers_.find(id);
  return it == sequencers_.end() ? nullptr : it->second;
}

std::vector<HostedLoglet> SequencerHost::Loglets() const {
  std::vector<HostedLoglet> hosted;
  for (const auto& [id, life] : sequencers_) {
    const SequencerCore& core = life->core();
    bool running = core.state() == SequencerCore::State::kRunning;
    HostedLoglet row{id,       "sequencer",  Offset(), core.assigned(), core.committed(),
                     !running, life->bytes()};
    hosted.push_back(std::move(row));
  }
  return hosted;
}

}  // namespace vlog::loglets::sequencer
