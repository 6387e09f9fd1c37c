// The commands of vlog. Each returns the exit code of the process (exit_code.h).
#ifndef VLOG_TOOLS_VLOG_COMMANDS_H_
#define VLOG_TOOLS_VLOG_COMMANDS_H_

#include <cstdint>
#include <optional>
#include <string>

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
Task<int> Reconfigure(Shell& shell, virtuallog::ReconfigureRequest request);
Task<int> Seal(Shell& shell, std::string reason);
Task<int> ShowChain(Shell& shell, bool json);
Task<int> ListLogs(Shell& shell);
Task<int> Verify(Shell& shell);

// Only on a cluster.
Task<int> CreateLog(Shell& shell, std::string name, client::NewLog made);
Task<int> ShowStatus(Shell& shell, bool json);

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
};
// Without a directory in the shell's arguments it makes a temporary one.
Task<int> Demo(Shell& shell, DemoArguments arguments);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_COMMANDS_H_
