// The kinds of loglets that vlogd hosts. A program of its own lists its own kinds.
#ifndef VLOG_SERVER_KINDS_H_
#define VLOG_SERVER_KINDS_H_

#include <memory>
#include <vector>

#include "loglets/host.h"

namespace vlog::server {

std::vector<std::unique_ptr<loglets::HostableKind>> HostableKinds();

}  // namespace vlog::server

#endif  // VLOG_SERVER_KINDS_H_
