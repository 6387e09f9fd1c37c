#include "scenario/dying_swapper.h"

#include <utility>

#include "virtuallog/chain.h"

namespace vlog::testing {
namespace {

// Stays here until the process dies, if this is the step.
Task<void> StopAt(env::Env* env, std::shared_ptr<SwapStop> stop, SwapStep step) {
  if (stop->at != step) co_return;
  stop->reached = true;
  async::Event never(env->scheduler());
  Status waited = co_await never.Wait();
  (void)waited;
}

class StoppingStore final : public metastore::Metastore {
 public:
  StoppingStore(metastore::Metastore& store, env::Env& env, std::shared_ptr<SwapStop> stop)
      : store_(store), env_(env), stop_(std::move(stop)) {}

  Task<StatusOr<metastore::Versioned>> Read(std::string log) override {
    return store_.Read(std::move(log));
  }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override {
    StatusOr<virtuallog::Chain> chain = virtuallog::Chain::Decode(value);
    bool intent = chain.ok() && chain->intent().has_value();
    SwapStep sent = intent ? SwapStep::kIntentSent : SwapStep::kChainSent;
    if (intent) co_await StopAt(&env_, stop_, SwapStep::kBeforeIntent);
    if (stop_->at == sent) stop_->reached = true;
    StatusOr<Version> written = co_await store_.Write(std::move(log), std::move(value), expected);
    co_await StopAt(&env_, stop_, sent);
    if (intent && written.ok()) co_await StopAt(&env_, stop_, SwapStep::kIntent);
    co_return written;
  }
  Task<Status> Reserve(std::string log, Version expected) override {
    return store_.Reserve(std::move(log), expected);
  }
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override {
    return store_.AwaitChange(std::move(log), known, deadline);
  }
  Task<StatusOr<metastore::Versioned>> AwaitNewer(std::string log, Version known,
                                                  Instant deadline) override {
    return store_.AwaitNewer(std::move(log), known, deadline);
  }
  void EndWaits(const std::string& log) override { store_.EndWaits(log); }
  Task<StatusOr<std::vector<std::string>>> List() override { return store_.List(); }

 private:
  metastore::Metastore& store_;
  env::Env& env_;
  std::shared_ptr<SwapStop> stop_;
};

class StoppingLoglet final : public loglets::Loglet {
 public:
  StoppingLoglet(std::shared_ptr<loglets::Loglet> loglet, env::Env& env,
                 std::shared_ptr<SwapStop> stop)
      : loglet_(std::move(loglet)), env_(env), stop_(std::move(stop)) {}

  void Append(Batch batch, loglets::AppendDone done) override {
    loglet_->Append(std::move(batch), std::move(done));
  }
  Task<StatusOr<loglets::Tail>> CheckTail() override { return loglet_->CheckTail(); }
  Offset TailHint() override { return loglet_->TailHint(); }
  Task<StatusOr<loglets::Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    return loglet_->AwaitTail(beyond, deadline);
  }
  Task<StatusOr<loglets::ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    return loglet_->Read(from, to, max_bytes);
  }
  Task<StatusOr<Offset>> Trim(Offset to) override { return loglet_->Trim(to); }
  Offset TrimHint() override { return loglet_->TrimHint(); }
  Task<StatusOr<loglets::Sealed>> Seal(std::string proposal) override {
    StatusOr<loglets::Sealed> sealed = co_await loglet_->Seal(std::move(proposal));
    if (sealed.ok()) co_await StopAt(&env_, stop_, SwapStep::kSealed);
    co_return sealed;
  }

 private:
  std::shared_ptr<loglets::Loglet> loglet_;
  env::Env& env_;
  std::shared_ptr<SwapStop> stop_;
};

class StoppingKind final : public loglets::LogletKind {
 public:
  StoppingKind(loglets::LogletKind& kind, env::Env& env, std::shared_ptr<SwapStop> stop)
      : kind_(kind), env_(env), stop_(std::move(stop)) {}

  std::string name() const override { return kind_.name(); }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest request) override {
    return kind_.ProposeParams(std::move(request));
  }
  Task<Status> Prepare(LogletId id, std::string params) override {
    Status prepared = co_await kind_.Prepare(std::move(id), std::move(params));
    if (prepared.ok()) co_await StopAt(&env_, stop_, SwapStep::kPrepared);
    co_return prepared;
  }
  Task<StatusOr<std::shared_ptr<loglets::Loglet>>> Open(LogletId id, std::string params,
                                                        std::optional<Offset> known_tail) override {
    StatusOr<std::shared_ptr<loglets::Loglet>> loglet =
        co_await kind_.Open(std::move(id), std::move(params), known_tail);
    VLOG_CO_RETURN_IF_ERROR(loglet);
    std::shared_ptr<loglets::Loglet> stopping =
        std::make_shared<StoppingLoglet>(*std::move(loglet), env_, stop_);
    co_return stopping;
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    return kind_.Drop(std::move(log), from, to);
  }

 private:
  loglets::LogletKind& kind_;
  env::Env& env_;
  std::shared_ptr<SwapStop> stop_;
};

}  // namespace

const char* ToString(SwapStep step) {
  constexpr const char* kNames[] = {"before the intent", "intent sent", "intent",
                                    "prepared",          "sealed",      "chain sent"};
  return kNames[static_cast<size_t>(step)];
}

DyingSwapper::DyingSwapper(ClusterScene& scene, SceneClient& client, SwapStep at, std::string kind)
    : client_(client), stop_(std::make_shared<SwapStop>(SwapStop{at})) {
  env::Env& env = *client.env;
  store_ = std::make_unique<StoppingStore>(client.cluster->metastore(), env, stop_);
  for (const std::string& name : client.cluster->factory().names()) {
    loglets::LogletKind* real = *client.cluster->factory().Find(name);
    factory_.Register(std::make_unique<StoppingKind>(*real, env, stop_));
  }
  swapped_ = StartTask(env, Swap(std::move(kind)));
  scene.Until([this] { return reached() || swapped_->has_value(); });
}

DyingSwapper::~DyingSwapper() { client_.Crash(); }

Task<Status> DyingSwapper::Swap(std::string kind) {
  virtuallog::OpenOptions options;
  StatusOr<std::unique_ptr<virtuallog::SharedLog>> log = co_await virtuallog::SharedLog::Open(
      *client_.env, *store_, factory_, client_.log->name(), std::move(options));
  VLOG_CO_RETURN_IF_ERROR(log);
  log_ = *std::move(log);
  virtuallog::ReconfigureRequest request;
  request.kind = std::move(kind);
  request.reason = "planned by one who dies";
  co_return co_await log_->Reconfigure(std::move(request));
}

}  // namespace vlog::testing
