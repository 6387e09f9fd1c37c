#include "client/kinds.h"

#include "loglets/sequencer/sequencer_kind.h"

namespace vlog::client {

void RegisterKinds(env::Env& env, rpc::Peers& peers, std::vector<NodeId> nodes,
                   loglets::NodesInService in_service, loglets::LogletFactory* factory) {
  loglets::SequencerKindOptions sequencer;
  sequencer.nodes = std::move(nodes);
  sequencer.in_service = std::move(in_service);
  factory->Register(loglets::NewSequencerKind(env, peers, std::move(sequencer)));
}

}  // namespace vlog::client
