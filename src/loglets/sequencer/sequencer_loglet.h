// A loglet of the sequencer kind, as a client opens it.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_LOGLET_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_LOGLET_H_

#include <memory>
#include <optional>
#include <string>

#include "loglets/loglet.h"
#include "loglets/sequencer/append_queue.h"
#include "loglets/sequencer/loglet_client.h"
#include "loglets/sequencer/tail_rounds.h"

namespace vlog::loglets::sequencer {

// Appends go through the sequencer; everything else asks the log servers, so that it works without
// it. What any message tells of the committed tail is the hint.
//
// Thread rule: the Env's executor. Env and peers outlive it.
class SequencerLoglet final : public Loglet, public std::enable_shared_from_this<SequencerLoglet> {
 public:
  // `end`: where the chain says that it ends; then its tail is never asked for.
  SequencerLoglet(std::shared_ptr<LogletClient> client, std::optional<Offset> end);
  // Hears how it stands from W servers, if they answer soon.
  static Task<void> WarmUp(std::shared_ptr<LogletClient> client);

  void Append(Batch batch, AppendDone done) override;
  Task<StatusOr<Tail>> CheckTail() override;
  Offset TailHint() override { return client_->known_tail(); }
  Task<void> RefreshTailHint() override;
  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override;
  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override;
  Task<StatusOr<Offset>> Trim(Offset to) override;
  Offset TrimHint() override { return client_->trims().highest(); }
  Task<StatusOr<Sealed>> Seal(std::string proposal) override;

 private:
  // Keeps one log server telling of news as long as somebody waits for them.
  void Watch();
  void Watched(StatusOr<ServerAnswer> answer);

  std::shared_ptr<LogletClient> client_;
  const std::optional<Offset> end_;
  std::shared_ptr<AppendQueue> appends_;
  std::shared_ptr<TailRounds> rounds_;
  size_t reads_from_ = 0;  // the log server that served the last read
  size_t watched_ = 0;     // the one that tells of news
  bool watching_ = false;
  size_t watchers_ = 0;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_LOGLET_H_
