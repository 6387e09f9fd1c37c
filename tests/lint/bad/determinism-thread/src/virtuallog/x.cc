#include <mutex>   // BAD
#include <thread>  // BAD

std::thread a;                 // BAD
std::jthread b;                // BAD
std::mutex c;                  // BAD
std::shared_mutex d;           // BAD
std::recursive_mutex e;        // BAD
std::condition_variable f;     // BAD
thread_local int g = 0;        // BAD
absl::Mutex h;                 // BAD
void F() {
  std::this_thread::sleep_for(1s);                 // BAD
  using namespace std;
  this_thread::sleep_until(t);                     // BAD
  auto r = std::async(F);                          // BAD
  usleep(10);                                      // BAD
}
