// Columns of text that line up.
#ifndef VLOG_TOOLS_VLOG_TABLE_H_
#define VLOG_TOOLS_VLOG_TABLE_H_

#include <string>
#include <vector>

namespace vlog::cli {

using Row = std::vector<std::string>;

// A line for each row, the first one a heading; columns whose heading is in `numbers` stand right.
// REQUIRES: all rows have as many fields as the first.
std::string Table(const std::vector<Row>& rows, const std::vector<std::string>& numbers);

// Free text of others: a control character must not reach the terminal.
std::string Printable(std::string text);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_TABLE_H_
