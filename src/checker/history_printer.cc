#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "checker/history_format.h"
#include "checker/operations.h"

namespace vlog::checker {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, or 0. Overlong forms, surrogates
// and code points above 0x10ffff are not well-formed.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  bool bad = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
             (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f);
  return bad ? 0 : length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void AppendString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendValue(const std::string& value, std::string& out) {
  if (IsUtf8(value)) return AppendString(value, out);
  absl::StrAppend(&out, "{\"b64\":\"", absl::Base64Escape(value), "\"}");
}

void AppendName(const char* key, const std::string& name, std::string& out) {
  if (name.empty()) return;
  absl::StrAppend(&out, ",\"", key, "\":");
  AppendString(name, out);
}

void AppendValues(const std::vector<std::string>& values, std::string& out) {
  if (values.size() == 1) return AppendValue(values[0], out);
  const char* separator = "[";
  for (const std::string& value : values) {
    out += separator;
    AppendValue(value, out);
    separator = ",";
  }
  out += ']';
}

void AppendItem(const ReadItem& item, std::string& out) {
  switch (item.kind) {
    case ReadItem::Kind::kRecord:
      absl::StrAppend(&out, "[", item.from, ",");
      AppendValue(item.value, out);
      out += ']';
      return;
    case ReadItem::Kind::kUnwritten:
      absl::StrAppend(&out, "{\"unwritten\":", item.from, "}");
      return;
    case ReadItem::Kind::kTrimmed:
    case ReadItem::Kind::kDataLoss:
      bool trimmed = item.kind == ReadItem::Kind::kTrimmed;
      absl::StrAppend(&out, "{\"gap\":[", item.from, ",", item.to, "],\"reason\":\"",
                      trimmed ? "trimmed" : "data_loss", "\"}");
      return;
  }
}

void AppendChain(const ChainView& chain, std::string& out) {
  absl::StrAppend(&out, "{\"version\":", chain.version, ",\"segments\":");
  const char* separator = "[";
  for (const ChainSegment& segment : chain.segments) {
    absl::StrAppend(&out, separator, "{\"index\":", segment.index, ",\"base\":", segment.base);
    if (segment.end.has_value()) absl::StrAppend(&out, ",\"end\":", *segment.end);
    out += ",\"kind\":";
    AppendString(segment.kind, out);
    out += '}';
    separator = ",";
  }
  out += ']';
  if (chain.trim_point.has_value()) absl::StrAppend(&out, ",\"trim_point\":", *chain.trim_point);
  if (chain.ended) out += ",\"ended\":true";
  out += '}';
}

void AppendArgument(const Event& event, std::string& out) {
  if (event.op == Op::kAppend) {
    out += ",\"arg\":";
    AppendValues(event.values, out);
  } else if (event.op == Op::kRead) {
    absl::StrAppend(&out, ",\"arg\":[", event.from);
    if (event.to != kNoPosition) absl::StrAppend(&out, ",", event.to);
    out += ']';
  } else if (event.op == Op::kTrim) {
    absl::StrAppend(&out, ",\"arg\":", event.position);
  }
}

void AppendResult(const Event& event, std::string& out) {
  if (event.op == Op::kAppend || event.op == Op::kTail || event.op == Op::kTrim) {
    absl::StrAppend(&out, ",\"res\":", event.position);
  } else if (event.op == Op::kRead) {
    out += ",\"res\":[";
    for (size_t i = 0; i < event.items.size(); ++i) {
      if (i > 0) out += ',';
      AppendItem(event.items[i], out);
    }
    out += ']';
  } else if (event.op == Op::kChain) {
    out += ",\"res\":";
    AppendChain(event.chain, out);
  } else if (event.op == Op::kReconfigure && !event.proposal.empty()) {
    absl::StrAppend(&out, ",\"res\":{\"version\":", event.chain.version, ",\"proposal\":");
    AppendString(event.proposal, out);
    out += '}';
  }
}

}  // namespace

std::string PrintEvent(const Event& event) {
  static constexpr const char* kTypes[] = {"invoke", "ok", "fail", "info"};
  std::string out = absl::StrCat("{\"t\":", event.t, ",\"type\":\"",
                                 kTypes[static_cast<size_t>(event.type)], "\"");
  AppendName("proc", event.proc, out);
  if (event.op != Op::kNote) absl::StrAppend(&out, ",\"id\":", event.id);
  absl::StrAppend(&out, ",\"op\":\"", OpName(event.op), "\"");
  AppendName("log", event.log, out);
  AppendName("sess", event.sess, out);
  if (event.seq.has_value()) absl::StrAppend(&out, ",\"seq\":", *event.seq);
  if (event.loglet.has_value()) absl::StrAppend(&out, ",\"loglet\":", *event.loglet);
  if (event.chainver.has_value()) absl::StrAppend(&out, ",\"chainver\":", *event.chainver);
  if (event.stale) out += ",\"stale\":true";
  if (event.type == EventType::kInvoke) AppendArgument(event, out);
  if (event.type == EventType::kOk) AppendResult(event, out);
  out += '}';
  return out;
}

}  // namespace vlog::checker
