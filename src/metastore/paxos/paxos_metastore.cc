#include "metastore/paxos/paxos_metastore.h"

#include <algorithm>

namespace vlog::metastore {
namespace {

// Finished or not, so many writes that ended in kUnknown are remembered for their callers.
constexpr size_t kMostOrphans = 64;

Status CheckName(const std::string& log) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  bool fine = !log.empty() && log.size() <= 100 && log[0] != '.' &&
              std::all_of(log.begin(), log.end(), allowed);
  if (fine) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "'" + log + "' cannot name a log; use 1 to 100 letters, digits, '.', '_' or '-'");
}

}  // namespace

PaxosMetastore::PaxosMetastore(env::Env& env, rpc::Peers& peers, PaxosMetastoreOptions options)
    : env_(env),
      options_(std::move(options)),
      context_(std::make_shared<RegisterContext>(env, peers, options_.node, options_.timing)),
      tasks_(env.scheduler()) {
  context_->cluster = options_.cluster;
}

PaxosMetastore::~PaxosMetastore() { context_->closed = true; }

Task<void> PaxosMetastore::Close() {
  context_->closed = true;
  for (Orphan& orphan : orphans_) orphan.operation->Stop();
  for (auto& [number, news] : watches_) news->End();
  co_await tasks_.Join();
}

Status PaxosMetastore::CheckCall(const std::string& log) const {
  if (context_->closed) return absl::CancelledError("the metastore is closed");
  return CheckName(log);
}

void PaxosMetastore::Learn(const std::string& log, const Chosen& chosen) {
  auto [it, is_new] = known_.try_emplace(log, chosen);
  if (!is_new && chosen.version > it->second.version) it->second = chosen;
  for (Orphan& orphan : orphans_) {
    if (orphan.log == log) orphan.operation->Learn(chosen);
  }
}

void PaxosMetastore::Forget(const std::string& log) {
  // The acceptors may have moved and the former be gone: whoever comes next looks for them anew.
  known_.erase(log);
  known_.erase(kDirectoryLog);
}

Task<StatusOr<Versioned>> PaxosMetastore::Read(std::string log) {
  Status fine = CheckCall(log);
  VLOG_CO_RETURN_IF_ERROR(fine);
  StatusOr<Chosen> chosen = co_await ReadLog(log, Patience());
  VLOG_CO_RETURN_IF_ERROR(chosen);
  Versioned result;
  result.version = chosen->version;
  result.value = std::move(chosen->value.user);
  co_return result;
}

// The newest value; kNotFound if nothing was ever written.
Task<StatusOr<Chosen>> PaxosMetastore::ReadLog(std::string log, Instant deadline) {
  // First where it was seen last, for half of the time; then where the directory says it is.
  Instant now = env_.scheduler().Now();
  Instant until = known_.contains(log) ? now + (deadline - now) / 2 : deadline;
  uint64_t ends = EndsOf(log);
  for (;;) {
    StatusOr<Chosen> known = co_await Locate(log, deadline);
    VLOG_CO_RETURN_IF_ERROR(known);
    StatusOr<Chosen> chosen = co_await ReadRegister(log, *std::move(known), until);
    bool over = context_->closed || EndsOf(log) != ends;
    if (absl::IsUnavailable(chosen.status()) && !over && until < deadline) {
      Forget(log);
      until = deadline;
      continue;
    }
    VLOG_CO_RETURN_IF_ERROR(chosen);
    if (chosen->version == Version()) {
      co_return absl::NotFoundError("there is no log '" + log + "'");
    }
    co_return chosen;
  }
}

Task<StatusOr<Chosen>> PaxosMetastore::ReadRegister(std::string log, Chosen known,
                                                    Instant deadline) {
  OperationCore core = OperationCore::Read(log, std::move(known), &context_->ballots);
  auto operation = std::make_shared<RunningOperation>(context_, std::move(core));
  auto read = reads_.emplace(log, operation);
  co_await RunningOperation::Drive(operation, deadline);
  reads_.erase(read);
  Learn(log, operation->core().known());
  StatusOr<Version> outcome = operation->Outcome();
  VLOG_CO_RETURN_IF_ERROR(outcome);
  co_return operation->core().known();
}

