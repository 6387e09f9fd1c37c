#include "loglets/replicated/replicated_loglet.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::replicated {
namespace {

// What the answers to one question to all members have come to.
struct Poll {
  explicit Poll(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  size_t answers = 0;
  size_t waiting = 0;
};

std::shared_ptr<Poll> AskAll(const std::shared_ptr<ReplicaClient>& client, Verb verb,
                             const ReplicaRequest& request, Duration patience) {
  auto poll = std::make_shared<Poll>(client->env.scheduler());
  for (size_t member = 0; member < client->members(); ++member) {
    ++poll->waiting;
    auto answered = [poll](StatusOr<ReplicaReply> reply) {
      --poll->waiting;
      if (reply.ok() && reply->word.code == Code::kOk) ++poll->answers;
      poll->heard.NotifyAll();
    };
    client->Ask(member, verb, request, patience, std::move(answered));
  }
  return poll;
}

Status Trimmed() { return absl::OutOfRangeError("trimmed"); }
Status Gone() { return absl::FailedPreconditionError("this loglet is gone: sealed and dropped"); }

}  // namespace

ReplicatedLoglet::ReplicatedLoglet(std::shared_ptr<ReplicaClient> client, std::optional<Offset> end)
    : client_(std::move(client)),
      end_(end),
      search_(std::make_shared<LeaderSearch>(client_)),
      appends_(std::make_shared<AppendQueue>(client_, search_)),
      round_over_(client_->env.scheduler()) {
  appends_->Start();
  if (end_) client_->LearnTail(*end_);
  // Handles spread over the replicas.
  reads_from_ = NextServing(static_cast<size_t>(client_->env.RandomBelow(client_->members())));
  watched_ = search_->leader().value_or(reads_from_);
}

size_t ReplicatedLoglet::NextServing(size_t member) const {
  do {
    member = (member + 1) % client_->members();
  } while (!client_->params.members[member].serves);
  return member;
}

Task<void> ReplicatedLoglet::WarmUp(std::shared_ptr<ReplicaClient> client) {
  ReplicaRequest request;
  std::shared_ptr<Poll> poll = AskAll(client, kStatusVerb, request, client->timing.answer);
  Instant deadline = client->Now() + client->timing.grace;
  while (poll->answers < client->params.write_quorum && poll->waiting > 0) {
    Status waited = co_await poll->heard.Wait(deadline);
    if (!waited.ok()) break;
  }
}

Task<Status> ReplicatedLoglet::Prepare(std::shared_ptr<ReplicaClient> client, Duration bound) {
  Instant deadline = client->Now() + bound;
  size_t first = *client->params.Find(client->params.first_leader);
  // The first to lead is asked alone for a moment, then the search begins at all of them.
  ReplicaRequest campaign;
  campaign.at_once = true;
  campaign.wait = client->timing.campaign;
  StatusOr<ReplicaReply> led =
      co_await client->Run(first, kCampaignVerb, campaign, 2 * client->timing.campaign);
  if (absl::IsInvalidArgument(led.status())) co_return led.status();
  if (client->sealed()) co_return Gone();
  auto search = std::make_shared<LeaderSearch>(client);
  if (!led.ok()) search->Failed(first);
  Duration rest = std::max(deadline - client->Now(), client->timing.campaign);
  ReplicaRequest check;
  StatusOr<ReplicaReply> tail =
      co_await LeaderSearch::AskLeader(search, kTailVerb, std::move(check), rest);
  VLOG_CO_RETURN_IF_ERROR(tail);
  bool over = tail->word.code == Code::kGone || tail->word.sealed;
  if (over) co_return Gone();
  co_return absl::OkStatus();
}

void ReplicatedLoglet::Append(Batch batch, AppendDone done) {
  appends_->Append(std::move(batch), std::move(done));
}

// ---- tails ----

Task<void> ReplicatedLoglet::RunTailRound() {
  ++rounds_started_;
  ReplicaRequest request;
  StatusOr<ReplicaReply> reply = co_await LeaderSearch::AskLeader(
      search_, kTailVerb, std::move(request), client_->timing.tail_check);
  if (!reply.ok()) {
    round_result_ = reply.status();
  } else {
    bool sealed = reply->word.sealed || reply->word.code == Code::kGone;
    if (!sealed) client_->LearnTail(reply->offset);
    round_result_ = Tail{std::max(reply->offset, client_->known_tail()), sealed};
    if (!sealed) round_result_->offset = reply->offset;
  }
  rounds_finished_ = rounds_started_;
  round_over_.NotifyAll();
}

Task<StatusOr<Tail>> ReplicatedLoglet::CheckTail() {
  std::shared_ptr<ReplicatedLoglet> self = shared_from_this();
  // Sealed once is sealed for ever; the offset is then no answer.
  if (end_ || client_->sealed()) co_return Tail{client_->known_tail(), true};
  // Only a round that starts after this call will do (FAULTS race 44).
  uint64_t mine = rounds_started_ + 1;
  while (rounds_finished_ < mine) {
    if (rounds_started_ == rounds_finished_) {
      co_await RunTailRound();
      continue;
    }
    Status waited = co_await round_over_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return round_result_;
}

Task<StatusOr<Tail>> ReplicatedLoglet::AwaitTail(Offset beyond, Instant deadline) {
  std::shared_ptr<ReplicatedLoglet> self = shared_from_this();
  std::shared_ptr<ReplicaClient> client = client_;
  while (client->known_tail() <= beyond && !client->sealed() && !end_) {
    ++watchers_;
    Watch();
    Status waited = co_await client->changed().Wait(deadline);
    --watchers_;
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return Tail{client->known_tail(), client->sealed() || end_.has_value()};
}

void ReplicatedLoglet::Watch() {
  if (watching_) return;
  watching_ = true;
  size_t member = watched_;
  ReplicaRequest request;
  request.from = client_->known_tail();
  request.wait = client_->timing.watch;
  Offset beyond = request.from;
  auto answered = [weak = weak_from_this(), member, beyond](StatusOr<ReplicaReply> reply) {
    if (std::shared_ptr<ReplicatedLoglet> self = weak.lock()) self->Watched(member, beyond, reply);
  };
  Duration patience = request.wait + client_->timing.answer;
  client_->Ask(member, kWatchVerb, std::move(request), patience, std::move(answered));
}

void ReplicatedLoglet::Watched(size_t member, Offset beyond, const StatusOr<ReplicaReply>& reply) {
  bool served = reply.ok() && reply->word.code == Code::kOk;
  bool news = served && reply->word.applied_end > beyond;
  // The leader knows first what is committed; one that is cut off from the others hears of nothing
  // (FAULTS race 53), so without news another is watched for a while.
  std::optional<size_t> leader;
  if (served) leader = client_->params.Find(reply->word.leader);
  bool lead = leader && client_->params.members[*leader].serves && *leader != member;
  if (lead) {
    watched_ = *leader;
  } else if (!news) {
    watched_ = NextServing(member);
  }
  auto again = [weak = weak_from_this()] {
    std::shared_ptr<ReplicatedLoglet> self = weak.lock();
    if (self == nullptr) return;
    self->watching_ = false;
    if (self->watchers_ > 0) self->Watch();
  };
  // Who refuses at once must not be asked at once.
  Instant when = client_->Now();
  if (!served) when = when + client_->timing.min_backoff;
  client_->env.scheduler().StartTimer(when, std::move(again));
}

// ---- reads and trims ----

// Asks each replica that serves once. kUnavailable: some may have it, none that answered does.
Task<StatusOr<ReadResult>> ReplicatedLoglet::ReadOnce(ReplicaRequest request) {
  std::shared_ptr<ReplicatedLoglet> self = shared_from_this();
  std::shared_ptr<ReplicaClient> client = client_;
  Offset next = request.to;
  bool all_lack = true;
  Status silent = absl::UnavailableError("those that answer are behind");
  // Other reads may move reads_from_ meanwhile.
  size_t first = reads_from_;
  size_t member = first;
  do {
    if (request.from < TrimHint()) co_return Trimmed();
    StatusOr<ReplicaReply> reply =
        co_await client->Run(member, kReadVerb, request, client->timing.answer);
    size_t asked = member;
    member = NextServing(member);
    if (!reply.ok()) {
      all_lack = false;
      silent = reply.status();
    } else if (reply->word.code == Code::kTrimmed || reply->word.code == Code::kGone) {
      co_return Trimmed();
    } else if (reply->word.code == Code::kOk) {
      reads_from_ = asked;
      ReadResult result;
      result.batches = std::move(reply->batches);
      co_return std::move(result);
    } else if (reply->word.code == Code::kLacks) {
      next = std::min(next, reply->next);
    } else if (reply->word.code != Code::kLost) {
      all_lack = false;
    }
  } while (member != first);
  if (!all_lack) {
    co_return absl::UnavailableError("no replica that answers has it: " + Message(silent));
  }
  ReadResult lost;
  lost.lost_end = std::max(next, request.from + 1);
  co_return std::move(lost);
}

Task<StatusOr<ReadResult>> ReplicatedLoglet::Read(Offset from, Offset to, size_t max_bytes) {
  std::shared_ptr<ReplicatedLoglet> self = shared_from_this();
  std::shared_ptr<ReplicaClient> client = client_;
  ReplicaRequest request;
  request.from = from;
  request.to = to;
  request.max_bytes = std::max<size_t>(max_bytes, 1);
  Instant deadline = client->Now() + client->timing.read;
  for (;;) {
    StatusOr<ReadResult> read = co_await ReadOnce(request);
    bool retry = absl::IsUnavailable(read.status()) && client->Now() < deadline;
    if (!retry) co_return read;
    // After a restart nobody may know yet what is committed: somebody has to lead.
    search_->Poke();
    Status slept = co_await client->env.scheduler().Sleep(client->timing.campaign);
    VLOG_CO_RETURN_IF_ERROR(slept);
  }
}

Task<StatusOr<Offset>> ReplicatedLoglet::Trim(Offset to) {
  std::shared_ptr<ReplicatedLoglet> self = shared_from_this();
  std::shared_ptr<ReplicaClient> client = client_;
  if (to > client->known_tail()) {
    // Unknown is not empty (FAULTS race 13).
    StatusOr<Tail> tail = co_await CheckTail();
    VLOG_CO_RETURN_IF_ERROR(tail);
    to = std::min(to, client->known_tail());
  }
  size_t needed = client->params.write_quorum;
  Instant deadline = client->Now() + client->timing.trim;
  ReplicaRequest request;
  request.to = to;
  request.wait = client->timing.lead;
  do {
    std::shared_ptr<Poll> poll =
        AskAll(client, kTrimVerb, request, request.wait + client->timing.answer);
    Instant start = client->Now();
    auto done = [&] { return poll->answers >= needed && client->trim_in_force() >= to; };
    while (poll->waiting > 0) {
      // Those beyond W get a moment, so that the point in force is told as it is.
      Instant until = done() ? start + client->timing.grace : deadline;
      Status waited = co_await poll->heard.Wait(until);
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    if (done()) co_return client->trim_in_force();
    // Those that are behind must hear of what was decided.
    search_->Poke();
    Status slept = co_await client->env.scheduler().Sleep(client->timing.pause);
    VLOG_CO_RETURN_IF_ERROR(slept);
  } while (client->Now() < deadline);
  co_return absl::UnavailableError(
      absl::StrCat("fewer than the ", needed, " replicas that a trim needs have it"));
}

Task<StatusOr<Sealed>> ReplicatedLoglet::Seal(std::string proposal) {
  std::shared_ptr<ReplicatedLoglet> self = shared_from_this();
  if (end_) co_return Sealed{*end_, std::string()};
  ReplicaRequest request;
  request.proposal = std::move(proposal);
  StatusOr<ReplicaReply> reply = co_await LeaderSearch::AskLeader(
      search_, kSealVerb, std::move(request), client_->timing.seal);
  VLOG_CO_RETURN_IF_ERROR(reply);
  client_->LearnSealed();
  if (reply->word.code == Code::kGone) co_return Gone();
  client_->LearnTail(reply->offset);
  co_return Sealed{reply->offset, reply->word.proposal};
}

}  // namespace vlog::loglets::replicated
