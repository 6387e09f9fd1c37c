// The client's half of the kind: what whoever opens logs registers to use single loglets.
#ifndef OWN_LOGLET_SINGLE_KIND_H_
#define OWN_LOGLET_SINGLE_KIND_H_

#include <memory>
#include <vector>

#include "env/env.h"
#include "loglets/factory.h"
#include "rpc/peers.h"

namespace single {

// `nodes`: where a loglet may live if nobody says so, as far as they are in service (null: all).
// Env and peers outlive the kind and every loglet that it opened.
std::unique_ptr<vlog::loglets::LogletKind> NewLogletKind(
    vlog::env::Env& env, vlog::rpc::Peers& peers, std::vector<vlog::NodeId> nodes,
    vlog::loglets::NodesInService in_service = nullptr);

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_KIND_H_
