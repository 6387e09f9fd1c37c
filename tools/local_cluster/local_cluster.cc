#include "local_cluster/local_cluster.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "base/check.h"
#include "local_cluster/loopback.h"

namespace vlog::local_cluster {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 5;  // to find ports that nobody else takes meanwhile
constexpr Duration kLookEvery = std::chrono::milliseconds(10);
constexpr size_t kLogLines = 12;  // shown of a node that does not come up
constexpr char kPortTaken[] = "Address already in use";

StatusOr<std::string> ProgramBesideThis(const std::string& name) {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path program = self.parent_path() / name;
  if (::access(program.c_str(), X_OK) == 0) return program.string();
  return absl::InvalidArgumentError("there is no " + program.string() +
                                    ", which runs the nodes; build it");
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string LastLines(const std::string& text, size_t lines) {
  size_t begin = text.size();
  for (size_t seen = 0; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && begin < text.size() && ++seen == lines) break;
  }
  return text.substr(begin);
}

std::string Listen(uint16_t port) { return absl::StrCat(kLoopback, ":", port); }

}  // namespace

StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::Start(LocalClusterOptions options) {
  if (options.vlogd.empty()) {
    StatusOr<std::string> vlogd = ProgramBesideThis("vlogd");
    VLOG_RETURN_IF_ERROR(vlogd);
    options.vlogd = *vlogd;
  }
  if (options.logs.empty()) options.logs = options.directory;
  Status begun;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::unique_ptr<LocalCluster> cluster(new LocalCluster(options));
    begun = cluster->Begin();
    if (begun.ok()) return cluster;
    if (!absl::IsAborted(begun)) return begun;
    // Nobody has used these nodes: they are made anew, with other ports.
    for (Node& node : cluster->nodes_) {
      node.process.Kill();
      std::error_code ignored;  // --init says what is in its way
      fs::remove_all(cluster->FolderOf(node), ignored);
    }
  }
  return absl::UnavailableError(Message(begun));
}

LocalCluster::~LocalCluster() {
  // All at once: each has its memory to give back before its end is seen.
  for (Node& node : nodes_) node.process.Signal(SIGKILL);
}

Status LocalCluster::Begin() {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  if (!error) fs::create_directories(options_.logs, error);
  if (error) {
    return absl::InvalidArgumentError("cannot make " + options_.directory + ": " + error.message());
  }
  Status done = ChoosePorts();
  if (done.ok()) done = WriteConfig();
  if (done.ok()) done = Format();
  for (Node& node : nodes_) {
    if (done.ok()) done = Launch(node);
  }
  if (done.ok()) done = AwaitServing(nodes());
  // The only error that other ports mend.
  bool taken = Message(done).find(kPortTaken) != std::string::npos;
  return taken ? absl::AbortedError(Message(done)) : done;
}

Status LocalCluster::ChoosePorts() {
  StatusOr<std::vector<uint16_t>> ports = FreePorts(2 * options_.nodes);
  VLOG_RETURN_IF_ERROR(ports);
  nodes_.resize(options_.nodes);
  for (uint32_t i = 0; i < options_.nodes; ++i) {
    nodes_[i].id = NodeId(i + 1);
    nodes_[i].port = (*ports)[2 * i];
    nodes_[i].http_port = (*ports)[2 * i + 1];
  }
  return absl::OkStatus();
}

Status LocalCluster::WriteConfig() {
  config_file_ = options_.directory + "/nodes.toml";
  std::ofstream file(config_file_);
  file << options_.config << "\n";
  for (const Node& node : nodes_) {
    file << "[[peers]]\nid = " << node.id.value() << "\naddress = \"" << Listen(node.port)
         << "\"\n";
  }
  file.close();
  return file ? absl::OkStatus() : absl::InvalidArgumentError("cannot write " + config_file_);
}

Status LocalCluster::Format() {
  std::string cluster;  // the first node makes its id, the others are told
  for (const Node& node : nodes_) {
    StatusOr<std::string> id = FormatNode(node, cluster);
    VLOG_RETURN_IF_ERROR(id);
    cluster = *id;
  }
  return absl::OkStatus();
}

