// The strong id types of the project. Two positions that count different things never convert into
// each other: an Lsn counts records of a log, an Offset counts records of one loglet.
#ifndef VLOG_BASE_IDS_H_
#define VLOG_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>

namespace vlog {

// A 64-bit number with a meaning. Default-constructed ids are zero.
template <typename Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;
  friend std::ostream& operator<<(std::ostream& out, Id id) { return out << id.value_; }

 private:
  uint64_t value_ = 0;
};

// A position on an axis: an Id that can be moved by a count and whose differences are counts.
// REQUIRES for b - a: a <= b.
template <typename Tag>
class Position {
 public:
  constexpr Position() = default;
  constexpr explicit Position(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  friend constexpr auto operator<=>(Position, Position) = default;
  friend constexpr Position operator+(Position p, uint64_t n) { return Position(p.value_ + n); }
  friend constexpr uint64_t operator-(Position a, Position b) { return a.value_ - b.value_; }
  Position& operator+=(uint64_t n) {
    value_ += n;
    return *this;
  }
  friend std::ostream& operator<<(std::ostream& out, Position p) { return out << p.value_; }

 private:
  uint64_t value_ = 0;
};

using Lsn = Position<struct LsnTag>;        // position of a record in a log
using Offset = Position<struct OffsetTag>;  // position of a record inside one loglet
using SeqNo = Position<struct SeqNoTag>;    // a writer's own count of its records, from 0

using SegmentIndex = Id<struct SegmentIndexTag>;  // grows by one along a chain, never reused
using Version = Id<struct VersionTag>;            // of a metastore register; 0 = never written
using WriterId = Id<struct WriterIdTag>;          // random, one per append handle
using ProposalId = Id<struct ProposalIdTag>;      // random, one per proposed chain change
using NodeId = Id<struct NodeIdTag>;              // given by the operator, from 1; 0 = none
using DiskId = Id<struct DiskIdTag>;              // random, made when a node's disk is formatted
using Incarnation = Id<struct IncarnationTag>;    // a node's boot number: grows by one each start
using ClusterId = Id<struct ClusterIdTag>;        // random, made when a cluster is initialized

inline constexpr Lsn kMaxLsn{UINT64_MAX};
inline constexpr Offset kMaxOffset{UINT64_MAX};

// Names one record for ever, wherever it is stored. A retry carries the same RecordId.
struct RecordId {
  WriterId writer;
  SeqNo seq;
  friend constexpr auto operator<=>(const RecordId&, const RecordId&) = default;
};

// One copy of replicated state: a node whose disk was wiped is another replica.
struct Replica {
  NodeId node;
  DiskId disk;
  friend constexpr auto operator<=>(const Replica&, const Replica&) = default;
};

// Names one loglet for ever. Two proposals never share state, even for the same place in the chain.
struct LogletId {
  std::string log;
  SegmentIndex segment;
  ProposalId proposal;
  friend auto operator<=>(const LogletId&, const LogletId&) = default;
};

// "orders/3@9f..": for messages and file names; unique because log names hold no '/'.
std::string ToString(const LogletId& id);

}  // namespace vlog

#endif  // VLOG_BASE_IDS_H_
