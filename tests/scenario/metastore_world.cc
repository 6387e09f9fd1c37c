#include "scenario/metastore_world.h"

#include "base/check.h"

namespace vlog::testing {
namespace {

constexpr ClusterId kCluster(42);
constexpr uint16_t kPort = 7000;

rpc::Identity ClientIdentity(env::Env& env) {
  rpc::Identity identity;
  identity.cluster = kCluster;
  identity.instance = env.RandomId();
  identity.process = env.ProcessName();
  return identity;
}

}  // namespace

MetastoreClient::MetastoreClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                                 metastore::PaxosMetastoreOptions options,
                                 const std::map<NodeId, env::Address>& book)
    : image(world),
      env(world, image, std::move(host), &fabric),
      peers(env, ClientIdentity(env), nullptr, rpc::PeersOptions()) {
  for (const auto& [node, address] : book) peers.SetAddress(node, address);
  store = std::make_unique<metastore::PaxosMetastore>(env, peers, std::move(options));
}

MetastoreWorld::MetastoreWorld(uint64_t seed, uint64_t nodes) : world(seed), fabric(world) {
  options_.cluster = kCluster;
  for (uint64_t number = 1; number <= nodes; ++number) {
    Machine& machine = nodes_[number];
    machine.replica = ReplicaOf(number);
    machine.image = std::make_unique<env::SimDiskImage>(world);
    book_[NodeId(number)] = {Host(number), kPort};
    options_.seeds.push_back(NodeId(number));
    StartNode(number);
  }
  VLOG_CHECK(AwaitNodes(), "a new cluster starts");
}

MetastoreWorld::~MetastoreWorld() {
  for (auto& [number, machine] : nodes_) CrashNode(number);
}

void MetastoreWorld::StartNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  VLOG_CHECK(machine.env == nullptr, "a node runs once");
  machine.env = std::make_unique<env::SimEnv>(world, *machine.image, Host(node), &fabric);
  metastore::ClusterRecord record;
  record.cluster = kCluster;
  record.self = machine.replica;
  record.acceptors = {ReplicaOf(1), ReplicaOf(2), ReplicaOf(3)};
  machine.opened =
      StartTask(*machine.env, AcceptorNode::Open(*machine.env, "journal", record,
                                                 Incarnation(++boots_), book_[NodeId(node)]));
}

void MetastoreWorld::CrashNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  if (machine.env == nullptr) return;
  machine.env->Crash();
  machine.opened.reset();
  machine.env.reset();
  machine.image->Crash();
}

void MetastoreWorld::WipeNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  VLOG_CHECK(machine.env == nullptr, "only a node that is down loses its disk");
  machine.image = std::make_unique<env::SimDiskImage>(world);
  machine.replica.disk = DiskId(machine.replica.disk.value() + 1000);
  StartNode(node);
}

AcceptorNode* MetastoreWorld::node(uint64_t node) {
  Opened& opened = nodes_.at(node).opened;
  bool serves = opened != nullptr && opened->has_value() && (*opened)->ok();
  return serves ? (*opened)->value().get() : nullptr;
}

bool MetastoreWorld::AwaitNodes() {
  auto all = [this] {
    for (auto& [number, machine] : nodes_) {
      if (machine.env != nullptr && node(number) == nullptr) return false;
    }
    return true;
  };
  return world.RunUntil(all, world.now() + std::chrono::minutes(1));
}

std::unique_ptr<MetastoreClient> MetastoreWorld::NewClient(const std::string& host) {
  return std::make_unique<MetastoreClient>(world, fabric, host, options_, book_);
}

}  // namespace vlog::testing
