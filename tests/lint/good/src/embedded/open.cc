#include <boost/asio/io_context.hpp>

#include "env/real/real_env.h"
#include "loglets/local/local_loglet.h"
#include "metastore/file/file_metastore.h"
#include "virtuallog/appender.h"

boost::asio::io_context context;
