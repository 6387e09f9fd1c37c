// The log that the demo writes to, and what the demo does to it meanwhile.
#ifndef VLOG_TOOLS_VLOG_DEMO_STAGE_H_
#define VLOG_TOOLS_VLOG_DEMO_STAGE_H_

#include <memory>
#include <string>

#include "demo_measure.h"
#include "demo_report.h"
#include "shell.h"

namespace vlog::cli {

// Thread rule: the shell's loop, on the main thread. The shell outlives it.
class DemoStage {
 public:
  virtual ~DemoStage() = default;
  virtual Task<StatusOr<virtuallog::SharedLog*>> Open() = 0;
  // Whether there is a node to kill.
  virtual bool can_crash() const { return false; }
  // Does it and says what it did. REQUIRES: the log is open; a kill and a return alternate, and
  // only on a stage that can crash. Any error ends the demo.
  virtual Task<StatusOr<std::string>> Perform(DemoEventKind kind) = 0;
  // The processes of its own; none by default.
  virtual std::vector<DemoNode> nodes() const { return {}; }
};

// The log that the shell's arguments name; swaps only.
std::unique_ptr<DemoStage> NewPlainStage(Shell& shell);

// Three vlogd processes on loopback; swaps go round all kinds of loglets and all nodes. They store
// in `directory` and write node1.log ... to `logs`. They end with the stage.
std::unique_ptr<DemoStage> NewClusterStage(Shell& shell, std::string directory, std::string logs);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_STAGE_H_
