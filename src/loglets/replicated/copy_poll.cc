#include "loglets/replicated/copy_poll.h"

#include <utility>

namespace vlog::loglets::replicated {
namespace {

using State = CopyWord::State;

State StateOf(const ReplicaReply& reply, Offset offset) {
  const std::vector<StoredBatch>& batches = reply.batches;
  switch (reply.word.code) {
    case Code::kOk: {
      bool covers = !batches.empty() && batches[0].first <= offset &&
                    offset < batches[0].first + batches[0].batch.header.count;
      return covers ? State::kHolds : State::kLacks;
    }
    case Code::kTrimmed:
      return State::kTrimmed;
    case Code::kGone:
    case Code::kLost:
      return State::kGone;
    default:
      return State::kLacks;
  }
}

std::string RoleOf(const Member& member, const Word& word) {
  if (word.leader == member.replica.node) return "leads";
  if (!member.votes) return "only serves";
  return member.serves ? "follows" : "only votes";
}

// How it stands there, in offsets of the loglet.
std::string DetailOf(const Member& member, const ReplicaReply& reply) {
  const Word& word = reply.word;
  if (word.code == Code::kGone) return "the loglet was dropped there";
  if (word.code == Code::kLost) return "the node has another disk now, or lost what it had stored";
  std::string text = absl::StrCat(RoleOf(member, word), ", ", word.sealed ? "sealed" : "open",
                                  ", applied up to offset ", word.applied_end.value());
  if (word.code == Code::kTrimmed) absl::StrAppend(&text, ", trimmed to ", word.trim.value());
  if (word.code == Code::kLacks) absl::StrAppend(&text, ", damaged there");
  return text;
}

}  // namespace

CopyPoll::CopyPoll(const ReplicaClient& client)
    : params_(client.params),
      heard_(client.env.scheduler()),
      words_(client.members()),
      waiting_(client.members()) {
  for (size_t member = 0; member < words_.size(); ++member) {
    const Replica& replica = params_.members[member].replica;
    words_[member].life = {replica.node, Incarnation(), replica.disk};
  }
}

void CopyPoll::Take(size_t member, Offset offset, const StatusOr<ReplicaReply>& reply) {
  --waiting_;
  CopyWord& word = words_[member];
  if (reply.ok()) {
    word.state = StateOf(*reply, offset);
    word.detail = DetailOf(params_.members[member], *reply);
    bool there = word.state != State::kGone;
    word.leads = there && reply->word.leader == word.life.node;
  } else {
    word.detail = Message(reply.status());
  }
  heard_.NotifyAll();
}

Task<std::vector<CopyWord>> CopyPoll::Ask(std::shared_ptr<ReplicaClient> client, Offset offset) {
  std::shared_ptr<CopyPoll> poll(new CopyPoll(*client));
  for (size_t member = 0; member < client->members(); ++member) {
    ReplicaRequest request;
    request.from = offset;
    request.to = offset + 1;
    request.max_bytes = 1;
    auto heard = [poll, member, offset](StatusOr<ReplicaReply> reply) {
      poll->Take(member, offset, reply);
    };
    client->Ask(member, kReadVerb, std::move(request), client->timing.read, std::move(heard));
  }
  while (poll->waiting_ > 0) {
    Status waited = co_await poll->heard_.Wait();  // each question has its deadline
    if (!waited.ok()) break;
  }
  co_return poll->words_;
}

}  // namespace vlog::loglets::replicated
