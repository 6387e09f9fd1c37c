#include "client/kinds.h"

#include "loglets/sequencer/sequencer_kind.h"

namespace vlog::client {

void RegisterKinds(env::Env& env, rpc::Peers& peers, std::vector<NodeId> nodes,
                   loglets::LogletFactory* factory) {
  loglets::SequencerKindOptions sequencer;
  sequencer.nodes = std::move(nodes);
  factory->Register(loglets::NewSequencerKind(env, peers, std::move(sequencer)));
}

}  // namespace vlog::client
