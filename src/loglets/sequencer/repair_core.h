// One repair: brings [K, T) onto W sealed servers (DESIGN 6.2). Pure; part of SealCore, which is
// the one to be used by sealers. With Rehoming, onto each server that can take it, however much of
// it the servers know to be committed.
//
//        K                                   T
//   .....|== batch ==|= batch =|=== batch ===|        read from whoever has it, whole batches with
//        known       at ->                   tail     their old boundaries, written in order
//
// Rules: batches go only to servers that are sealed, which this sealer has heard from them, with K
// and never T as known tail; nothing that a server answers here acknowledges anything to a writer
// (FAULTS R5, race 31). What is trimmed meanwhile need not be repaired (race 27).
#ifndef VLOG_LOGLETS_SEQUENCER_REPAIR_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_REPAIR_CORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "loglets/sequencer/messages.h"

namespace vlog::loglets::sequencer {

struct RepairOptions {
  size_t chunk_bytes = 1 << 20;                      // of bodies read and written at once
  Duration answer = std::chrono::milliseconds(300);  // a server that is silent for longer is lost
  Duration gather = std::chrono::milliseconds(300);  // for more servers while fewer than W hold
};

// A repair that moves a sealed segment: the chain says that all of [K, T) is committed.
struct Rehoming {
  // What nobody need hold any more ends here, which may be inside the batch that begins at K.
  Offset trim;
};

using QuestionId = uint64_t;  // of one read or repair request; the answer names it

class RepairCore {
 public:
  // `known` is K, `tail` is T, known <= tail. `proposal` goes with each request.
  RepairCore(Params params, RepairOptions options, Offset known, Offset tail, std::string proposal,
             Instant now, std::optional<Rehoming> rehoming = {});

  struct Read {
    QuestionId id;
    size_t server;
    ReadRequest request;
  };
  struct Write {
    QuestionId id;
    size_t server;
    RepairRequest request;
  };
  struct Output {
    std::vector<Read> reads;
    std::vector<Write> writes;
  };
  Output TakeOutput() { return std::exchange(output_, {}); }

  // `word`: how the server stands, sealed; `held`: batches that came with its answer. It is a
  // source for what it holds, and a target if it holds nothing above a hole. Late ones may join.
  // `leaves`: it is a source only.
  void AddServer(size_t server, const ServerWord& word, const std::vector<PlacedBatch>& held,
                 bool leaves = false);
  // After AddServer(): goes on with what there is.
  void Advance(Instant now);
  void OnRead(QuestionId id, const ReadReply& reply, Instant now);
  void OnWritten(QuestionId id, const ServerWord& word, Instant now);
  void Tick(Instant now);
  Instant next_tick() const;

  enum class State {
    kWorking,
    kDone,    // [K, T) can be read, and holders() servers have all of it; of a re-homing: they do
    kFailed,  // nobody who answers has the batch at lost_from()
  };
  State state() const { return state_; }
  // At least W; else all that answered and could take it. None: the servers have it only together.
  size_t holders() const;
  bool holds(size_t server) const { return servers_[server].role == Role::kHolder; }
  // There was something to repair that has not been trimmed since.
  bool needed() const { return known_ < tail_; }
  // Every server that may hold lost_from() has said that it does not.
  bool nobody_silent() const;
  Offset lost_from() const { return at_; }
  // Those that could not serve lost_from(), because they went silent or lack it.
  std::vector<size_t> failed_sources() const;

 private:
  enum class Role {
    kAbsent,
    kSource,  // holds a part; cannot take what is missing
    kTarget,  // takes what follows its tail
    kHolder,  // has all of [K, T)
  };
  struct Server {
    Role role = Role::kAbsent;
    bool leaves = false;
    bool lost = false;                // silent for too long, or it failed
    Offset tail;                      // as last told
    Offset begin;                     // from here to its tail it lacks nothing
    std::optional<Offset> lacks;      // it said that it lacks the batch there
    std::optional<QuestionId> asked;  // a write that is not answered
  };

  void Judge(size_t server);
  bool FindNext();
  bool FindUnread();
  bool OneMayJoin() const;
  void AskForBatch(Instant now);
  void WriteBatches(Instant now);
  bool Keep(const std::vector<PlacedBatch>& batches);
  void Learn(Offset known);
  bool writing() const;

  const Params params_;
  const RepairOptions options_;
  Offset known_;
  const Offset tail_;
  const std::string proposal_;
  const std::optional<Rehoming> rehoming_;
  State state_ = State::kWorking;
  std::vector<Server> servers_;
  std::map<Offset, Batch> batches_;  // read and still needed, by first offset
  Offset at_;                        // the lowest offset that a target needs
  Offset readable_;                  // with no target left: all in [K, readable_) was read
  struct Question {
    QuestionId id;
    size_t server;
  };
  std::optional<Question> reading_;
  QuestionId next_id_ = 1;
  Instant patience_;  // until when those that were asked may be silent
  Instant gather_until_;
  Output output_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_REPAIR_CORE_H_
