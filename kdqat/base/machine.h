#pragma once

#include <cstdint>
#include <string>

namespace kdqat::base {

/// The processor's name as the system gives it, "unknown" where it does not.
std::string processor_name();

/// Most memory that the process has held at once, in bytes.
std::int64_t peak_rss_bytes();

/// Memory that the process holds now, in bytes; 0 where the system does not say.
std::int64_t resident_memory_bytes();

/// The time now in UTC: "2026-11-24T06:00:00Z".
std::string utc_timestamp();

}  // namespace kdqat::base
