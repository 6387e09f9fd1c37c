#include "virtuallog/log_context.h"

namespace vlog::virtuallog {
namespace {

// A watch on the register ends and begins again this often, so that closing never waits long.
constexpr Duration kWatch = std::chrono::milliseconds(100);
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
      tasks_(env.scheduler()) {}

void LogContext::Learn(Version version, std::shared_ptr<const Chain> chain) {
  if (chain_ != nullptr && version <= version_) return;
  version_ = version;
  chain_ = std::move(chain);
  changed_.NotifyAll();
}

Task<Status> LogContext::Refresh() {
  StatusOr<metastore::Versioned> read = co_await metastore_.Read(log_);
  VLOG_CO_RETURN_IF_ERROR(read);
  if (chain_ != nullptr && read->version <= version_) co_return absl::OkStatus();
  StatusOr<Chain> chain = Chain::Decode(read->value);
  if (!chain.ok()) co_return Annotate(chain.status(), "log '" + log_ + "'");
  Learn(read->version, std::make_shared<const Chain>(*std::move(chain)));
  co_return absl::OkStatus();
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

Task<Status> LogContext::AwaitChange(Version known, Instant deadline) {
  if (!watching_) {
    watching_ = true;
    tasks_.Spawn(Watch());
  }
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
    StatusOr<Version> newer = co_await metastore_.AwaitChange(log_, version_, until);
    if (newer.ok()) {
      // A failed read shows again in the next round.
      Status read = co_await Refresh();
      if (read.ok()) continue;
    }
    if (absl::IsDeadlineExceeded(newer.status())) continue;
    Status slept = co_await env_.scheduler().Sleep(kRetry);
    if (!slept.ok()) break;
  }
}

Task<StatusOr<std::shared_ptr<loglets::Loglet>>> LogContext::Open(Segment segment) {
  VLOG_CHECK(!segment.is_marker(), "a marker holds no records");
  LogletId id = IdOf(segment);
  auto it = open_.find(id);
  if (it != open_.end()) co_return it->second;
  StatusOr<loglets::LogletKind*> kind = factory_.Find(segment.made.kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  std::optional<Offset> known_tail;
  if (std::optional<Lsn> end = chain_->EndOf(segment.index)) {
    known_tail = Offset(*end - segment.base);
  }
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet =
      co_await (*kind)->Open(id, segment.made.params, known_tail);
  VLOG_CO_RETURN_IF_ERROR(loglet);
  open_[id] = *loglet;
  CloseUnused();
  co_return loglet;
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
  co_await tasks_.Join();
}

}  // namespace vlog::virtuallog
