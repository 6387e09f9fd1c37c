#include "program.h"

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "async/task_group.h"
#include "client/kinds.h"
#include "env/real/http_server.h"
#include "env/real/real_env.h"
#include "http_pages.h"
#include "server/config_values.h"
#include "server/kinds.h"
#include "server/log.h"
#include "server/node.h"
#include "server/node_identity.h"
#include "stop_signals/stop_signals.h"

namespace vlog::vlogd {
namespace {

// For requests that have arrived, when the node is told to stop.
constexpr Duration kStopPatience = std::chrono::seconds(5);
// A node that has not stopped by itself after so long is ended; kill -9 would lose no more.
constexpr Duration kStopLimit = std::chrono::seconds(20);
// For what unwinds after the node has stopped.
constexpr Duration kUnwindLimit = std::chrono::milliseconds(500);

server::Logger NewLogger(const server::NodeConfig& config, env::Env& env) {
  server::LogOptions options;
  options.level = server::ParseLogLevel(config.logging.level);
  options.format = server::ParseLogFormat(config.logging.format);
  auto now = [&env] { return env.WallNow(); };
  return server::Logger(options, server::StderrSink(), now).Component("node");
}

// One run of the node, on the loop.
class Program {
 public:
  Program(const server::LoadedConfig& loaded, boost::asio::io_context& loop)
      : config_(loaded.config),
        loop_(loop),
        env_(env::NewRealEnv(loop.get_executor(), config_.node.data_dir)),
        log_(NewLogger(config_, *env_)),
        changed_(env_->scheduler()),
        tasks_(env_->scheduler()),
        signals_(loop.get_executor(), [this] { OnSignal(); }) {
    for (const std::string& warning : loaded.warnings) {
      log_.Warning("the configuration is unusual", {{"what", warning}});
    }
  }

  ExitCode Run() {
    async::SpawnRoot(loop_.get_executor(), Main());
    while (!done_) loop_.run_one();
    // Every wait ends, and what it belonged to is freed, while the loop still runs.
    env_->scheduler().Stop();
    loop_.run_for(kUnwindLimit);
    log_.Flush();
    return exit_code_;
  }

 private:
  void OnSignal() {
    log_.Info("was told to stop", {{"advice", "a second signal ends the process at once"}});
    stop_ = true;
    changed_.NotifyAll();
  }

  Task<void> Main() {
    Status started = co_await Start();
    if (!started.ok()) {
      log_.Error("cannot start", {{"reason", started}});
      exit_code_ = kFailed;
    }
    while (started.ok() && failure_.ok() && !stop_) {
      Status waited = co_await changed_.Wait();
      if (!waited.ok()) break;
    }
    if (node_ != nullptr) co_await Stop();
    http_.reset();
    node_.reset();
    done_ = true;
  }

  Task<Status> Start() {
    server::NodeOptions options;
    options.config = config_;
    options.kinds = server::HostableKinds();
    options.client_kinds = client::RegisterKinds;
    options.version = VLOG_VERSION;
    StatusOr<std::unique_ptr<server::Node>> node =
        co_await server::Node::Start(*env_, std::move(options), log_);
    VLOG_CO_RETURN_IF_ERROR(node);
    node_ = *std::move(node);
    tasks_.Spawn(WatchFailure());
    Status served = ServePages();
    VLOG_CO_RETURN_IF_ERROR(served);
    tasks_.Spawn(TellReady());
    co_return absl::OkStatus();
  }

  Status ServePages() {
    if (config_.network.http.empty()) return absl::OkStatus();
    env::HttpServerOptions options;
    options.max_connections = config_.limits.http_connections;
    options.idle_timeout = config_.timeouts.http_idle;
    StatusOr<std::unique_ptr<env::HttpServer>> http =
        env::HttpServer::Listen(loop_.get_executor(), config_.network.http, options);
    if (!http.ok()) return Annotate(http.status(), "network.http = " + config_.network.http);
    http_ = *std::move(http);
    RoutePages(*http_, *node_);
    log_.Info("serves pages", {{"http", http_->address()}});
    return absl::OkStatus();
  }

  Task<void> TellReady() {
    Status joined = co_await node_->AwaitJoined();
    if (!joined.ok()) co_return;
    server::NodeStatus status = node_->status();
    std::string cluster = server::HexIdText(status.identity.cluster.value());
    std::string http = http_ == nullptr ? "" : http_->address();
    log_.Info("ready", {{"node", status.identity.node},
                        {"cluster", cluster},
                        {"boot", status.identity.incarnation},
                        {"listen", status.listen},
                        {"advertise", status.advertise},
                        {"http", http}});
  }

  Task<void> WatchFailure() {
    Status failure = co_await node_->AwaitFailure();
    if (!absl::IsCancelled(failure)) failure_ = std::move(failure);
    changed_.NotifyAll();
  }

  Task<void> Stop() {
    Instant now = env_->scheduler().Now();
    env_->scheduler().StartTimer(now + kStopLimit, [this] {
      log_.Error("does not stop by itself and is ended");
      std::_Exit(kFailed);
    });
    Status stopped = co_await node_->Stop(now + kStopPatience);
    co_await tasks_.Join();
    if (!stopped.ok() || !failure_.ok()) exit_code_ = kFailed;
  }

  const server::NodeConfig config_;
  boost::asio::io_context& loop_;
  std::unique_ptr<env::Env> env_;
  server::Logger log_;
  async::Event changed_;
  async::TaskGroup tasks_;
  tools::GracefulStop signals_;
  std::unique_ptr<server::Node> node_;
  std::unique_ptr<env::HttpServer> http_;
  bool stop_ = false;
  Status failure_;
  bool done_ = false;
  ExitCode exit_code_ = kGood;
};

Task<void> Format(env::Env& env, server::FormatRequest request,
                  std::shared_ptr<StatusOr<server::NodeIdentity>> result) {
  *result = co_await server::FormatDataDirectory(env, std::move(request));
}

}  // namespace

ExitCode RunNode(const server::LoadedConfig& loaded) {
  boost::asio::io_context loop(1);
  Program program(loaded, loop);
  return program.Run();
}

ExitCode FormatNode(const server::NodeConfig& config) {
  boost::asio::io_context loop(1);
  std::unique_ptr<env::Env> env = env::NewRealEnv(loop.get_executor(), config.node.data_dir);
  server::FormatRequest request;
  request.node = config.node.id;
  request.cluster_name = config.cluster.name;
  request.cluster = server::ConfiguredCluster(config);
  bool is_new = !request.cluster.has_value();
  Status none = absl::UnknownError("not formatted");
  auto result = std::make_shared<StatusOr<server::NodeIdentity>>(none);
  async::SpawnRoot(loop.get_executor(), Format(*env, std::move(request), result));
  loop.run();
  if (!result->ok()) {
    std::fprintf(stderr, "vlogd: %s\n", Message(result->status()).c_str());
    return kFailed;
  }
  std::string id = server::HexIdText((*result)->cluster.value());
  std::fprintf(stderr, "vlogd: formatted %s for node %s of %s cluster %s%s%s\n",
               config.node.data_dir.c_str(), std::to_string(config.node.id.value()).c_str(),
               is_new ? "the new" : "the", id.c_str(),
               is_new ? "; format the other nodes with --cluster-id " : "",
               is_new ? id.c_str() : "");
  std::printf("%s\n", id.c_str());
  return kGood;
}

}  // namespace vlog::vlogd
