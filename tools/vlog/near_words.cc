#include "near_words.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>

namespace vlog::cli {
namespace {

// Letters to insert, delete or replace to make one of the other (Levenshtein).
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string Lower(std::string text) {
  auto lower = [](unsigned char c) { return static_cast<char>(std::tolower(c)); };
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text;
}

}  // namespace

std::vector<std::string> NearWords(const std::string& word, const std::vector<std::string>& words) {
  std::string wanted = Lower(word);
  std::multimap<size_t, std::string> near;
  for (const std::string& each : words) {
    // Of a short word few letters make the difference.
    size_t most = each.size() <= 4 ? 1 : 2;
    size_t distance = Distance(wanted, each);
    bool begun = wanted.size() >= 2 && each.starts_with(wanted);
    if (begun || distance <= most) near.emplace(begun ? 0 : distance, each);
  }
  std::vector<std::string> result;
  for (auto& [distance, each] : near) result.push_back(each);
  return result;
}

}  // namespace vlog::cli
