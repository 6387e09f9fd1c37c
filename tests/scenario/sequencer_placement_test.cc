// Where a sequencer loglet is put: whom ProposeParams() takes when nodes are down, cut off or new.
#include <catch2/catch.hpp>

#include "loglets/sequencer/params.h"
#include "scenario/cluster_world.h"

namespace vlog::testing {
namespace {

using loglets::ProposeRequest;
using loglets::sequencer::Params;

struct Placed {
  explicit Placed(uint64_t nodes = 3) : w(11, nodes), client(w.NewClient("c1")) {}

  StatusOr<std::string> Propose(const std::string& previous = "", std::vector<NodeId> nodes = {},
                                uint32_t write_quorum = 0) {
    ProposeRequest request;
    request.wish.nodes = std::move(nodes);
    request.wish.write_quorum = write_quorum;
    if (!previous.empty()) request.previous_kind = loglets::kSequencerKind;
    request.previous_params = previous;
    return w.Run(*client, client->kind->ProposeParams(std::move(request)));
  }
  // A successor that nobody asked for.
  StatusOr<std::string> ProposeBy(loglets::Policy policy, const std::string& previous) {
    ProposeRequest request;
    request.policy = std::move(policy);
    if (!previous.empty()) request.previous_kind = loglets::kSequencerKind;
    request.previous_params = previous;
    return w.Run(*client, client->kind->ProposeParams(std::move(request)));
  }
  static Params Decoded(const StatusOr<std::string>& params) {
    INFO(params.status().ToString());
    REQUIRE(params.ok());
    return *loglets::sequencer::DecodeParams(*params);
  }
  static std::vector<uint64_t> Nodes(const Params& params) {
    std::vector<uint64_t> nodes;
    for (const Replica& replica : params.replicas) nodes.push_back(replica.node.value());
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  }

