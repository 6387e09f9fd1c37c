// The register's cores against everything a network and power cuts can do: three of five acceptors,
// several clients, and a bag of messages that are lost, doubled and reordered; acceptors restart
// from what they persisted, clients die in mid-write. Each schedule comes from one seed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "metastore/paxos/acceptor_core.h"
#include "metastore/paxos/operation_core.h"

namespace vlog::metastore {
namespace {

using consensus::Ballot;
using consensus::BallotMaker;
using consensus::PaxosRequest;

constexpr char kLog[] = "x";
constexpr uint64_t kNodes = 5;
constexpr size_t kClients = 3;

// Bugs of a shell, planted to see that the model notices them.
enum class Plant { kNone, kPromiseNotPersisted, kAcceptNotPersisted, kBallotReused, kFloorLost };

struct Tally {
  uint64_t chosen = 0;
  uint64_t won = 0;
  uint64_t lost = 0;
  uint64_t completed_by_another = 0;  // a write that was chosen by someone else's ballot
  uint64_t reads = 0;
  uint64_t reserved = 0;
  uint64_t moves = 0;
  uint64_t restarts = 0;
  uint64_t client_deaths = 0;
  uint64_t behind = 0;
  uint64_t superseded = 0;
};

Replica R(uint64_t node) { return {NodeId(node), DiskId(100 + node)}; }

class Model {
 public:
  Model(uint64_t seed, Plant plant, Tally& tally) : random_(seed), plant_(plant), tally_(tally) {
    std::vector<Replica> first = {R(1), R(2), R(3)};
    chosen_.push_back(Bootstrap(first));
    for (uint64_t node = 1; node <= kNodes; ++node) {
      AcceptorChange format;
      format.record = {ClusterId(1), R(node), first};
      nodes_[node].durable.Apply(format);
      nodes_[node].running = nodes_[node].durable;
    }
    for (size_t i = 0; i < kClients; ++i) clients_.push_back(NewClient(i));
  }

  // Empty: nothing was violated.
  std::string Run(int steps) {
    for (int step = 0; step < steps && why_.empty(); ++step) Step();
    if (why_.empty()) Heal();
    return why_;
  }

 private:
  struct Node {
    AcceptorCore running;
    AcceptorCore durable;
  };
  struct Client {
    std::unique_ptr<BallotMaker> ballots;
    Chosen known;
    std::unique_ptr<OperationCore> core;
    std::optional<Reservation> reserved;
    uint64_t operation = 0;  // of `core`; answers to older ones go nowhere
    bool reads = false;
    ProposalId proposal;  // of a write
    Version expected;
    Version at_least;  // chosen before the operation began
  };
  struct Message {
    size_t client;
    uint64_t operation;
    Replica replica;
    bool is_reply;
    RegisterRequest request;
    RegisterReply reply;
  };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }
  void Fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
  }

  Client NewClient(size_t number) {
    Client client;
    uint64_t life = plant_ == Plant::kBallotReused ? 1 : ++lives_;
    client.ballots = std::make_unique<BallotMaker>(NodeId(number), Incarnation(life));
    client.known = chosen_.front();
    client.operation = ++operations_;
    return client;
  }

  void Step() {
    uint64_t what = Below(100);
    size_t number = Below(kClients);
    Client& client = clients_[number];
    if (what < 70 && !bag_.empty()) return Deliver(Below(bag_.size()));
    if (what < 80) {
      if (client.core != nullptr) return TickClient(number);
      return Begin(number);
    }
    if (what < 85 && client.core == nullptr) return Begin(number);
    if (what < 87) return Restart(1 + Below(kNodes));
    if (what < 88) {
      ++tally_.client_deaths;
      client = NewClient(number);
    }
  }

  void Begin(size_t number) {
    Client& client = clients_[number];
    client.operation = ++operations_;
    client.at_least = chosen_.back().version;
    client.proposal = ProposalId();
    BallotMaker* ballots = client.ballots.get();
    client.reads = Chance(30);
    client.expected = client.known.version;
    if (Chance(5)) client.expected = Version(client.expected.value() + 1);
    if (client.reads) {
      auto core = OperationCore::Read(kLog, client.known, ballots);
      client.core = std::make_unique<OperationCore>(std::move(core));
    } else if (!client.reserved && Chance(20)) {
      auto core = OperationCore::Reserve(kLog, client.known, ballots, client.expected);
      client.core = std::make_unique<OperationCore>(std::move(core));
    } else {
      BeginWrite(client);
    }
    client.core->Start();
    Drain(number);
  }

