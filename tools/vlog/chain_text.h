// A chain for people and for programs.
#ifndef VLOG_TOOLS_VLOG_CHAIN_TEXT_H_
#define VLOG_TOOLS_VLOG_CHAIN_TEXT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "virtuallog/chain.h"
#include "virtuallog/shared_log.h"

namespace vlog::cli {

struct ChainState {
  std::string log;
  std::shared_ptr<const virtuallog::Chain> chain;
  Version version;
  Lsn trim_point;
};

// "2026-05-04T03:02:01.000Z"
std::string IsoTime(WallTime time);
// "moved 2026-05-04T03:02:01.000Z by me: vlog rehome: node 3 ..."; "" if the segment is where it
// was made.
std::string RehomedText(const virtuallog::Segment& segment);
std::string RehomedJson(const virtuallog::Segment& segment);
// "sequencer, 3 copies, 2 before an acknowledgement, preferably on nodes 1, 2, 3"
std::string PolicyText(const loglets::Policy& policy);
std::string PolicyJson(const loglets::Policy& policy);

Task<StatusOr<ChainState>> ReadChainState(virtuallog::SharedLog& log);
// A row a segment; of more than `max_rows` only the first and last ones.
std::string ChainTable(const ChainState& state, size_t max_rows);
// One line, without newline.
std::string ChainJson(const ChainState& state);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_CHAIN_TEXT_H_
