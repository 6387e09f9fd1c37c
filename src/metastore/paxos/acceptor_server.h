// A node's acceptor: answers votes on the registers of all logs, from one stream of its journal.
#ifndef VLOG_METASTORE_PAXOS_ACCEPTOR_SERVER_H_
#define VLOG_METASTORE_PAXOS_ACCEPTOR_SERVER_H_

#include <memory>
#include <set>
#include <string>

#include "async/event.h"
#include "metastore/paxos/acceptor_core.h"
#include "rpc/dispatcher.h"
#include "storage/journal.h"

namespace vlog::metastore {

inline constexpr char kAcceptorStreamKind[] = "metastore-acceptor";

// The state of this kind's stream, for the journal's StateFactory; null for another kind.
std::unique_ptr<storage::StreamState> NewAcceptorStreamState(const std::string& kind);

struct AcceptorServerOptions {
  // What was accepted and not heard of again for so long is told to those who wait for a change.
  Duration stalled_after = std::chrono::milliseconds(300);
};

// Everything that an answer rests on is durable before the answer. One that was never formatted,
// or whose journal lost entries, does not vote; the latter goes on to tell what it knows is
// decided.
//
// Thread rule: the Env's executor. Env, journal and dispatcher outlive it; Close() is awaited
// before it is destroyed (a crash drops all of them).
class AcceptorServer {
 public:
  // Registers its methods. REQUIRES: one a dispatcher; the journal knows this stream kind.
  AcceptorServer(env::Env& env, storage::Journal& journal, rpc::Dispatcher& dispatcher,
                 AcceptorServerOptions options = {});
  ~AcceptorServer();

  // What `init` does on each node of a new cluster, and on each that joins later: makes the record
  // durable. Idempotent. kAlreadyExists: the disk belongs to another cluster or node, or was
  // formatted with other first acceptors. kDataLoss: the journal lost entries, so this disk may
  // have voted; the node needs a new disk id. kInvalidArgument.
  Task<Status> Format(ClusterRecord record);

  // Not formatted yet: all zero.
  const ClusterRecord& record() const { return core().record(); }
  const AcceptorCore& core() const;

  // Takes no more requests and waits for those that run.
  Task<void> Close();

 private:
  Task<StatusOr<rpc::Message>> Vote(rpc::Request request);
  Task<StatusOr<rpc::Message>> Watch(rpc::Request request);
  Task<StatusOr<rpc::Message>> Info(rpc::Request request);
  Task<StatusOr<RegisterReply>> Decide(RegisterRequest request);
  Task<Status> Persist(std::vector<AcceptorChange> changes);
  Status CheckCluster(ClusterId cluster) const;

  env::Env& env_;
  storage::Journal& journal_;
  rpc::Dispatcher& dispatcher_;
  const AcceptorServerOptions options_;
  storage::StreamId stream_;
  std::set<std::string> busy_;  // logs whose state is being written
  async::Event changed_;        // a write ended: what waits looks again
  size_t running_ = 0;
  bool closing_ = false;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_ACCEPTOR_SERVER_H_
