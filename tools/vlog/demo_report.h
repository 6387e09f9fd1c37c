// What the demo measured, for people and for programs. Pure.
#ifndef VLOG_TOOLS_VLOG_DEMO_REPORT_H_
#define VLOG_TOOLS_VLOG_DEMO_REPORT_H_

#include <string>
#include <vector>

#include "chain_text.h"
#include "demo_measure.h"

namespace vlog::cli {

struct DemoResult {
  Status status;  // the first thing that went wrong
  DemoMeasure measure;
  uint64_t acked = 0;
  uint64_t read = 0;
  uint64_t bytes = 0;  // of the records
  Lsn first;           // acknowledged
  Lsn last;
};

// A process of the demo's own cluster, as it was started first.
struct DemoNode {
  NodeId node;
  int pid = 0;
  std::string address;
};

struct DemoReport {
  std::string file;
  uint64_t lines = 0;
  uint64_t text_bytes = 0;
  uint64_t writers = 0;
  std::vector<DemoNode> nodes;
  DemoResult result;
  ChainState chain;
  bool in_memory = false;  // the directory lies on a file system without a disk
};

std::string NodesText(const std::vector<DemoNode>& nodes);
std::string DemoText(const DemoReport& report);
// One line, without newline.
std::string DemoJson(const DemoReport& report);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_REPORT_H_
