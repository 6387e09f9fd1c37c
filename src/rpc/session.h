// One connection that speaks frames: what both ends have in common. Handshake, pings, the detection
// of silence, and how malformed input ends.
#ifndef VLOG_RPC_SESSION_H_
#define VLOG_RPC_SESSION_H_

#include <memory>
#include <optional>
#include <string>

#include "async/task.h"
#include "env/env.h"
#include "env/network.h"
#include "rpc/frame.h"
#include "rpc/handshake.h"
#include "rpc/limits.h"
#include "rpc/peer_health.h"

namespace vlog::rpc {

struct SessionOptions {
  KeepAlive keep_alive;
  FrameLimits frame_limits;
  NodeId expected_node;          // 0: any
  PeerHealth* health = nullptr;  // outlives the session
  bool server = false;
};

// Thread rule: the scheduler's executor. Env outlives it. Held by shared pointer; destroying it
// drops the connection.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(env::Env& env, Identity self, std::shared_ptr<env::Connection> connection,
          SessionOptions options);

  // Exchanges hellos; a server first hears the client's. After an error the peer was told and the
  // connection is closed. kDataLoss: malformed. Starts the pings.
  Task<Status> Handshake(Instant deadline);
  // REQUIRES: Handshake() succeeded.
  const std::shared_ptr<const Peer>& peer() const { return peer_; }

  // The fixed part of the next request or reply; what keeps the connection alive is dealt with
  // inside. kDataLoss: malformed (told to the peer, closed), else why the connection ended.
  Task<StatusOr<FrameHeader>> NextHeader();
  // The rest of it. REQUIRES: `header` is what NextHeader() returned last.
  Task<StatusOr<Frame>> TakeFrame(FrameHeader header);

  // Nothing happens once the session has ended.
  void Send(FrameType type, Method method, uint64_t request_id, const std::string& header,
            const Payload& payload);
  size_t unsent() const { return connection_->unsent(); }
  Task<Status> AwaitUnsent(size_t at_most) { return connection_->AwaitUnsent(at_most); }

  // The owner does not read for now, so silence proves nothing.
  void set_reading(bool reading) { reading_ = reading; }
  // Tells the peer why, and closes.
  void End(const Status& why);
  // OK while it lasts.
  const Status& status() const { return ended_; }
  Instant last_heard() const { return last_heard_; }

 private:
  Task<StatusOr<Hello>> ReadHello();
  Task<StatusOr<Bytes>> ReadBytes(size_t at_least);
  Status Malformed(const Status& why);
  Status Judge(const Hello& hello);
  void Heard();
  void ArmTick();
  void Tick();
  bool PeerIsSilent();
  bool PeerIsStuck();

  env::Env& env_;
  const Identity self_;
  const std::shared_ptr<env::Connection> connection_;
  const SessionOptions options_;
  std::shared_ptr<const Peer> peer_;
  Status ended_;
  bool reading_ = true;

  std::optional<Instant> frame_since_;  // a frame is being received
  Instant last_heard_;
  uint64_t heard_bytes_ = 0;  // at the last check
  int silent_checks_ = 0;
  uint64_t written_ = 0;
  uint64_t written_at_check_ = 0;
  uint64_t taken_at_check_ = 0;  // written and taken by the system
  int stuck_checks_ = 0;
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_SESSION_H_
