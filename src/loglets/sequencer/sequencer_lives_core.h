// Which sequencers this process has had: at most one for a loglet id, ever (FAULTS races 7, 33).
//
// Invariant: an id that was claimed once is never claimed again, whatever became of its sequencer;
// a second object would give offset 0 out twice.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIVES_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIVES_CORE_H_

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/status.h"
#include "loglets/sequencer/params.h"

namespace vlog::loglets::sequencer {

// Pure. One a process, as long as the process.
class SequencerLives {
 public:
  // `self`: this process' node and incarnation.
  explicit SequencerLives(SequencerId self) : self_(self) {}

  // OK, once for each id: make the SequencerCore. kAlreadyExists: it was made, and may still be
  // held by the shell, else it is dead. kAborted: dead, for the parameters name another process, or
  // the loglet is gone; seal it and refresh the chain.
  Status Claim(const LogletId& id, const Params& params) {
    if (params.sequencer != self_) {
      return absl::AbortedError("dead: this loglet's sequencer was another process");
    }
    if (id.segment < FloorOf(id.log)) return absl::AbortedError("dead: this loglet is gone");
    if (!claimed_.insert(id).second) {
      return absl::AlreadyExistsError("this process has made the sequencer of this loglet before");
    }
    return absl::OkStatus();
  }

  // The log's loglets below `floor` are gone for good: their ids need not be remembered one by one.
  void ForgetBelow(const std::string& log, SegmentIndex floor) {
    floors_[log] = std::max(FloorOf(log), floor);
    std::erase_if(claimed_,
                  [&](const LogletId& id) { return id.log == log && id.segment < floor; });
  }
  size_t remembered() const { return claimed_.size(); }

 private:
  SegmentIndex FloorOf(const std::string& log) const {
    auto it = floors_.find(log);
    return it == floors_.end() ? SegmentIndex() : it->second;
  }

  const SequencerId self_;
  std::set<LogletId> claimed_;
  std::map<std::string, SegmentIndex> floors_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIVES_CORE_H_
