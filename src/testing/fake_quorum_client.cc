#include <algorithm>
#include <optional>
#include <vector>

#include "testing/fake_quorum.h"
#include "testing/fake_rpc.h"

namespace vlog::testing {
namespace {

using loglets::AppendDone;
using loglets::ReadResult;
using loglets::Sealed;
using loglets::StoredBatch;
using loglets::Tail;

constexpr Duration kPoll = std::chrono::milliseconds(2);
constexpr Duration kAppendTimeout = std::chrono::milliseconds(60);

struct FakeRead {
  ReadResult result;
  bool trimmed = false;
  Offset trim;
};

// What a store tells of itself; for a seal, in the same reply that seals it.
struct StoreAnswer {
  int number = 0;
  FakeStore copy;
};

class FakeQuorumLoglet final : public loglets::Loglet {
 public:
  FakeQuorumLoglet(env::SimEnv& env, FakeCluster& cluster, LogletId id)
      : env_(env), cluster_(cluster), id_(std::move(id)) {}

  void Append(Batch batch, AppendDone done) override {
    auto shared = std::make_shared<AppendDone>(std::move(done));
    auto finish = [shared](StatusOr<Offset> result) {
      if (!*shared) return;
      auto call = std::exchange(*shared, nullptr);
      call(std::move(result));
    };
    env::LifeId client = env_.life();
    FakeCluster& cluster = cluster_;
    cluster.SendAfter(client, kAppendTimeout, [finish] { finish(absl::UnknownError("no reply")); });
    // Answers come back on the same connection, in the order in which they were sent.
    auto last_answer = last_answer_;
    auto reply = [client, &cluster, finish, last_answer](StatusOr<Offset> result) {
      if (cluster.Loses()) return;
      Instant now = cluster.world().now();
      *last_answer = std::max(*last_answer + Duration(1), now + cluster.Delay());
      cluster.SendAfter(client, *last_answer - now, [finish, result] { finish(result); });
    };
    // One ordered connection to the sequencer: requests arrive in the order of the calls.
    Instant now = env_.scheduler().Now();
    arrival_ = std::max(arrival_ + Duration(1), now + cluster_.Delay());
    LogletId id = id_;
    auto at_sequencer = [&cluster, id, batch, reply] { Sequence(cluster, id, batch, reply); };
    cluster.SendAfter(cluster.life(), arrival_ - now, at_sequencer);
  }

  Task<StatusOr<Tail>> CheckTail() override {
    for (;;) {
      std::vector<StoreAnswer> answers = co_await AskAll(false, std::string());
      bool sealed = gone();
      std::vector<Offset> tails;
      for (const StoreAnswer& answer : answers) {
        sealed |= answer.copy.sealed;
        tails.push_back(answer.copy.tail);
      }
      if (sealed) co_return Tail{hint_, true};
      // W unsealed answers of X and more prove that all below X is committed. What the others may
      // hold must not be above it, or it may be committed too.
      std::sort(tails.rbegin(), tails.rend());
      if (tails.size() == kStores) {
        hint_ = std::max(hint_, tails[kQuorum - 1]);
        co_return Tail{tails[kQuorum - 1], false};
      }
      if (tails.size() == kQuorum && tails[0] == tails[1]) {
        hint_ = std::max(hint_, tails[1]);
        co_return Tail{tails[1], false};
      }
      Status slept = co_await env_.scheduler().Sleep(kPoll);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
  }

  Offset TailHint() override { return hint_; }

  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    for (;;) {
      auto serve = [cluster = &cluster_, id = id_]() -> StatusOr<Tail> {
        if (Gone(*cluster, id)) return Tail{Offset(), true};
        FakeLoglet& loglet = cluster->loglet(id);
        // A sealed tail is no answer to where the log ends: it tells what a repair may have raised.
        Tail tail{loglet.sequencer.committed, false};
        for (const FakeStore& store : loglet.stores) tail.sealed |= store.sealed;
        for (const FakeStore& store : loglet.stores) {
          if (tail.sealed) tail.offset = std::max(tail.offset, store.tail);
        }
        return tail;
      };
      auto pending = FakeCall<Tail>::Run(env_, cluster_, serve);
      StatusOr<Tail> tail = co_await std::move(pending);
      if (tail.ok() && tail->sealed) co_return tail;
      if (tail.ok()) {
        hint_ = std::max(hint_, tail->offset);
        if (hint_ > beyond) co_return Tail{hint_, false};
      }
      if (env_.scheduler().Now() >= deadline) co_return absl::DeadlineExceededError("no growth");
      Status slept = co_await env_.scheduler().Sleep(kPoll);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
  }

  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    for (int attempt = 0; attempt < 30; ++attempt) {
      int number = static_cast<int>(cluster_.world().RandomBelow(kStores));
      auto serve = [target = TargetOf(number), from, to, max_bytes] {
        return ReadAt(target, from, to, max_bytes);
      };
      auto pending = FakeCall<FakeRead>::Run(env_, cluster_, serve);
      StatusOr<FakeRead> read = co_await std::move(pending);
      if (!read.ok()) continue;
      if (!read->trimmed) co_return std::move(read->result);
      trim_hint_ = std::max(trim_hint_, read->trim);
      co_return absl::OutOfRangeError("trimmed");
    }
    co_return absl::UnavailableError("no store answered");
  }

