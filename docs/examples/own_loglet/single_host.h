// The node's half of the kind: what a node program registers to host single loglets.
#ifndef OWN_LOGLET_SINGLE_HOST_H_
#define OWN_LOGLET_SINGLE_HOST_H_

#include <memory>

#include "loglets/host.h"

namespace single {

std::unique_ptr<vlog::loglets::HostableKind> NewHostableKind();

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_HOST_H_
