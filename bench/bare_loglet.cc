#include "bare_loglet.h"

#include "env/real/real_env.h"
#include "loglets/local/local_core.h"
#include "loglets/local/local_host.h"

namespace vlog::bench {
namespace {

constexpr size_t kWindow = 4;
constexpr size_t kMaxBatchBytes = 512 * 1024;

}  // namespace

Task<StatusOr<std::unique_ptr<BareLoglet>>> BareLoglet::Open(boost::asio::any_io_executor executor,
                                                             std::string path) {
  std::unique_ptr<BareLoglet> bare(
      new BareLoglet(env::NewRealEnv(std::move(executor), std::move(path))));
  Status made = co_await bare->env_->disk().MakeDirectory("");
  VLOG_CO_RETURN_IF_ERROR(made);
  storage::JournalOptions options;
  StatusOr<std::unique_ptr<storage::Journal>> journal = co_await storage::Journal::Open(
      *bare->env_, "journal", options, loglets::NewLocalStreamState);
  VLOG_CO_RETURN_IF_ERROR(journal);
  bare->journal_ = *std::move(journal);
  bare->kind_ = loglets::NewLocalKind(*bare->env_, *bare->journal_);
  LogletId id;
  id.log = "bench";
  id.proposal = ProposalId(bare->env_->RandomId());
  std::string params;
  std::optional<Offset> known_tail;
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet =
      co_await bare->kind_->Open(std::move(id), std::move(params), known_tail);
  VLOG_CO_RETURN_IF_ERROR(loglet);
  bare->loglet_ = *std::move(loglet);
  bare->writer_ = WriterId(bare->env_->RandomId());
  co_return std::move(bare);
}

void BareLoglet::Append(std::string_view payload, Done done) {
  if (!forming_) forming_.emplace(writer_, next_);
  forming_->Add(payload);
  forming_done_.push_back(std::move(done));
  next_ += 1;
  if (forming_->body_bytes() >= kMaxBatchBytes) Pump();
  PumpSoon();
}

Task<StatusOr<Offset>> BareLoglet::Append(std::string payload) {
  auto start = [this, payload = std::move(payload)](async::Completer<StatusOr<Offset>> completer) {
    Append(std::string_view(payload), Done(std::move(completer)));
  };
  return async::Completer<StatusOr<Offset>>::Await(scheduler(), std::move(start));
}

void BareLoglet::PumpSoon() {
  if (pump_posted_) return;
  pump_posted_ = true;
  scheduler().Post([this] {
    pump_posted_ = false;
    Pump();
  });
}

void BareLoglet::Pump() {
  if (!forming_ || in_flight_ >= kWindow) return;
  Batch batch = std::move(*forming_).Finish();
  forming_.reset();
  batch.header.first_in_loglet = !last_sent_.has_value();
  batch.header.prev = last_sent_.value_or(SeqNo());
  last_sent_ = batch.header.last();
  ++in_flight_;
  loglet_->Append(std::move(batch),
                  [this, done = std::exchange(forming_done_, {})](StatusOr<Offset> result) mutable {
                    --in_flight_;
                    Finish(std::move(done), std::move(result));
                    PumpSoon();
                  });
}

void BareLoglet::Finish(std::vector<Done> done, StatusOr<Offset> result) {
  for (Done& each : done) {
    each(result);
    if (result.ok()) *result += 1;
  }
}

Task<Status> BareLoglet::Close() {
  Status closed = co_await journal_->Close();
  scheduler().Stop();
  co_return closed;
}

}  // namespace vlog::bench
