# Shared by script/test and .ci/run. Source it; it goes to the top of the source tree.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

# A second build of the same sources is cheap where ccache is installed.
if [[ -z ${CMAKE_CXX_COMPILER_LAUNCHER:-} ]] && command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}  # Else it keeps nothing of precompiled headers.
fi

processors() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN; }

# build PRESET [BUILD_ARGUMENT...] - configures and builds build/PRESET.
build() {
  local preset=$1
  shift
  cmake --preset "$preset" --log-level=WARNING
  cmake --build --preset "$preset" --parallel "$(processors)" "$@"
}

# run_tests PRESET [CTEST_ARGUMENT...]
run_tests() {
  local preset=$1
  shift
  # Many tests wait for other processes.
  ctest --preset "$preset" --parallel "$(($(processors) + 1))" --no-tests=error "$@"
}