  Task<StatusOr<Offset>> Trim(Offset to) override {
    // Who does not know the tail learns it first.
    if (to > hint_) {
      StatusOr<Tail> tail = co_await CheckTail();
      VLOG_CO_RETURN_IF_ERROR(tail);
      to = std::min(to, hint_);
    }
    int held = 0;
    for (int attempt = 0; attempt < 100 && held < kQuorum; ++attempt) {
      held = 0;
      for (int number = 0; number < kStores; ++number) {
        auto serve = [target = TargetOf(number), to] { return TrimAt(target, to); };
        auto pending = FakeCall<Offset>::Run(env_, cluster_, serve);
        StatusOr<Offset> trimmed = co_await std::move(pending);
        if (absl::IsOutOfRange(trimmed.status())) co_return trimmed;
        if (trimmed.ok()) ++held;
      }
    }
    if (held < kQuorum) co_return absl::UnknownError("no quorum answered the trim");
    trim_hint_ = std::max(trim_hint_, to);
    co_return trim_hint_;
  }
  Offset TrimHint() override { return trim_hint_; }

  Task<StatusOr<Sealed>> Seal(std::string proposal) override {
    for (int attempt = 0; attempt < 50; ++attempt) {
      if (gone()) co_return absl::FailedPreconditionError("gone");
      std::vector<StoreAnswer> answers = co_await AskAll(true, proposal);
      if (answers.size() < kQuorum) continue;
      // The highest tail of a seal quorum covers every acknowledged append.
      const StoreAnswer* longest = &answers[0];
      for (const StoreAnswer& answer : answers) {
        if (answer.copy.tail > longest->copy.tail) longest = &answer;
      }
      FakeStore source = longest->copy;
      std::string kept = source.proposal;
      int repaired = 0;
      for (const StoreAnswer& answer : answers) {
        auto serve = [target = TargetOf(answer.number), source] {
          return RepairAt(target, source);
        };
        auto pending = FakeCall<bool>::Run(env_, cluster_, serve);
        StatusOr<bool> done = co_await std::move(pending);
        repaired += done.ok();
      }
      if (repaired >= kQuorum) co_return Sealed{source.tail, kept};
    }
    co_return absl::UnavailableError("no seal quorum");
  }

 private:
  bool gone() const { return Gone(cluster_, id_); }

  // --- At the servers: nothing of the client is touched ---

  static bool Gone(FakeCluster& cluster, const LogletId& id) { return cluster.dead().Contains(id); }

  // A store as the client sees it at the other end of a message.
  struct Target {
    FakeCluster* cluster;
    LogletId id;
    env::LifeId client;
    int number;

