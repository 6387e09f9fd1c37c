// vlog-cluster-bench: three real nodes against a three-node etcd, and under faults.
#include <CLI/CLI.hpp>

#include "cluster/flood.h"
#include "cluster/groups.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

const std::vector<Group>& ClusterGroups() {
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  static const std::vector<Group> groups = {
      {"cluster-speed", "appends against etcd: 1 to 1,024 outstanding, latency, CPU", 8 * kGiB,
       24 * kGiB, RunClusterSpeed},
      {"cluster-kinds", "each kind of loglet and etcd side by side, 1 and 1,024 outstanding",
       8 * kGiB, 24 * kGiB, RunClusterKinds},
      {"cluster-reading", "sequential reading through the cluster", 4 * kGiB, 8 * kGiB,
       RunClusterReading},
      {"cluster-moves", "planned moves of the sequencer under load", 4 * kGiB, 8 * kGiB,
       RunClusterMoves},
      {"cluster-kill", "SIGKILL of the sequencer's node under load", 4 * kGiB, 16 * kGiB,
       RunClusterKill},
      {"cluster-pause", "SIGSTOP of the sequencer's node under load", 4 * kGiB, 8 * kGiB,
       RunClusterPause},
      {"cluster-degraded", "one dead, one slow log server", 8 * kGiB, 16 * kGiB,
       RunClusterDegraded},
      {"cluster-memory", "memory of a node under overload", 4 * kGiB, 4 * kGiB, RunClusterMemory},
  };
  return groups;
}

Task<Status> OpenAndMeasure(boost::asio::any_io_executor executor, std::string directory,
                            Settings settings, Measurement measure) {
  StatusOr<OpenedCluster> cluster = co_await OpenCluster(std::move(executor), std::move(directory));
  VLOG_CO_RETURN_IF_ERROR(cluster);
  Status measured = co_await measure(*cluster, std::move(settings));
  Status closed = co_await cluster->Close();
  VLOG_CO_RETURN_IF_ERROR(measured);
  co_return closed;
}

}  // namespace

Status MeasureCluster(const Settings& settings, Measurement measure) {
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  boost::asio::io_context context(1);
  return RunOn(context, OpenAndMeasure(context.get_executor(), (*scratch)->Path("nodes"), settings,
                                       measure));
}

}  // namespace vlog::bench

int main(int argc, char** argv) {
  using vlog::bench::ClusterGroups;
  CLI::App app{
      "Measures a cluster of three vlogd processes on loopback, with this process as its client.\n"
      "All appends are single records, durable on two nodes and awaited one by one."};
  vlog::bench::Settings settings;
  std::vector<std::string> names = vlog::bench::NamesOf(ClusterGroups());
  std::vector<std::string> only;
  bool list = false;
  app.add_option("--dir", settings.directory,
                 "a folder on the disk to measure; scratch data goes here")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("--only", only, "only these groups (see --list)")->check(CLI::IsMember(names));
  app.add_flag("--quick", settings.quick, "fewer rounds and faults");
  app.add_flag("--list", list, "list the groups");
  app.footer("Example:\n  vlog-cluster-bench --quick --only cluster-speed --dir DIR");

  // What the memory group runs as a process of its own.
  std::vector<std::string> addresses;
  size_t clients = 0;
  CLI::App* flood = app.add_subcommand("flood", "")->group("");
  flood->add_option("clients", clients)->required();
  flood->add_option("addresses", addresses)->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (flood->parsed()) return vlog::bench::RunFlood(addresses, clients);
  if (list) {
    vlog::bench::PrintGroups(ClusterGroups());
    return 0;
  }
  return vlog::bench::RunGroups("vlog-cluster-bench", ClusterGroups(), settings, only);
}
