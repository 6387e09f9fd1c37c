#include "loglets/sequencer/loglet_client.h"

#include <utility>

namespace vlog::loglets::sequencer {

LogletClient::LogletClient(env::Env& env, rpc::Peers& peers, LogletId id, Params params,
                           ClientTiming timing)
    : env(env),
      peers(peers),
      id(std::move(id)),
      params(std::move(params)),
      encoded_params(EncodeParams(this->params)),
      timing(timing),
      trims_(this->params),
      changed_(env.scheduler()) {}

void LogletClient::LearnTail(Offset committed) {
  if (committed <= known_tail_) return;
  known_tail_ = committed;
  changed_.NotifyAll();
}

void LogletClient::LearnSealed() {
  if (std::exchange(sealed_, true)) return;
  changed_.NotifyAll();
}

void LogletClient::Learn(size_t server, const ServerWord& word) {
  if (word.code == ServerCode::kWrongDisk) return;
  bool gone = word.code == ServerCode::kGone;
  if (!gone) LearnTail(word.known_tail);
  if (gone || word.sealed) LearnSealed();
  trims_.OnWord(server, word);
}

void LogletClient::Call(NodeId node, rpc::Call call, rpc::CallDone done) {
  async::Scheduler& scheduler = env.scheduler();
  if (scheduler.stopping()) {
    scheduler.Post([done = std::move(done)]() mutable { done(absl::CancelledError("stopping")); });
    return;
  }
  // A channel that goes away says so at once, in the middle of what takes it down.
  auto answered = [&scheduler, done = std::move(done)](StatusOr<rpc::Reply> reply) mutable {
    if (!absl::IsCancelled(reply.status())) return done(std::move(reply));
    scheduler.Post(
        [done = std::move(done), reply = std::move(reply)]() mutable { done(std::move(reply)); });
  };
  peers.To(node)->Start(std::move(call), std::move(answered));
}

void LogletClient::Start(size_t server, rpc::Method method, rpc::Message message, Duration patience,
                         ServerDone done) {
  const Replica& replica = params.replicas[server];
  rpc::Call call(method, std::move(message.header), std::move(message.payload), Now() + patience);
  call.disk = replica.disk;
  auto answered = [self = shared_from_this(), server,
                   done = std::move(done)](StatusOr<rpc::Reply> reply) mutable {
    if (rpc::RefusalOf(reply.status()) == rpc::Refusal::kOtherDisk) {
      ServerAnswer lost;
      lost.word.code = ServerCode::kWrongDisk;
      return done(std::move(lost));
    }
    if (!reply.ok()) return done(reply.status());
    StatusOr<ServerAnswer> answer = DecodeServerAnswer(reply->header, reply->payload);
    if (answer.ok()) self->Learn(server, answer->word);
    done(std::move(answer));
  };
  Call(replica.node, std::move(call), std::move(answered));
}

void LogletClient::AskRead(size_t server, ReadRequest request, ReadDone done) {
  const Replica& replica = params.replicas[server];
  request.disk = replica.disk;
  rpc::Message message = Encode(id, request);
  rpc::Call call(kReadMethod, std::move(message.header), rpc::Payload(), Now() + timing.answer);
  call.disk = replica.disk;
  auto answered = [self = shared_from_this(), server,
                   done = std::move(done)](StatusOr<rpc::Reply> reply) mutable {
    if (rpc::RefusalOf(reply.status()) == rpc::Refusal::kOtherDisk) {
      ReadReply lost;
      lost.code = ReadCode::kWrongDisk;
      return done(std::move(lost));
    }
    if (!reply.ok()) return done(reply.status());
    StatusOr<ReadReply> answer = DecodeReadReply(reply->header, reply->payload);
    bool speaks =
        answer.ok() && answer->code != ReadCode::kGone && answer->code != ReadCode::kWrongDisk;
    if (speaks) self->Learn(server, answer->word);
    done(std::move(answer));
  };
  Call(replica.node, std::move(call), std::move(answered));
}

Task<StatusOr<ReadReply>> LogletClient::Read(size_t server, ReadRequest request) {
  using Completer = async::Completer<StatusOr<ReadReply>>;
  auto start = [self = shared_from_this(), server, request](Completer completer) {
    self->AskRead(server, request, std::move(completer));
  };
  return Completer::Await(env.scheduler(), std::move(start));
}

void LogletClient::AskSequencer(rpc::Method method, Batch batch, std::string proposal,
                                Duration patience, rpc::CallDone done) {
  SequencerRequest request{id, encoded_params, std::move(batch), std::move(proposal)};
  rpc::Message message = Encode(request);
  rpc::Call call(method, std::move(message.header), std::move(message.payload), Now() + patience);
  call.incarnation = params.sequencer.incarnation;
  call.disk = params.sequencer.disk;
  Call(params.sequencer.node, std::move(call), std::move(done));
}

}  // namespace vlog::loglets::sequencer
