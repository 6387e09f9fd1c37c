// libFuzzer's entry: any bytes through every decoder of the wire. Built with -DVLOG_FUZZ=ON and
// clang:  fuzz_rpc -max_total_time=60
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "unit/rpc_corpus.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vlog::testing::DecodeEverything({reinterpret_cast<const char*>(data), size});
  return 0;
}
