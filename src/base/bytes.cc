#include "base/bytes.h"

#include "base/check.h"

namespace vlog {

Bytes::Bytes(std::string data) {
  auto owned = std::make_shared<const std::string>(std::move(data));
  view_ = *owned;
  owner_ = std::move(owned);
}

Bytes Bytes::Slice(size_t offset, size_t length) const {
  VLOG_CHECK(offset <= view_.size() && length <= view_.size() - offset,
             "a slice lies inside its window");
  return Bytes(owner_, view_.substr(offset, length));
}

}  // namespace vlog
