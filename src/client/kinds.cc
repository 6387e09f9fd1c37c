#include "client/kinds.h"

#include "loglets/paxos/paxos_kind.h"
#include "loglets/raft/raft_kind.h"
#include "loglets/sequencer/sequencer_kind.h"

namespace vlog::client {

void RegisterKinds(env::Env& env, rpc::Peers& peers, std::vector<NodeId> nodes,
                   loglets::NodesInService in_service, loglets::LogletFactory* factory) {
  loglets::SequencerKindOptions sequencer;
  sequencer.nodes = nodes;
  sequencer.in_service = in_service;
  factory->Register(loglets::NewSequencerKind(env, peers, std::move(sequencer)));
  loglets::ReplicatedKindOptions replicated;
  replicated.nodes = std::move(nodes);
  replicated.in_service = std::move(in_service);
  factory->Register(loglets::NewRaftKind(env, peers, replicated));
  factory->Register(loglets::NewPaxosKind(env, peers, std::move(replicated)));
}

}  // namespace vlog::client
