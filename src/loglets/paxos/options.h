// The bounds of the Paxos kind, in one place.
#ifndef VLOG_LOGLETS_PAXOS_OPTIONS_H_
#define VLOG_LOGLETS_PAXOS_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "consensus/quorum.h"

namespace vlog::loglets::paxos {

struct PaxosOptions {
  // Liveness; none of these matters for safety.
  Duration heartbeat = std::chrono::milliseconds(30);
  Duration silence_min = std::chrono::milliseconds(150);  // before a ballot is begun; random
  Duration silence_max = std::chrono::milliseconds(300);
  Duration announce = std::chrono::milliseconds(2);         // idle for so long: tell what is chosen
  Duration retry = std::chrono::milliseconds(20);           // to one replica after a failed request
  Duration prepare_bound = std::chrono::milliseconds(500);  // of phase 1 without any progress
  Duration patience = std::chrono::milliseconds(1000);      // for the answer to a request
  Duration beat_patience = std::chrono::milliseconds(150);
  Duration forget_silent = std::chrono::seconds(3);  // once sealed: who is silent is left alone

  // Of the leader's flow to one replica.
  size_t window = 8;  // requests with entries that are unanswered
  size_t window_bytes = 1 << 20;
  size_t request_bytes = 256 << 10;  // of bodies in one; a larger command goes alone
  size_t request_entries = 512;

  // Of the leader's memory.
  size_t max_waiting_bytes = 64 << 20;  // proposed and not applied
  size_t max_waiting_commands = 65'536;
  size_t max_queued = 4'096;     // appends that wait for phase 1
  size_t cache_bytes = 4 << 20;  // of applied commands, for laggards
  // Beyond: seals itself, so that a successor takes over; this table fits into one message.
  size_t max_writers = 10'000;
};

// Who takes part. A member that votes is an acceptor; one that serves is proposer and learner, and
// clients may talk to it. All members learn what is chosen.
struct Group {
  struct Member {
    Replica replica;
    bool votes = true;
    bool serves = true;
  };
  std::vector<Member> members;
  uint32_t write_quorum = 0;  // of phase 2
  size_t self = 0;            // its place among the members

  // Phase 2 needs `write` of those who vote, phase 1 and confirmations `read` (Flexible Paxos).
  consensus::Quorums quorums() const {
    size_t voters = 0;
    for (const Member& member : members) voters += member.votes;
    return consensus::Quorums::OfWrite(voters, write_quorum);
  }
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_OPTIONS_H_
