#include "loglets/replicated/replica_client.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace vlog::loglets::replicated {

ReplicaClient::ReplicaClient(env::Env& env, rpc::Peers& peers, rpc::Method base, LogletId id,
                             Params params, ClientTiming timing)
    : env(env),
      peers(peers),
      base(base),
      id(std::move(id)),
      params(std::move(params)),
      encoded_params(EncodeParams(this->params)),
      timing(timing),
      trims_(this->params.members.size()),
      changed_(env.scheduler()) {}

void ReplicaClient::LearnTail(Offset committed) {
  if (committed <= known_tail_) return;
  known_tail_ = committed;
  changed_.NotifyAll();
}

void ReplicaClient::LearnSealed() {
  if (std::exchange(sealed_, true)) return;
  changed_.NotifyAll();
}

Offset ReplicaClient::trim_in_force() const {
  std::vector<Offset> points = trims_;
  size_t nth = std::min<size_t>(params.write_quorum, points.size()) - 1;
  std::sort(points.begin(), points.end(), std::greater<>());
  return points[nth];
}

Offset ReplicaClient::highest_trim() const {
  return *std::max_element(trims_.begin(), trims_.end());
}

void ReplicaClient::Learn(size_t member, const Word& word) {
  if (word.code == Code::kLost || word.code == Code::kMalformed) return;
  if (word.code == Code::kGone) return LearnSealed();
  LearnTail(word.applied_end);
  if (word.sealed) LearnSealed();
  trims_[member] = std::max(trims_[member], word.trim);
}

StatusOr<ReplicaReply> ReplicaClient::Take(size_t member, Verb verb, StatusOr<rpc::Reply> reply) {
  if (rpc::RefusalOf(reply.status()) == rpc::Refusal::kOtherDisk) {
    ReplicaReply lost;
    lost.word.code = Code::kLost;
    return lost;
  }
  VLOG_RETURN_IF_ERROR(reply);
  StatusOr<ReplicaReply> answer = DecodeReply(verb, reply->header, std::move(reply->payload));
  if (!answer.ok()) return absl::UnknownError(Message(answer.status()));
  Learn(member, answer->word);
  return answer;
}

void ReplicaClient::Ask(size_t member, Verb verb, ReplicaRequest request, Duration patience,
                        ReplyDone done) {
  async::Scheduler& scheduler = env.scheduler();
  if (scheduler.stopping()) {
    scheduler.Post([done = std::move(done)]() mutable { done(absl::CancelledError("stopping")); });
    return;
  }
  const Replica& replica = params.members[member].replica;
  request.loglet = id;
  request.disk = replica.disk;
  request.params = encoded_params;
  rpc::Message message = Encode(request);
  rpc::Call call(base + verb, std::move(message.header), std::move(message.payload),
                 Now() + patience);
  call.disk = replica.disk;
  auto answered = [self = shared_from_this(), member, verb,
                   done = std::move(done)](StatusOr<rpc::Reply> reply) mutable {
    if (!absl::IsCancelled(reply.status())) return done(self->Take(member, verb, std::move(reply)));
    // A channel that goes away says so at once, in the middle of what takes it down.
    self->env.scheduler().Post(
        [done = std::move(done), why = reply.status()]() mutable { done(why); });
  };
  peers.To(replica.node)->Start(std::move(call), std::move(answered));
}

Task<StatusOr<ReplicaReply>> ReplicaClient::Run(size_t member, Verb verb, ReplicaRequest request,
                                                Duration patience) {
  using Completer = async::Completer<StatusOr<ReplicaReply>>;
  auto start = [self = shared_from_this(), member, verb, request = std::move(request),
                patience](Completer completer) mutable {
    self->Ask(member, verb, std::move(request), patience, std::move(completer));
  };
  return Completer::Await(env.scheduler(), std::move(start));
}

}  // namespace vlog::loglets::replicated
