#include "loglets/replicated/replica.h"

#include <algorithm>
#include <optional>

#include "base/coding.h"

namespace vlog::loglets::replicated {
namespace {

// Beside the body: the batch's header, and what the kind says of the entry.
constexpr size_t kEntryOverhead = 512;
// What a leader takes its followers must be able to write; journal segments have at least 4 MiB.
constexpr size_t kFitsEveryJournal = (4 << 20) - (64 << 10);
// A replica that stored nothing and that nobody asked for so long is let go of.
constexpr Duration kLinger = std::chrono::seconds(10);

rpc::Message Only(Code code) {
  ReplicaReply reply;
  reply.word.code = code;
  return Encode(reply);
}

}  // namespace

std::string ReplicaStreamKey(const std::string& stream_kind, const LogletId& id) {
  std::string key = stream_kind + "/";
  PutFixed(&key, id.segment.value());
  PutFixed(&key, id.proposal.value());
  return key + id.log;
}

LogletId ParseReplicaStreamKey(const std::string& stream_kind, const std::string& key) {
  if (!key.starts_with(stream_kind + "/")) return LogletId();
  Decoder in(std::string_view(key).substr(stream_kind.size() + 1));
  LogletId id;
  id.segment = SegmentIndex(in.Fixed<uint64_t>());
  id.proposal = ProposalId(in.Fixed<uint64_t>());
  id.log = std::string(in.Raw(in.remaining()));
  return in.ok() ? id : LogletId();
}

HostedReplica::HostedReplica(std::shared_ptr<ReplicaContext> context, LogletId id, Params params)
    : context_(std::move(context)),
      id_(std::move(id)),
      params_(std::move(params)),
      encoded_params_(EncodeParams(params_)),
      asked_at_(Clock()) {
  const ReplicaKind& kind = context_->kind;
  std::unique_ptr<storage::StreamState> empty;
  const storage::StreamState* recovered = nullptr;
  storage::Stream* stream =
      context_->journal.streams().Find(ReplicaStreamKey(kind.stream_kind, id_));
  if (stream != nullptr) {
    stream_ = stream->id;
    recovered = stream->state.get();
  } else {
    empty = kind.new_state();
    recovered = empty.get();
  }
  env::Env& env = context_->env;
  auto random = [&env] { return env.RandomId(); };
  core_ = kind.new_core({params_, context_->self(), *recovered,
                         context_->peers.identity().incarnation, std::move(random)});
  trimmed_ = core_->trim_point();
}

bool HostedReplica::forgettable() const {
  if (stream_ != storage::StreamId(0) || !asked_.empty()) return false;
  if (!waiters_.empty() || !peers_waiting_.empty() || settling_soon_) return false;
  bool pristine = core_->next_tick() == Instant::Max() && core_->leader() == NodeId();
  return pristine || Clock() - asked_at_ >= kLinger;
}

HostedLoglet HostedReplica::Row() const {
  return {id_,
          core_->role(),
          core_->trim_point(),
          core_->applied_end(),
          core_->applied_end(),
          core_->sealed(),
          core_->bytes_in_memory(),
          core_->impaired()};
}

void HostedReplica::Create() {
  if (stream_ != storage::StreamId(0)) return;
  auto created = [self = shared_from_this()](const Status& status) {
    if (!status.ok()) self->stream_ = storage::StreamId(0);  // the next entry tries again
  };
  const std::string& kind = context_->kind.stream_kind;
  stream_ = context_->journal.CreateStream(kind, ReplicaStreamKey(kind, id_), std::move(created));
}

// ---- requests ----

void HostedReplica::Serve(Verb verb, ReplicaRequest request, Replica from, rpc::Responder respond) {
  if (ended()) return respond(Only(EndCode()));
  asked_at_ = Clock();
  switch (verb) {
    case kPeerVerb:
      return Peer(std::move(request), from, std::move(respond));
    case kAppendVerb:
      return Append(std::move(request), std::move(respond));
    case kTailVerb:
      return Tail(std::move(respond));
    case kSealVerb:
      return Seal(std::move(request), std::move(respond));
    case kReadVerb:
      return Read(request, std::move(respond));
    case kCampaignVerb:
      return Campaign(request, std::move(respond));
    case kTrimVerb:
    case kWatchVerb:
      return Wait(verb, request, std::move(respond));
    default:
      return respond(Plain());
  }
}

Token HostedReplica::Expect(rpc::Responder respond, bool wants_proposal) {
  Token token = next_token_++;
  Asked& asked = asked_[token];
  asked.respond = std::move(respond);
  asked.wants_proposal = wants_proposal;
  return token;
}

void HostedReplica::Append(ReplicaRequest request, rpc::Responder respond) {
  size_t most = std::min(context_->journal.MaxEntryBytes(), kFitsEveryJournal) - kEntryOverhead;
  for (const Batch& batch : request.batches) {
    if (batch.body.size() <= most) continue;
    return respond(absl::InvalidArgumentError(absl::StrCat(
        "a batch of ", batch.body.size(), " bytes; the largest that a replica takes has ", most)));
  }
  if (core_->sealed()) {
    // Every replica that applied SEAL knows that it is too late, the leader or not.
    ReplicaReply reply;
    reply.word = Now();
    reply.results.assign(request.batches.size(), {Code::kSealed, Offset()});
    return respond(Encode(reply));
  }
  auto call = std::make_shared<AppendCall>();
  call->respond = std::move(respond);
  call->results.resize(request.batches.size());
  call->open = request.batches.size();
  for (size_t i = 0; i < request.batches.size(); ++i) {
    Token token = next_token_++;
    Asked& asked = asked_[token];
    asked.append = call;
    asked.batch = i;
    core_->Append(std::move(request.batches[i]), token, Clock());
  }
  SettleSoon();
}

void HostedReplica::Tail(rpc::Responder respond) {
  if (core_->sealed()) {
    ReplicaReply reply;
    reply.word = Now();
    reply.offset = core_->applied_end();
    return respond(Encode(reply));
  }
  core_->CheckTail(Expect(std::move(respond)), Clock());
  SettleSoon();
}

void HostedReplica::Seal(ReplicaRequest request, rpc::Responder respond) {
  if (core_->sealed()) {
    ReplicaReply reply;
    reply.word = Now();
    reply.word.proposal = core_->proposal();
    reply.offset = core_->applied_end();
    return respond(Encode(reply));
  }
  core_->Seal(std::move(request.proposal), Expect(std::move(respond), true), Clock());
  SettleSoon();
}

void HostedReplica::Campaign(const ReplicaRequest& request, rpc::Responder respond) {
  NodeId leader = core_->leader();
  bool known = leader != NodeId() && leader != request.except;
  if (!known && !core_->sealed()) {
    core_->Campaign(request.at_once, Clock());
    SettleSoon();
  }
  Wait(kCampaignVerb, request, std::move(respond));
}

void HostedReplica::Peer(ReplicaRequest request, Replica from, rpc::Responder respond) {
  ReplyTo to = next_reply_++;
  peers_waiting_.emplace(to, std::move(respond));
  core_->OnRequest(from, std::move(request.peer), to, Clock());
  SettleSoon();
}

// ---- those who wait for news ----

bool HostedReplica::IsDue(const Waiter& waiter) const {
  if (waiter.verb == kTrimVerb) {
    // One that does not serve may never apply so much; it knows by itself what it can give up.
    bool serves = params_.members[*params_.Find(context_->self())].serves;
    return !serves || core_->sealed() || core_->applied_end() >= waiter.offset;
  }
  if (core_->sealed()) return true;
  if (waiter.verb == kWatchVerb) return core_->applied_end() > waiter.offset;
  NodeId leader = core_->leader();
  return leader == context_->self().node || (leader != NodeId() && leader != waiter.except);
}

void HostedReplica::Wait(Verb verb, const ReplicaRequest& request, rpc::Responder respond) {
  Waiter waiter;
  waiter.verb = verb;
  waiter.offset = verb == kTrimVerb ? request.to : request.from;
  waiter.except = request.except;
  waiter.respond = std::move(respond);
  bool waits = request.wait > Duration(0) && !context_->closing && !IsDue(waiter);
  if (!waits) return Finish(std::move(waiter));
  if (waiters_.empty()) told_ = TellNews();
  uint64_t number = next_waiter_++;
  auto expire = [weak = weak_from_this(), number] {
    if (std::shared_ptr<HostedReplica> self = weak.lock()) self->Expire(number);
  };
  waiter.timer = context_->env.scheduler().StartTimer(Clock() + request.wait, std::move(expire));
  waiters_.emplace(number, std::move(waiter));
}

void HostedReplica::Finish(Waiter waiter) {
  if (waiter.timer != 0) context_->env.scheduler().CancelTimer(waiter.timer);
  if (waiter.verb != kTrimVerb) return waiter.respond(Plain());
  core_->Trim(waiter.offset, Expect(std::move(waiter.respond)), Clock());
  SettleSoon();
}

void HostedReplica::Expire(uint64_t number) {
  auto it = waiters_.find(number);
  if (it == waiters_.end()) return;
  Waiter waiter = std::move(it->second);
  waiters_.erase(it);
  Finish(std::move(waiter));
  if (forgettable() && context_->forget) context_->forget(id_);
}

HostedReplica::News HostedReplica::TellNews() const {
  return {core_->applied_end(), core_->sealed(), core_->leader()};
}

void HostedReplica::TellWaiters() {
  News news = TellNews();
  if (news == told_) return;
  told_ = news;
  std::vector<Waiter> due;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (IsDue(it->second)) {
      due.push_back(std::move(it->second));
      it = waiters_.erase(it);
    } else {
      ++it;
    }
  }
  for (Waiter& waiter : due) Finish(std::move(waiter));
}

