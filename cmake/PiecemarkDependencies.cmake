# What the library itself stands on. Tests, benchmarks and the program find what else they need.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
find_package(Boost 1.74 REQUIRED)  # Boost.Serialization: its headers are all that the flat archive needs
find_package(simdjson REQUIRED)
