// vlog-cluster-bench: three real nodes against a three-node etcd, and under faults.
#include "cluster/flood.h"
#include "cluster/groups.h"
#include "program.h"
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
      {"cluster-kill", "SIGKILL of the sequencer's or the leader's node under load", 4 * kGiB,
       16 * kGiB, RunClusterKill},
      {"cluster-pause", "SIGSTOP of the sequencer's or the leader's node under load", 4 * kGiB,
       8 * kGiB, RunClusterPause},
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
  vlog::bench::ProgramText text;
  text.name = "vlog-cluster-bench";
  text.about =
      "Measures a cluster of three vlogd processes on loopback, with this process as its client.\n"
      "All appends are single records, durable on two nodes and awaited one by one.";
  text.quick = "fewer rounds and faults";
  text.examples = "Example:\n  vlog-cluster-bench --quick --only cluster-speed --dir DIR";
  vlog::bench::Program program(std::move(text), vlog::bench::ClusterGroups());

  // What the memory group runs as a process of its own.
  std::vector<std::string> addresses;
  size_t clients = 0;
  CLI::App* flood = program.app().add_subcommand("flood", "")->group("");
  flood->add_option("clients", clients)->required();
  flood->add_option("addresses", addresses)->required();
  if (!program.Parse(argc, argv)) return program.exit_code();
  if (flood->parsed()) return vlog::bench::RunFlood(addresses, clients);
  return program.Run();
}
