#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "checker/history_format.h"
#include "checker/history_json.h"

namespace vlog::checker {
namespace {

namespace json = boost::json;

// Takes the parts of one line.
class LineReader : public JsonReader {
 public:
  LineReader(const json::object& line, Event& event) : line_(line), event_(event) {}

  bool Read();

 private:
  bool Header();
  bool Names();
  bool Optional(std::string_view key, std::optional<uint64_t>& out);
  bool Argument();
  bool Values(const json::value& arg);
  bool Range(const json::value& arg);
  bool Result();

  const json::object& line_;
  Event& event_;
};

// Index of a word in a list, or the list's length.
template <size_t N>
size_t IndexOf(const json::value* word, const std::string_view (&list)[N]) {
  if (word == nullptr || !word->is_string()) return N;
  std::string_view text(word->get_string().data(), word->get_string().size());
  return std::find(std::begin(list), std::end(list), text) - std::begin(list);
}

bool LineReader::Read() {
  event_.values.clear();
  event_.items.clear();
  event_.chain = {};
  event_.proposal.clear();
  event_.position = event_.from = 0;
  event_.to = kNoPosition;
  if (!Header() || !Names()) return false;
  if (event_.type == EventType::kInvoke) return Argument();
  return event_.type != EventType::kOk || Result();
}

bool LineReader::Header() {
  // In the order of EventType and Op.
  static constexpr std::string_view kTypes[] = {"invoke", "ok", "fail", "info"};
  static constexpr std::string_view kOps[] = {"append", "tail",        "read", "trim",
                                              "chain",  "reconfigure", "seal", "note"};
  size_t type = IndexOf(Find(line_, "type"), kTypes);
  size_t op = IndexOf(Find(line_, "op"), kOps);
  if (type == std::size(kTypes)) return Fail("\"type\" is missing or unknown");
  if (op == std::size(kOps)) return Fail("\"op\" is missing or unknown");
  event_.type = static_cast<EventType>(type);
  event_.op = static_cast<Op>(op);
  event_.id = 0;
  if (!Integer(Find(line_, "t"), event_.t)) return Fail("\"t\"");
  return event_.op == Op::kNote || Number(Need(line_, "id"), event_.id);
}

bool LineReader::Names() {
  return Name(Find(line_, "proc"), event_.proc) && Name(Find(line_, "log"), event_.log) &&
         Name(Find(line_, "sess"), event_.sess) && Optional("seq", event_.seq) &&
         Optional("loglet", event_.loglet) && Optional("chainver", event_.chainver) &&
         Bool(Find(line_, "stale"), event_.stale);
}

bool LineReader::Optional(std::string_view key, std::optional<uint64_t>& out) {
  out.reset();
  const json::value* value = Find(line_, key);
  return value == nullptr || value->is_null() || Number(value, out.emplace());
}

bool LineReader::Argument() {
  if (event_.op != Op::kAppend && event_.op != Op::kRead && event_.op != Op::kTrim) return true;
  const json::value* arg = Need(line_, "arg");
  if (arg == nullptr) return false;
  if (event_.op == Op::kAppend) return Values(*arg);
  if (event_.op == Op::kRead) return Range(*arg);
  return Number(arg, event_.position);
}

bool LineReader::Values(const json::value& arg) {
  const json::array* array = arg.if_array();
  event_.values.resize(array != nullptr ? array->size() : 1);
  if (array == nullptr) return Record(arg, event_.values[0]);
  if (array->empty()) return Fail("an append needs a value");
  for (size_t i = 0; i < array->size(); ++i) {
    if (!Record((*array)[i], event_.values[i])) return false;
  }
  return true;
}

bool LineReader::Range(const json::value& arg) {
  const json::array* range = arg.if_array();
  if (range != nullptr && range->size() == 1) return Number(&(*range)[0], event_.from);
  return Pair(&arg, event_.from, event_.to);
}

bool LineReader::Result() {
  // Of the remarks, only what a reconfiguration may tell is looked at.
  bool remark = event_.op == Op::kReconfigure || event_.op == Op::kSeal || event_.op == Op::kNote;
  const json::value* res = Find(line_, "res");
  if (remark) return event_.op != Op::kReconfigure || res == nullptr || Won(*res, event_);
  if (res == nullptr) return Fail("\"res\" is missing");
  if (event_.op == Op::kRead) return Items(*res, event_);
  if (event_.op == Op::kChain) return Chain(*res, event_);
  return Number(res, event_.position);
}

}  // namespace

struct EventParser::Buffers {
  unsigned char text[16 * 1024];
  unsigned char nodes[64 * 1024];  // a line that needs more takes it from the heap
  json::parser parser{json::storage_ptr(), json::parse_options(), text};
};

EventParser::EventParser() : buffers_(std::make_unique<Buffers>()) {}
EventParser::~EventParser() = default;

absl::Status EventParser::Parse(std::string_view line, uint64_t line_number, Event& event) {
  json::monotonic_resource nodes(buffers_->nodes, sizeof(buffers_->nodes));
  json::parser& parser = buffers_->parser;
  parser.reset(&nodes);
  json::error_code error;
  parser.write(line.data(), line.size(), error);
  std::string why;
  if (error) {
    why = absl::StrCat("not JSON: ", error.message());
  } else {
    // The value must be gone before the memory it lives in.
    json::value value = parser.release();
    const json::object* object = value.if_object();
    event.line = line_number;
    if (object == nullptr) {
      why = "not a JSON object";
    } else {
      LineReader reader(*object, event);
      if (reader.Read()) return absl::OkStatus();
      why = reader.error();
    }
  }
  parser.reset();
  return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", why));
}

}  // namespace vlog::checker
