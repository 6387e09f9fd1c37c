// The one life of the sequencer of one loglet: the shell around SequencerCore that drives its flows
// to the log servers over rpc, keeps its clock and answers its appenders.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIFE_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIFE_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/event.h"
#include "loglets/host.h"
#include "loglets/sequencer/sequencer_core.h"
#include "loglets/sequencer/wire.h"

namespace vlog::loglets::sequencer {

struct SequencerTiming {
  // A log server that owes an answer for so long is connected to anew.
  Duration answer = std::chrono::seconds(2);
  // Between a lost connection and the next attempt.
  Duration reconnect = std::chrono::milliseconds(20);
  // How long appends wait for a connection to W log servers, before they are given an offset: after
  // a partition the first ones must not end this life.
  Duration hold = std::chrono::milliseconds(1500);
  // How long Prepare waits for W log servers.
  Duration prepare = std::chrono::seconds(1);
};

// A connection to a log server, as the core knows it, lasts from one failed call to the next: what
// is asked after it gets no answer that was meant for one before it. rpc keeps calls in order.
//
// Thread rule: the Env's executor.
class SequencerLife : public std::enable_shared_from_this<SequencerLife> {
 public:
  // Silent until the first append or hand-over: one that was prepared and never used leaves nothing
  // behind. REQUIRES: SequencerLives gave this loglet's claim out for it.
  SequencerLife(HostContext context, LogletId id, Params params, SequencerOptions options,
                SequencerTiming timing);
  // Answered as Loglet::Append() says, in order. Once it has stopped it acknowledges nothing any
  // more, not even what it has acknowledged before: that is "unknown", a read will tell.
  void Append(Batch batch, rpc::Responder respond);
  // As SequencerCore::HandOverTo().
  void HandOver(std::string proposal, rpc::Responder respond);
  // OK: it works, and W log servers answer. kAborted: it has stopped. kUnavailable: who is silent.
  static Task<Status> Prepare(std::shared_ptr<SequencerLife> self);
  // Answers no one any more and sends nothing.
  void End();
  // Nobody waits for an answer.
  bool idle() const { return appends_.empty() && hand_overs_.empty(); }

  const SequencerCore& core() const { return core_; }
  const LogletId& id() const { return id_; }

 private:
  struct Link {
    uint64_t epoch = 0;  // of the connection
    bool up = false;
    std::shared_ptr<rpc::Channel> channel;
  };
  struct Waiting {
    rpc::Responder respond;
    bool late;  // it came after the end
  };
  struct Welcomes;
  void Start();
  bool MustHold() const;
  void ReleaseHeld();
  void Connect(size_t server);
  void Disconnect(size_t server);
  void Settle();
  void Send(SequencerCore::Store store);
  void Send(SequencerCore::Seal seal);
  rpc::Call CallTo(size_t server, rpc::Method method, rpc::Message message) const;
  // What a server answered on its present connection; none if the connection is lost.
  std::optional<ServerWord> WordOf(size_t server, uint64_t epoch, StatusOr<rpc::Reply> reply);
  void Answer(SequencerCore::Appended appended);
  void Answer(SequencerCore::HandedOver handed_over);
  void Arm();
  bool finished() const { return core_.state() == SequencerCore::State::kStopped && idle(); }
  Instant Now() const { return context_.env.scheduler().Now(); }

  HostContext context_;
  const LogletId id_;
  const SequencerTiming timing_;
  SequencerCore core_;
  std::vector<Link> links_;  // by server number
  std::map<AppendToken, Waiting> appends_;
  std::deque<std::pair<AppendToken, Batch>> held_;  // of them, not given to the core yet
  Instant hold_until_;
  std::map<HandOverToken, rpc::Responder> hand_overs_;
  uint64_t next_token_ = 1;
  bool successor_asked_ = false;
  Instant armed_ = Instant::Max();
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIFE_H_
