// A process that this one started and that ends with it, however this one ends.
#ifndef VLOG_TOOLS_LOCAL_CLUSTER_CHILD_PROCESS_H_
#define VLOG_TOOLS_LOCAL_CLUSTER_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/status.h"

namespace vlog::local_cluster {

struct Command {
  std::vector<std::string> words;  // the program's path and its arguments
  std::string errors;              // file to which standard error is appended
  std::string output;              // file that standard output replaces; "": goes to `errors`
};

// The child has a process group of its own, so that ^C reaches only this process; no descriptor but
// the standard ones, of which the first is empty; and no VLOG_ variable of this environment. It
// gets SIGKILL when the thread that started it ends.
//
// Thread rule: one thread, which lives as long as the process: the main one.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills it.
  ~ChildProcess() { Kill(); }

  // kUnavailable: no process, no file. That the program cannot be run shows as exit code 127, with
  // a line in `errors`.
  static StatusOr<ChildProcess> Start(const Command& command);

  // 0: there is none, or its end was seen.
  pid_t pid() const { return pid_; }
  // Whether it has not ended yet; sees its end.
  bool Running();
  // Waits for its end. Returns how it ended: "ended with code 1", "was ended by signal 9".
  std::string Wait();
  // SIGKILL, and waits for its end; a stopped process dies as well. Nothing without a process.
  void Kill();
  // Nothing without a process.
  void Signal(int number);
  // How it ended; "" before.
  const std::string& end() const { return end_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  void NoteEnd(int status);

  pid_t pid_ = 0;
  std::string end_;
};

}  // namespace vlog::local_cluster

#endif  // VLOG_TOOLS_LOCAL_CLUSTER_CHILD_PROCESS_H_
