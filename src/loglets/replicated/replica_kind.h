// What makes a kind of replicated loglet, beside what all of them share: its name and numbers, its
// pure core and the durable state of its replicas. Raft and Paxos each give one of these to
// NewReplicatedKind() for clients and to NewReplicatedHostable() for nodes.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICA_KIND_H_
#define VLOG_LOGLETS_REPLICATED_REPLICA_KIND_H_

#include <functional>
#include <memory>
#include <string>

#include "loglets/replicated/params.h"
#include "loglets/replicated/replica_core.h"
#include "rpc/message.h"
#include "storage/stream_table.h"

namespace vlog::loglets::replicated {

// A replica begins, or begins again after a restart.
struct CoreSetup {
  const Params& params;
  Replica self;  // a member
  // Of the kind's own type, as the journal has it; empty if the journal knows nothing of this
  // loglet. The core keeps a copy.
  const storage::StreamState& recovered;
  Incarnation incarnation;           // of the node's present life
  std::function<uint64_t()> random;  // uniform over all 64-bit values
};

// How a replica stands that nobody asked for since the node started.
struct StateView {
  Offset trim;
  Offset applied_end;
  bool sealed = false;
};

struct ReplicaKind {
  std::string name;      // of the kind: "raft"
  rpc::Method base = 0;  // of its methods, as rpc/methods.h gives it out; see wire.h
  // Of its journal streams, part of the format on disk and unique among all kinds.
  std::string stream_kind;  // one stream a replica: "raft-replica"
  std::string tombstones;   // one stream a node: "raft-dropped"
  // The empty state of a replica's stream.
  std::function<std::unique_ptr<storage::StreamState>()> new_state;
  std::function<std::unique_ptr<ReplicaCore>(CoreSetup)> new_core;
  // REQUIRES: `state` was made by new_state.
  std::function<StateView(const storage::StreamState& state)> view;
  // It decides by majorities and nothing else: placement gives successors that write quorum.
  bool majority = false;
  // What this kind cannot do with parameters that are valid for others (roles apart, quorums of any
  // size): kInvalidArgument says so. Null: it takes all.
  std::function<Status(const Params& params)> check;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_REPLICA_KIND_H_
