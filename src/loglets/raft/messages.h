// What the replicas of a Raft loglet say to each other, typed. Plain data; the wire form is in
// wire.h.
//
// Every request names the disk that it is meant for: a node whose disk was replaced is another
// replica, and no voter (DESIGN 6.4). Every reply tells the term of who replies.
#ifndef VLOG_LOGLETS_RAFT_MESSAGES_H_
#define VLOG_LOGLETS_RAFT_MESSAGES_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/batch.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace vlog::loglets::raft {

using Term = Id<struct TermTag>;          // grows with each election; 0: before the first
using Index = Position<struct IndexTag>;  // of an entry of the log, from 1; 0: before the first

enum class EntryType : uint8_t { kNoOp = 1, kBatch = 2, kSeal = 3 };

struct LogEntry {
  Term term;  // of the leader that made it
  EntryType type = EntryType::kNoOp;
  Batch batch;           // of kBatch
  std::string proposal;  // of kSeal
};

// `pre`: would you vote for me in this term? Changes nothing (thesis, 9.6).
struct VoteRequest {
  DiskId disk;
  Term term;
  bool pre = false;
  Index last;  // the candidate's last entry
  Term last_term;
};

inline constexpr size_t kMaxEntries = 1024;  // of one request

// The entries that follow `prev`; none: a heartbeat.
struct AppendRequest {
  DiskId disk;
  Term term;
  Index prev;
  Term prev_term;
  std::vector<LogEntry> entries;
  Index commit;  // of the leader
  // SEAL is among what follows: write the entries even where a full disk refuses data.
  bool urgent = false;
};

// To a follower that needs entries which the leader has given up, because their records are
// trimmed: what the log up to `index`, the leader's base, amounts to.
struct MoveUpRequest {
  DiskId disk;
  Term term;
  Index index;
  Term index_term;
  Bytes state;  // replicated::AppliedState, encoded
};

enum class Code : uint8_t {
  kOk = 0,         // voted; or appended, and durable here
  kNo = 1,         // refused
  kFull = 2,       // the disk is full
  kOtherDisk = 3,  // not the replica that was meant
  kStranger = 4,   // the sender is no member
  kImpaired = 5,   // this replica lost its state, or part of it
};

struct VoteReply {
  Code code = Code::kNo;
  Term term;
};

struct AppendReply {
  Code code = Code::kNo;
  Term term;
  // kOk: all up to `match` is as the leader has it and durable here, and the records of it end at
  // `match_end`.
  Index match;
  Offset match_end;
  // kNo, if the leader's term counts here: begin at `hint`; if `hint_term` is set, that is the term
  // of the entry which conflicts and `hint` the first of that term (Raft 5.3).
  Index hint;
  Term hint_term;
  bool sealed = false;  // SEAL is applied here
};

using RequestMessage = std::variant<VoteRequest, AppendRequest, MoveUpRequest>;
using ReplyMessage = std::variant<VoteReply, AppendReply>;

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_MESSAGES_H_
