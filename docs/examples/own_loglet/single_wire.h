// What travels between a single loglet's clients and its home. Few messages, one form for all: a
// question with whatever its verb needs, an answer that always says how the loglet stands. Payloads
// (bodies of batches) travel beside the header and are never copied into it.
#ifndef OWN_LOGLET_SINGLE_WIRE_H_
#define OWN_LOGLET_SINGLE_WIRE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/batch.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"
#include "loglets/loglet.h"
#include "rpc/message.h"
#include "rpc/methods.h"

namespace single {

// Numbers are part of the wire format. From kForeignBase on they belong to programs outside of
// VirtualLog; the kinds that one node hosts must not share any.
inline constexpr vlog::rpc::Method kHelloMethod = vlog::rpc::kForeignBase + 6;  // who is there?
inline constexpr vlog::rpc::Method kPrepareMethod = vlog::rpc::kForeignBase + 0;
inline constexpr vlog::rpc::Method kAppendMethod = vlog::rpc::kForeignBase + 1;
inline constexpr vlog::rpc::Method kTailMethod = vlog::rpc::kForeignBase + 2;
inline constexpr vlog::rpc::Method kReadMethod = vlog::rpc::kForeignBase + 3;
inline constexpr vlog::rpc::Method kTrimMethod = vlog::rpc::kForeignBase + 4;
inline constexpr vlog::rpc::Method kSealMethod = vlog::rpc::kForeignBase + 5;

struct Question {
  vlog::LogletId loglet;
  vlog::Offset from;       // kRead; kTail: answer when the tail is above
  vlog::Offset to;         // kRead, kTrim
  uint64_t max_bytes = 0;  // kRead
  vlog::Duration wait{};   // kTail: for so long at most
  std::string text;        // kAppend: the batch's header; kSeal: the proposal
};

struct Answer {
  vlog::Offset offset;  // kAppend: of the batch's first record
  vlog::Offset trim;
  vlog::Offset tail;  // durable
  bool sealed = false;
  std::string proposal;  // of the first sealer
  // kRead: consecutive whole batches, or, if there are none, how far all is lost.
  std::vector<vlog::loglets::StoredBatch> batches;
  vlog::Offset lost_end;
};

std::string Encode(const Question& question);
vlog::StatusOr<Question> DecodeQuestion(std::string_view header);
vlog::rpc::Message Encode(const Answer& answer);
vlog::StatusOr<Answer> DecodeAnswer(std::string_view header, const vlog::Bytes& payload);

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_WIRE_H_
