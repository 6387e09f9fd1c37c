// One single loglet, as its clients see it.
#ifndef OWN_LOGLET_SINGLE_LOGLET_H_
#define OWN_LOGLET_SINGLE_LOGLET_H_

#include <memory>
#include <optional>
#include <string>

#include "loglets/loglet.h"
#include "single_appends.h"
#include "single_link.h"

namespace single {

// Thread rule: the Env's executor. A handle may go while its calls run: they hold on to the link.
class SingleLoglet final : public vlog::loglets::Loglet {
 public:
  // `end`: where it ends, as the chain says.
  SingleLoglet(std::shared_ptr<Link> link, std::optional<vlog::Offset> end);

  void Append(vlog::Batch batch, vlog::loglets::AppendDone done) override;
  vlog::Task<vlog::StatusOr<vlog::loglets::Tail>> CheckTail() override;
  vlog::Offset TailHint() override { return link_->tail(); }
  vlog::Task<vlog::StatusOr<vlog::loglets::Tail>> AwaitTail(vlog::Offset beyond,
                                                            vlog::Instant deadline) override;
  vlog::Task<vlog::StatusOr<vlog::loglets::ReadResult>> Read(vlog::Offset from, vlog::Offset to,
                                                             size_t max_bytes) override;
  vlog::Task<vlog::StatusOr<vlog::Offset>> Trim(vlog::Offset to) override;
  vlog::Offset TrimHint() override { return link_->trim(); }
  vlog::Task<vlog::StatusOr<vlog::loglets::Sealed>> Seal(std::string proposal) override;

  // Whether the home answers `method`, which asks for nothing, before the patience ends.
  static vlog::Task<vlog::Status> Greet(std::shared_ptr<Link> link, vlog::rpc::Method method,
                                        vlog::Duration patience);

 private:
  // Again and again until the home has spoken; kUnavailable at the deadline. For verbs that may be
  // repeated, which is all but appends.
  static vlog::Task<vlog::StatusOr<Answer>> Ask(std::shared_ptr<Link> link,
                                                vlog::rpc::Method method, Question question,
                                                vlog::Instant deadline);

  const std::shared_ptr<Link> link_;
  const std::optional<vlog::Offset> end_;
  const std::shared_ptr<Appends> appends_;
};

}  // namespace single

#endif  // OWN_LOGLET_SINGLE_LOGLET_H_
