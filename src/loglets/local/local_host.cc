#include "loglets/local/local_host.h"

#include <algorithm>
#include <map>

#include "loglets/local/local_loglet.h"
#include "loglets/tombstones.h"

namespace vlog::loglets {
namespace {

class LocalKind final : public LogletKind {
 public:
  LocalKind(env::Env& env, storage::Journal& journal, LocalOptions options)
      : env_(env), journal_(journal), options_(options), tombstones_(journal, kLocalTombstones) {}

  std::string name() const override { return kLocalKind; }
  Task<StatusOr<std::string>> ProposeParams(ProposeRequest request) override {
    Status refused = RefuseOptions(kLocalKind, request);
    VLOG_CO_RETURN_IF_ERROR(refused);
    co_return std::string();
  }

  Task<Status> Prepare(LogletId id, std::string) override {
    VLOG_CO_RETURN_IF_ERROR(journal_.status());
    if (!journal_.streams().lost_bound() || journal_.streams().Find(StreamKey(id)) != nullptr) {
      co_return absl::OkStatus();
    }
    // After damage only a loglet that was seen to be new counts as new.
    Find(id)->Create();
    co_return absl::OkStatus();
  }

  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string,
                                               std::optional<Offset>) override {
    VLOG_CO_RETURN_IF_ERROR(journal_.status());
    std::shared_ptr<LocalLoglet> loglet = Find(id);
    std::optional<uint64_t> lost = journal_.streams().lost_bound();
    if (dead().Contains(id)) {
      loglet->MarkGone();
    } else if (lost && loglet->stream() == storage::StreamId(0)) {
      // The journal lost entries: this loglet may have been among them.
      Status sealed = co_await loglet->WriteSeal(std::string(), Offset(*lost));
      VLOG_CO_RETURN_IF_ERROR(sealed);
    }
    co_return loglet;
  }

  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    Status written = co_await tombstones_.Add(log, from, to);
    VLOG_CO_RETURN_IF_ERROR(written);
    std::vector<storage::StreamId> dropped;
    for (const auto& [id, stream] : journal_.streams().streams()) {
      if (dead().Contains(ParseStreamKey(stream->key))) dropped.push_back(id);
    }
    for (auto& [id, open] : loglets_) {
      std::shared_ptr<LocalLoglet> loglet = open.lock();
      if (loglet != nullptr && dead().Contains(id)) loglet->MarkGone();
    }
    for (storage::StreamId id : dropped) {
      // Only when it is durable does its space come back.
      journal_.DropStream(id, [journal = &journal_](const Status&) { journal->ReclaimSoon(); });
    }
    co_return absl::OkStatus();
  }

 private:
  // The one object of a loglet, as long as anybody uses it or something is on its way to the
  // journal; what it is made of again is in the journal's stream.
  std::shared_ptr<LocalLoglet> Find(const LogletId& id) {
    std::erase_if(loglets_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<LocalLoglet>& known = loglets_[id];
    std::shared_ptr<LocalLoglet> loglet = known.lock();
    if (loglet == nullptr) {
      loglet = std::make_shared<LocalLoglet>(env_, journal_, id, options_.most_writers);
      known = loglet;
    }
    return loglet;
  }

  const DeadSegments& dead() const { return tombstones_.dead(); }

  env::Env& env_;
  storage::Journal& journal_;
  LocalOptions options_;
  std::map<LogletId, std::weak_ptr<LocalLoglet>> loglets_;
  Tombstones tombstones_;
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
  Task<StatusOr<std::string>> ProposeParams(ProposeRequest) override { co_return ReadOnly(); }
  Task<Status> Prepare(LogletId, std::string) override { co_return ReadOnly(); }
  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string,
                                               std::optional<Offset>) override {
    co_return std::make_shared<LocalReaderLoglet>(env_, view_, id);
  }
  Task<Status> Drop(std::string, SegmentIndex, SegmentIndex) override { co_return ReadOnly(); }

 private:
  static Status ReadOnly() { return absl::UnavailableError("opened for reading only"); }

  env::Env& env_;
  storage::JournalView& view_;
};

}  // namespace

std::unique_ptr<LogletKind> NewLocalKind(env::Env& env, storage::Journal& journal,
                                         LocalOptions options) {
  return std::make_unique<LocalKind>(env, journal, options);
}

std::unique_ptr<LogletKind> NewLocalReaderKind(env::Env& env, storage::JournalView& view) {
  return std::make_unique<LocalReaderKind>(env, view);
}

}  // namespace vlog::loglets