void HostedReplica::Release() {
  for (auto& [number, waiter] : std::exchange(waiters_, {})) Finish(std::move(waiter));
}

void HostedReplica::AnswerAll(const std::function<void(rpc::Responder&)>& answer) {
  for (auto& [number, waiter] : std::exchange(waiters_, {})) answer(waiter.respond);
  for (auto& [to, respond] : std::exchange(peers_waiting_, {})) answer(respond);
  for (auto& [token, asked] : std::exchange(asked_, {})) {
    if (asked.append == nullptr) {
      answer(asked.respond);
    } else if (asked.append->open > 0) {
      asked.append->open = 0;
      answer(asked.append->respond);
    }
  }
}

void HostedReplica::MarkGone() {
  End();
  stage_ = Stage::kGone;
  AnswerAll([](rpc::Responder& respond) { respond(Only(Code::kGone)); });
}

void HostedReplica::Stop() {
  End();
  AnswerAll([](rpc::Responder& respond) {
    respond(absl::UnknownError("this node stopped before it was decided"));
  });
}

void HostedReplica::End() {
  if (!ended()) stage_ = Stage::kStopped;
  for (auto& [number, waiter] : waiters_) context_->env.scheduler().CancelTimer(waiter.timer);
}

Word HostedReplica::Now(Code code) const {
  Word word;
  word.code = code;
  word.applied_end = core_->applied_end();
  word.trim = core_->trim_point();
  word.sealed = core_->sealed();
  word.leader = core_->leader();
  return word;
}

rpc::Message HostedReplica::Plain(Code code) const {
  ReplicaReply reply;
  reply.word = Now(code);
  return Encode(reply);
}

}  // namespace vlog::loglets::replicated
