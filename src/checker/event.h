#ifndef VLOG_CHECKER_EVENT_H_
#define VLOG_CHECKER_EVENT_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vlog::checker {

// The vocabulary of a history: what clients of a log asked for and what they were told, as plain
// data. It has no dependency on the log it judges, so that a mistake in the log's own types cannot
// hide from the checker. All types here are values; none is thread-safe.

// An LSN as a plain number: positions are counted from 0, one a record, without holes.
using Position = uint64_t;
inline constexpr Position kNoPosition = std::numeric_limits<Position>::max();

enum class EventType : uint8_t {
  kInvoke,  // written before the request is sent
  kOk,      // the operation took effect and its result is known
  kFail,    // the operation certainly never takes effect
  kInfo,    // unknown: it may take effect at any later time, or never
};

enum class Op : uint8_t {
  kAppend,       // invoke: values; ok: position = LSN of the first one
  kTail,         // ok: position = the tail, the first unwritten LSN
  kRead,         // invoke: from, to; ok: items
  kTrim,         // invoke: position = remove all below it; ok: position = trim point reached
  kChain,        // an observation of the chain; ok: chain
  kReconfigure,  // informational; ok: chain.version, proposal, where known
  kSeal,         // informational
  kNote,         // a remark (a fault was injected, ...); needs no id and is never checked
};

// One piece of a read's answer.
struct ReadItem {
  enum class Kind : uint8_t {
    kRecord,     // the record at `from`; to = from + 1
    kTrimmed,    // [from, to) was trimmed
    kDataLoss,   // [from, to) was written and cannot be read any more
    kUnwritten,  // `from` and everything above it was not written; `to` is not used
  };
  Kind kind = Kind::kRecord;
  Position from = 0;
  Position to = 0;
  std::string value;

  static ReadItem Record(Position at, std::string value) {
    return {Kind::kRecord, at, at + 1, std::move(value)};
  }
  static ReadItem Trimmed(Position from, Position to) { return {Kind::kTrimmed, from, to, {}}; }
  static ReadItem DataLoss(Position from, Position to) { return {Kind::kDataLoss, from, to, {}}; }
  static ReadItem Unwritten(Position from) { return {Kind::kUnwritten, from, from, {}}; }

  friend bool operator==(const ReadItem&, const ReadItem&) = default;
};

struct ChainSegment {
  uint64_t index = 0;           // grows along the chain and over time, never reused
  Position base = 0;            // first LSN, inclusive
  std::optional<Position> end;  // exclusive; where absent, the next base, or open for the last one
  std::string kind;

  friend bool operator==(const ChainSegment&, const ChainSegment&) = default;
};

// One version of the chain. REQUIRES: at least one segment, in chain order.
struct ChainView {
  uint64_t version = 0;
  std::vector<ChainSegment> segments;
  std::optional<Position> trim_point;  // first LSN not trimmed; absent: the first base
  bool ended = false;                  // a marker ended the log: the last segment has an end

  friend bool operator==(const ChainView&, const ChainView&) = default;
};

// One line of a history. Which of the payload fields count is told by `type` and `op`, see Op.
struct Event {
  uint64_t line = 0;  // 1-based place in the history; 0: one after the event before it
  int64_t t = 0;      // one monotonic clock, any unit; never falls from event to event
  EventType type = EventType::kInvoke;
  Op op = Op::kNote;
  uint64_t id = 0;   // ties the completion to its invocation; not reused while the op is open
  std::string proc;  // for people only; a process may have many open operations
  std::string log;   // histories of several logs may share a file; empty: the default one
  std::string sess;  // the handle (writer, reader); unique for ever; empty: no handle rules apply
  std::optional<uint64_t> seq;       // append: sequence number of the first record in the handle
  std::optional<uint64_t> loglet;    // append ok: index of the segment that acknowledged
  std::optional<uint64_t> chainver;  // completions: version of the chain the handle then had
  bool stale = false;                // tail and read: answered from a cache, may lie in the past

  std::vector<std::string> values;
  Position position = 0;
  Position from = 0;
  Position to = kNoPosition;  // exclusive; kNoPosition: as far as the log goes
  std::vector<ReadItem> items;
  ChainView chain;
  std::string proposal;

  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_EVENT_H_
