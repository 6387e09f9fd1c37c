// Counters, gauges and histograms of one node, and their text form for Prometheus (exposition
// format 0.0.4).
//
// Thread rule: one thread, the loop's. A metric is a plain number: counting costs an addition.
#ifndef VLOG_SERVER_METRICS_H_
#define VLOG_SERVER_METRICS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/histogram.h"

namespace vlog::server {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_ += n; }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0;
};

class Gauge {
 public:
  void Set(double value) { value_ = value; }
  void Add(double change) { value_ += change; }
  double value() const { return value_; }

 private:
  double value_ = 0;
};

// Name and value; a value is any text, a name is [a-zA-Z_][a-zA-Z0-9_]*.
using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// All metrics of one node. A family is a name with its help and type; within one, the labels tell
// the metrics apart. What each call returns lives until it is removed or the registry goes; the
// same name and labels give the same metric again.
//
// REQUIRES, and CHECKed: valid names; one type and help a name; a counter's name ends in "_total",
// and no other's does; a histogram has no label "le", and no other family has the name of its
// "_bucket", "_sum" or "_count"; no label twice; at most kMaxMetricsAFamily metrics a family, so
// that a label with unbounded values is found in tests and not by an operator.
class MetricsRegistry {
 public:
  static constexpr size_t kMaxMetricsAFamily = 10'000;

  MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;
  ~MetricsRegistry();

  Counter& AddCounter(const std::string& name, const std::string& help, Labels labels = {});
  Gauge& AddGauge(const std::string& name, const std::string& help, Labels labels = {});
  // Values are recorded as whole numbers and shown multiplied by `scale.unit`; see histogram.h.
  Histogram& AddHistogram(const std::string& name, const std::string& help, HistogramScale scale,
                          Labels labels = {});

  // The metric is gone, and so are references to it. Nothing happens if there is none.
  void Remove(const std::string& name, Labels labels);

  // All metrics; families by name, metrics by labels. Ends with a line feed unless it is empty.
  std::string Text() const;

 private:
  using Metric =
      std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;
  struct Family {
    size_t type;  // index of the alternative of Metric
    std::string help;
    std::map<Labels, Metric> metrics;
  };

  template <typename T>
  T& Add(const std::string& name, const std::string& help, Labels labels, T prototype);
  void CheckNewFamily(const std::string& name, size_t type) const;

  std::map<std::string, Family> families_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_METRICS_H_
