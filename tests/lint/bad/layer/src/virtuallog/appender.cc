#include "loglets/memory/memory_loglet.h"  // BAD
#include "storage/journal.h"               // BAD
#include <metastore/file/file_metastore.h>  // BAD
