// The payload of a record as JSON.
#ifndef VLOG_TOOLS_VLOG_JSON_TEXT_H_
#define VLOG_TOOLS_VLOG_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "base/json_text.h"

namespace vlog::cli {

// "text":"..." or, for what is not UTF-8, "b64":"...".
std::string JsonPayload(std::string_view payload);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_JSON_TEXT_H_
