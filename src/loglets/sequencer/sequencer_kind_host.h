// The node's half of the sequencer kind: log servers and sequencers.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_HOST_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_HOST_H_

#include <memory>

#include "loglets/host.h"

namespace vlog::loglets {

std::unique_ptr<HostableKind> NewSequencerHostable();

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_HOST_H_