  ClusterWorld w;
  std::unique_ptr<ClusterClient> client;
};

using Numbers = std::vector<uint64_t>;

TEST_CASE("Placement: a sequencer that clients reach and that reaches no log server is not taken") {
  for (bool again : {false, true}) {
    CAPTURE(again);
    Placed p;
    StatusOr<std::string> first = p.Propose();
    REQUIRE(Placed::Decoded(first).sequencer.node == NodeId(1));
    p.w.fabric.Cut("n1", "n2");
    p.w.fabric.Cut("n1", "n3");
    Params params = Placed::Decoded(p.Propose(again ? *first : ""));
    CHECK(params.sequencer.node == NodeId(2));
    // It stays as a log server: whoever reaches it may use it.
    CHECK(Placed::Nodes(params) == Numbers{1, 2, 3});
  }
}

TEST_CASE("Placement: a sequencer that was wished for is taken or refused, never replaced") {
  Placed p;
  p.w.fabric.Cut("n1", "n2");
  p.w.fabric.Cut("n1", "n3");
  ProposeRequest request;
  request.wish.sequencer = NodeId(1);
  Status refused = p.w.Run(*p.client, p.client->kind->ProposeParams(request)).status();
  CHECK(absl::IsUnavailable(refused));
  CHECK(Message(refused).find("node 1") != std::string::npos);
}

TEST_CASE("Placement: race 37, a successor never has a smaller write quorum") {
  Placed p;
  StatusOr<std::string> first = p.Propose();
  CHECK(Placed::Decoded(first).write_quorum == 2);
  p.w.CrashNode(3);
  StatusOr<std::string> second = p.Propose(*first);
  CHECK(Placed::Decoded(second).write_quorum == 2);
  CHECK(Placed::Nodes(Placed::Decoded(second)) == Numbers{1, 2, 3});  // it catches up later
  p.w.CrashNode(2);
  CHECK(absl::IsUnavailable(p.Propose(*second).status()));
  CHECK(absl::IsInvalidArgument(p.Propose(*second, {NodeId(1)}).status()));
  // Only an operator may.
  CHECK(Placed::Decoded(p.Propose(*second, {NodeId(1)}, 1)).write_quorum == 1);
}

TEST_CASE("Placement: a log that was made while a node was down gets that node's copy later") {
  Placed p;
  p.w.CrashNode(3);
  StatusOr<std::string> first = p.Propose();
  CHECK(Placed::Nodes(Placed::Decoded(first)) == Numbers{1, 2});
  CHECK(Placed::Decoded(first).write_quorum == 2);
  p.w.RestartNode(3);
  StatusOr<std::string> second = p.Propose(*first);
  CHECK(Placed::Nodes(Placed::Decoded(second)) == Numbers{1, 2, 3});
  CHECK(Placed::Decoded(second).write_quorum == 2);
}

TEST_CASE("Placement: a log of one copy gets three, and a majority of them") {
  Placed p;
  StatusOr<std::string> one = p.Propose("", {NodeId(2)});
  CHECK(Placed::Decoded(one).write_quorum == 1);
  Params three = Placed::Decoded(p.Propose(*one));
  CHECK(Placed::Nodes(three) == Numbers{1, 2, 3});
  CHECK(three.write_quorum == 2);
  CHECK(three.sequencer.node == NodeId(2));
}

TEST_CASE("Placement: a silent node is replaced by one that answers, without one it stays") {
  Placed p(4);
  StatusOr<std::string> first = p.Propose("", {NodeId(1), NodeId(2), NodeId(3)});
  // No more copies than there were, though there are more nodes.
  CHECK(Placed::Nodes(Placed::Decoded(p.Propose(*first))) == Numbers{1, 2, 3});
  p.w.CrashNode(3);
  StatusOr<std::string> second = p.Propose(*first);
  CHECK(Placed::Nodes(Placed::Decoded(second)) == Numbers{1, 2, 4});
  p.w.CrashNode(4);
  CHECK(Placed::Nodes(Placed::Decoded(p.Propose(*second))) == Numbers{1, 2, 4});
}

TEST_CASE("Placement: a successor has as many copies as the policy says, on its candidates") {
  Placed p(4);
  StatusOr<std::string> first = p.Propose("", {NodeId(1), NodeId(2)});
  loglets::Policy policy;
  policy.copies = 2;
  CHECK(Placed::Nodes(Placed::Decoded(p.ProposeBy(policy, *first))) == Numbers{1, 2});
  policy.copies = 3;
  policy.candidates = {NodeId(4), NodeId(2)};
  Params params = Placed::Decoded(p.ProposeBy(policy, *first));
  CHECK(Placed::Nodes(params) == Numbers{1, 2, 4});
  CHECK(params.write_quorum == 2);
  // Who is silent is replaced; back again, it is preferred.
  p.w.CrashNode(4);
  StatusOr<std::string> second = p.ProposeBy(policy, *first);
  CHECK(Placed::Nodes(Placed::Decoded(second)) == Numbers{1, 2, 3});
  p.w.RestartNode(4);
  policy.copies = 2;
  CHECK(Placed::Nodes(Placed::Decoded(p.ProposeBy(policy, *second))) == Numbers{2, 4});
}

TEST_CASE("Placement: a candidate out of service gets no copy that it does not have") {
  Placed p(4);
  p.w.options().in_service = []() -> Task<StatusOr<std::vector<NodeId>>> {
    co_return std::vector<NodeId>{NodeId(1), NodeId(2), NodeId(3)};
  };
  p.client = p.w.NewClient("c2");
  loglets::Policy policy;
  policy.copies = 3;
  policy.candidates = {NodeId(4), NodeId(1)};
  StatusOr<std::string> first = p.Propose("", {NodeId(1), NodeId(2), NodeId(3)});
  CHECK(Placed::Nodes(Placed::Decoded(p.ProposeBy(policy, *first))) == Numbers{1, 2, 3});
  StatusOr<std::string> on_it = p.Propose("", {NodeId(1), NodeId(2), NodeId(4)});
  CHECK(Placed::Nodes(Placed::Decoded(p.ProposeBy(policy, *on_it))) == Numbers{1, 2, 4});
}

TEST_CASE("Placement: the write quorum shrinks to the policy's least copies, and grows back") {
  Placed p;
  StatusOr<std::string> first = p.Propose("", {}, 3);
  loglets::Policy policy;
  policy.copies = policy.write_quorum = 3;
  p.w.CrashNode(3);
  CHECK(absl::IsUnavailable(p.ProposeBy(policy, *first).status()));
  policy.least_copies = 2;
  StatusOr<std::string> second = p.ProposeBy(policy, *first);
  CHECK(Placed::Decoded(second).write_quorum == 2);
  CHECK(Placed::Nodes(Placed::Decoded(second)) == Numbers{1, 2, 3});
  p.w.CrashNode(2);
  CHECK(absl::IsUnavailable(p.ProposeBy(policy, *second).status()));
  p.w.RestartNode(2);
  p.w.RestartNode(3);
  p.w.RunFor(std::chrono::seconds(3));  // connections are made again
  CHECK(Placed::Decoded(p.ProposeBy(policy, *second)).write_quorum == 3);
}

TEST_CASE("Placement: the first loglet of a log has as many copies as its policy says") {
  Placed p(4);
  loglets::Policy policy;
  policy.copies = 2;
  policy.candidates = {NodeId(3)};
  StatusOr<std::string> first = p.ProposeBy(policy, "");
  CHECK(Placed::Nodes(Placed::Decoded(first)) == Numbers{1, 3});
  loglets::Needs needs = p.client->kind->NeedsOf(*first);
  CHECK(needs.to_seal == 1);
  CHECK(needs.acknowledging() == 2);
  p.w.CrashNode(1);
  CHECK(Placed::Nodes(Placed::Decoded(p.ProposeBy(policy, ""))) == Numbers{2, 3});
}

TEST_CASE("Placement: a successor that shrank can be sealed by those that it was made with") {
  for (uint64_t nodes : {3, 4, 5}) {
    for (uint64_t alive = 1; alive < nodes; ++alive) {
      CAPTURE(nodes, alive);
      Placed p(nodes);
      StatusOr<std::string> first = p.Propose("", {}, static_cast<uint32_t>(nodes));
      loglets::Policy policy;
      policy.copies = policy.write_quorum = static_cast<uint32_t>(nodes);
      policy.least_copies = 1;
      for (uint64_t node = alive + 1; node <= nodes; ++node) p.w.CrashNode(node);
      StatusOr<std::string> second = p.ProposeBy(policy, *first);
      Params params = Placed::Decoded(second);
      CHECK(params.write_quorum == alive);
      CHECK(params.replica_count() - params.write_quorum + 1 <= alive);
      CHECK(params.replica_count() == std::min(nodes, 2 * alive - 1));
      for (uint64_t node = alive + 1; node <= nodes; ++node) p.w.RestartNode(node);
      p.w.RunFor(std::chrono::seconds(3));  // connections are made again
      Params third = Placed::Decoded(p.ProposeBy(policy, *second));
      CHECK(third.replica_count() == nodes);
      CHECK(third.write_quorum == nodes);
    }
  }
}

}  // namespace
}  // namespace vlog::testing
