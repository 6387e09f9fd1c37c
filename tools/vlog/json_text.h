// JSON strings, and which bytes can be one.
#ifndef VLOG_TOOLS_VLOG_JSON_TEXT_H_
#define VLOG_TOOLS_VLOG_JSON_TEXT_H_

#include <string>
#include <string_view>

namespace vlog::cli {

// Strict: no overlong form, no surrogate, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);
// With quotes. Bytes that are no UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);
// "text":"..." or, for what is not UTF-8, "b64":"...".
std::string JsonPayload(std::string_view payload);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_JSON_TEXT_H_
