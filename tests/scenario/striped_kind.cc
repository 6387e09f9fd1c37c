#include "scenario/striped_kind.h"

#include <optional>
#include <utility>

#include "base/coding.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::LogletKind;

struct Params {
  uint64_t limit = 0;
  std::array<std::string, kParts> kinds;
  std::array<std::string, kParts> params;
};

std::string Encode(const Params& params) {
  std::string out;
  PutFixed(&out, params.limit);
  for (size_t i = 0; i < kParts; ++i) {
    PutString(&out, params.kinds[i]);
    PutString(&out, params.params[i]);
  }
  return out;
}

StatusOr<Params> Decode(const std::string& data) {
  Decoder in(data);
  Params params;
  params.limit = in.Fixed<uint64_t>();
  for (size_t i = 0; i < kParts; ++i) {
    params.kinds[i] = std::string(in.String());
    params.params[i] = std::string(in.String());
  }
  if (!in.ok() || params.limit == 0) return absl::InvalidArgumentError("no striped loglet");
  return params;
}

class StripedKind final : public LogletKind {
 public:
  StripedKind(env::Env& env, loglets::LogletFactory& factory, StripedOptions options)
      : scheduler_(env.scheduler()),
        factory_(factory),
        options_(std::move(options)),
        tasks_(env.scheduler()) {}

  std::string name() const override { return kStripedKind; }

  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest request) override {
    Status refused = loglets::RefuseOptions(name(), request);
    VLOG_CO_RETURN_IF_ERROR(refused);
    Params params;
    params.limit = options_.limit;
    params.kinds = options_.kinds;
    for (size_t i = 0; i < kParts; ++i) {
      StatusOr<LogletKind*> kind = factory_.Find(params.kinds[i]);
      VLOG_CO_RETURN_IF_ERROR(kind);
      loglets::ProposeRequest wish;
      wish.wish = request.wish;
      StatusOr<std::string> proposed = co_await (*kind)->ProposeParams(std::move(wish));
      VLOG_CO_RETURN_IF_ERROR(proposed);
      params.params[i] = *std::move(proposed);
    }
    co_return Encode(params);
  }

  Task<Status> Prepare(LogletId id, std::string data) override {
    StatusOr<Params> params = Decode(data);
    VLOG_CO_RETURN_IF_ERROR(params);
    for (size_t i = 0; i < kParts; ++i) {
      StatusOr<LogletKind*> kind = factory_.Find(params->kinds[i]);
      VLOG_CO_RETURN_IF_ERROR(kind);
      LogletId part = PartId(id, i);
      Status prepared = co_await (*kind)->Prepare(std::move(part), params->params[i]);
      VLOG_CO_RETURN_IF_ERROR(prepared);
    }
    co_return absl::OkStatus();
  }

  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string data,
                                               std::optional<Offset>) override {
    StatusOr<Params> params = Decode(data);
    VLOG_CO_RETURN_IF_ERROR(params);
    StripedParts parts;
    parts.limit = Offset(params->limit);
    parts.seals_first = options_.seals_first;
    for (size_t i = 0; i < kParts; ++i) {
      StatusOr<LogletKind*> kind = factory_.Find(params->kinds[i]);
      VLOG_CO_RETURN_IF_ERROR(kind);
      LogletId part = PartId(id, i);
      StatusOr<std::shared_ptr<Loglet>> opened =
          co_await (*kind)->Open(std::move(part), params->params[i], std::nullopt);
      VLOG_CO_RETURN_IF_ERROR(opened);
      parts.loglets[i] = *std::move(opened);
    }
    co_return co_await OpenStriped(scheduler_, tasks_, std::move(parts));
  }

  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    for (size_t i = 0; i < kParts; ++i) {
      StatusOr<LogletKind*> kind = factory_.Find(options_.kinds[i]);
      VLOG_CO_RETURN_IF_ERROR(kind);
      LogletId part = PartId({log, from, ProposalId()}, i);
      Status dropped = co_await (*kind)->Drop(part.log, from, to);
      VLOG_CO_RETURN_IF_ERROR(dropped);
    }
    co_return absl::OkStatus();
  }

 private:
  async::Scheduler& scheduler_;
  loglets::LogletFactory& factory_;
  StripedOptions options_;
  async::TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<LogletKind> NewStripedKind(env::Env& env, loglets::LogletFactory& factory,
                                           StripedOptions options) {
  return std::make_unique<StripedKind>(env, factory, std::move(options));
}

LogletId PartId(const LogletId& id, size_t number) {
  return {id.log + ".part" + std::to_string(number), id.segment, id.proposal};
}

}  // namespace vlog::testing
