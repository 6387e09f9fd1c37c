#include "env/sim/sim_fabric.h"

#include <algorithm>

#include "env/sim/sim_link.h"

namespace vlog::env {
namespace {

constexpr size_t kBacklog = 1024;
constexpr Duration kKnockAgain = std::chrono::milliseconds(200);

void Finish(SimFabric& fabric, std::shared_ptr<SimAttempt> attempt,
            StatusOr<std::shared_ptr<SimLink>> result) {
  if (std::exchange(attempt->finished, true)) return;
  auto tell = [attempt, result = std::move(result)]() mutable { attempt->done(std::move(result)); };
  fabric.world().Post(attempt->life, std::move(tell));
}

}  // namespace

SimFabric::~SimFabric() { world_.EndLife(life_); }

// ---- hosts and paths ----

bool SimFabric::HasLife(const std::string& host) const {
  auto it = hosts_.find(host);
  return it != hosts_.end() && it->second != 0 && !machines_down_.contains(host);
}

bool SimFabric::IsCut(const std::string& from, const std::string& to) const {
  return cuts_.contains({from, to}) || machines_down_.contains(from) || machines_down_.contains(to);
}

void SimFabric::Cut(const std::string& from, const std::string& to) {
  if (cuts_.insert({from, to}).second) Count("cut");
}

void SimFabric::Heal(const std::string& from, const std::string& to) {
  cuts_.erase({from, to});
  for (const std::shared_ptr<SimLink>& link : Links()) {
    for (int side : {0, 1}) {
      if (link->owner(side).host == from && link->owner(1 - side).host == to) link->Resume(side);
    }
  }
}

void SimFabric::Isolate(const std::set<std::string>& some) {
  for (const auto& [host, life] : hosts_) {
    if (some.contains(host)) continue;
    for (const std::string& inside : some) {
      Cut(host, inside);
      Cut(inside, host);
    }
  }
}

void SimFabric::HealAll() {
  std::set<Direction> cuts = std::exchange(cuts_, {});
  for (const auto& [from, to] : cuts) Heal(from, to);
}

void SimFabric::SetMachineDown(const std::string& host, bool down) {
  if (down) {
    machines_down_.insert(host);
    Count("machine down");
    return;
  }
  machines_down_.erase(host);
  for (const std::shared_ptr<SimLink>& link : Links()) {
    for (int side : {0, 1}) link->Resume(side);
  }
}

void SimFabric::SetAcceptShortage(const std::string& host, bool shortage) {
  if (shortage) {
    shortages_.insert(host);
    Count("accept shortage");
  } else {
    shortages_.erase(host);
  }
}

Duration SimFabric::DrawUpTo(Duration most) {
  return Duration(static_cast<int64_t>(
      world_.RandomBelow(static_cast<uint64_t>(std::max<int64_t>(most.count(), 0)) + 1)));
}

Duration SimFabric::DrawDelay(const std::string& from, const std::string& to) {
  auto it = delays_.find({from, to});
  auto [min, max] = it == delays_.end() ? delay_ : it->second;
  return min + DrawUpTo(max - min);
}

// ---- connections ----

std::vector<std::shared_ptr<SimLink>> SimFabric::Links() {
  std::vector<std::shared_ptr<SimLink>> links;
  for (auto it = links_.begin(); it != links_.end();) {
    if (std::shared_ptr<SimLink> link = it->second.lock()) {
      links.push_back(std::move(link));
      ++it;
    } else {
      it = links_.erase(it);
    }
  }
  return links;
}

size_t SimFabric::connections() { return Links().size(); }

void SimFabric::ResetConnections(const std::string& a, const std::string& b) {
  for (const std::shared_ptr<SimLink>& link : Links()) {
    if (!link->Connects(a, b) && !link->Connects(b, a)) continue;
    Count("connection reset");
    link->Tear();
  }
}

void SimFabric::HostCrashed(const std::string& host, LifeId life) {
  auto it = hosts_.find(host);
  if (it != hosts_.end() && it->second == life) it->second = 0;
  for (const std::shared_ptr<SimLink>& link : Links()) {
    for (int side : {0, 1}) {
      if (link->owner(side).life != life) continue;
      bool silent = crash_news_ == CrashNews::kSilent ||
                    (crash_news_ == CrashNews::kRandom && world_.Chance(0.5));
      Count(silent ? "silent crash of a peer" : "crash of a peer with a reset");
      link->Crash(side, silent);
    }
  }
}

std::shared_ptr<SimBacklog> SimFabric::Listen(Address at, LifeId life) {
  std::weak_ptr<SimBacklog>& place = listening_[at];
  std::shared_ptr<SimBacklog> existing = place.lock();
  bool taken = existing != nullptr && !existing->closed && hosts_[at.host] == existing->life;
  if (taken) return nullptr;
  auto backlog = std::make_shared<SimBacklog>();
  backlog->host = at.host;
  backlog->life = life;
  backlog->world = &world_;
  place = backlog;
  return backlog;
}

void SimFabric::Connect(std::shared_ptr<SimAttempt> attempt) {
  if (attempt->deadline != Instant::Max()) {
    At(attempt->deadline, [this, attempt] {
      Finish(*this, attempt,
             DisconnectError(Disconnect::kSilent, attempt->to.ToString() + ": no answer in time"));
    });
  }
  Instant arrival = world_.now() + DrawDelay(attempt->from, attempt->to.host);
  At(arrival, [this, attempt] { Knock(attempt); });
}

void SimFabric::Knock(std::shared_ptr<SimAttempt> attempt) {
  const std::string& to = attempt->to.host;
  auto from_host = hosts_.find(attempt->from);
  bool gone = from_host == hosts_.end() || from_host->second != attempt->life;
  if (attempt->finished || gone) return;
  Instant answer = world_.now() + DrawDelay(to, attempt->from);
  if (!hosts_.contains(to)) {
    Finish(*this, attempt, DisconnectError(Disconnect::kUnreachable, to + ": no such host"));
    return;
  }
  if (IsCut(attempt->from, to) || IsCut(to, attempt->from)) {
    Count("connect into a cut");
    At(world_.now() + kKnockAgain, [this, attempt] { Knock(attempt); });
    return;
  }
  std::shared_ptr<SimBacklog> backlog = listening_[attempt->to].lock();
  bool listens = backlog != nullptr && !backlog->closed && hosts_[to] == backlog->life;
  if (!listens || backlog->links.size() >= kBacklog) {
    At(answer, [this, attempt] {
      Count("connection refused");
      Finish(*this, attempt,
             DisconnectError(Disconnect::kRefused, attempt->to.ToString() + ": refused"));
    });
    return;
  }
  uint64_t id = next_link_++;
  auto link = std::make_shared<SimLink>(*this, id, SimLink::Owner{attempt->from, attempt->life},
                                        SimLink::Owner{to, backlog->life});
  links_[id] = link;
  world_.Trace("connect", id);
  backlog->links.push_back(link);
  world_.Post(backlog->life, [backlog] { SimBacklog::Tell(backlog); });
  At(answer, [this, attempt, link] {
    // Too late for its caller: the server finds the connection reset.
    if (attempt->finished) link->Abandon(0);
    Finish(*this, attempt, link);
  });
}

void SimBacklog::Tell(const std::shared_ptr<SimBacklog>& backlog) {
  if (backlog->links.empty() || !std::exchange(backlog->waiting, false)) return;
  auto acceptor = std::move(backlog->acceptor);
  std::shared_ptr<SimLink> link = std::move(backlog->links.front());
  backlog->links.pop_front();
  acceptor(std::move(link));
}

}  // namespace vlog::env
