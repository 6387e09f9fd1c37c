// A node's way into its cluster: settles with the others, once, who votes first (origin_core.h),
// and makes that durable in the node's acceptor. Then, in each life, it shows itself to all others
// before it says anything to anybody: one that has seen a newer life of this disk refuses it, and
// then this process runs on an old copy, which would have forgotten what it promised (FAULTS 25).
// Later it shows itself now and then.
//
// It serves once most of the voters that its disk knows of, or most of these and of the configured
// nodes together, have seen it, itself included: nodes that were drained and stopped hold up
// nobody.
//
// What that guarantees: an old copy never serves if, of those that answer it, one has seen a newer
// life of the disk and has run ever since. That is not certain, for lives are kept in memory, and
// two majorities that both count the node itself need have no other member in common: of three
// nodes, the old copy may be seen by just the one that was away or has started again since the
// newer life. The other way, a majority without the node itself, would let no node of three start
// while another is down.
#ifndef VLOG_SERVER_CLUSTER_JOIN_H_
#define VLOG_SERVER_CLUSTER_JOIN_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "async/event.h"
#include "metastore/paxos/acceptor_server.h"
#include "metastore/paxos/directory.h"
#include "rpc/peers.h"
#include "server/log.h"
#include "server/node_identity.h"
#include "server/origin_core.h"

namespace vlog::server {

// Thread rule: the Env's executor. Env, dispatcher, peers and acceptor outlive it; Join() and
// Watch() have ended before it is destroyed (a crash drops both).
class ClusterJoin {
 public:
  // Answers the others from now on. `configured`: the nodes of the configuration, this one
  // included, sorted.
  ClusterJoin(env::Env& env, NodeIdentity self, std::vector<NodeId> configured,
              rpc::Dispatcher& dispatcher, rpc::Peers& peers, metastore::AcceptorServer& acceptor,
              Logger log);

  // OK: the acceptor has its list, from this life or an earlier one, and enough of the others have
  // seen this life. kCancelled: stopped. Other errors are final: this disk
  // cannot take part.
  Task<Status> Join();
  // Shows the node to the others until it is stopped (kCancelled). Other errors are final.
  // REQUIRES: Join() was OK.
  Task<Status> Watch();
  void Stop();

  bool joined() const { return shown_; }
  // What it waits for, for people; "" once it has joined.
  const std::string& waiting_for() const { return waiting_for_; }

 private:
  struct Round;
  Task<std::shared_ptr<Round>> AskAll(Duration timeout);
  static Task<void> AskOne(std::shared_ptr<rpc::Channel> channel, NodeId node, Instant deadline,
                           std::shared_ptr<Round> round);
  Status CheckRecord() const;
  bool has_record() const { return acceptor_.record().cluster != ClusterId(); }
  Task<Status> FindOrigin();
  Task<Status> Show();
  std::set<NodeId> KnownVoters() const;
  // Who is asked: these, the configured ones, and itself.
  std::set<NodeId> Everybody() const;
  // Of nodes that only the cluster's register knows.
  void FindAddresses(const metastore::Directory& directory);
  Task<Status> Pause(Duration duration);
  Task<Status> Settle(OriginVerdict verdict);
  void Tell(const std::string& waiting, bool conflict);

  env::Env& env_;
  const NodeIdentity self_;
  const std::vector<NodeId> configured_;
  rpc::Peers& peers_;
  metastore::AcceptorServer& acceptor_;
  Logger log_;
  std::string waiting_for_;
  bool shown_ = false;
  bool stopped_ = false;
  async::Event stop_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_CLUSTER_JOIN_H_
