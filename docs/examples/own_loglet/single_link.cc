#include "single_link.h"

#include <algorithm>
#include <utility>

namespace single {

Link::Link(vlog::env::Env& e, vlog::rpc::Peers& peers, vlog::LogletId loglet, vlog::Replica replica)
    : env(e), id(std::move(loglet)), home(replica), channel(peers.To(replica.node)) {}

vlog::rpc::Call Link::MakeCall(vlog::rpc::Method method, Question question,
                               vlog::Instant deadline) const {
  question.loglet = id;
  vlog::rpc::Call call(method, Encode(question), vlog::rpc::Payload(), deadline);
  call.disk = home.disk;
  return call;
}

vlog::StatusOr<Answer> Link::Take(const vlog::StatusOr<vlog::rpc::Reply>& reply) {
  VLOG_RETURN_IF_ERROR(reply);
  vlog::StatusOr<Answer> answer = DecodeAnswer(reply->header, reply->payload);
  VLOG_RETURN_IF_ERROR(answer);
  LearnTail(answer->tail);
  trim_ = std::max(trim_, answer->trim);
  return answer;
}

void Link::LearnTail(vlog::Offset committed) { tail_ = std::max(tail_, committed); }

}  // namespace single
