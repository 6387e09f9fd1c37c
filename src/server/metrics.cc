#include "server/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/json_text.h"

namespace vlog::server {
namespace {

bool IsNameCharacter(char c, bool first, bool colon) {
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
  return letter || (!first && c >= '0' && c <= '9');
}

bool IsName(const std::string& name, bool colon) {
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (!IsNameCharacter(name[i], i == 0, colon)) return false;
  }
  return true;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// In a help text a backslash and a line feed are escaped; in a label's value quotes too. Bytes that
// are no UTF-8 would make the whole page unreadable.
std::string Escaped(std::string_view text, bool quotes) {
  std::string out;
  while (!text.empty()) {
    size_t length = CodePointLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD
    } else if (text[0] == '\\') {
      out += "\\\\";
    } else if (text[0] == '\n') {
      out += "\\n";
    } else if (quotes && text[0] == '"') {
      out += "\\\"";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // The shortest notation that reads back as the same number.
  char text[64];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// {a="x",b="y"}, or nothing.
std::string LabelsText(const Labels& labels, const std::string& last = "") {
  std::string out;
  for (const auto& [name, value] : labels) {
    absl::StrAppend(&out, out.empty() ? "" : ",", name, "=\"", Escaped(value, true), "\"");
  }
  if (!last.empty()) absl::StrAppend(&out, out.empty() ? "" : ",", last);
  return out.empty() ? "" : "{" + out + "}";
}

void AppendSample(const std::string& name, const Labels& labels, const Counter& counter,
                  std::string* out) {
  absl::StrAppend(out, name, LabelsText(labels), " ", counter.value(), "\n");
}

void AppendSample(const std::string& name, const Labels& labels, const Gauge& gauge,
                  std::string* out) {
  absl::StrAppend(out, name, LabelsText(labels), " ", NumberText(gauge.value()), "\n");
}

void AppendSample(const std::string& name, const Labels& labels, const Histogram& histogram,
                  std::string* out) {
  const HistogramScale& scale = histogram.scale();
  for (int exponent = scale.first; exponent <= scale.last; ++exponent) {
    std::string end = NumberText(std::ldexp(scale.unit, exponent));
    absl::StrAppend(out, name, "_bucket", LabelsText(labels, "le=\"" + end + "\""), " ",
                    histogram.CountUpTo(exponent), "\n");
  }
  absl::StrAppend(out, name, "_bucket", LabelsText(labels, "le=\"+Inf\""), " ", histogram.count(),
                  "\n");
  absl::StrAppend(out, name, "_sum", LabelsText(labels), " ",
                  NumberText(histogram.sum() * scale.unit), "\n");
  absl::StrAppend(out, name, "_count", LabelsText(labels), " ", histogram.count(), "\n");
}

constexpr size_t kCounterType = 0;
constexpr size_t kHistogramType = 2;
constexpr const char* kTypeNames[] = {"counter", "gauge", "histogram"};
constexpr const char* kHistogramParts[] = {"_bucket", "_sum", "_count"};

// One order, so that the same labels name the same metric.
Labels Sorted(Labels labels) {
  std::sort(labels.begin(), labels.end());
  return labels;
}

void CheckLabels(const Labels& labels, size_t type) {
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string& name = labels[i].first;
    VLOG_CHECK(IsName(name, false) && name.rfind("__", 0) != 0, "a label has a valid name");
    VLOG_CHECK(i == 0 || labels[i - 1].first != name, "a label stands once");
    VLOG_CHECK(type != kHistogramType || name != "le", "a histogram makes its own label le");
  }
}

}  // namespace

MetricsRegistry::MetricsRegistry() = default;
MetricsRegistry::~MetricsRegistry() = default;

void MetricsRegistry::CheckNewFamily(const std::string& name, size_t type) const {
  VLOG_CHECK(IsName(name, true), "a metric has a valid name");
  VLOG_CHECK(EndsWith(name, "_total") == (type == kCounterType),
             "a counter's name ends in _total, and no other's");
  for (const char* part : kHistogramParts) {
    VLOG_CHECK(type != kHistogramType || !families_.contains(name + part),
               "the parts of a histogram are no families of their own");
    if (!EndsWith(name, part)) continue;
    auto whole = families_.find(name.substr(0, name.size() - std::string_view(part).size()));
    VLOG_CHECK(whole == families_.end() || whole->second.type != kHistogramType,
               "the parts of a histogram are no families of their own");
  }
}

template <typename T>
T& MetricsRegistry::Add(const std::string& name, const std::string& help, Labels labels,
                        T prototype) {
  size_t type = Metric(std::unique_ptr<T>()).index();
  auto it = families_.find(name);
  if (it == families_.end()) {
    CheckNewFamily(name, type);
    it = families_.emplace(name, Family{type, help, {}}).first;
  }
  Family& family = it->second;
  VLOG_CHECK(family.type == type && family.help == help, "a metric has one type and one help");
  labels = Sorted(std::move(labels));
  CheckLabels(labels, type);
  auto found = family.metrics.find(labels);
  if (found == family.metrics.end()) {
    VLOG_CHECK(family.metrics.size() < kMaxMetricsAFamily, "the values of a label are bounded");
    Metric metric = std::make_unique<T>(std::move(prototype));
    found = family.metrics.emplace(std::move(labels), std::move(metric)).first;
  }
  return *std::get<std::unique_ptr<T>>(found->second);
}

Counter& MetricsRegistry::AddCounter(const std::string& name, const std::string& help,
                                     Labels labels) {
  return Add(name, help, std::move(labels), Counter());
}

Gauge& MetricsRegistry::AddGauge(const std::string& name, const std::string& help, Labels labels) {
  return Add(name, help, std::move(labels), Gauge());
}

Histogram& MetricsRegistry::AddHistogram(const std::string& name, const std::string& help,
                                         HistogramScale scale, Labels labels) {
  return Add(name, help, std::move(labels), Histogram(scale));
}

void MetricsRegistry::Remove(const std::string& name, Labels labels) {
  auto family = families_.find(name);
  if (family == families_.end()) return;
  family->second.metrics.erase(Sorted(std::move(labels)));
}

std::string MetricsRegistry::Text() const {
  std::string out;
  for (const auto& [name, family] : families_) {
    if (family.metrics.empty()) continue;
    absl::StrAppend(&out, "# HELP ", name, " ", Escaped(family.help, false), "\n", "# TYPE ", name,
                    " ", kTypeNames[family.type], "\n");
    for (const auto& [labels, metric] : family.metrics) {
      std::visit([&](const auto& m) { AppendSample(name, labels, *m, &out); }, metric);
    }
  }
  return out;
}

}  // namespace vlog::server
