// What the operating system says about this process.
#ifndef VLOG_TOOLS_VLOGD_PROCESS_STATS_H_
#define VLOG_TOOLS_VLOGD_PROCESS_STATS_H_

#include "server/node_pages.h"

namespace vlog::vlogd {

// What cannot be read is zero.
server::ProcessStats ReadProcessStats();

}  // namespace vlog::vlogd

#endif  // VLOG_TOOLS_VLOGD_PROCESS_STATS_H_
