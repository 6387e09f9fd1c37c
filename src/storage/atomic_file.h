// Files that are replaced as a whole: the new contents under the name NAME.new, synced, renamed.
#ifndef VLOG_STORAGE_ATOMIC_FILE_H_
#define VLOG_STORAGE_ATOMIC_FILE_H_

#include <memory>
#include <string>

#include "env/env.h"

namespace vlog::storage {

// The folder part of a name; "" if there is none.
std::string DirectoryOf(const std::string& name);

// Creates `name`; what a crash left there is removed first. REQUIRES: `name` is a temporary name.
Task<StatusOr<std::shared_ptr<env::File>>> CreateTemporary(env::Env& env, std::string name);

// Gives the synced file `name`.new its name, durably.
Task<Status> PublishTemporary(env::Env& env, std::string name);

// Both copies of the file are never missing: OK means the new contents are durable, an error that
// `name` holds the old or the new ones. kResourceExhausted: the old ones.
Task<Status> ReplaceFile(env::Env& env, std::string name, std::string contents);

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_ATOMIC_FILE_H_
