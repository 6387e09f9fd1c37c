// One simulated connection: two sides and the bytes that are on their way between them.
#ifndef VLOG_ENV_SIM_SIM_LINK_H_
#define VLOG_ENV_SIM_SIM_LINK_H_

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "async/scheduler.h"
#include "env/sim/sim_fabric.h"

namespace vlog::env {

// A side is 0 (who connected) or 1 (who accepted). Each side is the kernel's half: it goes on when
// its process is paused, and for a while when its process is gone.
class SimLink : public std::enable_shared_from_this<SimLink> {
 public:
  using ReadDone = async::Completer<StatusOr<Bytes>>;
  using SentDone = async::Completer<Status>;
  struct Owner {
    std::string host;
    LifeId life;
  };

  SimLink(SimFabric& fabric, uint64_t id, Owner from, Owner to);

  // --- what a Connection does ---
  std::optional<StatusOr<Bytes>> TryRead(int side, size_t at_least);
  void StartRead(int side, size_t at_least, ReadDone done);
  void Consume(int side, size_t bytes);
  uint64_t received(int side) const { return sides_[side].received; }
  void Write(int side, BytesList pieces);
  size_t unsent(int side) const { return sides_[side].unsent; }
  std::optional<Status> TryAwaitUnsent(int side, size_t at_most) const;
  void StartAwaitUnsent(int side, size_t at_most, SentDone done);
  void Close(int side);
  void Abandon(int side);
  const Owner& owner(int side) const { return sides_[side].owner; }

  // --- what the fabric does ---
  bool Connects(const std::string& from, const std::string& to) const;
  void Crash(int side, bool silent);
  void Tear();
  // The path from this side may be open again.
  void Resume(int side);

 private:
  enum class End { kNone, kFin, kReset };
  struct Segment {
    Instant arrival;
    Bytes bytes;
    End end = End::kNone;
  };
  struct Side {
    Owner owner;
    bool process = true;   // false: the process is gone, or dropped the connection
    bool closing = false;  // Close() was called
    Status error;          // final, once what arrived before was read

    std::deque<Bytes> queue;  // written, not taken by the window
    size_t unsent = 0;
    std::deque<Segment> flight;  // towards the other side, by arrival
    size_t flight_bytes = 0;
    bool stalled = false;             // a piece was lost: nothing of it arrives any more
    std::optional<bool> lost_in_cut;  // drawn when a piece meets a cut
    uint64_t writes = 0;
    BytesList late_copy;  // of a write that will be duplicated behind the next one

    Bytes buffer;  // arrived, not consumed
    uint64_t received = 0;
    size_t wanted = 0;
    ReadDone reader;
    size_t awaited = 0;
    SentDone sender;
  };

  Side& other(int side) { return sides_[1 - side]; }
  void Pump(int side);
  void Fly(int side, Bytes bytes, End end);
  void DrawLoss(int side, Instant& arrival);
  void Arrive(int side);
  bool MeetsCut(int side);
  void Deliver(int side, Segment segment);
  void DeliverBytes(int from, Bytes bytes);
  void Fail(int side, Disconnect reason);
  void Straggle(int side);
  void Wake(int side);
  void TellReader(int side);
  void TellSender(int side);

  SimFabric& fabric_;
  const uint64_t id_;
  std::array<Side, 2> sides_;
};

// A connection that is being asked for.
struct SimAttempt {
  std::string from;
  LifeId life;
  Address to;
  Instant deadline;
  async::Completer<StatusOr<std::shared_ptr<SimLink>>> done;
  bool finished = false;
};

// A listening socket: connections that were made and not yet accepted.
struct SimBacklog {
  std::string host;
  LifeId life = 0;
  std::deque<std::shared_ptr<SimLink>> links;
  async::Completer<StatusOr<std::shared_ptr<SimLink>>> acceptor;
  SimWorld* world = nullptr;
  bool waiting = false;  // somebody waits at `acceptor`
  bool closed = false;

  // Runs in the listener's life: gives the next connection to who waits.
  static void Tell(const std::shared_ptr<SimBacklog>& backlog);
};

}  // namespace vlog::env

#endif  // VLOG_ENV_SIM_SIM_LINK_H_
