#pragma once

#include <cstdint>
#include <string>

// Facts about the machine and the process, for logs:
//
//   log["cpu"] = base::processor_name();
//   log["peak_rss_bytes"] = base::peak_rss_bytes();

namespace kdqat::base {

/// The processor's name from the system; "unknown" if it gives none.
std::string processor_name();

/// Peak memory of the process, in bytes.
std::int64_t peak_rss_bytes();

/// Memory of the process now, in bytes; 0 if the system does not give it.
std::int64_t resident_memory_bytes();

/// The time now in UTC: "2026-11-24T06:00:00Z".
std::string utc_timestamp();

}  // namespace kdqat::base
