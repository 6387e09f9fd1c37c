// The appends of one handle that are not answered yet: sent to the home in order, and sent again,
// byte for byte and in the same order, until it says what became of them. The home recognizes what
// it has taken.
#ifndef OWN_LOGLET_SINGLE_APPENDS_H_
#define OWN_LOGLET_SINGLE_APPENDS_H_

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "loglets/loglet.h"
#include "single_link.h"

namespace single {

// Thread rule: the Env's executor.
class Appends : public std::enable_shared_from_this<Appends> {
 public:
  explicit Appends(std::shared_ptr<Link> link) : link_(std::move(link)) {}
  // As Loglet::Append().
  void Append(vlog::Batch batch, vlog::loglets::AppendDone done);

 private:
  struct Pending {
    vlog::Batch batch;
    vlog::loglets::AppendDone done;
    int open_attempts = 0;  // those that may have reached the home, or may still
    std::optional<vlog::StatusOr<vlog::Offset>> result;
  };
  void Send(uint64_t number);
  void Answered(uint64_t number, uint64_t round, vlog::StatusOr<vlog::rpc::Reply> reply);
  void Refused(Pending& pending, uint64_t round, const vlog::Status& status);
  void SendAllAgainLater();
  void Deliver();

  const std::shared_ptr<Link> link_;
  std::deque<Pending> queue_;
  uint64_t first_ = 0;  // number of the front
  uint64_t round_ = 0;  // grows when all is sent again
  bool pausing_ = false;
  bool delivering_ = false;
};

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_APPENDS_H_
