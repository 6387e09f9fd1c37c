// Metrics against the rules of Prometheus' text format, and histograms against a plain sorted list.
#include "server/metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <sstream>

#include "base/json_text.h"

namespace vlog::server {
namespace {

// --- A small reader of the format, written from its rules ---------------------------------------

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct ParsedFamily {
  std::string help;
  std::string type;
  std::vector<Sample> samples;
};

class Parser {
 public:
  // REQUIREs every rule: one HELP and one TYPE before the samples of a family, all of its samples
  // together, no sample twice, whole lines.
  explicit Parser(const std::string& text) {
    REQUIRE((text.empty() || text.back() == '\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) Line(line);
  }
  std::map<std::string, ParsedFamily> families;

 private:
  void Line(const std::string& line) {
    CAPTURE(line);
    REQUIRE_FALSE(line.empty());
    if (line.rfind("# HELP ", 0) == 0) {
      std::string rest = line.substr(7);
      current_ = rest.substr(0, rest.find(' '));
      REQUIRE_FALSE(families.contains(current_));
      families[current_].help = Unescaped(rest.substr(rest.find(' ') + 1), false);
    } else if (line.rfind("# TYPE ", 0) == 0) {
      std::string rest = line.substr(7);
      REQUIRE(rest.substr(0, rest.find(' ')) == current_);
      REQUIRE(families[current_].type.empty());
      families[current_].type = rest.substr(rest.find(' ') + 1);
    } else {
      REQUIRE(line[0] != '#');
      TakeSample(line);
    }
  }

  void TakeSample(const std::string& line) {
    Sample sample;
    size_t at = line.find_first_of("{ ");
    REQUIRE(at != std::string::npos);
    sample.name = line.substr(0, at);
    if (line[at] == '{') at = TakeLabels(line, at + 1, sample.labels);
    REQUIRE(line[at] == ' ');
    std::string number = line.substr(at + 1);
    REQUIRE(number.find(' ') == std::string::npos);
    sample.value = number == "+Inf"   ? std::numeric_limits<double>::infinity()
                   : number == "-Inf" ? -std::numeric_limits<double>::infinity()
                   : number == "NaN"  ? std::nan("")
                                      : std::strtod(number.c_str(), nullptr);
    ParsedFamily& family = families.at(current_);
    bool part = sample.name == current_ + "_bucket" || sample.name == current_ + "_sum" ||
                sample.name == current_ + "_count";
    REQUIRE((family.type == "histogram" ? part : sample.name == current_));
    REQUIRE(seen_.insert(line.substr(0, at)).second);
    family.samples.push_back(std::move(sample));
  }

  // The position after the closing brace.
  static size_t TakeLabels(const std::string& line, size_t at,
                           std::map<std::string, std::string>& labels) {
    while (true) {
      size_t equals = line.find("=\"", at);
      REQUIRE(equals != std::string::npos);
      std::string name = line.substr(at, equals - at);
      size_t end = equals + 2;
      while (line.at(end) != '"') end += line[end] == '\\' ? 2 : 1;
      labels[name] = Unescaped(line.substr(equals + 2, end - equals - 2), true);
      if (line.at(end + 1) == '}') return end + 2;
      REQUIRE(line[end + 1] == ',');
      at = end + 2;
    }
  }

  static std::string Unescaped(const std::string& text, bool quotes) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        REQUIRE((!quotes || text[i] != '"'));
        out += text[i];
        continue;
      }
      char next = text.at(++i);
      REQUIRE((next == '\\' || next == 'n' || (quotes && next == '"')));
      out += next == 'n' ? '\n' : next;
    }
    return out;
  }

