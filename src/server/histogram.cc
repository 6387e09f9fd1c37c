#include "server/histogram.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace vlog::server {

Histogram::Histogram(HistogramScale scale) : scale_(scale) {
  VLOG_CHECK(0 <= scale.first && scale.first <= scale.last && scale.last < 64,
             "a histogram is shown between two powers of two");
  VLOG_CHECK(scale.unit > 0, "a unit is above zero");
}

uint64_t Histogram::UpperEnd(size_t bucket) {
  // v + 1 of the largest v in the bucket; see BucketOf().
  if (bucket < kSubBuckets) return bucket + 1;
  size_t shift = (bucket >> kSubBits) - 1;
  uint64_t mantissa = (bucket & (kSubBuckets - 1)) + kSubBuckets;
  uint64_t above = mantissa + 1;
  // Only the last bucket ends beyond 64 bits.
  bool beyond = above == 2 * kSubBuckets && shift == 63 - kSubBits;
  return beyond ? UINT64_MAX : above << shift;
}

uint64_t Histogram::CountUpTo(int exponent) const {
  size_t last = BucketOf(uint64_t{1} << exponent);
  uint64_t total = 0;
  for (size_t i = 0; i <= last; ++i) total += buckets_[i];
  return total;
}

uint64_t Histogram::Quantile(double q) const {
  VLOG_CHECK(q >= 0 && q <= 1, "a quantile lies between 0 and 1");
  if (count_ == 0) return 0;
  auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
  rank = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return UpperEnd(i);
  }
  VLOG_CHECK(false, "the buckets hold all that was counted");
}

}  // namespace vlog::server
