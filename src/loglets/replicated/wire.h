// The messages of replicated loglets as bytes: a protobuf header, and the bodies of batches as they
// lie. Each body travels with its checksum, and the receiver verifies that before it believes it.
// Pure.
#ifndef VLOG_LOGLETS_REPLICATED_WIRE_H_
#define VLOG_LOGLETS_REPLICATED_WIRE_H_

#include <string>
#include <vector>

#include "base/time.h"
#include "loglets/loglet.h"
#include "loglets/replicated/replica_core.h"
#include "rpc/message.h"

namespace vlog::loglets::replicated {

// Of each kind, from its method base on.
enum Verb : rpc::Method {
  kPeerVerb = 1,      // between replicas
  kAppendVerb = 2,    // of a leader
  kTailVerb = 3,      // of a leader: linearizable
  kSealVerb = 4,      // of a leader
  kTrimVerb = 5,      // of each replica; waits until it has applied so much
  kReadVerb = 6,      // of a replica that serves
  kWatchVerb = 7,     // waits until more than `from` is applied, or sealed
  kCampaignVerb = 8,  // a client looks for a leader; waits until there is one other than `except`
  kStatusVerb = 9,    // how it stands; changes nothing
  kNodeVerb = 10,     // names no loglet: which disk and which life the node is
};

// code           nothing was done, because                       the sender
enum class Code : uint8_t {
  kOk,           // (it was done)
  kNotLeader,    // only the leader can                            asks Word::leader, or another
  kSealed,       // sealed: this batch was not stored now          goes on in the next segment
  kGone,         // dropped for good; means sealed                 refreshes the chain
  kLost,         // another disk, or one that lost its state       counts this member as lost
  kOutOfOrder,   // what its writer sent before is missing         sends that first
  kTooOld,       // too old to tell; it may have been stored       resolves it
  kFull,         // a full disk or queue                           tries again later
  kUnavailable,  // certainly not done                             tries again later
  kUnknown,      // it may be done: the leadership ended first     asks again
  kTrimmed,      // the records are trimmed                        goes on at Word::trim
  kLacks,        // the records are damaged here: see `next`       asks another
  kBehind,       // the records have not come here yet             asks another, or later
  kMalformed,    // not what this version understands              gives up
};

// What a replica says of itself in every answer. With kGone and kLost the rest means nothing.
struct Word {
  Code code = Code::kOk;
  Offset applied_end;  // decided, and applied here
  Offset trim;
  bool sealed = false;   // SEAL is applied here: applied_end is the sealed tail
  NodeId leader;         // as far as it knows; node 0: nobody it knows of
  std::string proposal;  // of the first SEAL, in answers to a seal
};

inline constexpr size_t kMaxProposalBytes = 64 * 1024;
// Of one append, however small they are.
inline constexpr size_t kMaxBatches = 256;
// Bodies in one answer to a read, whatever the reader asks for; one larger batch goes alone.
inline constexpr size_t kMaxReadBytes = 1 << 20;
// Batches in one, however small they are.
inline constexpr size_t kMaxReadBatches = 4096;
// Bodies in one append; one larger batch goes alone.
inline constexpr size_t kAppendBytes = 256 << 10;

// What a replica is asked. Each verb uses some of these.
struct ReplicaRequest {
  LogletId loglet;
  DiskId disk;                 // answered only by a replica on it
  std::string params;          // encoded; they make the replica if it was not made yet
  std::vector<Batch> batches;  // append: of any writers, each writer's in order
  Offset from;                 // read; watch: wait for more than this
  Offset to;                   // read, trim
  size_t max_bytes = 0;        // read
  Duration wait{0};            // trim, watch, campaign
  std::string proposal;        // seal
  bool at_once = false;        // campaign: see ReplicaCore::Campaign()
  NodeId except;               // campaign: who did not answer as leader
  PeerMessage peer;            // from another replica
};
rpc::Message Encode(const ReplicaRequest& request);
// kInvalidArgument: not what this version understands, or out of bounds. An append has batches that
// are what their headers say; other payloads are the peer's bodies, unchecked.
StatusOr<ReplicaRequest> DecodeRequest(Verb verb, const std::string& header, Bytes payload);

struct AppendResult {
  Code code = Code::kOk;
  Offset offset;  // for kOk
};
struct ReplicaReply {
  Word word;
  Offset offset;                      // tail and seal: the tail; trim: the trim point here
  std::vector<AppendResult> results;  // append: one a batch
  std::vector<StoredBatch> batches;   // read: consecutive, the first one covers `from`
  Offset next;                        // read, kLacks: the next offset that it has, else kMaxOffset
  PeerMessage peer;                   // to another replica
};
rpc::Message Encode(const ReplicaReply& reply);
// The same, and kDataLoss: a body does not have its checksum.
StatusOr<ReplicaReply> DecodeReply(Verb verb, const std::string& header, Bytes payload);

struct NodeAnswer {
  DiskId disk;
  Incarnation incarnation;
};
rpc::Message Encode(const NodeAnswer& answer);
StatusOr<NodeAnswer> DecodeNodeAnswer(const std::string& header);

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_WIRE_H_
