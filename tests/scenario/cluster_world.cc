#include "scenario/cluster_world.h"

#include "base/check.h"

namespace vlog::testing {
namespace {

constexpr uint16_t kPort = 7000;

}  // namespace

ClusterClient::ClusterClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                             loglets::SequencerKindOptions options, const AddressBook& book)
    : image(world),
      env(world, image, std::move(host), &fabric),
      peers(env, ClientIdentity(env), nullptr, rpc::PeersOptions()) {
  for (const auto& [node, address] : book) peers.SetAddress(node, address);
  kind = loglets::NewSequencerKind(env, peers, std::move(options));
}

Batch MakeBatch(uint64_t writer, uint64_t first, uint32_t count) {
  BatchBuilder builder{WriterId(writer), SeqNo(first)};
  for (uint32_t i = 0; i < count; ++i) {
    builder.Add("w" + std::to_string(writer) + "." + std::to_string(first + i));
  }
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = first == 0;
  if (first > 0) batch.header.prev = SeqNo(first - 1);
  return batch;
}

Appended StartAppend(loglets::Loglet& loglet, Batch batch) {
  auto result = std::make_shared<std::optional<StatusOr<Offset>>>();
  loglet.Append(std::move(batch),
                [result](StatusOr<Offset> answer) { result->emplace(std::move(answer)); });
  return result;
}

ClusterWorld::ClusterWorld(uint64_t seed, uint64_t nodes,
                           loglets::sequencer::SequencerOptions sequencers)
    : world(seed), fabric(world), sequencers_(sequencers) {
  for (uint64_t number = 1; number <= nodes; ++number) {
    Machine& machine = nodes_[number];
    machine.replica = {NodeId(number), DiskId(100 + number)};
    machine.image = std::make_unique<env::SimDiskImage>(world);
    book_[NodeId(number)] = {Host(number), kPort};
    options_.nodes.push_back(NodeId(number));
  }
  for (uint64_t number = 1; number <= nodes; ++number) StartNode(number);
  VLOG_CHECK(AwaitNodes(), "a new cluster starts");
}

ClusterWorld::~ClusterWorld() {
  for (auto& [number, machine] : nodes_) CrashNode(number);
}

void ClusterWorld::StartNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  VLOG_CHECK(machine.env == nullptr, "a node runs once");
  machine.env = std::make_unique<env::SimEnv>(world, *machine.image, Host(node), &fabric);
  rpc::Identity identity =
      NodeIdentity(*machine.env, machine.replica, Incarnation(++machine.boots));
  machine.addressed = false;
  machine.opened = StartTask(*machine.env, ClusterNode::Open(*machine.env, "journal", identity,
                                                             book_[NodeId(node)], sequencers_));
}

void ClusterWorld::CrashNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  if (machine.env == nullptr) return;
  machine.env->Crash();
  machine.opened.reset();
  machine.env.reset();
  machine.image->Crash();
}

void ClusterWorld::RestartNode(uint64_t node) {
  CrashNode(node);
  StartNode(node);
  VLOG_CHECK(AwaitNodes(), "a node starts again");
}

void ClusterWorld::WipeNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  VLOG_CHECK(machine.env == nullptr, "only a node that is down loses its disk");
  machine.image = std::make_unique<env::SimDiskImage>(world);
  machine.replica.disk = DiskId(machine.replica.disk.value() + 1000);
  machine.boots = 0;
  StartNode(node);
  VLOG_CHECK(AwaitNodes(), "a wiped node starts");
}

void ClusterWorld::PauseNode(uint64_t node, Duration time) {
  world.Pause(env(node).life(), world.now() + time);
}

ClusterNode* ClusterWorld::node(uint64_t node) {
  Machine& machine = nodes_.at(node);
  bool serves = machine.opened != nullptr && machine.opened->has_value() && (*machine.opened)->ok();
  if (!serves) return nullptr;
  ClusterNode* found = (*machine.opened)->value().get();
  if (!machine.addressed) found->SetAddresses(book_);
  machine.addressed = true;
  return found;
}

bool ClusterWorld::AwaitNodes() {
  return Until([this] {
    for (auto& [number, machine] : nodes_) {
      if (machine.env != nullptr && node(number) == nullptr) return false;
    }
    return true;
  });
}

std::unique_ptr<ClusterClient> ClusterWorld::NewClient(const std::string& host) {
  return std::make_unique<ClusterClient>(world, fabric, host, options_, book_);
}

std::string ClusterWorld::Propose(ClusterClient& client, uint64_t node) {
  loglets::ProposeRequest request;
  request.wish.sequencer = NodeId(node);
  StatusOr<std::string> params = Run(client, client.kind->ProposeParams(request));
  VLOG_CHECK(params.ok(), "a cluster that is up takes a proposal");
  return *params;
}

std::shared_ptr<loglets::Loglet> ClusterWorld::Open(ClusterClient& client,
                                                    const std::string& params,
                                                    std::optional<Offset> end) {
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet =
      Run(client, client.kind->Open(id, params, end));
  VLOG_CHECK(loglet.ok(), "what was proposed opens");
  return *loglet;
}

StatusOr<Offset> ClusterWorld::Append(loglets::Loglet& loglet, uint64_t writer, uint64_t first,
                                      uint32_t count) {
  return Wait(StartAppend(loglet, MakeBatch(writer, first, count)));
}

StatusOr<Offset> ClusterWorld::Wait(Appended appended) {
  bool answered = Until([&] { return appended->has_value(); });
  if (!answered) return absl::DeadlineExceededError("no answer");
  return **appended;
}

StatusOr<std::vector<std::string>> ClusterWorld::ReadAll(ClusterClient& client,
                                                         loglets::Loglet& loglet, uint64_t from,
                                                         uint64_t to) {
  std::vector<std::string> payloads;
  while (from < to) {
    StatusOr<loglets::ReadResult> read =
        Run(client, loglet.Read(Offset(from), Offset(to), 1 << 20));
    VLOG_RETURN_IF_ERROR(read);
    if (read->batches.empty()) {
      return absl::DataLossError(absl::StrCat("lost up to ", read->lost_end.value()));
    }
    for (const loglets::StoredBatch& stored : read->batches) {
      RecordCursor cursor(stored.batch.body.view());
      cursor.Skip(from - stored.first.value());
      while (from < to && cursor.Next()) {
        payloads.emplace_back(cursor.payload());
        ++from;
      }
    }
  }
  return payloads;
}

}  // namespace vlog::testing
