// The part of the chosen prefix that lies in a replica's journal: where its records are, and which
// ballots its commands have. Pure; the same in the journal's stream state and in the running core.
//
//   -- given up --|---- held without a hole, each slot chosen ----|
//               begin()      trim()                            end()
//
// Invariants: begin <= end; begin().offset <= trim() <= end().offset; ballot runs cover [begin,
// end) in order.
#ifndef VLOG_LOGLETS_PAXOS_MAPPED_LOG_CORE_H_
#define VLOG_LOGLETS_PAXOS_MAPPED_LOG_CORE_H_

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "loglets/paxos/messages.h"
#include "loglets/replicated/log_map.h"
#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::paxos {

class MappedLog {
 public:
  ChosenPoint begin() const { return begin_; }
  ChosenPoint end() const { return end_; }
  Offset trim() const { return trim_; }

  // The command of slot end().slot, which holds `records` (0 if it is void or no batch).
  void Append(const Ballot& ballot, uint32_t records, uint64_t position, uint32_t positions);
  // Gives up all that is held and goes on at `to`, above end(), because a checkpoint says so.
  void MoveTo(ChosenPoint to);
  // Shows no record below `to` any more, and gives up the slots below `base`, whose records lie
  // below `to`. REQUIRES: to <= end().offset.
  void Trim(Offset to, ChosenPoint base);

  // Where the commands from `at` on lie: [from, to) of the stream, all of one run; they end at
  // `next`. None: not held any more, or `at` is not where a command begins.
  struct Piece {
    uint64_t from;
    uint64_t to;
    ChosenPoint next;
    bool records;  // every command in it holds its records; else it is one that holds none
  };
  std::optional<Piece> Find(ChosenPoint at) const;
  // As ReplicaCore::FindRecords().
  replicated::ReplicaCore::Place FindRecords(Offset from, Offset to) const;
  // The offset of the batch in `slot` that lies at `position`; none if it is not mapped there, or
  // void.
  std::optional<Offset> OffsetOf(Slot slot, uint64_t position) const;
  // The ballots of the chosen slots [from, to), as far as they are known, at most `most` runs.
  std::vector<BallotRun> Ballots(Slot from, Slot to, size_t most) const;
  // The lowest position that is still needed; none if none is.
  std::optional<uint64_t> lowest_needed() const { return lowest_; }

  void EncodeTo(std::string* out) const;
  void Decode(Decoder& in);  // ok() of `in` tells whether it was one
  void CheckInvariants() const;

 private:
  void FindLowest();

  replicated::LogMap map_;
  std::deque<BallotRun> ballots_;
  ChosenPoint begin_;
  ChosenPoint end_;
  Offset trim_;
  std::optional<uint64_t> lowest_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_MAPPED_LOG_CORE_H_
