#include "env/real/temp_directory.h"

#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace vlog::env {

TempDirectory::TempDirectory() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr ? base : "/tmp") + "/vlog-XXXXXX";
  VLOG_CHECK(::mkdtemp(path_.data()) != nullptr, "a temporary folder can be made");
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace vlog::env
