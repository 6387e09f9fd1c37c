#include "loglets/sequencer/copy_poll.h"

namespace vlog::loglets::sequencer {
namespace {

using State = CopyWord::State;

State StateOf(ReadCode code) {
  switch (code) {
    case ReadCode::kBatches:
      return State::kHolds;
    case ReadCode::kTrimmed:
      return State::kTrimmed;
    case ReadCode::kLacks:
      return State::kLacks;
    case ReadCode::kGone:
    case ReadCode::kWrongDisk:
      return State::kGone;
  }
  return State::kSilent;
}

// How it stands there, in offsets of the loglet.
std::string DetailOf(const ReadReply& reply) {
  const ServerWord& word = reply.word;
  if (reply.code == ReadCode::kGone) return "the loglet was dropped there";
  if (reply.code == ReadCode::kWrongDisk) return "the node has another disk now";
  std::string text = absl::StrCat(word.sealed ? "sealed" : "open", ", durable up to offset ",
                                  word.durable_tail.value());
  if (reply.code == ReadCode::kTrimmed) absl::StrAppend(&text, ", trimmed to ", word.trim.value());
  bool above = reply.code == ReadCode::kLacks && reply.next != kMaxOffset;
  if (above) absl::StrAppend(&text, ", the next that it has is ", reply.next.value());
  return text;
}

}  // namespace

CopyPoll::CopyPoll(async::Scheduler& scheduler, const Params& params)
    : heard(scheduler), words(params.replica_count()), waiting(params.replica_count()) {
  for (size_t server = 0; server < words.size(); ++server) {
    const Replica& replica = params.replicas[server];
    words[server].life = {replica.node, Incarnation(), replica.disk};
  }
}

void CopyPoll::Take(size_t server, Offset offset, const StatusOr<ReadReply>& reply) {
  --waiting;
  CopyWord& word = words[server];
  if (reply.ok()) {
    word.state = StateOf(reply->code);
    bool covers = !reply->batches.empty() && reply->batches[0].first <= offset &&
                  reply->batches[0].end() > offset;
    if (word.state == State::kHolds && !covers) word.state = State::kLacks;
    word.detail = DetailOf(*reply);
  } else {
    word.detail = Message(reply.status());
  }
  heard.NotifyAll();
}

}  // namespace vlog::loglets::sequencer
