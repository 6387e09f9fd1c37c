// What sequencer, log servers and clients of one loglet say to each other, as plain values: the
// cores take and give these, the shells carry them. Every message travels with the loglet's id,
// which the shell routes by and which the cores never see.
//
// Positions: a known tail and a durable tail always fall between batches. Known tails only ever
// name what is committed: from the sequencer, from a proven tail check, or the segment's end in the
// chain. A sealed tail that nobody published is none.
#ifndef VLOG_LOGLETS_SEQUENCER_MESSAGES_H_
#define VLOG_LOGLETS_SEQUENCER_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/batch.h"
#include "base/ids.h"
#include "loglets/sequencer/params.h"

namespace vlog::loglets::sequencer {

// A batch at its place: it covers the offsets [first, end()).
struct PlacedBatch {
  Offset first;
  Batch batch;
  Offset end() const { return first + batch.header.count; }
};

// Batches of one message at most, however small they are.
inline constexpr size_t kMaxBatches = 4096;

// ---- to a log server. `disk`: the server answers only if that is the disk it has. ----

// From the sequencer, in order on one connection. Stores all batches, or says how far it got. With
// no batches: a hello, a heartbeat, or a known tail that somebody waits for.
struct StoreRequest {
  DiskId disk;
  SequencerId sequencer;
  Offset known_tail;
  std::vector<PlacedBatch> batches;  // consecutive
};

// Seals. The answer is given once the seal is durable, and counts every store before it.
struct SealRequest {
  DiskId disk;
  std::string proposal;  // the successor that this sealer proposes; the first one is kept
  Offset known_tail;     // what the sender knows to be committed; 0 if nothing
};

// From a sealer: batches that this server may lack. Seals first. Never an acknowledgement.
struct RepairRequest {
  DiskId disk;
  std::string proposal;
  Offset known_tail;                 // K, never the sealed tail T
  std::vector<PlacedBatch> batches;  // consecutive, whole, with their old boundaries
};

// Gives up all below `to`. Works on a sealed loglet.
struct TrimRequest {
  DiskId disk;
  Offset to;
  Offset known_tail;  // a committed tail at or above `to`; the server clamps to what it knows
};

enum class WaitFor : uint8_t {
  kNothing,  // answer at once
  kDurable,  // until the durable tail is above `beyond`, or sealed
  kKnown,    // until the known tail is above `beyond`, or sealed
};
struct TailRequest {
  DiskId disk;
  WaitFor wait = WaitFor::kNothing;
  Offset beyond;
};

struct ReadRequest {
  DiskId disk;
  Offset from;
  Offset to;  // from < to
  size_t max_bytes = 0;
};

// ---- from a log server ----

// code           nothing was done, because                           the sender
enum class ServerCode : uint8_t {
  kOk,         // (it was done)
  kSealed,     // sealed: no store counts here any more               stops, seals, asks the chain
  kGone,       // dropped for good; means sealed                      refreshes the chain
  kWrongDisk,  // another disk answers at this node                   takes the replica for lost
  kFenced,     // another sequencer was here first                    stops
  kGap,        // what lies before the first batch is missing         begins again at the tail
  kFull,       // full disk; certainly not stored                     tries again later
  kMalformed,  // the batches do not fit each other or what is held   gives this server up
};

// What a server says of itself in every answer. With kGone and kWrongDisk the rest means nothing.
struct ServerWord {
  ServerCode code = ServerCode::kOk;
  bool sealed = false;  // durably
  // Everything below is stored durably here or known to be committed. From an unsealed server it
  // acknowledges; from a sealed one it proves nothing, for a repair may have raised it.
  Offset durable_tail;
  // Above durable_tail only if damage took entries: up to here this server may have acknowledged.
  Offset possible_tail;
  Offset known_tail;
  // It holds every record of [holds_from, durable_tail) that is not trimmed.
  Offset holds_from;
  Offset trim;
  std::string proposal;  // of the first sealer; "" while not sealed
  bool waiters = false;  // somebody waits here for the known tail to grow
  bool exact() const { return possible_tail == durable_tail; }
};

enum class ReadCode : uint8_t {
  kBatches,    // consecutive whole batches; the first covers `from`
  kTrimmed,    // word.trim is above `from`
  kLacks,      // skipped, damaged or behind: `next` is the next offset it has, else kMaxOffset
  kGone,       // as ServerCode
  kWrongDisk,  // as ServerCode
};
struct ReadReply {
  ReadCode code = ReadCode::kBatches;
  std::vector<PlacedBatch> batches;
  Offset next;
  ServerWord word;
};

// ---- to and from the sequencer ----

// The answer to a seal that goes through the sequencer.
struct HandOver {
  Offset tail;  // T: everything ever assigned, all of it committed
  std::string proposal;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_MESSAGES_H_
