// Whether a node reaches enough log servers to be the sequencer of a loglet.
#ifndef VLOG_LOGLETS_SEQUENCER_REACH_H_
#define VLOG_LOGLETS_SEQUENCER_REACH_H_

#include <functional>

#include "env/env.h"
#include "loglets/sequencer/params.h"
#include "rpc/peers.h"

namespace vlog::loglets::sequencer {

struct ReachQuestion {
  // What log server `server` is asked.
  std::function<rpc::Call(size_t server)> ask;
  // Whether what it answered lets it take part.
  std::function<Status(size_t server, const rpc::Reply& reply)> judge;
};

// Asks all log servers at once. OK as soon as W of them take part; kUnavailable at the deadline or
// when all have answered: how many do, and why the others do not. kCancelled.
// Env and peers outlive it.
Task<Status> AwaitQuorum(env::Env& env, rpc::Peers& peers, Params params, ReachQuestion question,
                         Instant deadline);

// The same, with a question that says nothing of any loglet: are the nodes there, on these disks?
Task<Status> AwaitReach(env::Env& env, rpc::Peers& peers, Params params, Instant deadline);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_REACH_H_
