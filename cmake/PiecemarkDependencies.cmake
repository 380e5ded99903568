# What the library itself stands on. Tests, benchmarks and the program find what else they need.
# What a static library passes on to its users stands in piecemarkConfig.cmake.in as well.
find_package(Threads REQUIRED)
find_package(lmdb REQUIRED)
find_package(xxHash REQUIRED)
find_package(simdjson REQUIRED)
find_package(Boost 1.74 REQUIRED)  # Boost.Serialization: its headers are all that the flat archive needs