    bool gone() const { return Gone(*cluster, id); }
    // Null if it does not answer.
    FakeStore* Reach() const {
      if (gone() || !cluster->Reaches(client, number)) return nullptr;
      return &cluster->loglet(id).stores[static_cast<size_t>(number)];
    }
  };
  Target TargetOf(int number) { return {&cluster_, id_, env_.life(), number}; }

  static void Sequence(FakeCluster& cluster, const LogletId& id, const Batch& batch,
                       const std::function<void(StatusOr<Offset>)>& reply) {
    if (Gone(cluster, id)) {
      reply(absl::FailedPreconditionError("gone"));
      return;
    }
    FakeSequencer& sequencer = cluster.loglet(id).sequencer;
    loglets::Verdict verdict = sequencer.writers.Judge(batch.header);
    if (verdict.judgement == loglets::Judgement::kDuplicate) {
      reply(absl::UnknownError("a duplicate on its way"));
    } else if (sequencer.stopped) {
      reply(absl::FailedPreconditionError("sealed"));  // never assigned: certainly not stored
    } else if (verdict.judgement == loglets::Judgement::kOutOfOrder) {
      reply(absl::InvalidArgumentError("out of order"));
    } else {
      Offset offset = sequencer.next;
      sequencer.writers.Take(batch.header, offset);
      sequencer.next += batch.header.count;
      FakeSequencer::Waiting waiting;
      waiting.end = sequencer.next;
      waiting.done = [reply](StatusOr<Offset> result) { reply(std::move(result)); };
      sequencer.waiting[offset] = std::move(waiting);
      cluster.Replicate(id, offset, batch);
    }
  }

  static StatusOr<StoreAnswer> AskAt(const Target& target, bool seal, const std::string& proposal) {
    FakeStore* store = target.Reach();
    if (store == nullptr) return absl::UnavailableError("down");
    if (seal && !store->sealed) {
      store->sealed = true;
      store->proposal = proposal;
    }
    StoreAnswer answer;
    answer.number = target.number;
    answer.copy = *store;
    return answer;
  }

  static StatusOr<FakeRead> ReadAt(const Target& target, Offset from, Offset to, size_t max_bytes) {
    FakeRead read;
    if (target.gone()) {
      read.trimmed = true;
      return read;
    }
    FakeStore* store = target.Reach();
    if (store == nullptr) return absl::UnavailableError("down");
    if (from < store->trim) {
      read.trimmed = true;
      read.trim = store->trim;
      return read;
    }
    auto it = store->batches.upper_bound(from);
    if (it == store->batches.begin()) return absl::UnavailableError("I lack it");
    --it;
    if (it->first + it->second.header.count <= from) return absl::UnavailableError("I lack it");
    size_t bytes = 0;
    for (; it != store->batches.end() && it->first < to; ++it) {
      if (!read.result.batches.empty() && bytes >= max_bytes) break;
      bytes += it->second.body.size();
      read.result.batches.push_back({it->first, it->second});
    }
    return read;
  }

  static StatusOr<Offset> TrimAt(const Target& target, Offset to) {
    if (target.gone()) return absl::OutOfRangeError("trimmed");
    FakeStore* store = target.Reach();
    if (store == nullptr) return absl::UnavailableError("down");
    store->trim = std::max(store->trim, to);
    return store->trim;
  }

  // Repair writes to sealed stores only, whole batches, and never counts as an acknowledgement.
  static StatusOr<bool> RepairAt(const Target& target, const FakeStore& source) {
    FakeStore* store = target.Reach();
    if (store == nullptr) return absl::UnavailableError("down");
    for (auto it = source.batches.lower_bound(store->tail); it != source.batches.end(); ++it) {
      store->batches.insert(*it);
      store->tail = it->first + it->second.header.count;
    }
    return true;
  }

