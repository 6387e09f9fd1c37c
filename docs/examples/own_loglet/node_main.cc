// A node program that hosts the kinds of vlogd and the single kind.
//
//   single-node init --node-id 1 --node-data-dir DIR [--cluster-id ID]    prints the cluster's id
//   single-node run  --node-id 1 --node-data-dir DIR --network-listen HOST:PORT [--config FILE]
//
// All flags are those of vlogd; nodes find each other by the [[peers]] of the file.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "async/task_group.h"
#include "client/kinds.h"
#include "env/real/real_env.h"
#include "server/kinds.h"
#include "server/node.h"
#include "single_host.h"
#include "single_kind.h"

namespace {

using vlog::Status;
using vlog::StatusOr;
using vlog::Task;
namespace server = vlog::server;

// The two explicit calls that make the kind known. On the node's side:
std::vector<std::unique_ptr<vlog::loglets::HostableKind>> HostableKinds() {
  auto kinds = server::HostableKinds();
  kinds.push_back(single::NewHostableKind());
  return kinds;
}

// And on the client's side, for the node's monitor is a client of its own cluster.
void RegisterKinds(vlog::env::Env& env, vlog::rpc::Peers& peers, std::vector<vlog::NodeId> nodes,
                   vlog::loglets::NodesInService in_service,
                   vlog::loglets::LogletFactory* factory) {
  vlog::client::RegisterKinds(env, peers, nodes, in_service, factory);
  factory->Register(single::NewLogletKind(env, peers, nodes, in_service));
}

StatusOr<server::LoadedConfig> LoadConfig(int argc, char** argv) {
  server::ConfigInput input;
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string flag = argv[i];
    if (flag.rfind("--", 0) != 0) return absl::InvalidArgumentError("no flag: " + flag);
    input.flags[flag.substr(2)] = argv[i + 1];
  }
  if (auto file = input.flags.extract("config")) {
    std::ifstream in(file.mapped());
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) return absl::InvalidArgumentError("cannot read " + file.mapped());
    input.file_name = file.mapped();
    input.file_text = text.str();
  }
  return server::LoadNodeConfig(input);
}

Task<Status> Init(vlog::env::Env& env, server::NodeConfig config) {
  server::FormatRequest request;
  request.node = config.node.id;
  request.cluster_name = config.cluster.name;
  request.cluster = server::ConfiguredCluster(config);
  StatusOr<server::NodeIdentity> made =
      co_await server::FormatDataDirectory(env, std::move(request));
  VLOG_CO_RETURN_IF_ERROR(made);
  std::printf("%016llx\n", static_cast<unsigned long long>(made->cluster.value()));
  co_return absl::OkStatus();
}

// Until a signal comes or the node cannot go on.
Task<Status> Run(vlog::env::Env& env, server::NodeConfig config, vlog::async::Event* told_to_stop) {
  server::Logger log(server::LogOptions(), server::StderrSink(), [&env] { return env.WallNow(); });
  server::NodeOptions options;
  options.config = std::move(config);
  options.kinds = HostableKinds();
  options.client_kinds = RegisterKinds;
  options.version = "own_loglet";
  StatusOr<std::unique_ptr<server::Node>> node =
      co_await server::Node::Start(env, std::move(options), log);
  VLOG_CO_RETURN_IF_ERROR(node);
  Status joined = co_await (*node)->AwaitJoined();
  if (joined.ok()) {
    log.Info("ready");
    Status told = co_await told_to_stop->Wait();
    VLOG_CO_RETURN_IF_ERROR(told);
  }
  vlog::Instant deadline = env.scheduler().Now() + std::chrono::seconds(5);
  Status stopped = co_await (*node)->Stop(deadline);
  VLOG_CO_RETURN_IF_ERROR(joined);
  co_return stopped;
}

Task<void> Main(Task<Status> task, Status* result, bool* done) {
  *result = co_await std::move(task);
  *done = true;
}

}  // namespace

int main(int argc, char** argv) {
  std::string verb = argc > 1 ? argv[1] : "";
  StatusOr<server::LoadedConfig> loaded = LoadConfig(argc, argv);
  if ((verb != "init" && verb != "run") || !loaded.ok()) {
    std::fprintf(stderr, "single-node init|run --FLAG VALUE...; %s\n",
                 vlog::Message(loaded.status()).c_str());
    return 2;
  }
  boost::asio::io_context loop(1);
  auto env = vlog::env::NewRealEnv(loop.get_executor(), loaded->config.node.data_dir);
  vlog::async::Event told_to_stop(env->scheduler());
  boost::asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) told_to_stop.NotifyAll();
  });
  Status result;
  bool done = false;
  auto task =
      verb == "init" ? Init(*env, loaded->config) : Run(*env, loaded->config, &told_to_stop);
  vlog::async::SpawnRoot(loop.get_executor(), Main(std::move(task), &result, &done));
  while (!done) loop.run_one();
  // Whatever still waits ends now, while the loop runs.
  env->scheduler().Stop();
  loop.run_for(std::chrono::milliseconds(500));
  if (!result.ok()) std::fprintf(stderr, "single-node: %s\n", vlog::Message(result).c_str());
  return result.ok() ? 0 : 1;
}
