// The network between simulated hosts: who can reach whom, how late, and what goes wrong on the
// way.
//
// A host is named like the SimEnv that runs on it; the next life of the same name is the same host.
// Every delivery goes into the trace hash, and each fault that fires is counted by name.
#ifndef VLOG_ENV_SIM_SIM_FABRIC_H_
#define VLOG_ENV_SIM_SIM_FABRIC_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/network.h"
#include "env/sim/sim_world.h"

namespace vlog::env {

class SimLink;
struct SimAttempt;
struct SimBacklog;

// What the peers of a process that crashes get to see.
enum class CrashNews {
  kRandom,  // one of the two, each connection for itself
  kReset,   // its kernel resets its connections
  kSilent,  // nothing (the machine lost power), until they send to the host's next life
};

// Thread rule: the world's. The world outlives it, and it outlives the SimEnvs on it. Knobs may be
// turned at any time.
class SimFabric {
 public:
  explicit SimFabric(SimWorld& world) : world_(world), life_(world.BeginLife()) {}
  ~SimFabric();

  // The delay of each piece is uniform in [min, max]; by direction, or for all that have none.
  void SetDelay(Duration min, Duration max) { delay_ = {min, max}; }
  void SetDelay(const std::string& from, const std::string& to, Duration min, Duration max) {
    delays_[{from, to}] = {min, max};
  }
  // Nothing gets from one host to the other until Heal(). A connection whose bytes met the cut
  // either delivers them after the healing or never delivers anything again, by the seed. New
  // connections are not made while either direction is cut.
  void Cut(const std::string& from, const std::string& to);
  void Heal(const std::string& from, const std::string& to);
  // Both directions between each host of `some` and every other one.
  void Isolate(const std::set<std::string>& some);
  void HealAll();
  // The host is off: nothing reaches it and nobody refuses. Its life, if any, does not notice.
  void SetMachineDown(const std::string& host, bool down);
  // A piece is lost with this probability: half of the time that shows as a delay, else the
  // connection stalls for up to `longest_stall` and is reset.
  void SetLoss(double probability, Duration longest_stall = std::chrono::seconds(5)) {
    loss_ = probability, longest_stall_ = longest_stall;
  }
  // All that one Write() call sent arrives twice, with this probability. The first call of each
  // side, which shakes hands, is spared.
  void SetDuplication(double probability) { duplication_ = probability; }
  // When a side closes or drops a connection, what it has on its way may be late by up to `most`:
  // it may arrive after the bytes of the connection that came next.
  void SetStragglers(double probability, Duration most) {
    stragglers_ = probability, straggler_delay_ = most;
  }
  // Tears every connection between the two hosts.
  void ResetConnections(const std::string& a, const std::string& b);
  void SetCrashNews(CrashNews news) { crash_news_ = news; }
  // The processes of this host have no file descriptor left for Accept().
  void SetAcceptShortage(const std::string& host, bool shortage);

  const std::map<std::string, uint64_t>& fault_counts() const { return fault_counts_; }
  // Connections that have not been forgotten by both sides.
  size_t connections();

  // --- for SimNetwork and SimLink ---

  void HostUp(const std::string& host, LifeId life) { hosts_[host] = life; }
  void HostCrashed(const std::string& host, LifeId life);
  bool HasLife(const std::string& host) const;
  void Connect(std::shared_ptr<SimAttempt> attempt);
  // Null if something else listens there.
  std::shared_ptr<SimBacklog> Listen(Address at, LifeId life);
  uint16_t FreePort() { return next_port_++; }
  bool IsCut(const std::string& from, const std::string& to) const;
  bool HasAcceptShortage(const std::string& host) const { return shortages_.contains(host); }
  Duration DrawDelay(const std::string& from, const std::string& to);
  Duration DrawUpTo(Duration most);
  void At(Instant when, async::Work work) { world_.StartTimer(life_, when, std::move(work)); }
  void Count(const std::string& fault) { ++fault_counts_[fault]; }
  SimWorld& world() { return world_; }
  double loss() const { return loss_; }
  Duration longest_stall() const { return longest_stall_; }
  double duplication() const { return duplication_; }
  double stragglers() const { return stragglers_; }
  Duration straggler_delay() const { return straggler_delay_; }

 private:
  using Direction = std::pair<std::string, std::string>;
  void Knock(std::shared_ptr<SimAttempt> attempt);
  std::vector<std::shared_ptr<SimLink>> Links();

  SimWorld& world_;
  LifeId life_;  // of the network itself
  std::pair<Duration, Duration> delay_{std::chrono::microseconds(50),
                                       std::chrono::microseconds(500)};
  std::map<Direction, std::pair<Duration, Duration>> delays_;
  std::set<Direction> cuts_;
  std::set<std::string> machines_down_;
  std::set<std::string> shortages_;
  double loss_ = 0;
  Duration longest_stall_{0};
  double duplication_ = 0;
  double stragglers_ = 0;
  Duration straggler_delay_{0};
  CrashNews crash_news_ = CrashNews::kRandom;

  std::map<std::string, LifeId> hosts_;  // the newest life of each, maybe over; 0: over
  std::map<Address, std::weak_ptr<SimBacklog>> listening_;
  std::map<uint64_t, std::weak_ptr<SimLink>> links_;  // by id, in the order of their making
  uint64_t next_link_ = 1;
  uint16_t next_port_ = 40000;
  std::map<std::string, uint64_t> fault_counts_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_SIM_SIM_FABRIC_H_
