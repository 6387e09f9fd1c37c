// What all calls of one opened loglet share: whom they go to, and what was learnt on the way.
#ifndef OWN_LOGLET_SINGLE_LINK_H_
#define OWN_LOGLET_SINGLE_LINK_H_

#include <memory>

#include "env/env.h"
#include "rpc/peers.h"
#include "single_wire.h"

namespace single {

// Thread rule: the Env's executor. The Env outlives it.
class Link {
 public:
  Link(vlog::env::Env& env, vlog::rpc::Peers& peers, vlog::LogletId id, vlog::Replica home);

  // A call to the home, and to no other disk: a node that came back with an empty one must not
  // answer that the loglet is empty.
  vlog::rpc::Call MakeCall(vlog::rpc::Method method, Question question,
                           vlog::Instant deadline) const;
  // The home's answer; what it says is learnt.
  vlog::StatusOr<Answer> Take(const vlog::StatusOr<vlog::rpc::Reply>& reply);
  void LearnTail(vlog::Offset committed);

  // Committed, and trimmed, as far as is known here. They never go back.
  vlog::Offset tail() const { return tail_; }
  vlog::Offset trim() const { return trim_; }

  vlog::Instant After(vlog::Duration time) const { return env.scheduler().Now() + time; }

  vlog::env::Env& env;
  const vlog::LogletId id;
  const vlog::Replica home;
  const std::shared_ptr<vlog::rpc::Channel> channel;

 private:
  vlog::Offset tail_;
  vlog::Offset trim_;
};

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_LINK_H_
