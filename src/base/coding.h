// Little-endian encoding of plain values, and a decoder that never reads past its input.
#ifndef VLOG_BASE_CODING_H_
#define VLOG_BASE_CODING_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vlog {

static_assert(std::endian::native == std::endian::little,
              "files and frames are little-endian and are written by memcpy");

template <std::integral T>
void PutFixed(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// REQUIRES: sizeof(T) readable bytes at `p`.
template <std::integral T>
T GetFixed(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// A 32-bit length and the bytes. REQUIRES: data.size() < 2^32.
void PutString(std::string* out, std::string_view data);

// Reads values off the front of `input`. After the first failure every later call fails as well and
// ok() is false: callers check once, at the end. Views that it hands out point into `input`.
class Decoder {
 public:
  explicit Decoder(std::string_view input) : input_(input) {}

  template <std::integral T>
  T Fixed() {
    if (!Has(sizeof(T))) return T{};
    T value = GetFixed<T>(input_.data());
    input_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view String() { return Raw(Fixed<uint32_t>()); }
  std::string_view Raw(size_t length);

  bool ok() const { return ok_; }
  bool done() const { return ok_ && input_.empty(); }
  size_t remaining() const { return input_.size(); }

 private:
  bool Has(size_t length) {
    if (input_.size() < length) ok_ = false;
    return ok_;
  }

  std::string_view input_;
  bool ok_ = true;
};

}  // namespace vlog

#endif  // VLOG_BASE_CODING_H_
