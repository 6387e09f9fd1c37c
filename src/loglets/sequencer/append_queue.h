// The appends of one handle that are not answered yet: sent to the sequencer in order, and sent
// again, byte for byte and in the same order, until it says what became of them.
//
// The sequencer recognizes what it has taken. So it alone says "sealed, not stored"; without its
// word a batch that was sent is unknown (FAULTS race 45).
#ifndef VLOG_LOGLETS_SEQUENCER_APPEND_QUEUE_H_
#define VLOG_LOGLETS_SEQUENCER_APPEND_QUEUE_H_

#include <deque>
#include <memory>
#include <optional>

#include "loglets/loglet.h"
#include "loglets/sequencer/loglet_client.h"

namespace vlog::loglets::sequencer {

// Ends by the sequencer's word, or when a log server is found sealed, or when the sequencer is
// proven dead: then nothing more will ever be stored by it, and the loglet needs to be sealed.
//
// Thread rule: the Env's executor.
class AppendQueue : public std::enable_shared_from_this<AppendQueue> {
 public:
  explicit AppendQueue(std::shared_ptr<LogletClient> client) : client_(std::move(client)) {}

  // As Loglet::Append().
  void Append(Batch batch, AppendDone done);

 private:
  struct Pending {
    Batch batch;
    AppendDone done;
    int open_attempts = 0;  // those that may have reached the sequencer
    std::optional<StatusOr<Offset>> result;
  };
  void Send(uint64_t number);
  void Answered(uint64_t number, uint64_t epoch, StatusOr<rpc::Reply> reply);
  void Refused(Pending& pending, uint64_t epoch, const Status& status);
  // Sends everything again, later.
  void Break();
  void Resume();
  void Probe();
  // Nothing is sent any more: what may have been stored is unknown, for the rest `why` holds.
  void EndAll(const Status& why);
  void DeliverSoon();
  void Deliver();

  std::shared_ptr<LogletClient> client_;
  std::deque<Pending> queue_;
  uint64_t first_ = 0;  // number of the front
  uint64_t epoch_ = 0;  // answers of older ones tell only what became of a batch
  bool pausing_ = false;
  int failures_ = 0;  // since the last success
  bool delivering_ = false;
  Status ended_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_APPEND_QUEUE_H_
