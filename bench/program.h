// The command line that the benchmark programs share.
#ifndef VLOG_BENCH_PROGRAM_H_
#define VLOG_BENCH_PROGRAM_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "group.h"

namespace vlog::bench {

struct ProgramText {
  std::string name;
  std::string about;
  std::string quick;  // what --quick does
  std::string examples;
};

class Program {
 public:
  // `groups` outlives it.
  Program(ProgramText text, const std::vector<Group>& groups);

  // For what a program runs as processes of its own, added before Parse().
  CLI::App& app() { return app_; }
  // True: go on. False: exit_code() is the end of it.
  bool Parse(int argc, char** argv);
  // Lists or runs the groups that were asked for; the exit code.
  int Run();
  int exit_code() const { return exit_code_; }

 private:
  const ProgramText text_;
  const std::vector<Group>& groups_;
  CLI::App app_;
  Settings settings_;
  std::vector<std::string> only_;
  bool list_ = false;
  int exit_code_ = 0;
};

}  // namespace vlog::bench

#endif  // VLOG_BENCH_PROGRAM_H_
