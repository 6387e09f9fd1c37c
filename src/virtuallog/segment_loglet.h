// A segment's loglet as all handles of one log see it: the loglet itself, and the chain's word on
// it.
//
//   call --> the loglet --answer--------------------------------> caller
//              | none within a bound: the chain is read again
//              v
//            the chain says that the segment has ended ----------> sealed / gone / asked again
//
// The servers of an old segment may be down, out of the cluster or out of reach; what it is to be
// asked for then is the chain (DESIGN 5.3). So no call waits for such servers: as soon as the chain
// shows an end, it is what counts.
#ifndef VLOG_VIRTUALLOG_SEGMENT_LOGLET_H_
#define VLOG_VIRTUALLOG_SEGMENT_LOGLET_H_

#include <map>
#include <memory>
#include <optional>

#include "async/event.h"
#include "loglets/factory.h"
#include "virtuallog/chain.h"

namespace vlog::virtuallog {

class LogContext;

// Where the segment ends by this chain; none while it may grow, and of one that the chain has
// dropped. Of an empty segment that was replaced: 0.
std::optional<Offset> EndIn(const Chain& chain, const Segment& segment);

// Thread rule: the context's. The context outlives it and closes what it still waits for.
class SegmentLoglet final : public loglets::Loglet,
                            public std::enable_shared_from_this<SegmentLoglet> {
 public:
  // `loglet`: opened with the end that EndIn() tells, if it tells one.
  SegmentLoglet(LogContext& context, Segment segment, std::shared_ptr<loglets::Loglet> loglet,
                bool opened_with_end);

  // As Loglet; once the chain shows the segment's end:
  //   Append     what is on its way and unanswered a moment later is kUnknown, the chain and a read
  //              tell its fate; what comes later is kFailedPrecondition
  //   CheckTail, AwaitTail   sealed
  //   Read       kOutOfRange if the segment was dropped from the chain; nothing is lost before the
  //              newest chain says where it should be
  //   Trim       goes up to the end as the chain says it, whatever the loglet knows
  //   Seal       kFailedPrecondition: another segment follows already
  void Append(Batch batch, loglets::AppendDone done) override;
  Task<StatusOr<loglets::Tail>> CheckTail() override;
  Offset TailHint() override;
  Task<void> RefreshTailHint() override;
  Task<StatusOr<loglets::Tail>> AwaitTail(Offset beyond, Instant deadline) override;
  Task<StatusOr<loglets::ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override;
  Task<StatusOr<Offset>> Trim(Offset to) override;
  Offset TrimHint() override;
  Task<StatusOr<loglets::Sealed>> Seal(std::string proposal) override;

  // The context has learnt a newer chain.
  void ChainChanged();

 private:
  struct Flight {
    Instant since;
    bool sent = false;
    loglets::AppendDone done;
  };
  // By number, that is by age. Apart from this object, for answers may outlive it.
  using Flights = std::map<uint64_t, Flight>;
  // A call that waits for the loglet.
  class OpenCall {
   public:
    explicit OpenCall(SegmentLoglet* owner);
    ~OpenCall() { owner_->calls_.erase(number_); }

   private:
    SegmentLoglet* owner_;
    uint64_t number_;
  };

  template <typename T>
  struct Answer {
    std::optional<StatusOr<T>> value;
    std::shared_ptr<async::Event> came;
  };
  template <typename T>
  static Task<void> Fetch(std::shared_ptr<loglets::Loglet> loglet, Task<StatusOr<T>> call,
                          std::shared_ptr<Answer<T>> answer);
  // The answer of `loglet`; none if the segment ends first.
  template <typename T>
  Task<std::optional<StatusOr<T>>> Race(std::shared_ptr<loglets::Loglet> loglet,
                                        Task<StatusOr<T>> call);
  // The loglet; opened again with its end once that is known, and when the chain says that it has
  // moved. kOutOfRange: dropped.
  Task<StatusOr<std::shared_ptr<loglets::Loglet>>> Current();
  // Where it is by the chain, which may have moved it.
  std::string HomeNow() const;
  loglets::Tail SealedTail() const { return {end_.value_or(Offset()), true}; }
  bool Dropped() const;
  void Guard();
  void Tick();
  void Flush();

  LogContext& context_;
  const Segment segment_;
  std::shared_ptr<loglets::Loglet> loglet_;
  std::string home_;  // the parameters that it was opened with
  bool opened_with_end_;
  bool ended_ = false;         // by the chain
  std::optional<Offset> end_;  // none: dropped before its end was learnt
  Offset trimmed_;             // nothing below is shown again
  std::shared_ptr<Flights> flights_;
  std::map<uint64_t, Instant> calls_;  // when they began
  uint64_t next_number_ = 0;
  bool guarded_ = false;
  // Of the calls that race with the end, by number.
  std::map<uint64_t, std::shared_ptr<async::Event>> races_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_SEGMENT_LOGLET_H_
