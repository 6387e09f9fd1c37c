// What somebody may have meant who mistyped a word.
#ifndef VLOG_TOOLS_VLOG_NEAR_WORDS_H_
#define VLOG_TOOLS_VLOG_NEAR_WORDS_H_

#include <string>
#include <vector>

namespace vlog::cli {

// Those of `words` that are like `word`, the most like it first: begun by it, or a few letters
// away.
std::vector<std::string> NearWords(const std::string& word, const std::vector<std::string>& words);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_NEAR_WORDS_H_
