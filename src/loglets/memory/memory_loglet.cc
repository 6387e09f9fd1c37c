#include "loglets/memory/memory_loglet.h"

#include <algorithm>
#include <map>
#include <vector>

#include "async/event.h"
#include "loglets/dead_segments.h"
#include "loglets/writers_table.h"

namespace vlog::loglets {
namespace {

class MemoryLoglet final : public Loglet {
 public:
  explicit MemoryLoglet(async::Scheduler& scheduler) : scheduler_(scheduler), changed_(scheduler) {}

  void Append(Batch batch, AppendDone done) override {
    StatusOr<Offset> result = AppendNow(std::move(batch));
    scheduler_.Post([done = std::move(done), result]() mutable { done(result); });
  }

  // Dropped for good: sealed, and everything in it is trimmed.
  void MarkGone() {
    sealed_ = gone_ = true;
    changed_.NotifyAll();
  }

  Task<StatusOr<Tail>> CheckTail() override { co_return Tail{tail_, sealed_}; }
  Offset TailHint() override { return tail_; }

  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    while (tail_ <= beyond && !sealed_) {
      Status waited = co_await changed_.Wait(deadline);
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    co_return Tail{tail_, sealed_};
  }

  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    if (gone_ || from < trim_) co_return absl::OutOfRangeError("trimmed");
    VLOG_CHECK(from < to && to <= tail_, "a read ends at a committed tail");
    ReadResult result;
    auto it = std::upper_bound(batches_.begin(), batches_.end(), from,
                               [](Offset o, const StoredBatch& b) { return o < b.first; });
    size_t bytes = 0;
    for (--it; it != batches_.end() && it->first < to; ++it) {
      if (!result.batches.empty() && bytes >= max_bytes) break;
      bytes += it->batch.body.size();
      result.batches.push_back(*it);
    }
    co_return std::move(result);
  }

  Task<StatusOr<Offset>> Trim(Offset to) override {
    trim_ = std::max(trim_, std::min(to, tail_));
    auto covers = [&](const StoredBatch& b) { return b.first + b.batch.header.count > trim_; };
    batches_.erase(batches_.begin(), std::find_if(batches_.begin(), batches_.end(), covers));
    co_return trim_;
  }
  Offset TrimHint() override { return trim_; }

  Task<StatusOr<Sealed>> Seal(std::string proposal) override {
    if (gone_) co_return absl::FailedPreconditionError("this loglet is gone: sealed and dropped");
    if (!sealed_) {
      sealed_ = true;
      proposal_ = std::move(proposal);
      changed_.NotifyAll();
    }
    co_return Sealed{tail_, proposal_};
  }

 private:
  StatusOr<Offset> AppendNow(Batch batch) {
    Verdict verdict = writers_.Judge(batch.header);
    bool taken = verdict.judgement == Judgement::kDuplicate;
    if (taken && !sealed_) return verdict.offset;
    if (taken || verdict.judgement == Judgement::kTooOld) {
      return absl::UnknownError("may be stored: taken before");
    }
    if (sealed_) return absl::FailedPreconditionError("sealed");
    if (verdict.judgement == Judgement::kOutOfOrder) {
      return absl::InvalidArgumentError("out of order");
    }
    Offset first = tail_;
    writers_.Take(batch.header, first);
    tail_ += batch.header.count;
    batches_.push_back({first, std::move(batch)});
    changed_.NotifyAll();
    return first;
  }

  async::Scheduler& scheduler_;
  async::Event changed_;
  std::vector<StoredBatch> batches_;
  WritersTable writers_;
  Offset trim_;
  Offset tail_;
  bool sealed_ = false;
  bool gone_ = false;
  std::string proposal_;
};

class MemoryKind final : public LogletKind {
 public:
  explicit MemoryKind(env::Env& env) : env_(env) {}
  std::string name() const override { return kMemoryKind; }
  Task<StatusOr<std::string>> ProposeParams(ProposeRequest request) override {
    Status refused = RefuseOptions(name(), request);
    VLOG_CO_RETURN_IF_ERROR(refused);
    co_return std::string();
  }
  Task<Status> Prepare(LogletId, std::string) override { co_return absl::OkStatus(); }
  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string,
                                               std::optional<Offset>) override {
    auto it = loglets_.find(id);
    if (it != loglets_.end()) co_return it->second;
    auto loglet = std::make_shared<MemoryLoglet>(env_.scheduler());
    if (dead_.Contains(id)) {
      loglet->MarkGone();  // never made again
    } else {
      loglets_[id] = loglet;
    }
    co_return loglet;
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    dead_.Add(log, from, to);
    for (auto it = loglets_.begin(); it != loglets_.end();) {
      bool drop = dead_.Contains(it->first);
      if (drop) it->second->MarkGone();
      it = drop ? loglets_.erase(it) : std::next(it);
    }
    co_return absl::OkStatus();
  }

 private:
  env::Env& env_;
  std::map<LogletId, std::shared_ptr<MemoryLoglet>> loglets_;
  DeadSegments dead_;
};

}  // namespace

std::unique_ptr<LogletKind> NewMemoryKind(env::Env& env) {
  return std::make_unique<MemoryKind>(env);
}

}  // namespace vlog::loglets
