// What the demo measured, for people and for programs.
#ifndef VLOG_TOOLS_VLOG_DEMO_REPORT_H_
#define VLOG_TOOLS_VLOG_DEMO_REPORT_H_

#include <string>

#include "chain_text.h"
#include "demo_run.h"

namespace vlog::cli {

struct DemoReport {
  std::string file;
  uint64_t lines = 0;
  uint64_t text_bytes = 0;
  uint64_t writers = 0;
  DemoResult result;
  ChainState chain;
  bool in_memory = false;  // the directory lies on a file system without a disk
};

std::string DemoText(const DemoReport& report);
// One line, without newline.
std::string DemoJson(const DemoReport& report);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_REPORT_H_
