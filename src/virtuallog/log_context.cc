#include "virtuallog/log_context.h"

#include <algorithm>

namespace vlog::virtuallog {
namespace {

// A watch on the register ends and begins again this often, so that an idle log costs nothing.
constexpr Duration kWatch = std::chrono::seconds(10);
constexpr Duration kRetry = std::chrono::milliseconds(10);
// Loglets that stay open although nobody uses them.
constexpr size_t kMostOpen = 32;

}  // namespace

LogContext::LogContext(env::Env& env, metastore::Metastore& metastore,
                       loglets::LogletFactory& factory, std::string log, bool read_only)
    : env_(env),
      metastore_(metastore),
      factory_(factory),
      log_(std::move(log)),
      read_only_(read_only),
      changed_(env.scheduler()),
      done_(env.scheduler()),
      tasks_(env.scheduler()) {}

void LogContext::Learn(Version version, std::shared_ptr<const Chain> chain) {
  if (chain_ != nullptr && version <= version_) return;
  version_ = version;
  chain_ = std::move(chain);
  changed_.NotifyAll();
  for (auto& [id, loglet] : open_) loglet->ChainChanged();
}

Status LogContext::LearnValue(const metastore::Versioned& read) {
  if (chain_ != nullptr && read.version <= version_) return absl::OkStatus();
  if (read.value.empty()) {
    version_ = std::max(version_, read.version);
    return absl::NotFoundError("there is no log '" + log_ + "'");
  }
  StatusOr<Chain> chain = Chain::Decode(read.value);
  if (!chain.ok()) return Annotate(chain.status(), "log '" + log_ + "'");
  Learn(read.version, std::make_shared<const Chain>(*std::move(chain)));
  return absl::OkStatus();
}

Task<Status> LogContext::Refresh() {
  StatusOr<metastore::Versioned> read = co_await metastore_.Read(log_);
  VLOG_CO_RETURN_IF_ERROR(read);
  co_return LearnValue(*read);
}

void LogContext::RefreshSoon() {
  if (refreshing_ || closing_) return;
  refreshing_ = true;
  tasks_.Spawn(RefreshOnce());
}

Task<void> LogContext::RefreshOnce() {
  // What fails now is tried again by whoever still has no answer.
  Status read = co_await Refresh();
  (void)read;
  refreshing_ = false;
  done_.NotifyAll();
}

Task<void> LogContext::RefreshWithin(Duration bound) {
  Instant deadline = env_.scheduler().Now() + bound;
  RefreshSoon();
  while (refreshing_) {
    Status waited = co_await done_.Wait(deadline);
    if (!waited.ok()) break;
  }
}

Task<Status> LogContext::CompareAndSet(Version expected, Chain next) {
  std::string value = next.Encode();
  bool unknown = false;
  for (;;) {
    StatusOr<Version> written = co_await metastore_.Write(log_, value, expected);
    if (written.ok()) {
      Learn(*written, std::make_shared<const Chain>(std::move(next)));
      co_return absl::OkStatus();
    }
    if (absl::IsAborted(written.status()) && unknown) {
      // The version was decided meanwhile, perhaps by the write whose reply was lost.
      StatusOr<metastore::Versioned> read = co_await metastore_.Read(log_);
      if (!read.ok()) co_return absl::UnknownError(Message(read.status()));
      bool ours = read->version == Version(expected.value() + 1) && read->value == value;
      if (!ours) co_return written.status();
      Learn(read->version, std::make_shared<const Chain>(std::move(next)));
      co_return absl::OkStatus();
    }
    if (unknown && !absl::IsUnknown(written.status())) {
      // The write whose reply was lost may be in force all the same.
      co_return absl::UnknownError(Message(written.status()));
    }
    if (!absl::IsUnknown(written.status())) co_return written.status();
    unknown = true;
    Status slept = co_await env_.scheduler().Sleep(kRetry);
    if (!slept.ok()) co_return absl::UnknownError(Message(slept));
  }
}

void LogContext::WatchSoon() {
  if (watching_ || closing_) return;
  watching_ = true;
  tasks_.Spawn(Watch());
}

Task<Status> LogContext::AwaitChange(Version known, Instant deadline) {
  WatchSoon();
  while (version_ <= known) {
    if (closing_) co_return absl::CancelledError("closing");
    Status waited = co_await changed_.Wait(deadline);
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return absl::OkStatus();
}

Task<void> LogContext::Watch() {
  while (!closing_ && !env_.scheduler().stopping()) {
    Instant until = env_.scheduler().Now() + kWatch;
    StatusOr<metastore::Versioned> newer = co_await metastore_.AwaitNewer(log_, version_, until);
    Status learnt = newer.status();
    if (newer.ok()) learnt = LearnValue(*newer);
    if (learnt.ok() || absl::IsDeadlineExceeded(learnt)) continue;
    // What failed shows again in the next round.
    Status slept = co_await env_.scheduler().Sleep(kRetry);
    if (!slept.ok()) break;
  }
}

Task<StatusOr<std::shared_ptr<loglets::Loglet>>> LogContext::Open(Segment segment) {
  VLOG_CHECK(!segment.is_marker(), "a marker holds no records");
  LogletId id = IdOf(segment);
  while (opening_.contains(id)) {
    Status waited = co_await done_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  auto it = open_.find(id);
  if (it != open_.end()) co_return it->second;
  StatusOr<loglets::LogletKind*> kind = factory_.Find(segment.made.kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  std::optional<Offset> end = EndIn(*chain_, segment);
  opening_.insert(id);
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet =
      co_await (*kind)->Open(id, segment.made.params, end);
  opening_.erase(id);
  done_.NotifyAll();
  VLOG_CO_RETURN_IF_ERROR(loglet);
  auto opened = std::make_shared<SegmentLoglet>(*this, segment, *loglet, end.has_value());
  open_[id] = opened;
  CloseUnused();
  co_return opened;
}

void LogContext::CloseUnused() {
  SegmentIndex last = chain_->last().index;
  for (auto it = open_.begin(); it != open_.end() && open_.size() > kMostOpen;) {
    bool unused = it->second.use_count() == 1 && it->first.segment < last;
    it = unused ? open_.erase(it) : std::next(it);
  }
}

Task<Status> LogContext::DropDead() {
  std::shared_ptr<const Chain> chain = chain_;
  SegmentIndex next;  // the lowest index that is not passed over
  for (const Segment& segment : chain->segments()) {
    SegmentIndex from = next;
    next = SegmentIndex(segment.index.value() + 1);
    if (from == segment.index) continue;
    std::erase_if(open_, [&](const auto& entry) {
      return entry.first.segment >= from && entry.first.segment < segment.index;
    });
    for (const std::string& name : factory_.names()) {
      StatusOr<loglets::LogletKind*> kind = factory_.Find(name);
      Status dropped = co_await (*kind)->Drop(log_, from, segment.index);
      VLOG_CO_RETURN_IF_ERROR(dropped);
    }
  }
  co_return absl::OkStatus();
}

Task<void> LogContext::Close() {
  closing_ = true;
  changed_.NotifyAll();
  metastore_.EndWaits(log_);
  co_await tasks_.Join();
}

}  // namespace vlog::virtuallog
