// A folder that goes with the object.
#ifndef VLOG_ENV_REAL_TEMP_DIRECTORY_H_
#define VLOG_ENV_REAL_TEMP_DIRECTORY_H_

#include <string>

namespace vlog::env {

// A new empty folder under $TMPDIR or /tmp, removed with all it holds by the destructor.
class TempDirectory {
 public:
  TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_TEMP_DIRECTORY_H_