  void BeginWrite(Client& client) {
    client.proposal = ProposalId(1000 + operations_);
    WriteProposal proposal{client.expected, client.proposal, "u", {}};
    if (Chance(15)) {
      for (uint64_t node = 1; node <= kNodes; ++node) proposal.acceptors.push_back(R(node));
      std::shuffle(proposal.acceptors.begin(), proposal.acceptors.end(), random_);
      proposal.acceptors.resize(3);
      std::sort(proposal.acceptors.begin(), proposal.acceptors.end());
      ++tally_.moves;
    }
    expected_of_[client.proposal] = client.expected;
    auto core = OperationCore::Write(kLog, client.known, client.ballots.get(), std::move(proposal),
                                     std::move(client.reserved));
    client.reserved.reset();
    client.core = std::make_unique<OperationCore>(std::move(core));
  }

  void TickClient(size_t number) {
    clients_[number].core->Tick();
    Drain(number);
  }

  void Deliver(size_t at) {
    Message message = bag_[at];
    if (!healing_ && Chance(10)) {
      // A copy stays behind.
    } else {
      std::swap(bag_[at], bag_.back());
      bag_.pop_back();
      if (!healing_ && Chance(10)) return;  // lost
    }
    if (message.is_reply) {
      Client& client = clients_[message.client];
      if (client.core == nullptr || client.operation != message.operation) return;
      client.core->Step(message.replica, message.reply);
      return Drain(message.client);
    }
    AtAcceptor(std::move(message));
  }

  void AtAcceptor(Message message) {
    Node& node = nodes_[message.replica.node.value()];
    if (!Validate(message.request).ok()) return Fail("a client sent nonsense");
    AcceptorCore::Output output = node.running.Step(message.request);
    if (!healing_ && Chance(2)) return Restart(message.replica.node.value());
    for (const AcceptorChange& change : output.persist) Persist(node, change);
    if (plant_ == Plant::kNone) node.running.CheckInvariants();
    if (output.persist.empty() == false) Observe(message, output.send);
    if (!healing_ && Chance(2)) return Restart(message.replica.node.value());
    tally_.behind += output.send.outcome == RegisterReply::Outcome::kBehind;
    tally_.superseded += output.send.outcome == RegisterReply::Outcome::kSuperseded;
    message.is_reply = true;
    message.reply = std::move(output.send);
    bag_.push_back(std::move(message));
  }

  void Persist(Node& node, const AcceptorChange& change) {
    using Kind = AcceptorChange::Kind;
    node.running.Apply(change);
    if (plant_ == Plant::kPromiseNotPersisted && change.kind == Kind::kPromise) return;
    if (plant_ == Plant::kAcceptNotPersisted && change.kind == Kind::kAccept) return;
    node.durable.Apply(change);
  }

  void Restart(uint64_t number) {
    ++tally_.restarts;
    Node& node = nodes_[number];
    if (plant_ == Plant::kFloorLost && !node.durable.chosen(kLog).empty()) {
      AcceptorChange format;
      format.record = node.durable.record();
      node.durable = AcceptorCore();
      node.durable.Apply(format);
    }
    AcceptorCore restarted;
    if (!restarted.Decode(node.durable.Encode()).ok()) Fail("cannot decode what was encoded");
    node.running = std::move(restarted);
  }

  // Everything that an acceptor accepted, for ever: what a majority of a slot's acceptors took
  // under one ballot is chosen, whether anybody knows it or not.
  void Observe(const Message& message, const RegisterReply& reply) {
    const RegisterRequest& request = message.request;
    bool accepted = request.paxos.kind == PaxosRequest::Kind::kAccept && reply.paxos.granted &&
                    reply.outcome == RegisterReply::Outcome::kAnswered;
    if (!accepted) return;
    Vote& vote = votes_[{request.slot, request.paxos.ballot, request.paxos.value.view()[1]}];
    vote.value = request.paxos.value;
    vote.by.insert(message.replica);
    uint64_t before = request.slot.value() - 1;
    if (before >= chosen_.size()) return Fail("a slot was opened before the one below was decided");
    const std::vector<Replica>& acceptors = chosen_[before].value.acceptors;
    auto counts = [&](const Replica& r) { return vote.by.contains(r); };
    if (std::count_if(acceptors.begin(), acceptors.end(), counts) < 2) return;
    Decided(request.slot, request.paxos.ballot, *DecodeRegisterValue(vote.value.view()));
  }

  void Decided(Version slot, const Ballot& ballot, RegisterValue value) {
    if (slot.value() < chosen_.size()) {
      if (chosen_[slot.value()].value != value) Fail("two values were chosen in one slot");
      return;
    }
    auto origin = expected_of_.find(value.proposal);
    if (origin == expected_of_.end() || origin->second.value() + 1 != slot.value()) {
      return Fail("a value was chosen that nobody proposed there");
    }
    if (conflicted_.contains(value.proposal)) Fail("a write reported as lost was chosen");
    Client& owner = clients_[ballot.node.value()];
    tally_.completed_by_another += owner.proposal != value.proposal;
    ++tally_.chosen;
    chosen_.push_back({slot, std::move(value)});
  }

