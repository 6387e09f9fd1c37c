#include "loglets/replicated/replica_host.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::replicated {
namespace {

constexpr Duration kStopBound = std::chrono::seconds(1);
constexpr Duration kStopPoll = std::chrono::milliseconds(5);

rpc::Message Only(Code code) {
  ReplicaReply reply;
  reply.word.code = code;
  return Encode(reply);
}

}  // namespace

ReplicaHost::ReplicaHost(HostContext context, ReplicaKind kind)
    : context_(context),
      shared_(std::make_shared<ReplicaContext>(context, std::move(kind))),
      tombstones_(context.journal, shared_->kind.tombstones) {
  shared_->forget = [this](const LogletId& id) { ForgetIfEmpty(id); };
}

ReplicaHost::~ReplicaHost() {
  shared_->forget = nullptr;
  for (auto& [id, replica] : replicas_) replica->End();
  for (rpc::Method method : methods_) context_.dispatcher.Unregister(method);
}

void ReplicaHost::Register(Verb verb, rpc::Handler handler) {
  rpc::Method method = shared_->kind.base + verb;
  methods_.push_back(method);
  context_.dispatcher.Register(method, std::move(handler));
}

Task<Status> ReplicaHost::Start() {
  DropDead();  // what a crash left of what was dropped
  for (Verb verb : {kPeerVerb, kAppendVerb, kTailVerb, kSealVerb, kTrimVerb, kReadVerb, kWatchVerb,
                    kCampaignVerb, kStatusVerb}) {
    Register(verb, [this, verb](rpc::Request in, rpc::Responder respond) {
      Serve(verb, std::move(in), std::move(respond));
    });
  }
  Register(kNodeVerb, [this](rpc::Request, rpc::Responder respond) {
    const rpc::Identity& self = context_.peers.identity();
    respond(Encode(NodeAnswer{self.disk, self.incarnation}));
  });
  co_return absl::OkStatus();
}

bool ReplicaHost::Idle() const {
  return std::all_of(replicas_.begin(), replicas_.end(),
                     [](const auto& entry) { return entry.second->idle(); });
}

Task<void> ReplicaHost::Stop() {
  shared_->closing = true;
  std::map<LogletId, std::shared_ptr<HostedReplica>> replicas = replicas_;
  for (auto& [id, replica] : replicas) replica->Release();
  async::Scheduler& scheduler = context_.env.scheduler();
  Instant deadline = scheduler.Now() + kStopBound;
  while (!Idle() && scheduler.Now() < deadline) {
    Status slept = co_await scheduler.Sleep(kStopPoll);
    if (!slept.ok()) break;
  }
  ended_ = true;
  replicas = replicas_;
  for (auto& [id, replica] : replicas) replica->Stop();
  co_await shared_->tasks.Join();
}

Status ReplicaHost::Ready() const {
  if (ended_) return absl::UnavailableError("this node is stopping");
  return context_.journal.status();
}

void ReplicaHost::Serve(Verb verb, rpc::Request in, rpc::Responder respond) {
  StatusOr<ReplicaRequest> request = DecodeRequest(verb, in.header, std::move(in.payload));
  if (!request.ok()) return respond(request.status());
  if (Status ready = Ready(); !ready.ok()) return respond(ready);
  // What replicas still tell each other lets the last appends end.
  bool refused = shared_->closing && verb != kPeerVerb;
  if (refused) return respond(absl::UnavailableError("this node is stopping"));
  if (tombstones_.dead().Contains(request->loglet)) return respond(Only(Code::kGone));
  if (request->disk != shared_->self().disk) return respond(Only(Code::kLost));
  StatusOr<std::shared_ptr<HostedReplica>> replica = Find(*request);
  if (absl::IsNotFound(replica.status())) return respond(Only(Code::kLost));
  if (!replica.ok()) return respond(replica.status());
  Replica from{in.peer->node, in.peer->disk};
  bool stranger = verb == kPeerVerb && !(*replica)->HasMember(from);
  if (stranger) return respond(Only(Code::kMalformed));
  LogletId id = request->loglet;
  (*replica)->Serve(verb, *std::move(request), from, std::move(respond));
  ForgetIfEmpty(id);
}