  std::string current_;
  std::set<std::string> seen_;
};

// --- The registry -------------------------------------------------------------------------------

TEST_CASE("Metrics: an empty registry has an empty text") {
  MetricsRegistry registry;
  CHECK(registry.Text().empty());
}

TEST_CASE("Metrics: the text is exactly this") {
  MetricsRegistry registry;
  registry.AddGauge("b_bytes", "Space.").Set(1.5);
  registry.AddCounter("a_total", "Things.", {{"kind", "x"}}).Add(3);
  registry.AddCounter("a_total", "Things.", {{"kind", "w"}}).Add();
  Histogram& histogram =
      registry.AddHistogram("c", "Sizes.", HistogramScale{1, 0, 2}, {{"l", "v"}});
  for (uint64_t value : {0, 1, 2, 3, 4, 5}) histogram.Record(value);
  CHECK(registry.Text() ==
        "# HELP a_total Things.\n"
        "# TYPE a_total counter\n"
        "a_total{kind=\"w\"} 1\n"
        "a_total{kind=\"x\"} 3\n"
        "# HELP b_bytes Space.\n"
        "# TYPE b_bytes gauge\n"
        "b_bytes 1.5\n"
        "# HELP c Sizes.\n"
        "# TYPE c histogram\n"
        "c_bucket{l=\"v\",le=\"1\"} 2\n"
        "c_bucket{l=\"v\",le=\"2\"} 3\n"
        "c_bucket{l=\"v\",le=\"4\"} 5\n"
        "c_bucket{l=\"v\",le=\"+Inf\"} 6\n"
        "c_sum{l=\"v\"} 15\n"
        "c_count{l=\"v\"} 6\n");
}

TEST_CASE("Metrics: any text in labels and help comes back from a reader of the format") {
  MetricsRegistry registry;
  std::vector<std::string> texts{"",   "plain", "a\"b", "a\\b",    "a\nb",   "\\n", "\\\\\"\n",
                                 "é€", "}",     ",",    "a=\"b\"", "a b\tc", "\r"};
  for (size_t i = 0; i < texts.size(); ++i) {
    registry.AddCounter("texts_total", "H\\e\nl\"p.", {{"i", std::to_string(i)}, {"t", texts[i]}})
        .Add(i);
  }
  Parser parsed(registry.Text());
  const ParsedFamily& family = parsed.families.at("texts_total");
  CHECK(family.help == "H\\e\nl\"p.");
  REQUIRE(family.samples.size() == texts.size());
  for (const Sample& sample : family.samples) {
    size_t i = std::stoul(sample.labels.at("i"));
    CHECK(sample.labels.at("t") == texts[i]);
    CHECK(sample.value == static_cast<double>(i));
  }
}

TEST_CASE("Metrics: bytes that are no text do not spoil the page") {
  MetricsRegistry registry;
  registry.AddCounter("x_total", "\xff.", {{"peer", std::string("\x80\0a\xc3", 4)}});
  std::string text = registry.Text();
  CHECK(IsUtf8(text));
  CHECK(text.find(std::string("peer=\"\xEF\xBF\xBD\0a\xEF\xBF\xBD\"", 15)) != std::string::npos);
}

TEST_CASE("Metrics: gauges show every number so that it reads back as itself") {
  MetricsRegistry registry;
  Gauge& gauge = registry.AddGauge("g", "A gauge.");
  double infinity = std::numeric_limits<double>::infinity();
  for (double value : {0.0, -1.0, 0.1, 1e300, 5e-324, 1.0 / 3, 123456789.125, 9007199254740993.0,
                       infinity, -infinity}) {
    gauge.Set(value);
    Parser parsed(registry.Text());
    CHECK(parsed.families.at("g").samples.at(0).value == value);
  }
  gauge.Set(std::nan(""));
  CHECK(registry.Text().find("\ng NaN\n") != std::string::npos);
  gauge.Set(2);
  gauge.Add(-3);
  CHECK(gauge.value() == -1);
}

TEST_CASE("Metrics: the same name and labels are the same metric, in any order of labels") {
  MetricsRegistry registry;
  Counter& one = registry.AddCounter("a_total", "A.", {{"x", "1"}, {"y", "2"}});
  Counter& two = registry.AddCounter("a_total", "A.", {{"y", "2"}, {"x", "1"}});
  Counter& other = registry.AddCounter("a_total", "A.", {{"x", "2"}, {"y", "1"}});
  CHECK(&one == &two);
  CHECK(&one != &other);
  registry.Remove("a_total", {{"y", "2"}, {"x", "1"}});
  registry.Remove("a_total", {{"y", "no such"}});
  registry.Remove("none", {});
  CHECK(Parser(registry.Text()).families.at("a_total").samples.size() == 1);
  registry.Remove("a_total", {{"x", "2"}, {"y", "1"}});
  CHECK(registry.Text().empty());
  CHECK(registry.AddCounter("a_total", "A.", {{"x", "1"}, {"y", "2"}}).value() == 0);
}

TEST_CASE("Metrics: a histogram's buckets are cumulative and end in its count") {
  MetricsRegistry registry;
  Histogram& histogram = registry.AddHistogram("wait_seconds", "Waits.", kNanoseconds);
  std::mt19937_64 random(1);
  double sum = 0;
  std::vector<uint64_t> values;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(random() >> (random() % 40 + 20));
    sum += static_cast<double>(values.back());
    histogram.Record(values.back());
  }
  Parser parsed(registry.Text());
  const std::vector<Sample>& samples = parsed.families.at("wait_seconds").samples;
  REQUIRE(samples.size() == 36 - 13 + 1 + 3);
  double last_end = -1;
  double last_count = 0;
  for (size_t i = 0; i + 2 < samples.size(); ++i) {
    std::string le = samples[i].labels.at("le");
    double end = le == "+Inf" ? std::numeric_limits<double>::infinity() : std::stod(le);
    CHECK(end > last_end);
    CHECK(samples[i].value >= last_count);
    auto at_most = std::count_if(values.begin(), values.end(), [&](uint64_t v) {
      return static_cast<double>(v) <= std::round(end * 1e9);
    });
    CHECK(samples[i].value == static_cast<double>(at_most));
    last_end = end;
    last_count = samples[i].value;
  }
  CHECK(samples[samples.size() - 3].labels.at("le") == "+Inf");
  CHECK(samples[samples.size() - 2].name == "wait_seconds_sum");
  CHECK(samples[samples.size() - 2].value == Approx(sum * 1e-9));
  CHECK(samples.back().name == "wait_seconds_count");
  CHECK(samples.back().value == 10'000);
}

// --- Histograms ---------------------------------------------------------------------------------

TEST_CASE("Histogram: powers of two are ends of buckets, and counts up to them are exact") {
  for (int exponent = 0; exponent < 64; ++exponent) {
    CAPTURE(exponent);
    Histogram histogram(kCounts);
    uint64_t power = uint64_t{1} << exponent;
    histogram.Record(power);
    CHECK(histogram.CountUpTo(exponent) == 1);
    if (exponent > 0) CHECK(histogram.CountUpTo(exponent - 1) == 0);
    histogram.Record(power + 1);
    CHECK(histogram.CountUpTo(exponent) == 1);
    histogram.Record(power - 1);
    CHECK(histogram.CountUpTo(exponent) == 2);
  }
}

TEST_CASE("Histogram: a quantile is at most one sixteenth above the value of its rank") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 50; ++round) {
    Histogram histogram(kNanoseconds);
    std::vector<uint64_t> values;
    for (int i = 0; i < 500; ++i) {
      values.push_back(random() >> (random() % 64));
      histogram.Record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      CAPTURE(round, q);
      auto rank = std::max<size_t>(1, static_cast<size_t>(std::ceil(q * 500)));
      uint64_t exact = values[rank - 1];
      uint64_t got = histogram.Quantile(q);
      CHECK(got >= exact);
      CHECK(got - exact <= std::max<uint64_t>(exact / 16, 1));
    }
  }
}

