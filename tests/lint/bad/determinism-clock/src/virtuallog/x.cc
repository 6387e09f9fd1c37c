using Clock = std::chrono::steady_clock;                  // BAD
void F() {
  auto a = std::chrono::steady_clock::now();              // BAD
  auto b = std::chrono::system_clock::now();              // BAD
  std::chrono::high_resolution_clock::time_point c;       // BAD
  gettimeofday(&tv, nullptr);                             // BAD
  clock_gettime(CLOCK_MONOTONIC, &ts);                    // BAD
  auto d = time(nullptr);                                 // BAD
  auto e = std::time(NULL);                               // BAD
  auto f = absl::Now();                                   // BAD
}
