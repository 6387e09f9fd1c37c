#include "table.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::cli {

std::string Table(const std::vector<Row>& rows, const std::vector<std::string>& numbers) {
  if (rows.empty()) return "";
  const Row& heading = rows.front();
  std::vector<size_t> width(heading.size());
  for (const Row& row : rows) {
    VLOG_CHECK(row.size() == heading.size(), "each row has all columns");
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      bool number = std::find(numbers.begin(), numbers.end(), heading[i]) != numbers.end();
      std::string pad(width[i] - row[i].size(), ' ');
      line += (i > 0 ? "  " : "") + (number ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string Printable(std::string text) {
  auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  std::replace_if(text.begin(), text.end(), control, '?');
  return text;
}

}  // namespace vlog::cli
