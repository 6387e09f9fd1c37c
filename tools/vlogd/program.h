// What vlogd does once its configuration is known: formats a data directory, or runs the node in it
// until it is told to stop.
#ifndef VLOG_TOOLS_VLOGD_PROGRAM_H_
#define VLOG_TOOLS_VLOGD_PROGRAM_H_

#include "server/config.h"

namespace vlog::vlogd {

enum ExitCode {
  kGood = 0,
  kFailed = 1,  // the log says why
  kUsage = 2,   // wrong arguments or configuration; nothing was done
};

// Prints the cluster's id to stdout, and nothing else there.
ExitCode FormatNode(const server::NodeConfig& config);
ExitCode RunNode(const server::LoadedConfig& loaded);

}  // namespace vlog::vlogd

#endif  // VLOG_TOOLS_VLOGD_PROGRAM_H_
