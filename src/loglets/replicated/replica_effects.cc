// What a replica's core wants done, and what became of it.
#include <optional>
#include <utility>

#include "loglets/replicated/replica.h"

namespace vlog::loglets::replicated {
namespace {

Code CodeOf(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Code::kOk;
    case absl::StatusCode::kAborted:
      return Code::kNotLeader;
    case absl::StatusCode::kFailedPrecondition:
      return Code::kSealed;
    case absl::StatusCode::kInvalidArgument:
      return Code::kOutOfOrder;
    case absl::StatusCode::kResourceExhausted:
      return Code::kFull;
    case absl::StatusCode::kUnavailable:
      return Code::kUnavailable;
    case absl::StatusCode::kOutOfRange:
      return Code::kTooOld;
    default:
      return Code::kUnknown;
  }
}

}  // namespace

// One output for all that one turn of the executor brought: what was written by one sync is
// acknowledged by one message.
void HostedReplica::SettleSoon() {
  if (std::exchange(settling_soon_, true)) return;
  context_->env.scheduler().Post([self = shared_from_this()] {
    self->settling_soon_ = false;
    self->Settle();
  });
}

void HostedReplica::Settle() {
  if (ended()) return;
  ReplicaCore::Output output = core_->TakeOutput();
  for (ReplicaCore::Persist& persist : output.persist) Persist(std::move(persist));
  for (ReplicaCore::Send& send : output.send) Send(std::move(send));
  for (ReplicaCore::Reply& reply : output.replies) Reply(std::move(reply));
  for (const replicated::Answer& answer : output.answers) Answer(answer);
  for (const ReplicaCore::Load& load : output.loads) {
    context_->tasks.Spawn(RunLoad(shared_from_this(), load));
  }
  if (!waiters_.empty()) TellWaiters();
  if (core_->trim_point() > trimmed_) {
    trimmed_ = core_->trim_point();
    context_->journal.ReclaimSoon();
  }
  Arm();
  // Last of all: this may be the end of this object.
  if (forgettable() && context_->forget) context_->forget(id_);
}

void HostedReplica::Persist(ReplicaCore::Persist persist) {
  Create();
  persist.entry.stream = stream_;
  storage::EntryClass entry_class =
      persist.control ? storage::EntryClass::kControl : storage::EntryClass::kData;
  auto written = [self = shared_from_this(), ticket = persist.ticket](const Status& status) {
    self->Persisted(ticket, status);
  };
  context_->journal.Append(std::move(persist.entry), entry_class, std::move(written));
}

void HostedReplica::Persisted(Ticket ticket, const Status& status) {
  if (ended()) return;
  bool refused = absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
                 absl::IsInvalidArgument(status);
  if (status.ok()) {
    core_->Persisted(ticket, Clock());
  } else if (refused) {
    core_->Refused(ticket, Clock());  // certainly not done, and the journal goes on
  } else {
    return;  // the journal has stopped, and with it this node
  }
  SettleSoon();
}

void HostedReplica::Send(ReplicaCore::Send send) {
  ReplicaRequest request;
  request.loglet = id_;
  request.disk = send.to.disk;
  request.params = encoded_params_;
  request.peer = std::move(send.message);
  rpc::Message message = Encode(request);
  rpc::Method method = context_->kind.base + kPeerVerb;
  rpc::Call call(method, std::move(message.header), std::move(message.payload),
                 Clock() + send.patience);
  call.disk = send.to.disk;
  auto answered = [self = shared_from_this(), id = send.call](StatusOr<rpc::Reply> reply) {
    self->Sent(id, std::move(reply));
  };
  context_->peers.To(send.to.node)->Start(std::move(call), std::move(answered));
}

void HostedReplica::Sent(CallId call, StatusOr<rpc::Reply> reply) {
  if (ended() || context_->env.scheduler().stopping()) return;
  StatusOr<PeerMessage> message = absl::UnknownError("no answer");
  if (!reply.ok()) {
    message = reply.status();
  } else {
    StatusOr<ReplicaReply> decoded =
        DecodeReply(kPeerVerb, reply->header, std::move(reply->payload));
    if (!decoded.ok()) {
      message = absl::UnknownError(Message(decoded.status()));
    } else if (decoded->word.code == Code::kOk) {
      message = std::move(decoded->peer);
    } else if (decoded->word.code == Code::kGone || decoded->word.code == Code::kLost) {
      message = absl::NotFoundError("this replica is not there any more");
    } else {
      message = absl::UnavailableError("the replica refused");
    }
  }
  core_->OnReply(call, std::move(message), Clock());
  SettleSoon();
}

void HostedReplica::Reply(ReplicaCore::Reply reply) {
  auto it = peers_waiting_.find(reply.to);
  if (it == peers_waiting_.end()) return;
  rpc::Responder respond = std::move(it->second);
  peers_waiting_.erase(it);
  ReplicaReply out;
  out.peer = std::move(reply.message);
  respond(Encode(out));
}

void HostedReplica::Answer(const replicated::Answer& answer) {
  auto it = asked_.find(answer.token);
  if (it == asked_.end()) return;
  Asked asked = std::move(it->second);
  asked_.erase(it);
  Code code = CodeOf(answer.result.status());
  Offset offset = answer.result.ok() ? *answer.result : Offset();
  ReplicaReply reply;
  if (asked.append == nullptr) {
    reply.word = Now(code);
    if (asked.wants_proposal) reply.word.proposal = core_->proposal();
    reply.offset = offset;
    return asked.respond(Encode(reply));
  }
  AppendCall& call = *asked.append;
  call.results[asked.batch] = {code, offset};
  if (--call.open > 0) return;
  reply.word = Now();
  reply.results = std::move(call.results);
  call.respond(Encode(reply));
}

void HostedReplica::Arm() {
  Instant next = core_->next_tick();
  if (next >= armed_) return;
  armed_ = next;
  auto tick = [weak = weak_from_this(), next] {
    std::shared_ptr<HostedReplica> self = weak.lock();
    if (self == nullptr || self->ended() || self->armed_ != next) return;
    self->armed_ = Instant::Max();
    if (self->forgettable() && self->context_->forget) return self->context_->forget(self->id_);
    self->core_->Tick(self->Clock());
    self->Settle();
  };
  context_->env.scheduler().StartTimer(next, std::move(tick));
}

}  // namespace vlog::loglets::replicated
