// A histogram of whole numbers over the whole 64-bit range with a bounded relative error: each
// power of two is cut into 16 buckets of equal width, so a bucket is at most 1/16 of its values
// wide. 7.6 KiB; recording is a few instructions.
//
//   value   0..16 | 17..32 | 33..64 (by 2) | 65..128 (by 4) | ...     upper ends are inclusive
//   bucket  1 each| 1 each | 16            | 16             |
#ifndef VLOG_SERVER_HISTOGRAM_H_
#define VLOG_SERVER_HISTOGRAM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vlog::server {

// How a histogram is shown: recorded values times `unit`, in buckets whose ends are the powers of
// two from 2^first to 2^last, and one for what lies above.
struct HistogramScale {
  double unit = 1;
  int first = 0;
  int last = 30;
};

// Recorded in nanoseconds, shown in seconds from 8 us to 69 s.
inline constexpr HistogramScale kNanoseconds{1e-9, 13, 36};
// Recorded and shown in bytes, from 64 B to 64 MiB.
inline constexpr HistogramScale kBytes{1, 6, 26};
// Small counts, such as records in a batch: from 1 to 1 Mi.
inline constexpr HistogramScale kCounts{1, 0, 20};

class Histogram {
 public:
  // REQUIRES: 0 <= first <= last < 64.
  explicit Histogram(HistogramScale scale);

  void Record(uint64_t value) {
    ++buckets_[BucketOf(value)];
    ++count_;
    sum_ += static_cast<double>(value);
  }

  uint64_t count() const { return count_; }
  double sum() const { return sum_; }  // of the recorded values, in their own unit
  const HistogramScale& scale() const { return scale_; }
  // Exactly how many values were at most 2^exponent. REQUIRES: 0 <= exponent < 64.
  uint64_t CountUpTo(int exponent) const;
  // The upper end of the bucket that holds the value of rank ceil(q * count): at most 1/16 above
  // it, never below. Zero if nothing was recorded. REQUIRES: 0 <= q <= 1.
  uint64_t Quantile(double q) const;

 private:
  static constexpr int kSubBits = 4;
  static constexpr uint64_t kSubBuckets = 1 << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) * kSubBuckets;

  // Zero shares the bucket of one; else buckets end at their upper, inclusive ends, so that powers
  // of two, which the text form shows, are ends of buckets.
  static size_t BucketOf(uint64_t value) {
    uint64_t v = value == 0 ? 0 : value - 1;
    if (v < kSubBuckets) return v;
    int shift = std::bit_width(v) - 1 - kSubBits;
    return static_cast<size_t>((static_cast<uint64_t>(shift) << kSubBits) + (v >> shift));
  }
  static uint64_t UpperEnd(size_t bucket);

  HistogramScale scale_;
  uint64_t count_ = 0;
  double sum_ = 0;
  std::array<uint64_t, kBuckets> buckets_{};
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_HISTOGRAM_H_