// kNotFound: this replica is lost.
StatusOr<std::shared_ptr<HostedReplica>> ReplicaHost::Find(const ReplicaRequest& request) {
  auto known = replicas_.find(request.loglet);
  if (known == replicas_.end()) return Make(request);
  if (known->second->params() != request.params) {
    return absl::InvalidArgumentError("this loglet has other parameters here");
  }
  return known->second;
}

StatusOr<std::shared_ptr<HostedReplica>> ReplicaHost::Make(const ReplicaRequest& request) {
  StatusOr<Params> params = DecodeParams(request.params);
  if (!params.ok()) return absl::InvalidArgumentError(Message(params.status()));
  if (shared_->kind.check) {
    Status fits = shared_->kind.check(*params);
    VLOG_RETURN_IF_ERROR(fits);
  }
  std::optional<size_t> self = params->Find(shared_->self());
  if (!self) return absl::InvalidArgumentError("this node is no member of the loglet");
  const storage::StreamTable& streams = context_.journal.streams();
  std::string key = ReplicaStreamKey(shared_->kind.stream_kind, request.loglet);
  bool missing = streams.lost_bound() && streams.Find(key) == nullptr;
  bool is_new = params->members[*self].born == context_.peers.identity().incarnation;
  if (missing && !is_new) return absl::NotFoundError("this replica lost what it stored");
  auto replica = std::make_shared<HostedReplica>(shared_, request.loglet, *std::move(params));
  // After a loss only what was seen to be new counts as new, also in the next life.
  if (missing) replica->Create();
  replicas_[request.loglet] = replica;
  return replica;
}

// Whoever asks for loglets that do not exist must not fill the memory.
void ReplicaHost::ForgetIfEmpty(const LogletId& id) {
  auto it = replicas_.find(id);
  if (it == replicas_.end() || !it->second->forgettable()) return;
  it->second->End();
  replicas_.erase(it);
}

Task<Status> ReplicaHost::Drop(std::string log, SegmentIndex from, SegmentIndex to) {
  Status written = co_await tombstones_.Add(std::move(log), from, to);
  VLOG_CO_RETURN_IF_ERROR(written);
  DropDead();
  co_return absl::OkStatus();
}

void ReplicaHost::DropDead() {
  const DeadSegments& dead = tombstones_.dead();
  const std::string& kind = shared_->kind.stream_kind;
  std::vector<storage::StreamId> dropped;
  for (const auto& [id, stream] : context_.journal.streams().streams()) {
    bool ours = stream->kind == kind;
    if (ours && dead.Contains(ParseReplicaStreamKey(kind, stream->key))) dropped.push_back(id);
  }
  for (auto it = replicas_.begin(); it != replicas_.end();) {
    if (dead.Contains(it->first)) {
      it->second->MarkGone();
      it = replicas_.erase(it);
    } else {
      ++it;
    }
  }
  for (storage::StreamId id : dropped) {
    // Only when it is durable does its space come back.
    context_.journal.DropStream(
        id, [journal = &context_.journal](const Status&) { journal->ReclaimSoon(); });
  }
}

void ReplicaHost::CheckInvariants() const {
  for (const auto& [id, replica] : replicas_) replica->CheckInvariants();
}

std::vector<HostedLoglet> ReplicaHost::Loglets() const {
  std::vector<HostedLoglet> hosted;
  const ReplicaKind& kind = shared_->kind;
  for (const auto& [id, stream] : context_.journal.streams().streams()) {
    if (stream->kind != kind.stream_kind) continue;
    LogletId loglet = ParseReplicaStreamKey(kind.stream_kind, stream->key);
    if (tombstones_.dead().Contains(loglet)) continue;
    auto replica = replicas_.find(loglet);
    if (replica != replicas_.end()) {
      hosted.push_back(replica->second->Row());
      continue;
    }
    StateView view = kind.view(*stream->state);
    hosted.push_back(
        {loglet, "replica", view.trim, view.applied_end, view.applied_end, view.sealed, 0});
  }
  return hosted;
}

}  // namespace vlog::loglets::replicated
