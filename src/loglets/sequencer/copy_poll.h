// What the log servers of a loglet say about one record.
#ifndef VLOG_LOGLETS_SEQUENCER_COPY_POLL_H_
#define VLOG_LOGLETS_SEQUENCER_COPY_POLL_H_

#include <vector>

#include "async/event.h"
#include "loglets/factory.h"
#include "loglets/sequencer/messages.h"
#include "loglets/sequencer/params.h"

namespace vlog::loglets::sequencer {

// Answers are taken as they come, each once. Thread rule: the scheduler's.
struct CopyPoll {
  CopyPoll(async::Scheduler& scheduler, const Params& params);
  void Take(size_t server, Offset offset, const StatusOr<ReadReply>& reply);

  async::Event heard;           // something was taken
  std::vector<CopyWord> words;  // by server; silent until they answer
  size_t waiting;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_COPY_POLL_H_