  Task<std::vector<StoreAnswer>> AskAll(bool seal, std::string proposal) {
    std::vector<StoreAnswer> answers;
    for (int number = 0; number < kStores; ++number) {
      auto serve = [target = TargetOf(number), seal, proposal] {
        return AskAt(target, seal, proposal);
      };
      auto pending = FakeCall<StoreAnswer>::Run(env_, cluster_, serve);
      StatusOr<StoreAnswer> answer = co_await std::move(pending);
      if (answer.ok()) answers.push_back(*std::move(answer));
      // A sealer does not always wait for the third: then two sealers may learn different tails.
      if (seal && answers.size() == kQuorum && cluster_.world().Chance(0.5)) break;
    }
    co_return std::move(answers);
  }

  env::SimEnv& env_;
  FakeCluster& cluster_;
  LogletId id_;
  Offset hint_;
  Offset trim_hint_;
  Instant arrival_;
  std::shared_ptr<Instant> last_answer_ = std::make_shared<Instant>();
};

class FakeQuorumKind final : public loglets::LogletKind {
 public:
  FakeQuorumKind(env::SimEnv& env, FakeCluster& cluster, std::string name)
      : env_(env), cluster_(cluster), name_(std::move(name)) {}
  std::string name() const override { return name_; }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest) override {
    co_return std::string("3/2");
  }
  Task<Status> Prepare(LogletId, std::string) override {
    auto serve = []() -> StatusOr<bool> { return true; };
    auto pending = FakeCall<bool>::Run(env_, cluster_, serve);
    StatusOr<bool> answered = co_await std::move(pending);
    if (!answered.ok()) co_return absl::UnavailableError("the servers do not answer");
    co_return absl::OkStatus();
  }
  Task<StatusOr<std::shared_ptr<loglets::Loglet>>> Open(LogletId id, std::string,
                                                        std::optional<Offset>) override {
    co_return std::make_shared<FakeQuorumLoglet>(env_, cluster_, id);
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    cluster_.Drop(log, from, to);
    co_return absl::OkStatus();
  }

 private:
  env::SimEnv& env_;
  FakeCluster& cluster_;
  std::string name_;
};

class FakeMetastore final : public metastore::Metastore {
 public:
  FakeMetastore(env::SimEnv& env, FakeCluster& cluster) : env_(env), cluster_(cluster) {}

  Task<StatusOr<metastore::Versioned>> Read(std::string log) override {
    for (;;) {
      Status there = co_await Travel();
      VLOG_CO_RETURN_IF_ERROR(there);
      if (!cluster_.Loses()) co_return co_await cluster_.metastore().Read(log);
    }
  }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override {
    Status there = co_await Travel();
    VLOG_CO_RETURN_IF_ERROR(there);
    if (cluster_.Loses()) co_return absl::UnknownError("no reply");
    StatusOr<Version> written =
        co_await cluster_.metastore().Write(log, std::move(value), expected);
    Status back = co_await Travel();
    VLOG_CO_RETURN_IF_ERROR(back);
    if (cluster_.Loses()) co_return absl::UnknownError("no reply");
    co_return written;
  }
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override {
    for (;;) {
      StatusOr<metastore::Versioned> read = co_await Read(log);
      if (read.ok() && read->version > known) co_return read->version;
      if (env_.scheduler().Now() >= deadline) co_return absl::DeadlineExceededError("no change");
      Status slept = co_await env_.scheduler().Sleep(kPoll);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
  }
  Task<StatusOr<std::vector<std::string>>> List() override { return cluster_.metastore().List(); }

 private:
  Task<Status> Travel() { return env_.scheduler().Sleep(cluster_.Delay()); }

  env::SimEnv& env_;
  FakeCluster& cluster_;
};

}  // namespace

std::unique_ptr<loglets::LogletKind> NewFakeQuorumKind(env::SimEnv& env, FakeCluster& cluster,
                                                       std::string name) {
  return std::make_unique<FakeQuorumKind>(env, cluster, std::move(name));
}

std::unique_ptr<metastore::Metastore> NewFakeMetastore(env::SimEnv& env, FakeCluster& cluster) {
  return std::make_unique<FakeMetastore>(env, cluster);
}

}  // namespace vlog::testing
