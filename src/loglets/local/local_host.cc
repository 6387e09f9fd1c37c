#include "loglets/local/local_host.h"

#include <algorithm>
#include <map>

#include "loglets/local/local_loglet.h"

namespace vlog::loglets {
namespace {

class LocalKind final : public LogletKind {
 public:
  LocalKind(env::Env& env, storage::Journal& journal) : env_(env), journal_(journal) {}

  std::string name() const override { return kLocalKind; }
  StatusOr<std::string> ProposeParams() override { return std::string(); }

  Task<Status> Prepare(LogletId id, std::string) override {
    VLOG_CO_RETURN_IF_ERROR(journal_.status());
    if (!journal_.streams().lost_bound() || journal_.streams().Find(StreamKey(id)) != nullptr) {
      co_return absl::OkStatus();
    }
    // After damage only a loglet that was seen to be new counts as new.
    Loglets::iterator entry = Find(id);
    entry->second->Create();
    co_return absl::OkStatus();
  }

  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string,
                                               std::optional<Offset>) override {
    VLOG_CO_RETURN_IF_ERROR(journal_.status());
    std::shared_ptr<LocalLoglet> loglet = Find(id)->second;
    std::optional<uint64_t> lost = journal_.streams().lost_bound();
    if (id.segment < FloorOf(id.log)) {
      loglet->MarkGone();
    } else if (lost && loglet->stream() == storage::StreamId(0)) {
      // The journal lost entries: this loglet may have been among them.
      Status sealed = co_await loglet->WriteSeal(std::string(), Offset(*lost));
      VLOG_CO_RETURN_IF_ERROR(sealed);
    }
    co_return loglet;
  }

  Task<Status> DropBelow(std::string log, SegmentIndex floor) override {
    if (FloorOf(log) < floor) {
      // First the tombstone: after a crash in between, the streams are dropped again.
      Status written = co_await WriteTombstone(log, floor);
      VLOG_CO_RETURN_IF_ERROR(written);
    }
    std::vector<storage::StreamId> dropped;
    for (const auto& [id, stream] : journal_.streams().streams()) {
      LogletId loglet = ParseStreamKey(stream->key);
      if (loglet.log == log && loglet.segment < floor) dropped.push_back(id);
    }
    for (auto it = loglets_.begin(); it != loglets_.end();) {
      bool drop = it->first.log == log && it->first.segment < floor;
      if (drop) it->second->MarkGone();
      it = drop ? loglets_.erase(it) : std::next(it);
    }
    for (storage::StreamId id : dropped) {
      journal_.DropStream(id, [](const Status&) {});
    }
    journal_.ReclaimSoon();
    co_return absl::OkStatus();
  }

 private:
  using Loglets = std::map<LogletId, std::shared_ptr<LocalLoglet>>;

  Loglets::iterator Find(const LogletId& id) {
    auto it = loglets_.find(id);
    if (it != loglets_.end()) return it;
    return loglets_.emplace(id, std::make_shared<LocalLoglet>(env_, journal_, id)).first;
  }

  SegmentIndex FloorOf(const std::string& log) const {
    storage::Stream* stream = journal_.streams().Find(std::string(kTombstoneStreamKey));
    if (stream == nullptr) return SegmentIndex();
    return static_cast<const TombstoneState&>(*stream->state).FloorOf(log);
  }

  Task<Status> WriteTombstone(std::string log, SegmentIndex floor) {
    storage::Stream* stream = journal_.streams().Find(std::string(kTombstoneStreamKey));
    if (stream != nullptr) tombstones_ = stream->id;
    if (tombstones_ == storage::StreamId(0)) {
      auto created = [this](const Status& status) {
        if (!status.ok()) tombstones_ = storage::StreamId(0);
      };
      tombstones_ = journal_.CreateStream(kTombstoneStreamKind, kTombstoneStreamKey, created);
    }
    return journal_.AppendControl(TombstoneState::DropEntry(tombstones_, log, floor));
  }

