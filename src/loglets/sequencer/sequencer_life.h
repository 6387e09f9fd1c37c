// The one life of the sequencer of one loglet: the shell around SequencerCore that drives its flows
// to the log servers over rpc, keeps its clock and answers its appenders.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIFE_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIFE_H_

#include <map>
#include <memory>
#include <optional>
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
  // While fewer than W log servers are connected, no append is given an offset: after a partition
  // the first ones must not end this life. How long one waits before it is told to come again
  // (less than its client's patience), and how long this goes on: then the log is to move on.
  Duration hold = std::chrono::milliseconds(600);
  Duration outage = std::chrono::milliseconds(1500);
  // How long Prepare waits for W log servers.
  Duration prepare = std::chrono::seconds(1);
  // Between its end and the seal that it asks for itself: clients that wait are quicker.
  Duration grace = std::chrono::milliseconds(500);
  // How long one that has ended still answers by what it knows. Its batches are given up at once.
  Duration linger = std::chrono::seconds(10);
};

// Who keeps the sequencers of a process.
class SequencerOwner {
 public:
  virtual ~SequencerOwner() = default;
  // It has stopped by itself: the loglet is to be sealed by its log servers. Once.
  virtual void SealWanted(const LogletId& id) = 0;
  // Nobody needs it any more: let it go. Later requests are answered "dead".
  virtual void Over(const LogletId& id) = 0;
};

// A connection to a log server, as the core knows it, lasts from one failed call to the next: what
// is asked after it gets no answer that was meant for one before it. rpc keeps calls in order.
//
// Thread rule: the Env's executor.
class SequencerLife : public std::enable_shared_from_this<SequencerLife> {
 public:
  // Silent until the first append or hand-over: one that was prepared and never used leaves nothing
  // behind. The owner outlives it, or calls End() first. REQUIRES: SequencerLives gave this
  // loglet's claim out for it.
  SequencerLife(HostContext context, LogletId id, Params params, SequencerOptions options,
                SequencerTiming timing, SequencerOwner& owner);
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
  // Of bodies: those that have an offset and those that wait for one.
  size_t bytes() const { return core_.bytes() + held_bytes_; }
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
  struct Held {
    AppendToken token;
    Batch batch;
    Instant since;
  };
  void Start();
  bool MustHold() const;
  void Hold(AppendToken token, Batch batch);
  void ReleaseHeld();
  std::vector<Held> TakeHeld();
  void Rest();
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
  const SequencerOptions options_;
  const SequencerTiming timing_;
  SequencerOwner& owner_;
  SequencerCore core_;
  std::vector<Link> links_;  // by server number
  std::map<AppendToken, Waiting> appends_;
  std::vector<Held> held_;  // of them, not given to the core yet
  size_t held_bytes_ = 0;
  std::optional<Instant> outage_;  // since when too few log servers are connected, if that matters
  std::map<HandOverToken, rpc::Responder> hand_overs_;
  uint64_t next_token_ = 1;
  bool successor_asked_ = false;
  bool seal_asked_ = false;
  bool resting_ = false;
  Instant armed_ = Instant::Max();
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_LIFE_H_
