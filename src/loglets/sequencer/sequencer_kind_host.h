// The node's half of the sequencer kind: log servers and sequencers.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_HOST_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_HOST_H_

#include <memory>

#include "loglets/host.h"
#include "loglets/sequencer/sequencer_core.h"

namespace vlog::loglets {

// `options`: of all its sequencers.
std::unique_ptr<HostableKind> NewSequencerHostable(sequencer::SequencerOptions options = {});

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_KIND_HOST_H_