  void Drain(size_t number) {
    Client& client = clients_[number];
    if (plant_ == Plant::kNone) client.core->CheckInvariants();
    for (RegisterOutgoing& out : client.core->TakeOutput().send) {
      Message message{number, client.operation, out.to, false, std::move(out.request), {}};
      if (healing_ || bag_.size() < 60) bag_.push_back(std::move(message));
    }
    if (client.core->result()) Ended(client);
  }

  void Ended(Client& client) {
    const StatusOr<Version>& result = *client.core->result();
    const Chosen& known = client.core->known();
    bool is_true = known.version.value() < chosen_.size() &&
                   chosen_[known.version.value()].value == known.value;
    if (!is_true) Fail("a client believes in a value that was not chosen");
    if (client.reads) {
      ++tally_.reads;
      if (!result.ok() || *result < client.at_least) Fail("a read missed a decided version");
    } else if (client.proposal == ProposalId()) {
      tally_.reserved += result.ok();
      if (result.ok()) client.reserved = client.core->TakeReservation();
    } else {
      WriteEnded(client, result);
    }
    client.known = known;
    client.core.reset();
    client.operation = ++operations_;
  }

  void WriteEnded(const Client& client, const StatusOr<Version>& result) {
    uint64_t slot = client.expected.value() + 1;
    bool won = slot < chosen_.size() && chosen_[slot].value.proposal == client.proposal;
    if (result.ok()) {
      ++tally_.won;
      if (!won || result->value() != slot) Fail("a write reported as done was not chosen");
    } else if (absl::IsAborted(result.status())) {
      ++tally_.lost;
      conflicted_.insert(client.proposal);
      if (won) Fail("a write that was chosen was reported as lost");
    } else {
      Fail("a write ended in " + result.status().ToString());
    }
  }

  // From now on nothing is lost: every operation ends, and a read shows the newest version.
  void Heal() {
    healing_ = true;
    for (int round = 0; round < 200 && why_.empty(); ++round) {
      while (!bag_.empty() && why_.empty()) Deliver(Below(bag_.size()));
      bool busy = false;
      for (size_t i = 0; i < kClients; ++i) busy |= clients_[i].core != nullptr;
      if (!busy) return;
      // One at a time: two proposers may chase each other for ever otherwise.
      for (size_t i = 0; i < kClients; ++i) {
        if (clients_[i].core == nullptr) continue;
        TickClient(i);
        break;
      }
    }
    Fail("an operation does not end after the faults");
  }

  struct Vote {
    Bytes value;
    std::set<Replica> by;
  };

  std::mt19937_64 random_;
  Plant plant_;
  Tally& tally_;
  std::map<uint64_t, Node> nodes_;
  std::vector<Client> clients_;
  std::vector<Message> bag_;
  std::vector<Chosen> chosen_;  // by version; what an all-knowing observer sees
  std::map<std::tuple<Version, Ballot, char>, Vote> votes_;
  std::map<ProposalId, Version> expected_of_;
  std::set<ProposalId> conflicted_;
  uint64_t lives_ = 0;
  uint64_t operations_ = 0;
  bool healing_ = false;
  std::string why_;
};

TEST_CASE("Register model: agreement, validity and honest answers over 50000 schedules") {
  Tally tally;
  for (uint64_t seed = 1; seed <= 50'000; ++seed) {
    Model model(seed, Plant::kNone, tally);
    std::string why = model.Run(120);
    if (!why.empty()) FAIL("seed " << seed << ": " << why);
  }
  // A run in which too little happens proves nothing.
  CHECK(tally.won > 20'000);
  CHECK(tally.lost > 10'000);
  CHECK(tally.completed_by_another > 1'000);
  CHECK(tally.reads > 10'000);
  CHECK(tally.reserved > 1'000);
  CHECK(tally.moves > 1'000);
  CHECK(tally.restarts > 50'000);
  CHECK(tally.client_deaths > 10'000);
  CHECK(tally.behind > 1'000);
  CHECK(tally.superseded > 10'000);
}

// Seeds until the planted bug is noticed.
uint64_t SeedsToCatch(Plant plant, uint64_t limit) {
  Tally tally;
  for (uint64_t seed = 1; seed <= limit; ++seed) {
    if (!Model(seed, plant, tally).Run(300).empty()) return seed;
  }
  return limit + 1;
}

TEST_CASE("Register model: notices promises that are not persisted") {
  CHECK(SeedsToCatch(Plant::kPromiseNotPersisted, 20'000) <= 20'000);
}
TEST_CASE("Register model: notices acceptances that are not persisted") {
  CHECK(SeedsToCatch(Plant::kAcceptNotPersisted, 20'000) <= 20'000);
}
TEST_CASE("Register model: notices a ballot that is used again after a restart") {
  CHECK(SeedsToCatch(Plant::kBallotReused, 20'000) <= 20'000);
}
TEST_CASE("Register model: notices an acceptor that forgets its floor") {
  CHECK(SeedsToCatch(Plant::kFloorLost, 20'000) <= 20'000);
}

}  // namespace
}  // namespace vlog::metastore
