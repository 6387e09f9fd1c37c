// A client seals one loglet and learns a tail T that covers everything that was ever acknowledged
// (DESIGN 6.2; Delos 4.2).
//
//   hand-over: ask the sequencer ----- OK ------------------------------------> T is exact
//        | it is dead, refuses, or does not answer within the hedge                 ^
//        v                                                                          |
//   seal all servers -> S answers: T = highest durable tail, K = highest known -> W hold T
//        ^                                                                          ^
//        | a source was lost: again, at most three times                            |
//        +------------------------------------------------ repair [K, T) -----------+
//
// Rules: one answer both seals and tells the tail (FAULTS R1); T is the highest of S answers, never
// the lowest, and is repaired before it is told (R2); damage never lowers T; known tails are never
// raised to T, for the chain may choose another sealer's. Two sealers may get different T, both
// valid. Pure; one object a seal.
#ifndef VLOG_LOGLETS_SEQUENCER_SEAL_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_SEAL_CORE_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "loglets/sequencer/messages.h"
#include "loglets/sequencer/repair_core.h"

namespace vlog::loglets::sequencer {

struct SealOptions {
  RepairOptions repair;
  Duration hedge = std::chrono::milliseconds(50);    // for the sequencer alone
  Duration resend = std::chrono::milliseconds(100);  // to servers that are silent
  Duration pause = std::chrono::milliseconds(50);    // between two attempts
  Duration give_up = std::chrono::seconds(10);       // with fewer than S answers
  int attempts = 3;
};

// All answers to requests of an attempt name it.
using Attempt = uint64_t;

struct SealResult {
  Offset tail;
  std::string proposal;  // that the servers kept; "" if none was made
  // Fewer than W servers could be given the end: each record is on so many at least; else 0.
  uint32_t least_copies = 0;

  bool under_replicated() const { return least_copies != 0; }
};

class SealCore {
 public:
  // `ask_sequencer`: it may be alive.
  SealCore(Params params, SealOptions options, std::string proposal, bool ask_sequencer,
           Instant now);

  struct Seal {
    size_t server;
    Attempt attempt;
    SealRequest request;
  };
  struct Output {
    bool hand_over = false;  // ask the sequencer; it gets the proposal
    std::vector<Seal> seals;
    std::vector<RepairCore::Read> reads;    // question ids are unique within an attempt
    std::vector<RepairCore::Write> writes;  // the same
    Attempt attempt = 0;                    // of reads and writes
  };
  Output TakeOutput();

  // What came of the hand-over.
  void OnHandOver(const StatusOr<HandOver>& reply, Instant now);
  // `held`: batches of [known tail, durable tail) that the server sent along; may be empty.
  void OnSealReply(size_t server, Attempt attempt, const ServerWord& word,
                   const std::vector<PlacedBatch>& held, Instant now);
  void OnRead(Attempt attempt, QuestionId id, const ReadReply& reply, Instant now);
  void OnWritten(Attempt attempt, QuestionId id, const ServerWord& word, Instant now);
  void Tick(Instant now);
  Instant next_tick() const;

  // Set once it is over. OK: after it nothing is acknowledged that was not before.
  //   kFailedPrecondition  gone: sealed and dropped; refresh the chain
  //   kUnavailable         too few servers answer, or a range could not be repaired; says which.
  //                        The loglet may be sealed; sealing again is safe
  //   kDataLoss            every server answered, and none has the range that the message names
  const std::optional<StatusOr<SealResult>>& result() const { return done_; }
  const std::string& proposal() const { return proposal_; }

 private:
  struct Answer {
    ServerWord word;
    std::vector<PlacedBatch> held;
  };
  void BeginAttempt(Instant now);
  void SendSeals();
  void FixTail(Instant now);
  std::optional<Offset> ChooseTail(bool waited) const;
  void Judge(Instant now);
  void Fail(Instant now);
  std::string KeptProposal() const;

  const Params params_;
  const SealOptions options_;
  const std::string proposal_;
  Attempt attempt_ = 0;                         // 0: only the sequencer was asked
  std::vector<std::optional<Answer>> answers_;  // of this attempt
  std::set<size_t> doubtful_;  // could not serve what they should hold, in the attempt before
  Offset tail_;                // T, once `repair_` is set
  std::optional<RepairCore> repair_;
  int failures_ = 0;
  Instant hedge_until_;
  Instant gather_until_;
  bool gathered_ = false;  // gather_until_ has passed
  Instant resend_at_;
  Instant pause_until_;
  Instant give_up_at_;
  std::optional<StatusOr<SealResult>> done_;
  Output output_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEAL_CORE_H_