Task<StatusOr<Version>> PaxosMetastore::Write(std::string log, std::string value,
                                              Version expected) {
  Status fine = CheckCall(log);
  VLOG_CO_RETURN_IF_ERROR(fine);
  if (value.size() > options_.max_value_bytes) {
    co_return absl::InvalidArgumentError(absl::StrCat("a value of ", value.size(),
                                                      " bytes is larger than the limit of ",
                                                      options_.max_value_bytes));
  }
  Instant deadline = Patience();
  std::shared_ptr<RunningOperation> orphan = TakeOrphan(log, value, expected);
  if (orphan != nullptr) {
    co_return co_await Finish(log, std::move(value), expected, std::move(orphan), deadline);
  }
  StatusOr<Chosen> known = co_await Locate(log, deadline);
  if (absl::IsNotFound(known.status())) {
    if (expected != Version()) co_return absl::AbortedError("there is no log '" + log + "'");
    Status created = co_await CreateLog(log, deadline);
    VLOG_CO_RETURN_IF_ERROR(created);
    known = co_await Locate(log, deadline);
  }
  VLOG_CO_RETURN_IF_ERROR(known);
  WriteProposal proposal;
  proposal.expected = expected;
  proposal.id = ProposalId(env_.RandomId());
  proposal.user = std::move(value);
  co_return co_await WriteRegister(log, *std::move(known), std::move(proposal), deadline);
}

Task<StatusOr<Version>> PaxosMetastore::WriteRegister(std::string log, Chosen known,
                                                      WriteProposal proposal, Instant deadline) {
  Version expected = proposal.expected;
  std::string user = proposal.user;
  // Phase 1 of this write may be under way: two of one process would only outbid each other.
  auto reserving = reserving_.find(log);
  if (reserving != reserving_.end()) {
    std::shared_ptr<RunningOperation> reserve = reserving->second;
    Instant until = std::min(deadline, env_.scheduler().Now() + options_.timing.retry);
    co_await RunningOperation::Await(reserve, until);
    reserve->Stop();
    TakeReservation(log, *reserve);
  }
  std::optional<Reservation> reserved;
  auto it = reserved_.find(log);
  if (it != reserved_.end()) {
    if (it->second.expected == expected) reserved = std::move(it->second);
    reserved_.erase(it);
  }
  OperationCore core = OperationCore::Write(log, std::move(known), &context_->ballots,
                                            std::move(proposal), std::move(reserved));
  auto operation = std::make_shared<RunningOperation>(context_, std::move(core));
  // It goes on when its caller has run out of patience: what was proposed is settled.
  tasks_.Spawn(RunningOperation::Drive(operation, Instant::Max()));
  co_return co_await Finish(log, std::move(user), expected, std::move(operation), deadline);
}

// Waits for a write; one that is left behind is kept for its caller.
Task<StatusOr<Version>> PaxosMetastore::Finish(std::string log, std::string user, Version expected,
                                               std::shared_ptr<RunningOperation> operation,
                                               Instant deadline) {
  co_await RunningOperation::Await(operation, deadline);
  StatusOr<Version> outcome = operation->Outcome();
  Learn(log, operation->core().known());
  if (operation->core().result()) co_return outcome;
  if (!context_->closed) Forget(log);
  if (!operation->core().may_be_written() || context_->closed) {
    operation->Stop();
    co_return outcome;
  }
  orphans_.push_back({std::move(log), expected, std::move(user), std::move(operation)});
  if (orphans_.size() > kMostOrphans) orphans_.pop_front();
  co_return outcome;
}

std::shared_ptr<RunningOperation> PaxosMetastore::TakeOrphan(const std::string& log,
                                                             const std::string& user,
                                                             Version expected) {
  auto same = [&](const Orphan& orphan) {
    return orphan.log == log && orphan.expected == expected && orphan.user == user;
  };
  auto it = std::find_if(orphans_.begin(), orphans_.end(), same);
  if (it == orphans_.end()) return nullptr;
  std::shared_ptr<RunningOperation> operation = std::move(it->operation);
  orphans_.erase(it);
  return operation;
}

Task<Status> PaxosMetastore::Reserve(std::string log, Version expected) {
  Status fine = CheckCall(log);
  VLOG_CO_RETURN_IF_ERROR(fine);
  Instant deadline = Patience();
  StatusOr<Chosen> known = co_await Locate(log, deadline);
  if (absl::IsNotFound(known.status()) && expected == Version()) co_return absl::OkStatus();
  VLOG_CO_RETURN_IF_ERROR(known);
  OperationCore core = OperationCore::Reserve(log, *std::move(known), &context_->ballots, expected);
  auto operation = std::make_shared<RunningOperation>(context_, std::move(core));
  reserving_.insert_or_assign(log, operation);
  co_await RunningOperation::Drive(operation, deadline);
  Learn(log, operation->core().known());
  TakeReservation(log, *operation);
  co_return operation->Outcome().status();
}

