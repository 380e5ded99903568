# Builds example.cpp as a user of the library would, runs it and compares what it prints.
#   cmake -D SETTINGS=settings.cmake -D HOW=find_package|add_subdirectory|pkg_config -D KIND=static|shared
#         -P consume.cmake
cmake_minimum_required(VERSION 3.25)
include("${SETTINGS}")
set(work "${work_dir}/${HOW}_${KIND}")
set(program "${work}/build/example")
file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}/build")
set(shared OFF)
if(KIND STREQUAL "shared")
  set(shared ON)
endif()

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(build_project)
  run("${CMAKE_COMMAND}" -S "${source_dir}/project" -B "${work}/build" -G "${generator}"
      "-DCMAKE_MAKE_PROGRAM=${make_program}" "-DCMAKE_BUILD_TYPE=${build_type}" "-DCMAKE_CXX_COMPILER=${compiler}"
      "-DCMAKE_CXX_COMPILER_LAUNCHER=${launcher}" "-DCMAKE_CXX_FLAGS=${flags}" ${ARGN})
  run("${CMAKE_COMMAND}" --build "${work}/build" --target example)
endfunction()

# Appends the words that pkg-config answers to the list `words`.
function(ask_pkg_config)
  set(ENV{PKG_CONFIG_PATH} "${prefix}/${libdir}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
  execute_process(COMMAND "${pkg_config}" ${ARGN} piecemark OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(answer UNIX_COMMAND "${answer}")
  set(words ${words} ${answer} PARENT_SCOPE)
endfunction()

if(HOW STREQUAL "find_package")
  build_project("-DCMAKE_PREFIX_PATH=${prefix}" -Dpiecemark_SHARED_LIBS=${shared})
elseif(HOW STREQUAL "add_subdirectory")
  # With the warning flags of the build under test, ccache has every object already.
  build_project("-DPIECEMARK_SOURCE_TREE=${source_tree}" -DBUILD_SHARED_LIBS=${shared}
                "-DPIECEMARK_SANITIZE=${sanitize}" "-DPIECEMARK_WARNINGS_AS_ERRORS=${warnings_as_errors}")
else()
  separate_arguments(words UNIX_COMMAND "${flags}")
  ask_pkg_config(--cflags)
  list(APPEND words -std=c++20 "${source_dir}/example.cpp" -o "${program}")
  if(shared)
    ask_pkg_config(--libs)
    list(APPEND words "-Wl,-rpath,${prefix}/${libdir}")
  else()
    ask_pkg_config(--libs --static)
    list(TRANSFORM words REPLACE "^-lpiecemark$" "-l:libpiecemark.a")
  endif()
  run("${compiler}" ${words})
endif()

execute_process(COMMAND "${program}" "${work}/example.pmk" OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
set(expected "G1/2 is pending\nG1/1\nG1/2\n")
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "The example printed\n${printed}instead of\n${expected}")
endif()

# The kind of library asked for is the kind that was linked.
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${program}" RESOLVED_DEPENDENCIES_VAR libraries
     UNRESOLVED_DEPENDENCIES_VAR unresolved)
set(is_shared OFF)
if(libraries MATCHES "/libpiecemark\\.so")
  set(is_shared ON)
endif()
if(NOT is_shared STREQUAL shared)
  message(FATAL_ERROR "Not linked to the ${KIND} library, but to: ${libraries}")
endif()
