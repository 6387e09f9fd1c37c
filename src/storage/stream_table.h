// The streams of one journal: who wrote what in it. Each loglet (and whatever else a node stores)
// is one stream; its state is a pure state machine that is fed every durable entry of the stream,
// in journal order, both while the journal runs and when it is recovered.
#ifndef VLOG_STORAGE_STREAM_TABLE_H_
#define VLOG_STORAGE_STREAM_TABLE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/status.h"
#include "storage/format.h"

namespace vlog::storage {

class StreamState {
 public:
  virtual ~StreamState() = default;
  // Whether Apply() can take the entry: another version of this program may have written it.
  // kInvalidArgument names the format and says what to do.
  virtual Status Check(const Entry& entry) const {
    (void)entry;
    return absl::OkStatus();
  }
  // A durable entry, in journal order. An entry whose `first` is above end() follows lost ones.
  virtual void Apply(const Entry& entry) = 0;
  // Entries of this journal are lost, among them perhaps any of this stream, its seal as well: at
  // most `lost` positions that lie at end() and above. The state takes them as used and seals
  // itself, so that no position is ever given out twice.
  virtual void Damaged(uint64_t lost) = 0;
  // Lost entries covered the positions in [end(), end).
  virtual void SkipTo(uint64_t end) = 0;
  // Positions that entries cover: [trim(), end()). Entries below trim() are not needed any more.
  virtual uint64_t trim() const = 0;
  virtual uint64_t end() const = 0;
  virtual std::string Encode() const = 0;
  virtual Status Decode(std::string_view data) = 0;
};

struct Stream {
  StreamId id;
  std::string kind;
  std::string key;  // unique among live streams
  std::unique_ptr<StreamState> state;
};

// Makes the empty state of a stream kind; null if the kind is unknown.
using StateFactory = std::function<std::unique_ptr<StreamState>(const std::string& kind)>;

class StreamTable {
 public:
  explicit StreamTable(StateFactory factory) : factory_(std::move(factory)) {}

  // Entries of the journal's own stream 0.
  static Entry CreateEntry(StreamId id, const std::string& kind, const std::string& key);
  static Entry DropEntry(StreamId id);
  // Where a stream stands, written when the journal is idle: it tells what damage just below took.
  static Entry MarkEntry(const Stream& stream);

  // kDataLoss if the entry makes no sense, kInvalidArgument for an unknown stream kind.
  Status Apply(const Entry& entry);
  // `lost` records are missing at this point of the journal.
  void NoteDamage(uint64_t lost);
  // Tells the states what NoteDamage() could not place.
  void SettleDamage();
  // Set once this journal lost entries: a stream that is not found may have existed, and this many
  // of its positions may have been given out.
  std::optional<uint64_t> lost_bound() const { return lost_bound_; }
  void set_lost_bound(std::optional<uint64_t> bound) { lost_bound_ = bound; }

  Stream* Find(const std::string& key) const;
  Stream* Find(StreamId id) const;
  const std::map<StreamId, std::unique_ptr<Stream>>& streams() const { return streams_; }
  Status Restore(StreamId id, std::string kind, std::string key, std::string_view state);
  StreamId next_id() const { return next_id_; }
  void set_next_id(StreamId id) { next_id_ = id; }
  StreamId TakeId();

 private:
  Status ApplyOrphan(const Entry& entry);
  Status CreateFrom(StreamId id, std::string_view names);
  Status Create(StreamId id, std::string kind, std::string key);

  StateFactory factory_;
  std::map<StreamId, std::unique_ptr<Stream>> streams_;
  std::map<std::string, StreamId> by_key_;
  StreamId next_id_{1};
  bool damaged_ = false;
  uint64_t unplaced_ = 0;
  std::map<StreamId, uint64_t> orphans_;  // ends of streams whose creation was lost
  std::optional<uint64_t> lost_bound_;
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_STREAM_TABLE_H_