// What a Reserve() came to; the write that waits for it may be here before the call itself.
void PaxosMetastore::TakeReservation(const std::string& log, RunningOperation& operation) {
  auto it = reserving_.find(log);
  if (it != reserving_.end() && it->second.get() == &operation) reserving_.erase(it);
  std::optional<Reservation> reservation = operation.core().TakeReservation();
  if (reservation) reserved_.insert_or_assign(log, *std::move(reservation));
}

Task<StatusOr<Version>> PaxosMetastore::AwaitChange(std::string log, Version known,
                                                    Instant deadline) {
  uint64_t ends = EndsOf(log);
  for (;;) {
    Status fine = CheckCall(log);
    VLOG_CO_RETURN_IF_ERROR(fine);
    StatusOr<Chosen> now = co_await Locate(log, std::min(deadline, Patience()));
    if (now.ok() && now->version > known) co_return now->version;
    if (env_.scheduler().Now() >= deadline || EndsOf(log) != ends) {
      co_return absl::DeadlineExceededError("the chain did not change");
    }
    std::string watched = log;
    Version above = known;
    if (absl::IsNotFound(now.status())) {
      // It comes into being through the directory.
      watched = kDirectoryLog;
      auto directory = known_.find(watched);
      above = directory == known_.end() ? Version() : directory->second.version;
    } else if (!now.ok() && !absl::IsUnavailable(now.status())) {
      co_return now.status();
    }
    Status waited = co_await AwaitRegister(std::move(watched), above, deadline);
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
}

Task<StatusOr<Versioned>> PaxosMetastore::AwaitNewer(std::string log, Version known,
                                                     Instant deadline) {
  StatusOr<Version> changed = co_await AwaitChange(log, known, deadline);
  VLOG_CO_RETURN_IF_ERROR(changed);
  auto it = known_.find(log);
  if (it == known_.end() || it->second.version <= known) co_return co_await Read(std::move(log));
  Versioned result;
  result.version = it->second.version;
  result.value = it->second.value.user;
  co_return result;
}

uint64_t PaxosMetastore::EndsOf(const std::string& log) const {
  auto it = ends_.find(log);
  return it == ends_.end() ? 0 : it->second;
}

void PaxosMetastore::EndWaits(const std::string& log) {
  ++ends_[log];
  for (auto& [number, news] : watches_) {
    // One who waits for a log to be made watches the directory.
    if (news->log == log || news->log == kDirectoryLog) news->End();
  }
  auto [begin, end] = reads_.equal_range(log);
  for (auto it = begin; it != end; ++it) it->second->Stop();
}

// Returns when the register may be above `known`, after a bounded time in any case.
Task<Status> PaxosMetastore::AwaitRegister(std::string log, Version known, Instant deadline) {
  auto it = known_.find(log);
  if (it == known_.end()) {
    // Nobody who knows it answers: try again after a while.
    Instant later = env_.scheduler().Now() + options_.timing.longest_retry;
    co_return co_await env_.scheduler().SleepUntil(std::min(later, deadline));
  }
  Duration wait = std::min(options_.watch, deadline - env_.scheduler().Now());
  Version from = std::max(known, it->second.version);
  auto news = std::make_shared<News>(env_.scheduler(), log);
  uint64_t number = next_watch_++;
  watches_[number] = news;
  co_await AwaitNews(context_, news, it->second.value.acceptors, from, wait);
  watches_.erase(number);
  if (news->best.version > from) {
    StatusOr<RegisterValue> value = DecodeRegisterValue(news->best.chosen.view());
    VLOG_CO_RETURN_IF_ERROR(value);
    Chosen chosen;
    chosen.version = news->best.version;
    chosen.value = *std::move(value);
    Learn(log, chosen);
    co_return absl::OkStatus();
  }
  if (context_->closed) co_return absl::CancelledError("the metastore is closed");
  if (env_.scheduler().Now() >= deadline || news->ended) co_return absl::OkStatus();
  // Half accepted for some time, or nothing heard: a read completes it, or finds the acceptors'
  // successors.
  Instant until = std::min(deadline, Patience());
  StatusOr<Chosen> read = co_await ReadLog(log, until);
  if (!read.ok() && !absl::IsNotFound(read.status()) && !absl::IsUnavailable(read.status())) {
    co_return read.status();
  }
  if (absl::IsUnavailable(read.status())) {
    Instant later = env_.scheduler().Now() + options_.timing.retry;
    co_return co_await env_.scheduler().SleepUntil(std::min(later, deadline));
  }
  co_return absl::OkStatus();
}

}  // namespace vlog::metastore