TEST_CASE("Histogram: its ends") {
  Histogram histogram(kNanoseconds);
  CHECK(histogram.Quantile(0.5) == 0);
  histogram.Record(UINT64_MAX);
  histogram.Record(UINT64_MAX - 1);
  CHECK(histogram.Quantile(1) == UINT64_MAX);
  CHECK(histogram.CountUpTo(63) == 0);
  histogram.Record(0);
  CHECK(histogram.Quantile(0) == 1);
  CHECK(histogram.CountUpTo(0) == 1);
  CHECK(histogram.count() == 3);
}

TEST_CASE("JSON: strings, numbers and objects are what a reader takes") {
  CHECK(JsonString("a\"\\\n\r\t\x01\x7f") == R"("a\"\\\n\r\t\u0001\u007f")");
  CHECK(JsonString("\xff\xc3") == R"("\ufffd\ufffd")");
  CHECK(JsonString("é€😀") == "\"é€😀\"");
  CHECK(JsonNumber(1.0 / 0.0) == "null");
  CHECK(std::stod(JsonNumber(0.1)) == 0.1);
  JsonObject inner;
  inner.Bool("t", true);
  JsonArray list;
  list.Raw("1").Raw(inner.Finish());
  CHECK(JsonObject().Finish() == "{}");
  CHECK(JsonArray().Finish() == "[]");
  CHECK(JsonObject().Text("k\"", "v").Number("n", UINT64_MAX).Raw("l", list.Finish()).Finish() ==
        R"({"k\"":"v","n":18446744073709551615,"l":[1,{"t":true}]})");
}

TEST_CASE("JSON: malformed text is told from text") {
  for (const char* text : {"", "a", "é", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xEE\x80\x80"}) {
    CHECK(IsUtf8(text));
  }
  // Cut, overlong, surrogates, beyond the end, lone continuations, bytes that never occur.
  for (const char* text :
       {"\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF",
        "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\x80", "\xFE", "\xFF", "\xC3\x28", "\xE2\x28\xA1", "\xE2\x82\x28"}) {
    CHECK_FALSE(IsUtf8(text));
  }
}

}  // namespace
}  // namespace vlog::server