  env::Env& env_;
  storage::Journal& journal_;
  Loglets loglets_;
  storage::StreamId tombstones_;
};

// A loglet that another process writes.
class LocalReaderLoglet final : public Loglet {
 public:
  LocalReaderLoglet(env::Env& env, storage::JournalView& view, LogletId id)
      : env_(env), view_(view), key_(StreamKey(id)) {}

  void Append(Batch, AppendDone done) override {
    env_.scheduler().Post([done = std::move(done)]() mutable { done(ReadOnly()); });
  }
  Task<StatusOr<Tail>> CheckTail() override { co_return Tail{TailHint(), sealed()}; }
  Offset TailHint() override { return Offset(state() == nullptr ? 0 : state()->end()); }
  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    while (TailHint() <= beyond && !sealed()) {
      if (env_.scheduler().Now() >= deadline) co_return absl::DeadlineExceededError("no growth");
      Status looked = co_await LookAgain();
      VLOG_CO_RETURN_IF_ERROR(looked);
    }
    co_return Tail{TailHint(), sealed()};
  }
  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    // The chain may know of more than this view has seen yet.
    for (int look = 0; look < kLooks && from >= TailHint(); ++look) {
      Status looked = co_await LookAgain();
      VLOG_CO_RETURN_IF_ERROR(looked);
    }
    if (from >= TailHint()) {
      co_return absl::UnavailableError("the writer has not made these records visible yet");
    }
    if (from < TrimHint()) co_return absl::OutOfRangeError("trimmed");
    to = std::min(to, TailHint());
    storage::Stream* stream = view_.streams().Find(key_);
    StatusOr<storage::JournalRead> read =
        co_await view_.Read(stream->id, from.value(), to.value(), max_bytes);
    co_return ToReadResult(std::move(read));
  }
  Task<StatusOr<Offset>> Trim(Offset) override { co_return ReadOnly(); }
  Offset TrimHint() override { return Offset(state() == nullptr ? 0 : state()->trim()); }
  Task<StatusOr<Sealed>> Seal(std::string) override { co_return ReadOnly(); }

 private:
  static Status ReadOnly() {
    return absl::UnavailableError("opened for reading only, beside the process that writes");
  }
  const LocalState* state() const {
    storage::Stream* stream = view_.streams().Find(key_);
    return stream == nullptr ? nullptr : static_cast<const LocalState*>(stream->state.get());
  }
  bool sealed() const { return state() != nullptr && state()->sealed(); }
  Task<Status> LookAgain() {
    Status slept = co_await env_.scheduler().Sleep(kPoll);
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return co_await view_.Refresh();
  }

  static constexpr Duration kPoll = std::chrono::milliseconds(10);
  static constexpr int kLooks = 100;

  env::Env& env_;
  storage::JournalView& view_;
  std::string key_;
};

class LocalReaderKind final : public LogletKind {
 public:
  LocalReaderKind(env::Env& env, storage::JournalView& view) : env_(env), view_(view) {}
  std::string name() const override { return kLocalKind; }
  StatusOr<std::string> ProposeParams() override { return ReadOnly(); }
  Task<Status> Prepare(LogletId, std::string) override { co_return ReadOnly(); }
  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string,
                                               std::optional<Offset>) override {
    co_return std::make_shared<LocalReaderLoglet>(env_, view_, id);
  }
  Task<Status> DropBelow(std::string, SegmentIndex) override { co_return ReadOnly(); }

 private:
  static Status ReadOnly() { return absl::UnavailableError("opened for reading only"); }

  env::Env& env_;
  storage::JournalView& view_;
};

}  // namespace

std::unique_ptr<LogletKind> NewLocalKind(env::Env& env, storage::Journal& journal) {
  return std::make_unique<LocalKind>(env, journal);
}

std::unique_ptr<LogletKind> NewLocalReaderKind(env::Env& env, storage::JournalView& view) {
  return std::make_unique<LocalReaderKind>(env, view);
}

}  // namespace vlog::loglets
