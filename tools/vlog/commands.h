// The commands of vlog. Each returns the exit code of the process (exit_code.h).
#ifndef VLOG_TOOLS_VLOG_COMMANDS_H_
#define VLOG_TOOLS_VLOG_COMMANDS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/rehome.h"
#include "shell.h"

namespace vlog::cli {

struct AppendArguments {
  enum class Source { kNone, kText, kLines, kFile };
  Source source = Source::kNone;
  std::string text;  // the record, or the name of the file
  bool acks = false;
};
// REQUIRES: a source.
Task<int> Append(Shell& shell, AppendArguments arguments);

struct ReadArguments {
  enum class Format { kLines, kJson, kRaw };
  std::optional<Lsn> from;  // none: the trim point
  std::optional<Lsn> to;    // exclusive; none: the tail now, or never with follow
  bool follow = false;
  Format format = Format::kLines;
};
Task<int> Read(Shell& shell, ReadArguments arguments);

Task<int> Tail(Shell& shell);
Task<int> Trim(Shell& shell, Lsn to);

struct ReconfigureArguments {
  virtuallog::ReconfigureRequest request{"", "vlog reconfigure"};
  // Only on a cluster.
  bool dry_run = false;
  uint32_t copies = 0;              // N of --replication W/N; 0: not given
  uint32_t least_copies = 0;        // 0: not given
  bool allow_fewer_copies = false;  // the write quorum may become smaller
};
Task<int> Reconfigure(Shell& shell, ReconfigureArguments arguments);
Task<int> ReconfigureOnCluster(Shell& shell, ReconfigureArguments arguments);
// "INDEX BASE KIND"
Task<int> PrintLastSegment(Shell& shell, virtuallog::SharedLog& log);
Task<int> Seal(Shell& shell, std::string reason);
Task<int> ShowChain(Shell& shell, bool json);
Task<int> Explain(Shell& shell, Lsn lsn, bool json);
Task<int> ListLogs(Shell& shell);
Task<int> Verify(Shell& shell);

// Only on a cluster.
struct CreateArguments {
  std::string name;
  client::NewLog made;
  uint32_t copies = 0;        // N of --replication W/N; 0: not given
  uint32_t least_copies = 0;  // 0: not given
};
Task<int> CreateLog(Shell& shell, CreateArguments arguments);
Task<int> ShowStatus(Shell& shell, bool json);
Task<int> DrainNode(Shell& shell, NodeId node);
Task<int> UndrainNode(Shell& shell, NodeId node);
Task<int> ReplaceDisk(Shell& shell, NodeId node);
Task<int> RehomeSegments(Shell& shell, client::RehomeOptions options);

struct CheckArguments {
  std::string history;
  bool allow_data_loss = false;
};
// Needs no directory.
int Check(const CheckArguments& arguments);

struct DemoArguments {
  std::string file;
  uint64_t writers = 8;
  uint64_t swaps = 50;
  std::string keep;
  bool embedded = false;
};
// On the log that the shell's arguments name. Without one, embedded in a temporary directory, or
// else on a cluster of its own, of which a node is killed.
Task<int> Demo(Shell& shell, DemoArguments arguments);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_COMMANDS_H_