StatusOr<std::string> LocalCluster::FormatNode(const Node& node, const std::string& cluster) {
  Command command;
  command.words = {options_.vlogd,    "--init",      "--node-id", std::to_string(node.id.value()),
                   "--node-data-dir", FolderOf(node)};
  if (!cluster.empty()) {
    command.words.emplace_back("--cluster-id");
    command.words.push_back(cluster);
  }
  command.errors = LogOf(node);
  command.output = options_.directory + "/cluster-id";
  std::error_code ignored;
  fs::remove(command.errors, ignored);  // of a node before this one
  StatusOr<ChildProcess> process = ChildProcess::Start(command);
  VLOG_RETURN_IF_ERROR(process);
  std::string end = process->Wait();
  std::istringstream printed(ReadAll(command.output));
  std::string id;
  if (printed >> id) return id;
  return absl::InvalidArgumentError(absl::StrCat("'vlogd --init' of node ", node.id.value(), " ",
                                                 end, ":\n",
                                                 LastLines(ReadAll(LogOf(node)), kLogLines)));
}

Status LocalCluster::Launch(Node& node) {
  Command command;
  command.words = {options_.vlogd,
                   "--config",
                   config_file_,
                   "--node-id",
                   std::to_string(node.id.value()),
                   "--node-data-dir",
                   FolderOf(node),
                   "--network-listen",
                   Listen(node.port),
                   "--network-http",
                   Listen(node.http_port)};
  command.errors = LogOf(node);
  StatusOr<ChildProcess> process = ChildProcess::Start(command);
  VLOG_RETURN_IF_ERROR(process);
  node.process = *std::move(process);
  return absl::OkStatus();
}

Status LocalCluster::AwaitServing(const std::vector<NodeId>& nodes) {
  auto end = std::chrono::steady_clock::now() + options_.patience;
  while (true) {
    std::optional<NodeId> lacking;
    for (NodeId node : nodes) {
      // Of nodes that wait for each other the one that has ended is to blame.
      if (!Running(node)) return NotServing(node);
      if (!lacking && !Serves(node)) lacking = node;
    }
    if (!lacking) return absl::OkStatus();
    if (std::chrono::steady_clock::now() >= end) return NotServing(*lacking);
    std::this_thread::sleep_for(kLookEvery);
  }
}

Status LocalCluster::Health(const Node& node) {
  StatusOr<Page> health = GetPage(node.http_port, "/healthz");
  VLOG_RETURN_IF_ERROR(health);
  return health->code == 200 ? absl::OkStatus() : absl::UnavailableError(health->body);
}

Status LocalCluster::NotServing(NodeId id) const {
  const Node& node = Find(id);
  std::string why = node.process.end();
  if (why.empty()) why = "does not serve: " + Message(Health(node));
  std::string log = LastLines(ReadAll(LogOf(node)), kLogLines);
  return absl::UnavailableError(absl::StrCat("node ", node.id.value(), " ", why, "\n", log));
}

std::vector<NodeId> LocalCluster::nodes() const {
  std::vector<NodeId> ids;
  for (const Node& node : nodes_) ids.push_back(node.id);
  return ids;
}

std::vector<env::Address> LocalCluster::addresses() const {
  std::vector<env::Address> all;
  for (const Node& node : nodes_) all.push_back({kLoopback, node.port});
  return all;
}

pid_t LocalCluster::pid(NodeId node) const { return Find(node).process.pid(); }

void LocalCluster::Kill(NodeId node) { Find(node).process.Kill(); }
void LocalCluster::Pause(NodeId node) { Find(node).process.Signal(SIGSTOP); }
void LocalCluster::Resume(NodeId node) { Find(node).process.Signal(SIGCONT); }

Status LocalCluster::Restart(NodeId node) {
  VLOG_CHECK(!Find(node).process.Running(), "a node that starts again has ended");
  return Launch(Find(node));
}

const LocalCluster::Node& LocalCluster::Find(NodeId node) const {
  VLOG_CHECK(node >= NodeId(1) && node.value() <= nodes_.size(), "the cluster has this node");
  return nodes_[node.value() - 1];
}

std::string LocalCluster::FolderOf(const Node& node) const {
  return absl::StrCat(options_.directory, "/node", node.id.value());
}

std::string LocalCluster::LogOf(const Node& node) const {
  return absl::StrCat(options_.logs, "/node", node.id.value(), ".log");
}

}  // namespace vlog::local_cluster
