// The messages of the sequencer kind as bytes: a protobuf header, and the bodies of batches as they
// lie. Each body travels with its checksum, and the receiver verifies that before it believes it.
// Pure.
#ifndef VLOG_LOGLETS_SEQUENCER_WIRE_H_
#define VLOG_LOGLETS_SEQUENCER_WIRE_H_

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "loglets/sequencer/messages.h"
#include "rpc/message.h"
#include "rpc/methods.h"

namespace vlog::loglets::sequencer {

// Of a log server.
inline constexpr rpc::Method kStoreMethod = rpc::kLogServerBase + 1;
inline constexpr rpc::Method kSealMethod = rpc::kLogServerBase + 2;
inline constexpr rpc::Method kRepairMethod = rpc::kLogServerBase + 3;
inline constexpr rpc::Method kTrimMethod = rpc::kLogServerBase + 4;
inline constexpr rpc::Method kTailMethod = rpc::kLogServerBase + 5;
inline constexpr rpc::Method kReadMethod = rpc::kLogServerBase + 6;
// From a sequencer that has assigned nothing yet: the loglet is new.
inline constexpr rpc::Method kWelcomeMethod = rpc::kLogServerBase + 7;
// Which disk and which life the node is.
inline constexpr rpc::Method kNodeMethod = rpc::kLogServerBase + 8;
// Of a sequencer.
inline constexpr rpc::Method kAppendMethod = rpc::kSequencerBase + 1;
inline constexpr rpc::Method kHandOverMethod = rpc::kSequencerBase + 2;
inline constexpr rpc::Method kPrepareMethod = rpc::kSequencerBase + 3;
// Whether this node would do as the sequencer that the parameters name: the header holds them
// encoded, the answer is empty, or says why not. Leaves nothing behind.
inline constexpr rpc::Method kReachMethod = rpc::kSequencerBase + 4;

inline constexpr size_t kMaxProposalBytes = 64 * 1024;
// Bodies in one answer to a read, whatever the reader asks for; one larger batch goes alone.
inline constexpr size_t kMaxReadBytes = 1 << 20;
// Bodies that come with the answer to a seal.
inline constexpr size_t kMaxHeldBytes = 64 * 1024;

template <typename Request>
struct Addressed {
  LogletId loglet;
  Request request;
};

// How long a server may keep a tail request is the caller's choice, bounded by the server.
struct TimedTailRequest {
  TailRequest tail;
  Duration wait{0};
};

rpc::Message Encode(const LogletId& loglet, const StoreRequest& request);
rpc::Message Encode(const LogletId& loglet, const SealRequest& request);
rpc::Message Encode(const LogletId& loglet, const RepairRequest& request);
rpc::Message Encode(const LogletId& loglet, const TrimRequest& request);
rpc::Message Encode(const LogletId& loglet, const TimedTailRequest& request);
rpc::Message Encode(const LogletId& loglet, const ReadRequest& request);
// Of a welcome.
rpc::Message Encode(const LogletId& loglet, DiskId disk);

// All decoders: kInvalidArgument, not what this version understands, or out of bounds; kDataLoss, a
// body does not have its checksum.
StatusOr<Addressed<StoreRequest>> DecodeStore(const std::string& header, const Bytes& payload);
StatusOr<Addressed<SealRequest>> DecodeSeal(const std::string& header);
StatusOr<Addressed<RepairRequest>> DecodeRepair(const std::string& header, const Bytes& payload);
StatusOr<Addressed<TrimRequest>> DecodeTrim(const std::string& header);
StatusOr<Addressed<TimedTailRequest>> DecodeTail(const std::string& header);
StatusOr<Addressed<ReadRequest>> DecodeRead(const std::string& header);
StatusOr<Addressed<DiskId>> DecodeWelcome(const std::string& header);

// What a log server answers to everything but a read.
struct ServerAnswer {
  ServerWord word;
  std::vector<PlacedBatch> held;    // see SealCore::OnSealReply()
  std::optional<Duration> silence;  // since it heard the sequencer; none: never
};
rpc::Message Encode(const ServerAnswer& answer);
StatusOr<ServerAnswer> DecodeServerAnswer(const std::string& header, const Bytes& payload);
rpc::Message Encode(const ReadReply& reply);
StatusOr<ReadReply> DecodeReadReply(const std::string& header, const Bytes& payload);

struct NodeAnswer {
  DiskId disk;
  Incarnation incarnation;
};
rpc::Message Encode(const NodeAnswer& answer);
StatusOr<NodeAnswer> DecodeNodeAnswer(const std::string& header);

// What a sequencer is asked: an append has a batch, a hand-over a proposal, a Prepare neither.
struct SequencerRequest {
  LogletId loglet;
  std::string params;  // encoded
  Batch batch;
  std::string proposal;
};
rpc::Message Encode(const SequencerRequest& request);
// An append has exactly one batch, which holds what its header says.
StatusOr<SequencerRequest> DecodeAppend(const std::string& header, const Bytes& payload);
StatusOr<SequencerRequest> DecodeSequencerRequest(const std::string& header);

struct SequencerAnswer {
  Offset offset;     // of the batch; of a hand-over: the sealed tail
  Offset committed;  // a hint
  std::string proposal;
};
rpc::Message Encode(const SequencerAnswer& answer);
StatusOr<SequencerAnswer> DecodeSequencerAnswer(const std::string& header);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_WIRE_H_
