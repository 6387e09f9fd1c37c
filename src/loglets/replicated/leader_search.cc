#include "loglets/replicated/leader_search.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::replicated {
namespace {

constexpr int kMostDoublings = 4;  // of the pause between rounds

}  // namespace

LeaderSearch::LeaderSearch(std::shared_ptr<ReplicaClient> client)
    : client_(std::move(client)),
      leader_(client_->params.Find(client_->params.first_leader)),
      found_(client_->env.scheduler()) {}

void LeaderSearch::Want() {
  ++wanted_;
  Begin();
}

void LeaderSearch::Worked(size_t member) {
  hints_followed_ = 0;
  if (leader_ != member) return;
  failed_.reset();
  ForgetRound();
}

void LeaderSearch::Failed(size_t member, NodeId hint) {
  if (leader_ != member) return;
  leader_.reset();
  failed_ = member;
  std::optional<size_t> next = client_->params.Find(hint);
  bool follow = next && *next != member && hints_followed_ < client_->members();
  if (follow) {
    ++hints_followed_;
    return Found(*next);
  }
  hints_followed_ = 0;
  ForgetRound();
  Begin();
}

void LeaderSearch::Doubt() {
  if (!leader_ || asking_ > 0) return;
  failed_ = leader_;
  Ask(std::nullopt);
}

// ---- rounds ----

void LeaderSearch::Begin() {
  bool needed = wanted_ > 0 && !leader_;
  if (needed && asking_ == 0 && !pausing_) Ask(std::exchange(volunteer_, std::nullopt));
}

void LeaderSearch::Ask(std::optional<size_t> at_once) {
  ForgetRound();
  quiet_ = true;
  for (size_t member = 0; member < client_->members(); ++member) {
    bool doubted = leader_ == member && failed_ == member;
    // Whoever only votes never leads.
    if (!client_->params.members[member].serves || doubted) continue;
    ++asking_;
    ReplicaRequest request;
    request.at_once = at_once == member;
    if (failed_) request.except = client_->NodeOf(*failed_);
    request.wait = client_->timing.campaign;
    auto heard = [weak = weak_from_this(), member, round = round_](StatusOr<ReplicaReply> reply) {
      if (std::shared_ptr<LeaderSearch> self = weak.lock()) self->Heard(member, round, reply);
    };
    Duration patience = client_->timing.campaign + client_->timing.answer;
    client_->Ask(member, kCampaignVerb, std::move(request), patience, std::move(heard));
  }
}

void LeaderSearch::Heard(size_t member, uint64_t round, const StatusOr<ReplicaReply>& reply) {
  if (round != round_) return;
  --asking_;
  // A loglet that was dropped is sealed, and nobody needs to lead it.
  if (reply.ok() && reply->word.code == Code::kGone) return Found(member);
  if (reply.ok() && reply->word.code == Code::kOk) {
    heard_ = true;
    const Word& word = reply->word;
    std::optional<size_t> named = client_->params.Find(word.leader);
    if (word.sealed) return Found(member);
    // Whoever says that it leads itself is tried again, even if it failed.
    bool trusted = named && (*named == member || named != failed_);
    if (trusted) return Found(*named);
    if (named) quiet_ = false;
    bool first = client_->NodeOf(member) == client_->params.first_leader;
    if (first || !volunteer_) volunteer_ = member;
  }
  if (asking_ == 0) EndRound();
}

void LeaderSearch::EndRound() {
  if (!quiet_) volunteer_.reset();
  if (wanted_ == 0 || leader_) return;
  pausing_ = true;
  auto again = [weak = weak_from_this()] {
    std::shared_ptr<LeaderSearch> self = weak.lock();
    if (self == nullptr) return;
    self->pausing_ = false;
    self->Begin();
  };
  // Where nobody answers at all, nobody is asked a hundred times a second.
  silent_rounds_ = std::exchange(heard_, false) ? 0 : std::min(silent_rounds_ + 1, kMostDoublings);
  Duration pause = client_->timing.pause * (1 << silent_rounds_);
  client_->env.scheduler().StartTimer(client_->Now() + pause, std::move(again));
}

void LeaderSearch::Found(size_t member) {
  bool news = leader_ != member;
  leader_ = member;
  failed_.reset();
  volunteer_.reset();
  ForgetRound();
  if (!news) return;
  found_.NotifyAll();
  if (on_found_) on_found_();
}

// ---- questions to the leader ----

Task<StatusOr<ReplicaReply>> LeaderSearch::AskLeader(std::shared_ptr<LeaderSearch> self, Verb verb,
                                                     ReplicaRequest request, Duration bound) {
  std::shared_ptr<ReplicaClient> client = self->client_;
  Instant deadline = client->Now() + bound;
  Status why = absl::UnavailableError("nobody leads this loglet");
  while (client->Now() < deadline) {
    if (!self->leader_) {
      self->Want();
      Status waited = co_await self->found_.Wait(deadline);
      self->Release();
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
      continue;
    }
    size_t member = *self->leader_;
    Duration patience = std::min(client->timing.lead, deadline - client->Now());
    StatusOr<ReplicaReply> reply = co_await client->Run(member, verb, request, patience);
    if (!reply.ok()) {
      if (client->env.scheduler().stopping()) co_return reply.status();
      if (absl::IsInvalidArgument(reply.status())) co_return reply.status();
      why = reply.status();
      self->Failed(member);
      continue;
    }
    Code code = reply->word.code;
    if (code == Code::kOk || code == Code::kGone) {
      self->Worked(member);
      co_return reply;
    }
    if (code == Code::kNotLeader || code == Code::kLost) {
      self->Failed(member, reply->word.leader);
      continue;
    }
    if (code == Code::kMalformed) co_return absl::InvalidArgumentError("malformed request");
    why = absl::UnavailableError("the leader could not tell");
    Status slept = co_await client->env.scheduler().Sleep(client->timing.min_backoff);
    VLOG_CO_RETURN_IF_ERROR(slept);
  }
  co_return absl::UnavailableError("no leader answered: " + Message(why));
}

}  // namespace vlog::loglets::replicated
