// What no chain holds any more leaves the disks of the nodes, and stays away.
#include <catch2/catch.hpp>

#include "client/cluster.h"
#include "loglets/sequencer/wire.h"
#include "testing/node_world.h"

namespace vlog::testing {
namespace {

using std::chrono::seconds;

// Three nodes and a client with one log.
struct Swept {
  explicit Swept(uint64_t seed) : w(seed) {
    w.StartAll();
    REQUIRE(w.AwaitJoined());
    image = std::make_unique<env::SimDiskImage>(w.world);
    env = std::make_shared<env::SimEnv>(w.world, *image, "c1", &w.fabric);
    client::ClusterOptions options;
    for (uint64_t node = 1; node <= 3; ++node) options.seeds.push_back(NodeWorld::AddressOf(node));
    auto connected = Run(client::Cluster::ConnectOn(env, std::move(options)));
    REQUIRE(connected.ok());
    cluster = *std::move(connected);
    auto opened = Run(cluster->OpenOrCreateLog("a", client::NewLog()));
    REQUIRE(opened.ok());
    log = *opened;
  }
  ~Swept() { env->Crash(); }

  template <typename T>
  T Run(Task<T> task) {
    return *RunTask<T>(w.world, *env, std::move(task));
  }
  void Append(int records, size_t bytes) {
    std::unique_ptr<virtuallog::Appender> appender = log->NewAppender();
    for (int i = 0; i < records; ++i) {
      REQUIRE(Run(appender->Append(std::string(bytes, 'x'))).ok());
    }
    RunTask<Status>(w.world, *env, Closed(appender.get()));
  }
  static Task<Status> Closed(virtuallog::Appender* appender) {
    co_await appender->Close();
    co_return absl::OkStatus();
  }
  void Reconfigure() {
    virtuallog::ReconfigureRequest request;
    request.reason = "test";
    REQUIRE(Run(log->Reconfigure(std::move(request))).ok());
  }
  // The segment indexes that a node has anything of.
  std::set<uint64_t> Segments(uint64_t node) {
    std::set<uint64_t> segments;
    server::NodeStatus status = w.node(node)->status();
    for (const auto& row : status.loglets) segments.insert(row.loglet.id.segment.value());
    return segments;
  }

  NodeWorld w;
  std::unique_ptr<env::SimDiskImage> image;
  std::shared_ptr<env::SimEnv> env;
  std::unique_ptr<client::Cluster> cluster;
  virtuallog::SharedLog* log = nullptr;
};

TEST_CASE("Dead ranges: what a chain passes over stays passed over, whatever comes next") {
  using virtuallog::Chain;
  auto made = [](uint64_t id) {
    virtuallog::Proposal proposal;
    proposal.id = ProposalId(id);
    proposal.kind = "k";
    return proposal;
  };
  auto covered = [](const Chain& chain) {
    std::set<uint64_t> indexes;
    for (const auto& [from, to] : virtuallog::DeadRanges(chain)) {
      CHECK(from < to);
      for (uint64_t i = from.value(); i < to.value(); ++i) CHECK(indexes.insert(i).second);
    }
    return indexes;
  };
  Chain chain = Chain::Begin(made(1), WallTime());
  CHECK(covered(chain).empty());
  chain = *chain.Extend(SegmentIndex(0), Lsn(5), made(2), WallTime());
  CHECK(covered(chain).empty());
  chain = *chain.Extend(SegmentIndex(1), Lsn(5), made(3), WallTime());  // 1 was empty
  CHECK(covered(chain) == std::set<uint64_t>{1});
  chain = *chain.Extend(SegmentIndex(2), Lsn(9), made(4), WallTime());
  CHECK(covered(chain) == std::set<uint64_t>{1});
  chain = chain.Truncate(Lsn(5), ProposalId(5));
  CHECK(covered(chain) == std::set<uint64_t>{0, 1});
  chain = chain.Truncate(Lsn(9), ProposalId(6));
  CHECK(covered(chain) == std::set<uint64_t>{0, 1, 2});
}

TEST_CASE("Node: what was trimmed or replaced while empty leaves all disks, the rest stays") {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    Swept s(seed);
    s.Append(12, 1 << 20);
    s.Reconfigure();  // 0 -> 1
    s.Append(1, 10);
    s.Reconfigure();  // 1 -> 2
    s.Reconfigure();  // 2 was empty -> 3
    s.Append(1, 10);
    s.w.RunFor(seconds(5));
    for (uint64_t node = 1; node <= 3; ++node) {
      CHECK(s.Segments(node) == std::set<uint64_t>{0, 1, 3});
    }
    std::map<uint64_t, size_t> files;
    for (uint64_t node = 1; node <= 3; ++node)
      files[node] = s.w.node(node)->journal().segment_count();
    StatusOr<Lsn> trimmed = s.Run(s.log->Trim(Lsn(12)));
    REQUIRE(trimmed.ok());
    CHECK(*trimmed == Lsn(12));
    // One node is away while the others sweep.
    s.w.Crash(2);
    s.w.RunFor(seconds(5));
    s.w.Start(2);
    REQUIRE(s.w.AwaitJoined());
    s.w.RunFor(seconds(15));
    for (uint64_t node = 1; node <= 3; ++node) {
      CAPTURE(node);
      CHECK(s.Segments(node) == std::set<uint64_t>{1, 3});
      CHECK(s.w.node(node)->journal().segment_count() < files[node]);
    }
    // The log is as it was.
    s.Append(1, 10);
    CHECK(*s.Run(s.log->CheckTail()) == Lsn(15));
  }
}

TEST_CASE("Node: a dropped loglet is not made again by whoever still asks for it") {
  Swept s(7);
  s.Append(1, 10);
  std::shared_ptr<const virtuallog::Chain> old = s.log->known_chain();
  LogletId id{"a", old->last().index, old->last().made.id};
  auto params = loglets::sequencer::DecodeParams(old->last().made.params);
  REQUIRE(params.ok());
  s.Reconfigure();
  REQUIRE(s.Run(s.log->Trim(Lsn(1))).ok());
  s.w.RunFor(seconds(5));
  for (bool restarted : {false, true}) {
    CAPTURE(restarted);
    for (uint64_t node = 1; node <= 3; ++node) {
      if (restarted) {
        s.w.Crash(node);
        s.w.Start(node);
        REQUIRE(s.w.AwaitJoined());
      }
      CHECK_FALSE(s.Segments(node).contains(0));
      // A seal makes a loglet that is unknown: not this one.
      loglets::sequencer::SealRequest request;
      request.disk = s.w.node(node)->identity().disk;
      rpc::Message message = loglets::sequencer::Encode(id, request);
      StatusOr<rpc::Reply> reply = absl::UnavailableError("not asked yet");
      for (int attempt = 0; attempt < 20 && !reply.ok(); ++attempt) {  // it has just restarted
        rpc::Call call(loglets::sequencer::kSealMethod, message.header, rpc::Payload(),
                       s.w.world.now() + seconds(5));
        reply = s.Run(s.cluster->nodes().peers().To(NodeId(node))->Run(std::move(call)));
        if (!reply.ok()) s.w.RunFor(std::chrono::milliseconds(200));
      }
      REQUIRE(reply.ok());
      auto answer = loglets::sequencer::DecodeServerAnswer(reply->header, reply->payload);
      CHECK(answer->word.code == loglets::sequencer::ServerCode::kGone);
      CHECK_FALSE(s.Segments(node).contains(0));
    }
  }
}

}  // namespace
}  // namespace vlog::testing
