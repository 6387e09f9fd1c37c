#include "cluster/ack_tally.h"

#include <algorithm>

#include "report.h"

namespace vlog::bench {

double AckFigures::MicrosAt(double q) const {
  return Quantile(std::vector<double>(micros.begin(), micros.end()), q);
}

void AckTally::Mark() {
  figures_ = AckFigures();
  marked_ = SteadyNow();
}

void AckTally::Acknowledged(SteadyTime started, SteadyTime now) {
  ++figures_.acknowledged;
  figures_.longest_gap_millis = std::max(figures_.longest_gap_millis, MillisBetween(last_, now));
  figures_.micros.push_back(static_cast<float>(MillisBetween(started, now) * 1000));
  last_ = now;
}

void AckTally::Failed(const Status& why) {
  ++figures_.failed;
  if (figures_.first_failure.ok()) figures_.first_failure = why;
}

AckFigures AckTally::Read() const {
  AckFigures read = figures_;
  SteadyTime now = SteadyNow();
  read.seconds = MillisBetween(marked_, now) / 1000;
  read.open_gap_millis = MillisBetween(last_, now);
  read.longest_gap_millis = std::max(read.longest_gap_millis, read.open_gap_millis);
  return read;
}

}  // namespace vlog::bench
