#include "storage/segment_index.h"

#include <algorithm>

#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::storage {
namespace {

// A point of the index covers at least this many bytes of its segment.
constexpr uint64_t kPointSpacing = 32 * 1024;
constexpr uint64_t kMagic = 0x31504b4347'4c56;  // "VLGCKP1"

uint32_t Seed(JournalId journal) {
  std::string seed;
  PutFixed(&seed, journal.value());
  return Crc32c(seed);
}

}  // namespace

SegmentIndex::SegmentIndex(uint64_t segment, const StreamTable& streams) : segment_(segment) {
  for (const auto& [id, stream] : streams.streams()) starts_[id] = stream->state->end();
}

void SegmentIndex::Add(StreamId stream, uint64_t first, uint64_t end, uint64_t offset) {
  starts_.emplace(stream, first);
  ends_[stream] = end;
  std::vector<Point>& points = points_[stream];
  if (points.empty() || offset >= points.back().offset + kPointSpacing) {
    points.push_back({first, offset});
  }
}

std::optional<uint64_t> SegmentIndex::StartOf(StreamId stream) const {
  auto it = starts_.find(stream);
  if (it == starts_.end()) return std::nullopt;
  return it->second;
}

std::optional<uint64_t> SegmentIndex::Seek(StreamId stream, uint64_t first) const {
  auto it = points_.find(stream);
  if (it == points_.end()) return std::nullopt;
  const std::vector<Point>& points = it->second;
  auto above = std::upper_bound(points.begin(), points.end(), first,
                                [](uint64_t f, const Point& p) { return f < p.first; });
  // Below the first point lies what is lost; the scan starts there and says so.
  return above == points.begin() ? above->offset : std::prev(above)->offset;
}

void SegmentIndex::EncodeTo(std::string* out) const {
  PutFixed(out, segment_);
  PutFixed(out, static_cast<uint64_t>(starts_.size()));
  for (const auto& [stream, start] : starts_) {
    PutFixed(out, stream.value());
    PutFixed(out, start);
  }
  PutFixed(out, static_cast<uint64_t>(points_.size()));
  for (const auto& [stream, points] : points_) {
    PutFixed(out, stream.value());
    PutFixed(out, ends_.at(stream));
    PutFixed(out, static_cast<uint64_t>(points.size()));
    for (const Point& point : points) {
      PutFixed(out, point.first);
      PutFixed(out, point.offset);
    }
  }
}

StatusOr<SegmentIndex> SegmentIndex::Decode(std::string_view data) {
  Decoder in(data);
  SegmentIndex index(in.Fixed<uint64_t>());
  uint64_t starts = in.Fixed<uint64_t>();
  for (uint64_t i = 0; i < starts && in.ok(); ++i) {
    StreamId stream(in.Fixed<uint64_t>());
    index.starts_[stream] = in.Fixed<uint64_t>();
  }
  uint64_t streams = in.Fixed<uint64_t>();
  for (uint64_t i = 0; i < streams && in.ok(); ++i) {
    StreamId stream(in.Fixed<uint64_t>());
    index.ends_[stream] = in.Fixed<uint64_t>();
    std::vector<Point>& points = index.points_[stream];
    uint64_t count = in.Fixed<uint64_t>();
    for (uint64_t k = 0; k < count && in.ok(); ++k) {
      uint64_t first = in.Fixed<uint64_t>();
      points.push_back({first, in.Fixed<uint64_t>()});
    }
  }
  if (!in.done()) return absl::DataLossError("malformed segment index");
  return index;
}

std::string EncodeStreams(const StreamTable& streams) {
  std::string out;
  PutFixed(&out, static_cast<uint8_t>(streams.lost_bound().has_value()));
  PutFixed(&out, streams.lost_bound().value_or(0));
  for (const auto& [id, stream] : streams.streams()) {
    PutFixed(&out, id.value());
    PutString(&out, stream->kind);
    PutString(&out, stream->key);
    PutString(&out, stream->state->Encode());
  }
  return out;
}

Status DecodeStreams(std::string_view data, StreamTable* streams) {
  Decoder in(data);
  bool damaged = in.Fixed<uint8_t>() != 0;
  uint64_t lost_bound = in.Fixed<uint64_t>();
  if (damaged) streams->set_lost_bound(lost_bound);
  while (in.ok() && in.remaining() > 0) {
    StreamId id(in.Fixed<uint64_t>());
    std::string kind(in.String());
    std::string key(in.String());
    std::string_view state = in.String();
    if (!in.ok()) break;
    Status restored = streams->Restore(id, std::move(kind), std::move(key), state);
    VLOG_RETURN_IF_ERROR(restored);
  }
  return in.ok() ? absl::OkStatus() : absl::DataLossError("malformed stream states");
}

std::string EncodeCheckpoint(JournalId journal, const Checkpoint& checkpoint) {
  std::string out;
  PutFixed(&out, kMagic);
  PutFixed(&out, checkpoint.at.segment);
  PutFixed(&out, checkpoint.at.offset);
  PutFixed(&out, checkpoint.ordinal);
  PutFixed(&out, checkpoint.next_stream.value());
  PutFixed(&out, static_cast<uint8_t>(checkpoint.closed));
  PutString(&out, checkpoint.streams);
  std::string index;
  checkpoint.index.EncodeTo(&index);
  PutString(&out, index);
  PutFixed(&out, Crc32c(out, Seed(journal)));
  return out;
}

StatusOr<Checkpoint> DecodeCheckpoint(JournalId journal, std::string_view data) {
  Status bad = absl::DataLossError("damaged journal checkpoint");
  if (data.size() < sizeof(uint32_t)) return bad;
  std::string_view body = data.substr(0, data.size() - sizeof(uint32_t));
  if (Crc32c(body, Seed(journal)) != GetFixed<uint32_t>(data.data() + body.size())) return bad;
  Decoder in(body);
  if (in.Fixed<uint64_t>() != kMagic) return bad;
  Checkpoint checkpoint;
  checkpoint.at.segment = in.Fixed<uint64_t>();
  checkpoint.at.offset = in.Fixed<uint64_t>();
  checkpoint.ordinal = in.Fixed<uint64_t>();
  checkpoint.next_stream = StreamId(in.Fixed<uint64_t>());
  checkpoint.closed = in.Fixed<uint8_t>() != 0;
  checkpoint.streams = std::string(in.String());
  StatusOr<SegmentIndex> index = SegmentIndex::Decode(in.String());
  if (!in.done()) return bad;
  VLOG_RETURN_IF_ERROR(index);
  checkpoint.index = *std::move(index);
  return checkpoint;
}

}  // namespace vlog::storage
