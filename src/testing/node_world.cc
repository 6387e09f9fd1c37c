#include "testing/node_world.h"

#include "base/check.h"
#include "client/kinds.h"

namespace vlog::testing {

NodeWorldClient::NodeWorldClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                                 std::vector<env::Address> seeds, ClusterId cluster)
    : image(world),
      env(world, image, std::move(host), &fabric),
      nodes(env, std::move(seeds), cluster) {}

NodeWorld::NodeWorld(uint64_t seed, uint64_t nodes, MakeKinds kinds)
    : world(seed), fabric(world), kinds_(std::move(kinds)) {
  for (uint64_t number = 1; number <= nodes; ++number) {
    for (uint64_t peer = 1; peer <= nodes; ++peer) peers_[number].push_back(peer);
    Format(number);
  }
}

NodeWorld::~NodeWorld() {
  for (auto& [number, machine] : machines_) Crash(number);
}

void NodeWorld::Format(uint64_t node) {
  Machine& machine = machines_[node];
  VLOG_CHECK(machine.env == nullptr, "a disk is formatted while its node is down");
  machine.image = std::make_unique<env::SimDiskImage>(world);
  env::SimEnv env(world, *machine.image, Host(node), &fabric);
  server::FormatRequest request;
  request.node = NodeId(node);
  request.cluster_name = "orders";
  request.cluster = cluster_;
  auto formatted = RunTask(world, env, server::FormatDataDirectory(env, std::move(request)));
  VLOG_CHECK(formatted && formatted->ok(), "an empty disk can be formatted");
  env.Crash();
}

server::NodeConfig NodeWorld::ConfigOf(uint64_t node) {
  std::string text =
      absl::StrCat("[node]\nid = ", node, "\n[network]\nlisten = \"", AddressOf(node).ToString(),
                   "\"\nhttp = \"\"\n", "[storage]\nsegment_size = \"4MiB\"\n");
  for (uint64_t peer : peers_[node]) {
    absl::StrAppend(&text, "[[peers]]\nid = ", peer, "\naddress = \"", AddressOf(peer).ToString(),
                    "\"\n");
  }
  server::ConfigInput input;
  input.file_name = "node.toml";
  input.file_text = text;
  StatusOr<server::LoadedConfig> loaded = server::LoadNodeConfig(input);
  VLOG_CHECK(loaded.ok(), Message(loaded.status()));
  if (rehome_after_ > Duration(0)) loaded->config.monitor.rehome_after = rehome_after_;
  if (segment_bytes_ > 0) loaded->config.storage.segment_size = segment_bytes_;
  if (replace_after_ > Duration(0)) loaded->config.monitor.replace_after = replace_after_;
  return loaded->config;
}

void NodeWorld::Start(uint64_t node) {
  Machine& machine = machines_.at(node);
  VLOG_CHECK(machine.env == nullptr, "a node runs once");
  machine.env = std::make_unique<env::SimEnv>(world, *machine.image, Host(node), &fabric);
  machine.env->SetWallClockError(machine.wall_error);
  server::NodeOptions options;
  options.config = ConfigOf(node);
  options.kinds = kinds_();
  options.client_kinds = client::RegisterKinds;
  env::SimEnv* env = machine.env.get();
  server::Logger logger(
      server::LogOptions(), [this](std::string_view line) { log_ += line; },
      [env] { return env->WallNow(); });
  Task<StatusOr<std::unique_ptr<server::Node>>> start =
      server::Node::Start(*env, std::move(options), logger.Component(Host(node)));
  machine.started = StartTask(*env, std::move(start));
}

void NodeWorld::StartAll() {
  for (auto& [number, machine] : machines_) Start(number);
}

void NodeWorld::Crash(uint64_t node) {
  Machine& machine = machines_.at(node);
  if (machine.env == nullptr) return;
  machine.env->Crash();
  machine.failed.reset();
  machine.started.reset();
  machine.env.reset();
  machine.image->Crash();
}

Status NodeWorld::Stop(uint64_t node) {
  Instant deadline = world.now() + std::chrono::seconds(5);
  std::optional<Status> stopped = RunTask(world, env(node), this->node(node)->Stop(deadline));
  Crash(node);
  return stopped.value_or(absl::DeadlineExceededError("the node does not stop"));
}

server::Node* NodeWorld::node(uint64_t node) {
  Started& started = machines_.at(node).started;
  bool serves = started != nullptr && started->has_value() && (*started)->ok();
  return serves ? (*started)->value().get() : nullptr;
}

Status NodeWorld::StartError(uint64_t node) {
  Started& started = machines_.at(node).started;
  bool ended = started != nullptr && started->has_value();
  return ended ? (*started)->status() : absl::OkStatus();
}

Status NodeWorld::Failure(uint64_t node) {
  Machine& machine = machines_.at(node);
  Status start = StartError(node);
  server::Node* running = this->node(node);
  if (running == nullptr) return start;
  if (machine.failed == nullptr) machine.failed = StartTask(*machine.env, running->AwaitFailure());
  return machine.failed->value_or(absl::OkStatus());
}

std::unique_ptr<env::SimDiskImage> NodeWorld::SwapDisk(uint64_t node,
                                                       std::unique_ptr<env::SimDiskImage> disk) {
  VLOG_CHECK(!IsUp(node), "a disk is changed while its node is down");
  return std::exchange(machines_.at(node).image, std::move(disk));
}

void NodeWorld::SetWallClockError(uint64_t node, Duration error) {
  Machine& machine = machines_.at(node);
  machine.wall_error = error;
  if (machine.env != nullptr) machine.env->SetWallClockError(error);
}

bool NodeWorld::AwaitJoined() {
  return RunUntil([this] {
    for (auto& [number, machine] : machines_) {
      server::Node* running = node(number);
      if (machine.env != nullptr && (running == nullptr || !running->joined())) return false;
    }
    return true;
  });
}

bool NodeWorld::RunUntil(std::function<bool()> done) {
  return world.RunUntil(std::move(done), world.now() + std::chrono::minutes(1));
}

void NodeWorld::RunFor(Duration time) {
  world.RunUntil([] { return false; }, world.now() + time);
}

std::unique_ptr<NodeWorldClient> NodeWorld::NewClient(const std::string& host, uint64_t seed_node,
                                                      ClusterId cluster) {
  std::vector<env::Address> seeds{AddressOf(seed_node)};
  return std::make_unique<NodeWorldClient>(world, fabric, host, std::move(seeds), cluster);
}

Status NodeWorld::Connect(NodeWorldClient& client) {
  Instant deadline = world.now() + std::chrono::seconds(10);
  auto members = RunTask(world, client.env, client.nodes.FindMembers(deadline));
  if (!members) return absl::DeadlineExceededError("nothing moves any more");
  VLOG_RETURN_IF_ERROR(*members);
  metastore::PaxosMetastoreOptions options;
  options.cluster = (*members)->cluster;
  for (const auto& [node, member] : (*members)->nodes) options.seeds.push_back(node);
  client.store = std::make_unique<metastore::PaxosMetastore>(client.env, client.nodes.peers(),
                                                             std::move(options));
  return absl::OkStatus();
}

StatusOr<Version> NodeWorld::Write(NodeWorldClient& client, const std::string& value,
                                   uint64_t expected) {
  return *RunTask(world, client.env, client.store->Write("a", value, Version(expected)));
}

StatusOr<metastore::Versioned> NodeWorld::Read(NodeWorldClient& client) {
  return *RunTask(world, client.env, client.store->Read("a"));
}

}  // namespace vlog::testing
