#include "server/kinds.h"

#include "loglets/paxos/paxos_kind.h"
#include "loglets/raft/raft_kind.h"
#include "loglets/sequencer/sequencer_kind_host.h"

namespace vlog::server {

// One line a kind. Kinds do not register themselves: linkers drop objects that nobody names.
std::vector<std::unique_ptr<loglets::HostableKind>> HostableKinds() {
  std::vector<std::unique_ptr<loglets::HostableKind>> kinds;
  kinds.push_back(loglets::NewSequencerHostable());
  kinds.push_back(loglets::NewRaftHostable());
  kinds.push_back(loglets::NewPaxosHostable());
  return kinds;
}

}  // namespace vlog::server
