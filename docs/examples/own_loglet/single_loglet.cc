#include "single_loglet.h"

#include <algorithm>
#include <utility>

namespace single {
namespace {

using vlog::Duration;
using vlog::Instant;
using vlog::Offset;
using vlog::Status;
using vlog::StatusOr;
using vlog::Task;
using vlog::loglets::ReadResult;
using vlog::loglets::Sealed;
using vlog::loglets::Tail;

constexpr Duration kPatience = std::chrono::seconds(2);        // of a verb
constexpr Duration kOneCall = std::chrono::milliseconds(500);  // of one attempt
constexpr Duration kPause = std::chrono::milliseconds(20);     // between two
constexpr Duration kWatch = std::chrono::milliseconds(300);    // the home keeps a reader that waits

}  // namespace

SingleLoglet::SingleLoglet(std::shared_ptr<Link> link, std::optional<Offset> end)
    : link_(std::move(link)), end_(end), appends_(std::make_shared<Appends>(link_)) {
  if (end_) link_->LearnTail(*end_);
}

Task<StatusOr<Answer>> SingleLoglet::Ask(std::shared_ptr<Link> link, vlog::rpc::Method method,
                                         Question question, Instant deadline) {
  for (;;) {
    Instant until = std::min(deadline, link->After(question.wait + kOneCall));
    vlog::rpc::Call call = link->MakeCall(method, question, until);
    StatusOr<vlog::rpc::Reply> reply = co_await link->channel->Run(std::move(call));
    StatusOr<Answer> answer = link->Take(reply);
    const Status& status = answer.status();
    bool no_word = absl::IsUnavailable(status) || absl::IsUnknown(status) ||
                   absl::IsNotFound(status) || absl::IsResourceExhausted(status);
    if (!no_word) co_return std::move(answer);
    if (link->After(kPause) >= deadline) {
      co_return absl::UnavailableError(absl::StrCat("the home, node ", link->home.node.value(),
                                                    ", does not answer: ", vlog::Message(status)));
    }
    Status slept = co_await link->env.scheduler().Sleep(kPause);
    VLOG_CO_RETURN_IF_ERROR(slept);
  }
}

Task<Status> SingleLoglet::Greet(std::shared_ptr<Link> link, vlog::rpc::Method method,
                                 Duration patience) {
  Question nothing;
  Instant deadline = link->After(patience);
  StatusOr<Answer> answer = co_await Ask(link, method, std::move(nothing), deadline);
  co_return answer.status();
}

void SingleLoglet::Append(vlog::Batch batch, vlog::loglets::AppendDone done) {
  appends_->Append(std::move(batch), std::move(done));
}

Task<StatusOr<Tail>> SingleLoglet::CheckTail() {
  // One node orders and holds everything, so what is durable there when it answers is linearizable.
  std::shared_ptr<Link> link = link_;
  if (end_) co_return Tail{*end_, true};
  Question now;
  StatusOr<Answer> answer = co_await Ask(link, kTailMethod, std::move(now), link->After(kPatience));
  bool gone = absl::IsFailedPrecondition(answer.status());
  if (gone) co_return Tail{link->tail(), true};
  VLOG_CO_RETURN_IF_ERROR(answer);
  co_return Tail{answer->tail, answer->sealed};
}

Task<StatusOr<Tail>> SingleLoglet::AwaitTail(Offset beyond, Instant deadline) {
  std::shared_ptr<Link> link = link_;
  if (end_) co_return Tail{*end_, true};
  while (link->tail() <= beyond) {
    Duration left = deadline - link->env.scheduler().Now();
    if (left <= Duration(0)) co_return absl::DeadlineExceededError("the tail did not move");
    Question question;
    question.from = beyond;
    question.wait = std::min(left, kWatch);
    StatusOr<Answer> answer =
        co_await Ask(link, kTailMethod, std::move(question), link->After(left));
    bool over = answer.ok() ? answer->sealed : absl::IsFailedPrecondition(answer.status());
    if (over) co_return Tail{link->tail(), true};
    // A home that is away may come back; who waits decides how long.
    if (!answer.ok() && !absl::IsUnavailable(answer.status())) co_return answer.status();
  }
  co_return Tail{link->tail(), false};
}

Task<StatusOr<ReadResult>> SingleLoglet::Read(Offset from, Offset to, size_t max_bytes) {
  std::shared_ptr<Link> link = link_;
  if (from < link->trim()) co_return absl::OutOfRangeError("trimmed");
  Question question;
  question.from = from;
  question.to = to;
  question.max_bytes = std::max<size_t>(max_bytes, 1);
  StatusOr<Answer> answer =
      co_await Ask(link, kReadMethod, std::move(question), link->After(kPatience));
  bool gone = absl::IsFailedPrecondition(answer.status());
  if (gone) co_return absl::OutOfRangeError("trimmed: it was dropped");
  VLOG_CO_RETURN_IF_ERROR(answer);
  ReadResult result;
  result.batches = std::move(answer->batches);
  result.lost_end = answer->lost_end;
  co_return std::move(result);
}

Task<StatusOr<Offset>> SingleLoglet::Trim(Offset to) {
  std::shared_ptr<Link> link = link_;
  Question question;
  question.to = to;
  StatusOr<Answer> answer =
      co_await Ask(link, kTrimMethod, std::move(question), link->After(kPatience));
  bool gone = absl::IsFailedPrecondition(answer.status());
  if (gone) co_return absl::OutOfRangeError("trimmed: it was dropped");
  VLOG_CO_RETURN_IF_ERROR(answer);
  co_return link->trim();
}

Task<StatusOr<Sealed>> SingleLoglet::Seal(std::string proposal) {
  std::shared_ptr<Link> link = link_;
  if (end_) co_return Sealed{*end_, std::string()};
  Question question;
  question.text = std::move(proposal);
  StatusOr<Answer> answer =
      co_await Ask(link, kSealMethod, std::move(question), link->After(kPatience));
  VLOG_CO_RETURN_IF_ERROR(answer);
  co_return Sealed{answer->tail, answer->proposal};
}

}  // namespace single
