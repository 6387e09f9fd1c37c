// A journal as a reader in another process sees it, beside its live writer: only what is durable.
#ifndef VLOG_STORAGE_JOURNAL_VIEW_H_
#define VLOG_STORAGE_JOURNAL_VIEW_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "storage/journal_contents.h"
#include "storage/journal_reader.h"

namespace vlog::storage {

// Changes nothing on the disk. Thread rule: the Env's executor.
class JournalView {
 public:
  // kNotFound: there is no journal.
  static Task<StatusOr<std::unique_ptr<JournalView>>> Open(env::Env& env, std::string directory,
                                                           StateFactory factory);
  // Takes what became durable since. kUnavailable: the writer recycled what this view stood on;
  // open a new one. While another Refresh() runs, this one returns at once.
  Task<Status> Refresh();
  Task<StatusOr<JournalRead>> Read(StreamId stream, uint64_t from, uint64_t to, size_t max_bytes) {
    return reader_.Read(stream, from, to, max_bytes);
  }
  const StreamTable& streams() const { return contents_.streams; }
  const std::vector<Damage>& damage() const { return contents_.damage; }
  // Reads every segment from its start and reports all damage below what is durable, also where
  // opening did not look.
  Task<StatusOr<std::vector<Damage>>> Verify();

 private:
  JournalView(env::Env& env, std::string directory, StateFactory factory);
  // Reads whole groups at scan_end_; false if there is none yet.
  Task<StatusOr<bool>> ReadGroups();
  Task<StatusOr<bool>> EnterNextSegment();
  Task<Status> TakeNew();
  Status ApplyDurable();

  JournalContents contents_;
  JournalReader reader_;
  bool refreshing_ = false;
  std::shared_ptr<env::File> file_;
  JournalPosition scan_end_;  // everything below was looked at
  JournalPosition synced_;    // the highest mark seen
  struct Seen {
    Frame frame;
    uint64_t group_offset;
  };
  std::deque<Seen> seen_;  // not yet known to be durable
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_JOURNAL_VIEW_H_
