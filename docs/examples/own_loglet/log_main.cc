// A client of a cluster whose nodes host the single kind.
//
//   single-log HOST:PORT create NAME           a new log, on a single loglet
//   single-log HOST:PORT append NAME TEXT...   prints the position of each
//   single-log HOST:PORT read NAME             prints position and text of all records
//   single-log HOST:PORT swap NAME KIND        live; KIND is "single" or one that vlogd hosts
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "client/kinds.h"
#include "env/real/real_env.h"
#include "metastore/paxos/paxos_metastore.h"
#include "server/node_client.h"
#include "single_core.h"
#include "single_kind.h"
#include "virtuallog/shared_log.h"

namespace {

using vlog::Lsn;
using vlog::Status;
using vlog::StatusOr;
using vlog::Task;
using vlog::virtuallog::SharedLog;

struct Arguments {
  std::string node;  // any one; it names the others
  std::string verb;
  std::string log;
  std::vector<std::string> words;
};

Task<Status> Append(SharedLog* log, std::vector<std::string> texts) {
  std::unique_ptr<vlog::virtuallog::Appender> appender = log->NewAppender();
  Status result;
  for (const std::string& text : texts) {
    std::string payload = text;
    StatusOr<Lsn> at = co_await appender->Append(std::move(payload));
    result = at.status();
    if (!at.ok()) break;
    std::printf("%llu\n", static_cast<unsigned long long>(at->value()));
  }
  co_await appender->Close();
  co_return result;
}

Task<Status> Read(SharedLog* log) {
  StatusOr<Lsn> tail = co_await log->CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  std::unique_ptr<vlog::virtuallog::Reader> reader = log->NewReader(Lsn(0));
  Lsn next(0);
  while (next < *tail) {
    StatusOr<vlog::virtuallog::ReadItem> item = co_await reader->Next();
    VLOG_CO_RETURN_IF_ERROR(item);
    for (const vlog::virtuallog::RecordRun& run : item->runs) {
      run.ForEach([](Lsn at, std::string_view text) {
        std::printf("%llu %.*s\n", static_cast<unsigned long long>(at.value()),
                    static_cast<int>(text.size()), text.data());
      });
    }
    next = reader->position();
  }
  co_return absl::OkStatus();
}

Task<Status> Use(SharedLog* log, Arguments arguments) {
  if (arguments.verb == "append") co_return co_await Append(log, std::move(arguments.words));
  if (arguments.verb == "read") co_return co_await Read(log);
  if (arguments.verb == "swap" && arguments.words.size() == 1) {
    vlog::virtuallog::ReconfigureRequest request;
    request.kind = arguments.words[0];
    request.reason = "asked for";
    co_return co_await log->Reconfigure(std::move(request));
  }
  co_return absl::OkStatus();  // create
}

// Finds the cluster, and opens its logs with the kinds that this program knows.
Task<Status> Run(vlog::env::Env& env, Arguments arguments) {
  StatusOr<vlog::env::Address> seed = vlog::env::Address::Parse(arguments.node);
  VLOG_CO_RETURN_IF_ERROR(seed);
  std::vector<vlog::env::Address> seeds;
  seeds.push_back(*seed);
  vlog::server::NodeClient client(env, std::move(seeds));
  vlog::Instant deadline = env.scheduler().Now() + std::chrono::seconds(5);
  StatusOr<vlog::server::Members> members = co_await client.FindMembers(deadline);
  VLOG_CO_RETURN_IF_ERROR(members);
  std::vector<vlog::NodeId> nodes;
  for (const auto& [node, member] : members->nodes) nodes.push_back(node);

  vlog::metastore::PaxosMetastoreOptions metastore_options;
  metastore_options.cluster = members->cluster;
  metastore_options.seeds = nodes;
  vlog::metastore::PaxosMetastore metastore(env, client.peers(), metastore_options);
  auto in_service = [&metastore] { return metastore.NodesInService(); };
  vlog::loglets::LogletFactory factory;
  vlog::client::RegisterKinds(env, client.peers(), nodes, in_service, &factory);
  factory.Register(single::NewLogletKind(env, client.peers(), nodes, in_service));

  vlog::virtuallog::OpenOptions options;
  if (arguments.verb == "create") options.create_with_kind = single::kKindName;
  StatusOr<std::unique_ptr<SharedLog>> log =
      co_await SharedLog::Open(env, metastore, factory, arguments.log, std::move(options));
  Status result = log.status();
  if (log.ok()) {
    result = co_await Use(log->get(), std::move(arguments));
    co_await (*log)->Close();
  }
  co_await metastore.Close();
  // Calls that nobody waits for any more end before what they belong to goes.
  env.scheduler().Stop();
  for (int turn = 0; turn < 8; ++turn) {
    Status unwound = co_await env.scheduler().Sleep(vlog::Duration(0));
    if (unwound.ok()) break;
  }
  co_return result;
}

Task<void> Main(Task<Status> task, Status* result) { *result = co_await std::move(task); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "single-log HOST:PORT create|append|read|swap NAME [WORDS...]\n");
    return 2;
  }
  Arguments arguments{argv[1], argv[2], argv[3], {argv + 4, argv + argc}};
  boost::asio::io_context loop(1);
  auto env = vlog::env::NewRealEnv(loop.get_executor(), "/nonexistent");  // it stores nothing
  Status result;
  vlog::async::SpawnRoot(loop.get_executor(), Main(Run(*env, std::move(arguments)), &result));
  loop.run();
  if (!result.ok()) std::fprintf(stderr, "single-log: %s\n", vlog::Message(result).c_str());
  return result.ok() ? 0 : 1;
}
